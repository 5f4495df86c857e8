"""Where finished recordings are kept: sealed, signed, found again by id, and gone when they must be."""
