"""Session descriptions: limits, parsing, and the answer. Text in, typed values out; no I/O."""
