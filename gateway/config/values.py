"""What settings are written with: durations, lists of words, and a group that refuses unknown names."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: Any) -> Any:
    """Read `20s`, `1h30m`, `500ms` or a number of seconds. Anything else is left to pydantic, which names the fault."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if isinstance(value, str):
        text = value.strip().replace(" ", "")
        seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
        parts = _DURATION.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
        if seconds is not None and seconds < timedelta.max.total_seconds():
            return timedelta(seconds=seconds)
    return value


def split_words(value: Any) -> Any:
    """Read `a, b` as two words, so that the environment needs no JSON."""
    if isinstance(value, str):
        return tuple(word for part in value.split(",") if (word := part.strip()))
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_words)]


class Section(BaseModel):
    """A group of settings; an unknown name is an error, not a silent typo."""

    model_config = ConfigDict(extra="forbid", frozen=True)
