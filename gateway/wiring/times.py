"""Moments as `docs/developer/rest.md` writes them."""

from datetime import datetime
from typing import overload


@overload
def iso(moment: datetime) -> str: ...


@overload
def iso(moment: datetime | None) -> str | None: ...


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 to the millisecond; UTC as `Z`."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
