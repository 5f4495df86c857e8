"""One customer's walk through a menu: what is shown, what a key does, where it ends. Pure: no clock, no I/O.

The walk remembers the choices shown before the present ones (for *back*) and the labels chosen on the way. Coming to a
node that is already on the way cuts the way there, so the memory is never longer than the document. A walk always
ends: the silent one because the checker refuses silent circles, the busy one because after `MAX_STEPS` steps the
customer is taken to the nearest queue.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.base.errors import BadInput, InvariantBroken, StateConflict
from gateway.menu.document import (
    BACK,
    AnswerAndEndNode,
    ChoicesNode,
    MenuDocument,
    Node,
    PromptNode,
    QueueNode,
    next_of,
)
from gateway.parties import MenuOption

MAX_STEPS: Final = 100  # keys pressed and silences; a person who needs more needs a person


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowNode:
    """Show and say this, and wait. `idle_s` None: the menu's usual patience; else `idle()` is due after that."""

    node_id: str
    text: str
    options: tuple[MenuOption, ...]
    can_go_back: bool  # to be offered beside the options; not where one of them leads back
    prompt_clip: str | None
    idle_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterQueue:
    """The menu is done: to people. `path` are the labels chosen, in the customer's language."""

    queue: str
    priority: int
    language: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAndEnd:
    """The menu is done: the answer is given and the contact ends as self-served."""

    node_id: str
    text: str
    prompt_clip: str | None
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The menu is done: nobody pressed anything, twice."""

    node_id: str


Outcome = ShowNode | EnterQueue | AnswerAndEnd | Unanswered


@dataclass(frozen=True, slots=True)
class _Step:
    node_id: str
    label: str  # chosen at that node to go on; empty when silence led on


class MenuRun:
    """The walk of one customer. Every method returns what to do now; a refused key changes nothing."""

    def __init__(self, document: MenuDocument, language: str) -> None:
        self._document = document
        self._language = document.language_for(language)
        self._node: Node = document.nodes[document.start]
        self._way: list[_Step] = []
        self._silences = 0
        self._steps = 0
        self._ended = False

    @property
    def language(self) -> str:
        """The language spoken: the customer's, or the document's first."""
        return self._language

    @property
    def path(self) -> tuple[str, ...]:
        """The labels chosen so far, in order."""
        return tuple(step.label for step in self._way if step.label)

    def start(self) -> Outcome:
        """The first thing to show (or at once an end). Again after a reload: what is shown right now."""
        return self._outcome()

    def choose(self, node_id: str, key: str) -> Outcome:
        """A key pressed at `node_id`: a digit, or `back`.

        StateConflict `menu_stale` when another node is shown by now, `menu_ended` after the end;
        BadInput `menu_no_such_key` for a key that does nothing here.
        """
        self._must_run()
        if node_id != self._node.id:
            raise StateConflict("menu_stale", "The menu has moved on: choose from what is shown now.")
        if key == BACK:
            return self.back()
        option = None
        if isinstance(self._node, ChoicesNode):
            option = next((each for each in self._node.options if each.key == key), None)
        if option is None:
            raise BadInput("menu_no_such_key", "This key does nothing here.")
        if option.go == BACK:
            return self.back()
        self._way.append(_Step(self._node.id, option.label[self._language]))
        return self._go_to(option.go)

    def back(self) -> Outcome:
        """To the choices shown before. BadInput `menu_no_such_key` when these are the first."""
        self._must_run()
        if not self._way:
            raise BadInput("menu_no_such_key", "There is nothing to go back to.")
        return self._go_to(self._way[-1].node_id)

    def idle(self) -> Outcome:
        """The time of the node is over: a prompt goes on; choices are shown once more, then left by `on_idle`."""
        self._must_run()
        node = self._node
        if isinstance(node, PromptNode):
            return self._go_to(node.next)
        self._silences += 1
        if self._silences == 1:
            return self._outcome()
        if isinstance(node, ChoicesNode) and node.on_idle is not None:
            self._way.append(_Step(node.id, ""))
            return self._go_to(node.on_idle)
        self._ended = True
        return Unanswered(node_id=node.id)

    def _must_run(self) -> None:
        if self._ended:
            raise StateConflict("menu_ended", "The menu is over.")

    def _go_to(self, name: str) -> Outcome:
        self._steps += 1
        self._silences = 0
        self._node = self._document.nodes[name]
        if self._steps >= MAX_STEPS:
            self._node = self._nearest_end()
        for index, step in enumerate(self._way):
            if step.node_id == self._node.id:
                del self._way[index:]
                break
        return self._outcome()

    def _nearest_end(self) -> Node:
        """The nearest queue by keys and silences; where no queue can be reached, the nearest answer."""
        nodes = self._document.nodes
        waiting = deque([self._node])
        seen = {self._node.id}
        answer: Node | None = None
        while waiting:
            node = waiting.popleft()
            if isinstance(node, QueueNode):
                return node
            if isinstance(node, AnswerAndEndNode) and answer is None:
                answer = node
            for target in next_of(node):
                if target not in seen:
                    seen.add(target)
                    waiting.append(nodes[target])
        if answer is None:
            raise InvariantBroken("menu_without_end", f"the checker let {self._node.id} pass, which leads to no end")
        return answer

    def _outcome(self) -> Outcome:
        node, language = self._node, self._language
        match node:
            case QueueNode():
                self._ended = True
                return EnterQueue(queue=node.queue, priority=node.priority, language=language, path=self.path)
            case AnswerAndEndNode():
                self._ended = True
                return AnswerAndEnd(node_id=node.id, text=node.text[language], prompt_clip=node.clip, path=self.path)
            case PromptNode():
                return self._shown(node, (), node.show_s)
            case ChoicesNode():
                options = tuple(MenuOption(key=each.key, label=each.label[language]) for each in node.options)
                return self._shown(node, options, None, own_back=any(each.go == BACK for each in node.options))

    def _shown(
        self,
        node: PromptNode | ChoicesNode,
        options: tuple[MenuOption, ...],
        idle_s: float | None,
        *,
        own_back: bool = False,
    ) -> ShowNode:
        return ShowNode(
            node_id=node.id,
            text=node.text[self._language],
            options=options,
            can_go_back=bool(self._way) and not own_back,
            prompt_clip=node.clip,
            idle_s=idle_s,
        )
