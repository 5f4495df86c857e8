"""One request of a command: rendered from the mapping, called, and its answer judged and read.

Whether it is tried again, and what follows of it, is `letters`'.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from gateway.acd.tasks.figures import Durations
from gateway.acd.tasks.mapping import Command, RequestPlan
from gateway.acd.tasks.ports import Answer, Call, Caller, Letter
from gateway.acd.tasks.templates import TemplateFault
from gateway.base.clock import Clock
from gateway.base.log import get_logger

_log = get_logger("acd.tasks")

_LATER: Final = frozenset({401, 403, 407, 408, 425, 429})
"""Refusals that may end: signed in wrongly (somebody mends the settings), too early, too often."""

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_PATH = re.compile(r"(?:[/?][\x21-\x7e]*)?", re.ASCII)

NO_CLAIM: Final[Mapping[str, object]] = {"url": "", "token": "", "expires_s": 0}


class Refused(Exception):
    """The ACD will not take this, however often it is sent. `cause` as in `Letter`."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Later(Exception):
    """An answer that may be another one later."""

    def __init__(self, cause: str, retry_after_s: float | None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an answer says of a task."""

    ref: str = ""
    phase: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)


class Requests:
    """Of one ACD. `view` gives what templates see of a task, None when it is not known any more; `claim` makes what a
    panel is opened with at the sending: it is never in the records."""

    def __init__(
        self,
        *,
        variables: Mapping[str, str],
        caller: Caller,
        clock: Clock,
        view: Callable[[str], Mapping[str, Any] | None],
        claim: Callable[[Letter], Mapping[str, object]],
    ) -> None:
        self._variables = dict(variables)
        self._caller = caller
        self._clock = clock
        self._view = view
        self._claim = claim
        self.calls = Durations()

    async def send(self, letter: Letter, plan: RequestPlan) -> Reply | None:
        """Render, call, judge. None when its condition says that there is nothing to send.

        Refused, Later, CallFailed, TemplateFault.
        """
        values = self._values(letter)
        if plan.when is not None and not plan.when.true(values):
            return None
        call = _rendered(letter, plan, values)
        began_s = self._clock.monotonic()
        try:
            answer = await self._caller.call(call)
        finally:
            self.calls.add(self._clock.monotonic() - began_s)
        if not (200 <= answer.status < 300 or answer.status in plan.also_fine):
            raise _judged(answer)
        body = _read(answer.body)
        seen = {**values, "reply": body, "status": answer.status}
        try:
            return Reply(
                ref=plan.ref.render(seen).strip()[:200] if plan.ref is not None else "",
                phase=plan.phase.render(seen).strip()[:40] if plan.phase is not None else "",
                kept={name: template.render(seen)[:200] for name, template in plan.keep.items()},
            )
        except TemplateFault as fault:
            _log.warning("acd.reply_unread", acd=letter.acd, command=letter.command.value, fault=fault.message)
            return Reply()

    def _values(self, letter: Letter) -> dict[str, Any]:
        task = self._view(letter.contact_id) or letter.data.get("task", {})
        return {
            "settings": self._variables,
            "command": letter.command.value,
            "letter": {
                "id": letter.letter_id,
                "number": letter.number,
                "tries": letter.tries,
                "at": letter.created_at.isoformat(),
            },
            "offer": {"reservation": "", "agent": ""},
            "agent": {"ref": "", "state": "", "reason": ""},
            "target": {"mode": "", "kind": "", "value": ""},
            "reason": "",
            "disposition": "",
            **letter.data,
            "claim": self._claim(letter) if letter.command is Command.PANEL else NO_CLAIM,
            "task": task,
        }


def _judged(answer: Answer) -> Refused | Later:
    body = _read(answer.body)
    code = body.get("code") if isinstance(body, dict) else None
    said = str(code) if isinstance(code, str | int) and _CODE.fullmatch(str(code)) else ""
    cause = f"http_{answer.status} {said}".strip()
    if answer.status >= 500 or answer.status in _LATER:
        return Later(cause, answer.retry_after_s)
    return Refused(cause)


def _read(body: bytes) -> Any:
    """The JSON of an answer; an empty mapping when it is none: many answer nothing."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {}


def _rendered(letter: Letter, plan: RequestPlan, values: Mapping[str, Any]) -> Call:
    """The request. TemplateFault, also for a path that would lead to another host and a body that is no JSON."""
    path = plan.path.render(values).strip()
    if _PATH.fullmatch(path) is None:
        raise TemplateFault("path must begin with / or ?, without spaces")
    if plan.form is not None:
        rendered = {name: template.render(values) for name, template in plan.form.items()}
        body, content_type = urlencode(rendered).encode(), "application/x-www-form-urlencoded"
    elif plan.json is not None:
        text = plan.json.render(values)
        try:
            json.loads(text)
        except ValueError:
            raise TemplateFault("what comes out is no JSON") from None
        body, content_type = text.encode("utf-8", "replace"), "application/json"
    else:
        body, content_type = b"", "application/json"
    return Call(
        method=plan.method,
        path=path,
        headers={name: template.render(values) for name, template in plan.headers.items()},
        body=body,
        content_type=content_type,
        idempotency_key=f"{letter.letter_id}-{letter.step}" if letter.step else letter.letter_id,
    )
