"""Reading the fields of a located tree: each complaint is noted with its place and reading goes on.

A field that can't be read comes back as None; whoever asked goes on with the rest, so that one run finds every fault.
"""

import re
from collections.abc import Sequence
from typing import Final

from gateway.menu.document import LANGUAGES
from gateway.menu.source import Item, ListItem, MapItem, Place, Problem, TextItem

MAX_TEXT: Final = 500  # characters of a spoken or shown text: about 40 s of speech
MAX_LABEL: Final = 80  # characters of an option: one line on a phone

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # and direction overrides


class Fields:
    """Notes problems while the parts of a menu are read."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def complain(self, at: Place, code: str, message: str) -> None:
        self.problems.append(Problem(at.line, at.column, code, message))

    def only(self, holder: MapItem, what: str, allowed: Sequence[str]) -> None:
        """Complain of every field that is not `allowed`: a typo must not be silence."""
        for name, _ in holder.entries:
            if name.value not in allowed:
                listed = ", ".join(allowed)
                self.complain(
                    name.at, "unknown_field", f"{what} has no field {shown(name.value)}; it may have {listed}"
                )

    def mapping(self, item: Item, what: str) -> MapItem | None:
        if isinstance(item, MapItem):
            return item
        self.complain(item.at, "wrong_shape", f"{what} must be fields (name: value)")
        return None

    def required(self, holder: MapItem, field: str, what: str) -> Item | None:
        item = holder.get(field)
        if item is None:
            self.complain(holder.at, "missing_field", f"{what} needs the field {field}")
        return item

    def plain(self, item: Item, what: str) -> str | None:
        if isinstance(item, TextItem):
            return item.value
        self.complain(item.at, "wrong_shape", f"{what} must be one text")
        return None

    def name(self, item: Item, what: str) -> str | None:
        """A name as used for nodes, queues and clips: small letters, digits, `-` and `_`, up to 40."""
        text = self.plain(item, what)
        if text is not None and not _NAME.fullmatch(text):
            self.complain(
                item.at,
                "bad_name",
                f"{what} is {shown(text)}; names are made of small letters, digits, - and _, up to 40",
            )
            return None
        return text

    def number(self, holder: MapItem, field: str, what: str, *, low: int, high: int, default: int) -> int | None:
        item = holder.get(field)
        if item is None:
            return default
        text = self.plain(item, f"{field} of {what}")
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,4}", text) or not low <= int(text) <= high:
            self.complain(item.at, "bad_number", f"{field} of {what} is {shown(text)}, not a number {low} to {high}")
            return None
        return int(text)

    def texts(self, item: Item, what: str, languages: Sequence[str], limit: int) -> dict[str, str] | None:
        """A text in every language of the document, up to `limit` characters each."""
        holder = self.mapping(item, what)
        if holder is None:
            return None
        self.only(holder, what, languages)
        found: dict[str, str] = {}
        for language in languages:
            value = holder.get(language)
            if value is None:
                self.complain(holder.at, "missing_language", f"{what} is not given in {language}")
                continue
            text = self.plain(value, f"{what} in {language}")
            if text is None:
                continue
            text = text.strip()
            if not text:
                self.complain(value.at, "empty_text", f"{what} in {language} is empty")
            elif len(text) > limit:
                self.complain(value.at, "too_long", f"{what} in {language} has {len(text)} characters, at most {limit}")
            elif _CONTROL.search(text):
                self.complain(value.at, "bad_text", f"{what} in {language} has a control character")
            else:
                found[language] = text
        return found if len(found) == len(languages) else None

    def languages(self, item: Item | None) -> tuple[str, ...]:
        """The languages of the document, in order; what can't be read counts as all of them."""
        if item is None:
            return LANGUAGES
        if not isinstance(item, ListItem) or not item.items:
            self.complain(item.at, "wrong_shape", "languages must be a list such as [en, fr, es]")
            return LANGUAGES
        found: list[str] = []
        for entry in item.items:
            language = self.plain(entry, "a language")
            if language is not None and language not in LANGUAGES:
                listed = ", ".join(LANGUAGES)
                self.complain(entry.at, "unknown_language", f"{shown(language)} is not one of {listed}")
            elif language in found:
                self.complain(entry.at, "duplicate_key", f"the language {language} is given twice")
            elif language is not None:
                found.append(language)
        return tuple(found) or LANGUAGES


def shown(text: str) -> str:
    """`text` quoted and short enough for one line."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
