"""A menu as checked data: what the interpreter walks. Only the checker makes one, so whatever exists is sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "fr", "es")
KEYS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0")  # in the order of a telephone keypad
BACK: Final = "back"  # as a target: to the choices shown before

Texts = Mapping[str, str]  # language → text, every language of the document


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptNode:
    """Says something for `show_s` seconds, then goes on to `next`."""

    id: str
    text: Texts
    clip: str | None
    show_s: float
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    key: str  # one of KEYS
    label: Texts
    go: str  # a node id or BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesNode:
    """Asks, and waits for a key. `on_idle` is where the second silence leads; None: the contact ends as abandoned."""

    id: str
    text: Texts
    clip: str | None
    options: tuple[Option, ...]
    on_idle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """Hands the contact to people. A higher `priority` is served first; 0 is usual."""

    id: str
    queue: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAndEndNode:
    """Answers, and ends the contact as served by the menu."""

    id: str
    text: Texts
    clip: str | None


Node = PromptNode | ChoicesNode | QueueNode | AnswerAndEndNode


def next_of(node: Node) -> list[str]:
    """The nodes that may follow, in the order written; going back is not among them."""
    match node:
        case PromptNode():
            return [node.next]
        case ChoicesNode():
            targets = [option.go for option in node.options if option.go != BACK]
            return targets if node.on_idle is None else [*targets, node.on_idle]
        case QueueNode() | AnswerAndEndNode():
            return []


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuDocument:
    """A sound menu: every target exists, every node is reachable and every node leads to an end."""

    languages: tuple[str, ...]  # the first one is spoken to visitors of other languages
    start: str
    nodes: Mapping[str, Node]

    def language_for(self, wanted: str) -> str:
        return wanted if wanted in self.languages else self.languages[0]
