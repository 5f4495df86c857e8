"""How good a connection is, in a word and with its cause: figures in, judgement out. Knows no contact and no socket."""
