"""Column types that mean the same in every database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps no time zone and gives naive ones back: they were UTC, and are again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone is not a moment")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigCount = BigInteger().with_variant(Integer, "sqlite")  # may exceed 32 bits; SQLite's INTEGER always may
SmallJson = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def clean(value: Any) -> Any:
    """`value` as every database takes it: no NUL and no half surrogates in texts, no NaN and infinity."""
    if isinstance(value, str):
        plain = str(value)  # an enum's value
        if plain.isascii() and "\x00" not in plain:
            return plain
        return plain.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [clean(item) for item in value]
    return value
