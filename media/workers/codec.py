"""Values of the port as JSON, and back: an explicit table of dataclasses, nothing else crosses a process border.

Whoever reads trusts nobody: a name that is not in the table, a field too many, one missing, one of another type, or a
number that is none raises `NotOurs`. Nothing is ever unpickled or imported by name. It knows no frame and no process.
"""

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

TYPE: Final = "type"
"""The key that names the dataclass in each object."""

_LARGEST: Final = 1 << 63

_Reader = Callable[[Any], Any]


class NotOurs(ValueError):
    """What was read is no value of this table."""


class Codec:
    """Dataclasses by name. Their fields are plain values, enums, paths, dataclasses, and dicts or tuples of those."""

    def __init__(self, classes: Iterable[type]) -> None:
        """TypeError for a field of a type that has no safe form."""
        self._readers: dict[str, _Reader] = {}
        self._of_class: dict[type, _Reader] = {}
        self._shapes: list[str] = []
        for each in classes:
            self._readers[each.__name__] = self._of(each)
        self.fingerprint: Final = hashlib.sha256("\n".join(sorted(self._shapes)).encode()).hexdigest()[:16]
        """Of all names and types: two processes with the same one understand each other."""

    # ------------------------------------------------------------ out

    def dumps(self, value: object) -> bytes:
        """One dataclass of the table as JSON. TypeError for anything else."""
        return json.dumps(_plain(value), allow_nan=False, separators=(",", ":")).encode()

    # ------------------------------------------------------------ in

    def loads(self, data: bytes) -> Any:
        """The dataclass that was dumped. NotOurs for everything that `dumps` would not write."""
        try:
            raw = json.loads(data, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise NotOurs("not JSON") from error
        name = raw.get(TYPE) if isinstance(raw, dict) else None
        reader = self._readers.get(name) if isinstance(name, str) else None
        if reader is None:
            raise NotOurs(f"no value of that name: {str(name)[:40]}")
        return reader(raw)

    def _of(self, hint: Any) -> _Reader:
        """The reader of a type."""
        if _is_dataclass(hint):
            if hint not in self._of_class:
                fields: dict[str, _Reader] = {}
                self._of_class[hint] = _dataclass_reader(hint, fields)
                hints = get_type_hints(hint)
                self._shapes.append(f"{hint.__name__}:{sorted((name, str(each)) for name, each in hints.items())}")
                fields.update({name: self._of(each) for name, each in hints.items()})
            return self._of_class[hint]
        if get_origin(hint) in (Union, types.UnionType):
            return self._of_union(get_args(hint))
        if get_origin(hint) is dict and get_args(hint)[0] is str:
            return _dict_reader(self._of(get_args(hint)[1]))
        if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
            return _tuple_reader(self._of(get_args(hint)[0]))
        if get_origin(hint) is tuple:
            return _row_reader([self._of(each) for each in get_args(hint)])
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _enum_reader(hint)
        plain = _PLAIN.get(hint)
        if plain is None:
            raise TypeError(f"{hint} has no safe form")
        return plain

    def _of_union(self, members: tuple[Any, ...]) -> _Reader:
        """Dataclasses told apart by name, or one plain type that may be None."""
        others = [each for each in members if each is not types.NoneType]
        named = {str(each.__name__): self._of(each) for each in others if _is_dataclass(each)}
        plain = [self._of(each) for each in others if not _is_dataclass(each)]
        if len(plain) > 1 or (plain and named):
            raise TypeError(f"{members} can't be told apart")
        optional = len(others) < len(members)

        def read(raw: Any) -> Any:
            if raw is None and optional:
                return None
            if plain:
                return plain[0](raw)
            name = raw.get(TYPE) if isinstance(raw, dict) else None
            reader = named.get(name) if isinstance(name, str) else None
            if reader is None:
                raise NotOurs(f"none of {sorted(named)}")
            return reader(raw)

        return read


def _is_dataclass(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _plain(value: object) -> Any:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case Path():
            return str(value)
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case tuple():
            return [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            return {TYPE: type(value).__name__} | {name: _plain(getattr(value, name)) for name in names}
        case _:
            raise TypeError(f"{type(value).__name__} has no safe form")


def _dataclass_reader(cls: type, fields: Mapping[str, _Reader]) -> _Reader:
    def read(raw: Any) -> Any:
        if not isinstance(raw, dict) or raw.get(TYPE) != cls.__name__ or raw.keys() != fields.keys() | {TYPE}:
            raise NotOurs(f"no {cls.__name__}")
        return cls(**{name: reader(raw[name]) for name, reader in fields.items()})

    return read


def _dict_reader(of: _Reader) -> _Reader:
    def read(raw: Any) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise NotOurs("no object")
        return {key: of(each) for key, each in raw.items()}

    return read


def _tuple_reader(of: _Reader) -> _Reader:
    def read(raw: Any) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise NotOurs("no list")
        return tuple(of(each) for each in raw)

    return read


def _row_reader(of: list[_Reader]) -> _Reader:
    """A tuple of so many values, each of its own type."""

    def read(raw: Any) -> tuple[Any, ...]:
        if not isinstance(raw, list) or len(raw) != len(of):
            raise NotOurs(f"no list of {len(of)}")
        return tuple(reader(each) for reader, each in zip(of, raw, strict=True))

    return read


def _enum_reader(cls: type[Enum]) -> _Reader:
    def read(raw: Any) -> Enum:
        try:
            return cls(raw)
        except ValueError as error:
            raise NotOurs(f"no {cls.__name__}") from error

    return read


def _exactly(kind: type) -> _Reader:
    def read(raw: Any) -> Any:
        if type(raw) is not kind:
            raise NotOurs(f"no {kind.__name__}")
        return raw

    return read


def _float(raw: Any) -> float:
    if type(raw) not in (int, float):
        raise NotOurs("no number")
    try:
        number = float(raw)
    except OverflowError as error:
        raise NotOurs("no number") from error
    if not math.isfinite(number):
        raise NotOurs("no number")
    return number


def _text(raw: Any) -> str:
    if type(raw) is not str:
        raise NotOurs("no text")
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        raise NotOurs("half a character") from error
    return raw


def _int(raw: Any) -> int:
    if type(raw) is not int or not -_LARGEST <= raw < _LARGEST:
        raise NotOurs("no whole number")
    return raw


def _path(raw: Any) -> Path:
    return Path(_text(raw))


def _no_constant(name: str) -> Any:
    raise NotOurs(f"{name} is no number")


_PLAIN: Final[Mapping[Any, _Reader]] = {
    str: _text,
    int: _int,
    bool: _exactly(bool),
    float: _float,
    Path: _path,
    types.NoneType: _exactly(types.NoneType),
}
