"""Files that hold people's words: openers for `open`, for this process alone and never through a link."""

import os


def private(name: str, flags: int) -> int:
    """To write: nobody else may read what is made."""
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def no_links(name: str, flags: int) -> int:
    """To read."""
    return os.open(name, flags | os.O_NOFOLLOW)
