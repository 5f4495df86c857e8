"""YAML read into a tree that remembers where everything stood, so that every complaint can name its line.

Nothing is ever constructed from the document but texts, lists and mappings: no tags, no anchors (and so no bombs),
no numbers, dates or booleans to be guessed (`no` is Norwegian, not false). Knows nothing of menus.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

MAX_BYTES: Final = 65_536  # a menu of 200 nodes in three languages is about 60 kB
MAX_DEPTH: Final = 12
MAX_PROBLEMS: Final = 100  # a person mends a handful at a time


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a document. `line` and `column` count from 1, as editors do."""

    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Place:
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TextItem:
    at: Place
    value: str


@dataclass(frozen=True, slots=True)
class ListItem:
    at: Place
    items: "tuple[Item, ...]"


@dataclass(frozen=True, slots=True)
class MapItem:
    """A mapping with text keys, in the order written. A key that was repeated keeps its first value."""

    at: Place
    entries: "tuple[tuple[TextItem, Item], ...]"

    def get(self, key: str) -> "Item | None":
        return next((value for name, value in self.entries if name.value == key), None)


Item = TextItem | ListItem | MapItem


class _Stop(Exception):
    """The document can't be read any further; the problem is already noted."""


class _Reader:
    def __init__(self, events: Iterator[yaml.Event], problems: list[Problem]) -> None:
        self._events = events
        self._problems = problems

    def complain(self, at: Place, code: str, message: str) -> None:
        self._problems.append(Problem(at.line, at.column, code, message))

    def _stop(self, at: Place, code: str, message: str) -> _Stop:
        self.complain(at, code, message)
        return _Stop()

    def document(self) -> Item | None:
        next(self._events)  # the start of the stream
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._stop(Place(1, 1), "menu_empty", "the document is empty")
        root = self._item(next(self._events), 0)
        next(self._events)  # the end of the document
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._stop(_place(event), "menu_syntax", "a menu file holds one document, here a second one starts")
        return root

    def _item(self, event: yaml.Event, depth: int) -> Item:
        at = _place(event)
        if depth > MAX_DEPTH:
            raise self._stop(at, "menu_too_deep", f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._stop(at, "menu_alias", "anchors (&name) and aliases (*name) are not allowed: write it out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._stop(at, "menu_tag", "tags (!name) are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return TextItem(at, event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Item] = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._item(event, depth + 1))
            return ListItem(at, tuple(items))
        return self._mapping(at, depth)

    def _mapping(self, at: Place, depth: int) -> MapItem:
        entries: list[tuple[TextItem, Item]] = []
        first_line: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._item(event, depth + 1)
            value = self._item(next(self._events), depth + 1)
            if not isinstance(key, TextItem):
                self.complain(key.at, "menu_key", "a key must be a plain text")
            elif key.value in first_line:
                line = first_line[key.value]
                self.complain(
                    key.at, "duplicate_key", f"{_shown(key.value)} is given twice, the first time in line {line}"
                )
            else:
                first_line[key.value] = key.at.line
                entries.append((key, value))
        return MapItem(at, tuple(entries))


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def read(text: str) -> tuple[Item | None, list[Problem]]:
    """The tree of `text`, or None when it can't be read, and what is wrong with it. Never raises on any text."""
    problems: list[Problem] = []
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return None, [Problem(1, 1, "menu_too_large", f"the document has {size} bytes, at most {MAX_BYTES} are read")]
    reader = _Reader(yaml.parse(text, Loader=yaml.SafeLoader), problems)
    try:
        return reader.document(), problems
    except _Stop:
        return None, problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
        reader.complain(place, "menu_syntax", f"not readable as YAML: {error.problem or error.context or 'syntax'}")
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        reader.complain(place, "menu_syntax", "a character that may not stand in a YAML document")
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets int() and chr() of absurd escapes and versions through ("\UFFFFFFFF", %YAML 1.999…9)
        reader.complain(Place(1, 1), "menu_syntax", "not readable as YAML: an escape or directive is out of range")
    return None, problems
