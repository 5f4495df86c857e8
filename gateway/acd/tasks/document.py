"""A mapping read and checked: from the text of a YAML document to what its templates are.

The whole document is checked at the start: unknown words, templates that are none or name what is not there, bodies
that are no JSON; each complaint with its line. Shipped mappings are in `presets`.
Owns the language of the document (docs/integrator/tasks.md); knows neither HTTP nor contacts.
"""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.acd.events import TransferMode
from gateway.acd.tasks.mapping import (
    FIELDS,
    Abilities,
    Command,
    Form,
    Incoming,
    RequestPlan,
    Rule,
    TaskMapping,
    Told,
)
from gateway.acd.tasks.templates import BoundedTemplate, TemplateFault, condition, several
from gateway.base.errors import SetupError
from gateway.menu.source import Item, ListItem, MapItem, Place, Problem, TextItem, read

SHOWN_PROBLEMS: Final = 5
MAX_REQUESTS: Final = 4  # of one command
MAX_RULES: Final = 60

COMMAND_NAMES: Final = (
    "task",
    "command",
    "letter",
    "settings",
    "agent",
    "target",
    "reason",
    "disposition",
    "offer",
    "claim",
)
REPLY_NAMES: Final = (*COMMAND_NAMES, "reply", "status")
EVENT_NAMES: Final = ("body", "headers", "settings", "item")
RULE_NAMES: Final = (*EVENT_NAMES, "part")


def shipped() -> tuple[str, ...]:
    """The names of the mappings in this package."""
    folder = files("gateway.acd.tasks") / "presets"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_mapping(name: str, variables: Mapping[str, str]) -> TaskMapping:
    """A shipped mapping by its name, or the file with that path. SetupError (`task_mapping`) names file and lines.

    `variables` are the `settings.…` of its templates: one that they use and nobody has set is an error as well.
    """
    if name in shipped():
        where = name
        text = (files("gateway.acd.tasks") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        where = name
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            known = ", ".join(shipped())
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SetupError(
                "task_mapping", f"The mapping {name} is neither shipped ({known}) nor readable: {why}."
            ) from error
    mapping, problems = read_mapping(text, Path(name).stem, variables)
    if mapping is None:
        shown = "; ".join(str(problem) for problem in sorted(problems)[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise SetupError("task_mapping", f"The mapping {where}: {shown}{more}.")
    return mapping


def read_mapping(text: str, name: str, variables: Mapping[str, str]) -> tuple[TaskMapping | None, list[Problem]]:
    """The mapping, or None and all that is wrong with it. Never raises on any text."""
    root, problems = read(text)
    if root is None:
        return None, problems
    checker = _Checker(name, variables, problems)
    mapping = checker.document(root)
    return (None if problems else mapping), problems


# ---------------------------------------------------------------- reading the document


class _Checker:
    def __init__(self, name: str, variables: Mapping[str, str], problems: list[Problem]) -> None:
        self._name = name
        self._variables = variables
        self._problems = problems
        self._kept: set[str] = set()
        self._to_try: list[tuple[Place, BoundedTemplate, bool]] = []  # with what a command knows; is it JSON?

    def _complain(self, at: Place, message: str, line: int = 1) -> None:
        self._problems.append(Problem(at.line + line - 1, at.column, "task_mapping", message))

    def document(self, root: Item) -> TaskMapping:
        top = self._map(root, ("abilities", "commands", "events"), "the document")
        commands = self._commands(top.get("commands"))
        incoming = self._incoming(top.get("events"), root.at)
        abilities = self._abilities(top.get("abilities"))
        self._try()
        return TaskMapping(
            name=self._name, abilities=abilities, commands=commands, incoming=incoming, kept=frozenset(self._kept)
        )

    def _map(self, item: Item | None, allowed: tuple[str, ...] | None, what: str) -> dict[str, Item]:
        if item is None:
            return {}
        if not isinstance(item, MapItem):
            self._complain(item.at, f"{what} must be a mapping")
            return {}
        found = {}
        for key, value in item.entries:
            if allowed is not None and key.value not in allowed:
                self._complain(key.at, f"{what} has no {key.value!r}, but {', '.join(allowed)}")
            else:
                found[key.value] = value
        return found

    def _text(self, item: Item | None, what: str) -> str:
        if item is None:
            return ""
        if not isinstance(item, TextItem):
            self._complain(item.at, f"{what} must be a text")
            return ""
        return item.value.strip()

    def _yes(self, item: Item | None, what: str) -> bool:
        word = self._text(item, what)
        if item is not None and word not in ("yes", "no", "true", "false"):
            self._complain(item.at, f"{what} is yes or no")
        return word in ("yes", "true")

    def _whole(self, item: Item, what: str) -> int:
        word = self._text(item, what)
        if not word.isdecimal() or len(word) > 9:
            self._complain(item.at, f"{what} is a whole number")
            return 0
        return int(word)

    def _words(self, item: Item | None, what: str) -> list[tuple[Place, str]]:
        if item is None:
            return []
        items = item.items if isinstance(item, ListItem) else (item,)
        return [(each.at, self._text(each, what)) for each in items]

    # ------------------------------------------------------------ templates

    def _made(
        self,
        item: Item | None,
        what: str,
        names: tuple[str, ...],
        make: Callable[..., BoundedTemplate] = BoundedTemplate,
    ) -> BoundedTemplate | None:
        if item is None:
            return None
        if not isinstance(item, TextItem):
            self._complain(item.at, f"{what} must be a text")
            return None
        block = 1 if "\n" in item.value else 0  # the text of a block begins below its mark
        try:
            return make(item.value.strip("\n") if block else item.value.strip(), names)
        except TemplateFault as fault:
            self._complain(item.at, f"{what}: {fault.message}", fault.line + block)
            return None

    def _templates(self, item: Item | None, what: str, names: tuple[str, ...]) -> dict[str, BoundedTemplate]:
        found = {}
        for key, value in self._map(item, None, what).items():
            made = self._made(value, f"{what}.{key}", names)
            if made is not None:
                found[key] = made
        return found

    def _keep(self, item: Item | None, names: tuple[str, ...]) -> dict[str, BoundedTemplate]:
        found = self._templates(item, "keep", names)
        self._kept.update(found)
        return found

    # ------------------------------------------------------------ parts

    def _abilities(self, item: Item | None) -> Abilities:
        flags = ("position", "estimate", "keeps_deadlines", "holds", "wraps_up", "agent_state", "hand_over_rings")
        found = self._map(item, (*flags, "transfers", "max_attribute_bytes"), "abilities")
        modes = []
        for at, word in self._words(found.get("transfers"), "transfers"):
            if word in tuple(TransferMode):
                modes.append(TransferMode(word))
            else:
                self._complain(at, f"transfers are {' or '.join(TransferMode)}, not {word!r}")
        limit = found.get("max_attribute_bytes")
        return Abilities(
            **{flag: self._yes(found.get(flag), flag) for flag in flags},
            transfers=frozenset(modes),
            max_attribute_bytes=None if limit is None else self._whole(limit, "max_attribute_bytes"),
        )

    def _commands(self, item: Item | None) -> dict[Command, tuple[RequestPlan, ...]]:
        found: dict[Command, tuple[RequestPlan, ...]] = {}
        for key, value in self._map(item, tuple(Command), "commands").items():
            requests = value.items if isinstance(value, ListItem) else (value,)
            if not 0 < len(requests) <= MAX_REQUESTS:
                self._complain(value.at, f"a command is 1 to {MAX_REQUESTS} requests")
            found[Command(key)] = tuple(self._request(each, key) for each in requests)
        if item is None or Command.CREATE not in found:
            self._complain(item.at if item is not None else Place(1, 1), "commands.create is missing")
        return found

    def _request(self, item: Item, command: str) -> RequestPlan:
        words = ("method", "path", "headers", "form", "json", "when", "also_fine", "ref", "phase", "keep")
        found = self._map(item, words, command)
        method = self._text(found.get("method"), "method") or "POST"
        if method not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            self._complain(found["method"].at, "method is GET, POST, PUT, PATCH or DELETE")
        if "form" in found and "json" in found:
            self._complain(item.at, f"{command} has either form or json")
        path = self._made(found.get("path"), "path", COMMAND_NAMES)
        form = self._templates(found.get("form"), "form", COMMAND_NAMES) if "form" in found else None
        body = self._made(found.get("json"), "json", COMMAND_NAMES)
        headers = self._templates(found.get("headers"), "headers", COMMAND_NAMES)
        when = self._made(found.get("when"), "when", COMMAND_NAMES, condition)
        fine = found.get("also_fine")
        codes = frozenset(
            self._whole(each, "also_fine")
            for each in (() if fine is None else fine.items if isinstance(fine, ListItem) else (fine,))
        )
        for part, made in (("path", path), ("json", body), ("when", when)):
            if made is not None:
                self._to_try.append((_first_line(found[part]), made, part == "json"))
        for part, several_made in (("form", form), ("headers", headers)):
            for made in (several_made or {}).values():
                self._to_try.append((_first_line(found[part]), made, False))
        return RequestPlan(
            method=method,
            path=path or BoundedTemplate("", ()),
            headers=headers,
            form=form,
            json=body,
            when=when,
            also_fine=codes,
            ref=self._made(found.get("ref"), "ref", REPLY_NAMES),
            phase=self._made(found.get("phase"), "phase", REPLY_NAMES),
            keep=self._keep(found.get("keep"), REPLY_NAMES),
        )

    def _incoming(self, item: Item | None, root: Place) -> Incoming:
        words = ("body", "event_id", "contact", "ref", "seq", "name", "occurred_at", "each", "rules")
        found = self._map(item, words, "events")
        body = self._text(found.get("body"), "body") or Form.JSON
        if body not in tuple(Form):
            self._complain(found["body"].at, "body is json or form")
            body = Form.JSON
        if "contact" not in found and "ref" not in found:
            self._complain(item.at if item is not None else root, "events need contact or ref: whose event is it?")
        rules = found.get("rules")
        entries = rules.items if isinstance(rules, ListItem) else ()
        if not 0 < len(entries) <= MAX_RULES:
            self._complain(rules.at if rules is not None else root, f"events need a list of 1 to {MAX_RULES} rules")
        parts = {
            part: self._made(found.get(part), part, EVENT_NAMES)
            for part in ("event_id", "contact", "ref", "seq", "name", "occurred_at")
        }
        return Incoming(
            body=Form(body),
            each=self._made(found.get("each"), "each", EVENT_NAMES, several),
            rules=tuple(rule for each in entries if (rule := self._rule(each)) is not None),
            **parts,
        )

    def _rule(self, item: Item) -> Rule | None:
        found = self._map(item, ("when", "each", "event", "event_id", "keep", "quiet", *sorted(FIELDS)), "a rule")
        told = self._text(found.get("event"), "event")
        if told not in tuple(Told):
            at = found["event"].at if "event" in found else item.at
            self._complain(at, f"event is one of {', '.join(Told)}")
            return None
        when = self._made(found.get("when"), "when", RULE_NAMES, condition)
        if when is None:
            if "when" not in found:
                self._complain(item.at, "a rule needs when")
            return None
        fields = {
            part: made
            for part in FIELDS & found.keys()
            if (made := self._made(found[part], part, RULE_NAMES)) is not None
        }
        return Rule(
            when=when,
            each=self._made(found.get("each"), "each", EVENT_NAMES, several),
            event=Told(told),
            fields=fields,
            keep=self._keep(found.get("keep"), RULE_NAMES),
            event_id=self._made(found.get("event_id"), "event_id", RULE_NAMES),
            quiet=self._yes(found.get("quiet"), "quiet"),
        )

    # ------------------------------------------------------------ trying

    def _try(self) -> None:
        """Render what goes out with a made-up task: a misspelt name or a body that is no JSON is found now."""
        values = specimen(self._variables, self._kept)
        for at, template, is_json in self._to_try:
            try:
                text = template.render(values)
                if is_json:
                    json.loads(text)
            except TemplateFault as fault:
                self._complain(at, fault.message, fault.line)
            except ValueError as error:
                self._complain(at, f"what comes out is no JSON: {error}")


def _first_line(item: Item) -> Place:
    """Where its text begins: that of a block below its mark."""
    is_block = isinstance(item, TextItem) and "\n" in item.value
    return Place(item.at.line + 1, item.at.column) if is_block else item.at


def specimen(variables: Mapping[str, str], kept: set[str] | frozenset[str]) -> dict[str, Any]:
    """All that a command's templates can see, made up. The documentation lists the same names; a test compares."""
    return {
        "command": "create",
        "settings": dict(variables),
        "letter": {"id": "le_sample", "number": 1, "tries": 0, "at": "2026-01-01T00:00:00+00:00"},
        "task": {
            "contact_id": "ct_sample",
            "ref": "sample",
            "former_ref": "sample",
            "round": 1,
            "site": "shop",
            "queue": "sales",
            "language": "en",
            "priority": 0,
            "display_name": 'A "sample"',
            "customer_key": "sample",
            "correlation": "sample",
            "claim_url": "https://video.example/agent/claim/sample",
            "skills": [{"name": "sample", "min_level": 1}],
            "preferred_agent": "",
            "last_agent": "",
            "previous_contact_id": "",
            "menu_path": ["sample"],
            "attributes": {"sample": "1"},
            "queued_at": "2026-01-01T00:00:00+00:00",
            "kept": dict.fromkeys(kept, "sample"),
        },
        "offer": {"reservation": "sample", "agent": "sample"},
        "claim": {"url": "https://video.example/agent/embed/#claim=sample", "token": "sample", "expires_s": 60},
        "agent": {"ref": "sample", "state": "ready", "reason": ""},
        "target": {"mode": "blind", "kind": "queue", "value": "sales"},
        "reason": "sample",
        "disposition": "sample",
    }
