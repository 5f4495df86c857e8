"""From the text of a menu to a sound document, or to every fault in it with its line.

Two passes: each node by itself, then the paths between them. Knows the queues it is given and nothing of contacts.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from gateway.base.errors import SetupError
from gateway.menu.document import (
    BACK,
    KEYS,
    AnswerAndEndNode,
    ChoicesNode,
    MenuDocument,
    Node,
    Option,
    PromptNode,
    QueueNode,
    Texts,
    next_of,
)
from gateway.menu.fields import MAX_LABEL, MAX_TEXT, Fields, shown
from gateway.menu.source import MAX_PROBLEMS, Item, MapItem, Place, Problem, TextItem, read

MAX_NODES: Final = 200
DEFAULT_SHOW_S: Final = 4

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "prompt": ("kind", "text", "prompt", "seconds", "next"),
    "choices": ("kind", "text", "prompt", "options", "on_idle"),
    "queue": ("kind", "queue", "priority"),
    "answer_and_end": ("kind", "text", "prompt"),
}


class MenuErrors(SetupError):
    """A menu that is not sound. `problems` are all of them, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems)[:MAX_PROBLEMS])
        super().__init__("menu_invalid", "; ".join(str(problem) for problem in self.problems))


def check_menu(text: str, known_queues: Collection[str], known_clips: Collection[str] | None = None) -> MenuDocument:
    """The menu written in `text`, or MenuErrors. `known_clips` None: the names of clips are not checked."""
    root, problems = read(text)
    if root is None:
        raise MenuErrors(problems)
    checker = _Checker(problems, known_queues, known_clips)
    document = checker.document(root)
    if document is None or problems:
        raise MenuErrors(problems)
    return document


class _Checker:
    def __init__(
        self, problems: list[Problem], known_queues: Collection[str], known_clips: Collection[str] | None
    ) -> None:
        self._fields = Fields(problems)
        self._problems = problems
        self._queues = known_queues
        self._clips = known_clips
        self._languages: tuple[str, ...] = ()
        self._targets: dict[str, list[tuple[str, Place]]] = {}  # node → where it leads, and where that is written

    def document(self, root: Item) -> MenuDocument | None:
        top = self._fields.mapping(root, "a menu")
        if top is None:
            return None
        self._fields.only(top, "a menu", ("languages", "start", "nodes"))
        self._languages = self._fields.languages(top.get("languages"))
        start_item = self._fields.required(top, "start", "a menu")
        start = self._fields.name(start_item, "start") if start_item is not None else None
        nodes_item = self._fields.required(top, "nodes", "a menu")
        holder = self._fields.mapping(nodes_item, "nodes") if nodes_item is not None else None
        if start_item is None or holder is None:
            return None
        if len(holder.entries) > MAX_NODES:
            self._fields.complain(holder.at, "too_many_nodes", f"{len(holder.entries)} nodes, at most {MAX_NODES}")
            return None
        nodes, places = self._nodes(holder)
        if start is not None and start not in places:
            self._fields.complain(start_item.at, "unknown_node", f"start is {shown(start)}, there is no such node")
            start = None
        for targets in self._targets.values():
            for target, at in targets:
                if target not in places and target != BACK:
                    self._fields.complain(at, "unknown_node", f"there is no node {shown(target)}")
        if start is None or self._problems:
            return None  # paths over broken nodes would only add noise
        self._paths(start, nodes, places)
        return MenuDocument(languages=self._languages, start=start, nodes=nodes)

    # ------------------------------------------------------------ each node by itself

    def _nodes(self, holder: MapItem) -> tuple[dict[str, Node], dict[str, Place]]:
        nodes: dict[str, Node] = {}
        places: dict[str, Place] = {}
        for key, item in holder.entries:
            name = self._fields.name(key, "the name of a node")
            if name == BACK:
                self._fields.complain(key.at, "bad_name", "a node can't be named back: it means the choices before")
                continue
            places[key.value] = key.at
            if name is None:
                continue
            self._targets[name] = []
            node = self._node(name, key, item)
            if node is not None:
                nodes[name] = node
        return nodes, places

    def _node(self, name: str, key: TextItem, item: Item) -> Node | None:
        what = f"the node {name}"
        holder = self._fields.mapping(item, what)
        if holder is None:
            return None
        kind_item = holder.get("kind")
        if kind_item is None:
            self._fields.complain(key.at, "missing_field", f"{what} needs the field kind")
            return None
        kind = self._fields.plain(kind_item, f"kind of {what}")
        if kind is None:
            return None
        if kind not in _FIELDS:
            listed = ", ".join(_FIELDS)
            self._fields.complain(kind_item.at, "unknown_kind", f"{what} is of kind {shown(kind)}, not of {listed}")
            return None
        self._fields.only(holder, f"a node of kind {kind}", _FIELDS[kind])
        if kind == "queue":
            return self._queue(name, holder, what)
        text_item = self._fields.required(holder, "text", what)
        text = self._fields.texts(text_item, f"text of {what}", self._languages, MAX_TEXT) if text_item else None
        clip = self._clip(holder, what)
        if kind == "prompt":
            return self._prompt(name, holder, what, text, clip)
        if kind == "choices":
            return self._choices(name, holder, what, text, clip)
        return AnswerAndEndNode(id=name, text=text, clip=clip) if text is not None else None

    def _prompt(self, name: str, holder: MapItem, what: str, text: Texts | None, clip: str | None) -> Node | None:
        seconds = self._fields.number(holder, "seconds", what, low=1, high=60, default=DEFAULT_SHOW_S)
        if holder.get("next") is None:
            self._fields.complain(holder.at, "dead_end", f"{what} ends nowhere: it needs the field next")
            return None
        following = self._target(name, holder, "next", what)
        if text is None or seconds is None or following is None:
            return None
        return PromptNode(id=name, text=text, clip=clip, show_s=float(seconds), next=following)

    def _choices(self, name: str, holder: MapItem, what: str, text: Texts | None, clip: str | None) -> Node | None:
        on_idle = self._target(name, holder, "on_idle", what)
        options_item = holder.get("options")
        if options_item is None:
            self._fields.complain(holder.at, "dead_end", f"{what} ends nowhere: it needs the field options")
            return None
        listed = self._fields.mapping(options_item, f"options of {what}")
        if listed is None:
            return None
        if not listed.entries:
            self._fields.complain(listed.at, "dead_end", f"{what} ends nowhere: it has no options")
        if len(listed.entries) > len(KEYS):
            self._fields.complain(
                listed.entries[len(KEYS)][0].at,
                "too_many_options",
                f"{what} has {len(listed.entries)} options, a keypad has {len(KEYS)} keys",
            )
            return None
        options = [self._option(name, key, item, what) for key, item in listed.entries]
        sound = [option for option in options if option is not None]
        if text is None or len(sound) != len(options):
            return None
        return ChoicesNode(id=name, text=text, clip=clip, options=tuple(sound), on_idle=on_idle)

    def _option(self, name: str, key: TextItem, item: Item, what: str) -> Option | None:
        if key.value not in KEYS:
            self._fields.complain(key.at, "bad_key", f"{what} has the key {shown(key.value)}; keys are 0 to 9")
            return None
        option = f"option {key.value} of {what}"
        holder = self._fields.mapping(item, option)
        if holder is None:
            return None
        self._fields.only(holder, "an option", ("label", "go"))
        label_item = self._fields.required(holder, "label", option)
        label = self._fields.texts(label_item, f"label of {option}", self._languages, MAX_LABEL) if label_item else None
        if holder.get("go") is None:
            self._fields.complain(holder.at, "dead_end", f"{option} leads nowhere: it needs the field go")
            return None
        go = self._target(name, holder, "go", option)
        return Option(key=key.value, label=label, go=go) if label is not None and go is not None else None

    def _queue(self, name: str, holder: MapItem, what: str) -> Node | None:
        priority = self._fields.number(holder, "priority", what, low=0, high=9, default=0)
        item = self._fields.required(holder, "queue", what)
        queue = self._fields.name(item, f"queue of {what}") if item is not None else None
        if item is None or queue is None:
            return None
        if queue not in self._queues:
            listed = ", ".join(sorted(self._queues)) or "none"
            self._fields.complain(item.at, "unknown_queue", f"there is no queue {shown(queue)}; there are: {listed}")
            return None
        return QueueNode(id=name, queue=queue, priority=priority) if priority is not None else None

    def _clip(self, holder: MapItem, what: str) -> str | None:
        item = holder.get("prompt")
        clip = self._fields.name(item, f"prompt of {what}") if item is not None else None
        if item is not None and clip is not None and self._clips is not None and clip not in self._clips:
            self._fields.complain(item.at, "unknown_clip", f"there is no clip {shown(clip)}")
        return clip

    def _target(self, name: str, holder: MapItem, field: str, what: str) -> str | None:
        item = holder.get(field)
        target = self._fields.name(item, f"{field} of {what}") if item is not None else None
        if item is None or target is None:
            return None
        if target == BACK and field != "go":
            self._fields.complain(item.at, "unknown_node", f"{field} of {what} can't be back, only an option can")
            return None
        self._targets[name].append((target, item.at))
        return target

    # ------------------------------------------------------------ the paths between them

    def _paths(self, start: str, nodes: Mapping[str, Node], places: Mapping[str, Place]) -> None:
        reached = _reachable(start, nodes)
        for name, at in places.items():
            if name not in reached:
                self._fields.complain(at, "unreachable_node", f"no path leads to the node {name}")
        ending = _leading_to_an_end(nodes)
        for name in reached - ending:
            self._fields.complain(
                places[name], "no_way_out", f"from the node {name} no path leads to a queue or an answer"
            )
        for name in _silent_circles(nodes) & reached & ending:
            self._fields.complain(
                places[name], "silent_circle", f"a customer who presses nothing goes in circles through the node {name}"
            )
        self._nothing_to_go_back_to(start, nodes)

    def _nothing_to_go_back_to(self, start: str, nodes: Mapping[str, Node]) -> None:
        seen: set[str] = set()
        first = nodes[start]
        while isinstance(first, PromptNode) and first.id not in seen:
            seen.add(first.id)
            first = nodes[first.next]
        if isinstance(first, ChoicesNode):
            for target, at in self._targets[first.id]:
                if target == BACK:
                    self._fields.complain(
                        at, "nothing_before", f"the node {first.id} comes first: there is nothing to go back to"
                    )


def _reachable(start: str, nodes: Mapping[str, Node]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(next_of(nodes[name]))
    return reached


def _leading_to_an_end(nodes: Mapping[str, Node]) -> set[str]:
    ending = {name for name, node in nodes.items() if isinstance(node, QueueNode | AnswerAndEndNode)}
    before: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for target in next_of(node):
            before.setdefault(target, []).append(name)
    waiting = list(ending)
    while waiting:
        for name in before.get(waiting.pop(), ()):
            if name not in ending:
                ending.add(name)
                waiting.append(name)
    return ending


def _silent_circles(nodes: Mapping[str, Node]) -> set[str]:
    """Nodes on a circle of `next` and `on_idle`: a customer who presses nothing would never leave it."""
    circles: set[str] = set()
    done: set[str] = set()
    for start in nodes:
        path: dict[str, int] = {}
        name: str | None = start
        while name is not None and name not in path and name not in done:
            path[name] = len(path)
            node = nodes[name]
            if isinstance(node, PromptNode):
                name = node.next
            else:
                name = node.on_idle if isinstance(node, ChoicesNode) else None
        if name is not None and name in path:
            circles.update(list(path)[path[name] :])
        done.update(path)
    return circles
