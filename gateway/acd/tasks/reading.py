"""A webhook read: from verified bytes to what the ACD told of whom. Nothing in here acts.

What can't be read raises BadInput `bad_event`; an event that no rule knows becomes one that is kept and moves nothing.
The sender's clock is taken over as a text for people and never computed with.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from gateway.acd.events import RAW_LIMIT_BYTES
from gateway.acd.tasks.mapping import Form, Incoming, Rule, Told
from gateway.acd.tasks.task import Heard
from gateway.acd.tasks.templates import MAX_ITEMS, BoundedTemplate, TemplateFault
from gateway.acd.tasks.verifying import MAX_FIELDS
from gateway.base.errors import BadInput

MAX_DEPTH: Final = 16
MAX_EVENTS: Final = 100  # of one webhook
MAX_ID: Final = 200
MAX_SEQ: Final = 2**53
_RAW_VALUE: Final = 500  # characters of one value


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event of one task (or agent), read. `known`: a rule spoke of it, be it to say that it means nothing."""

    event_id: str
    contact: str
    ref: str
    seq: int | None
    name: str
    occurred_at: datetime | None
    heard: tuple[Heard, ...]
    known: bool = True
    kept: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, str] = field(default_factory=dict)


def read_webhook(
    incoming: Incoming, body: bytes, headers: Mapping[str, str], variables: Mapping[str, str]
) -> list[Notice]:
    """The events of one webhook, in order. BadInput (`bad_event`), with the reason but nothing of the content."""
    try:
        parsed = _parsed(incoming.body, body)
        values = {"body": parsed, "headers": headers, "settings": dict(variables), "item": None, "part": None}
        if incoming.each is None:
            return _notices(incoming, values, body)
        return [
            notice
            for index, item in enumerate(incoming.each.items(values)[:MAX_EVENTS])
            for notice in _notices(incoming, values | {"item": item}, body, index)
        ]
    except TemplateFault as fault:
        raise BadInput("bad_event", f"The mapping can't read this event: {fault.message}."[:300]) from None


def _parsed(form: Form, body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        if form is Form.FORM:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("bad_event", f"The body is no {form.value}.") from None
    _check_size(parsed, MAX_DEPTH)
    return parsed


def _check_size(value: Any, depth: int) -> None:
    if depth == 0:
        raise BadInput("bad_event", "The body is nested too deeply.")
    if isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise BadInput("bad_event", f"The body has a list of more than {MAX_ITEMS} items.")
        for item in value:
            _check_size(item, depth - 1)
    elif isinstance(value, dict):
        for item in value.values():
            _check_size(item, depth - 1)


def _notices(incoming: Incoming, values: Mapping[str, Any], body: bytes, index: int = 0) -> list[Notice]:
    """What the rules make of one item. A rule with an id of its own gives an event of its own: a snapshot that comes
    again and again, each time with a little more in it, is read anew each time and told once."""
    name = _text(incoming.name, values)[:80]
    raw = raw_of(values["item"] if incoming.each is not None else values["body"])
    contact, ref = _text(incoming.contact, values)[:MAX_ID], _text(incoming.ref, values)[:MAX_ID]
    occurred_at = _moment(_text(incoming.occurred_at, values))
    found: list[Notice] = []
    together: list[Heard] = []
    kept: dict[str, str] = {}
    known = False
    for rule in incoming.rules:
        for scope in _scopes(rule, values):
            if not rule.when.true(scope):
                continue
            known = True
            heard = _heard(rule, scope, name)
            rule_kept = {part: _text(template, scope)[:MAX_ID] for part, template in rule.keep.items()}
            if rule.event_id is None:
                together += heard
                kept |= rule_kept
            else:
                found.append(
                    Notice(
                        event_id=_short(_text(rule.event_id, scope)),
                        contact=contact,
                        ref=ref,
                        seq=None,
                        name=name,
                        occurred_at=occurred_at,
                        heard=heard,
                        kept=rule_kept,
                        raw=raw,
                    )
                )
    if together or kept or not known:
        event_id = _short(_text(incoming.event_id, values)) or f"{hashlib.sha256(body).hexdigest()}-{index}"
        found.append(
            Notice(
                event_id=event_id,
                contact=contact,
                ref=ref,
                seq=_seq(_text(incoming.seq, values)),
                name=name,
                occurred_at=occurred_at,
                heard=tuple(together),
                known=known,
                kept=kept,
                raw=raw,
            )
        )
    return found


def _heard(rule: Rule, scope: Mapping[str, Any], name: str) -> tuple[Heard, ...]:
    if rule.event is Told.IGNORED:
        return ()
    fields = {part: _text(template, scope)[:MAX_ID] for part, template in rule.fields.items()}
    return (Heard(told=rule.event, fields=fields, name=name or rule.event.value, quiet=rule.quiet),)


def _short(event_id: str) -> str:
    return event_id if len(event_id) <= MAX_ID else hashlib.sha256(event_id.encode("utf-8", "replace")).hexdigest()


def _scopes(rule: Rule, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if rule.each is None:
        return [values]
    return [{**values, "part": part} for part in rule.each.items(values)[:MAX_EVENTS]]


def _text(template: BoundedTemplate | None, values: Mapping[str, Any]) -> str:
    return template.render(values).strip() if template is not None else ""


def _seq(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:17]) < MAX_SEQ:
        raise BadInput("bad_event", "The number of the event is none.")
    return int(text)


def _moment(text: str) -> datetime | None:
    """ISO 8601 or seconds of the epoch; None for anything else."""
    try:
        if text.isascii() and text.isdecimal():
            return datetime.fromtimestamp(int(text[:13]) / (1000 if len(text) >= 13 else 1), UTC)
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except (ValueError, OverflowError, OSError):
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def raw_of(value: Any) -> dict[str, str]:
    """The original, flat and bounded, as the journal keeps it. Whatever comes after the limit is left out."""
    raw: dict[str, str] = {}
    size = 2
    entries = value.items() if isinstance(value, Mapping) else [("value", value)]
    for name, item in entries:
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
        text = text[:_RAW_VALUE]
        size += len(json.dumps(str(name))) + len(json.dumps(text)) + 4
        if size > RAW_LIMIT_BYTES:
            break
        raw[str(name)[:80]] = text
    return raw
