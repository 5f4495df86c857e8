"""What a feed knows, and what is to be told of it: calls, agents, and the events waiting to be passed on.

Both mappers write here in the common words (`gateway.acd.cti.signs`). It gives each event its id, bounds the original
that travels with it, and makes after-call work of an agent's state. Pure: time is passed in, nothing is sent.
"""

import itertools
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from gateway.acd.cti import signs
from gateway.acd.cti.agents import AgentBook, AgentNames
from gateway.acd.cti.book import CallBook
from gateway.acd.cti.call import Call, CallState, Shown, Told
from gateway.acd.events import RAW_LIMIT_BYTES, AcdAgentState, AgentEvent, Transferred
from gateway.acd.sip.feed import FeedEvent
from gateway.base.ids import OfferId, new_id

MAX_STRANGE: Final = 20
"""Unrecognised events told of one call; then they are only counted."""

MAX_LAST_CALLS: Final = 20_000


class Ledger:
    """One feed's knowledge. `take` hands over what there is to tell, in order."""

    def __init__(
        self,
        source: str,
        names: AgentNames,
        new_offer_id: Callable[[], OfferId],
        queues: Mapping[str, str] | None = None,
    ) -> None:
        """`queues`: our queue's id by the ACD's name of it; what is not in it keeps the ACD's name."""
        self.source = source
        self.names = names
        self._queues = dict(queues or {})
        self.calls = CallBook(new_offer_id)
        self.agents = AgentBook()
        self.unrecognised = 0
        self.round = 0  # counts up where a replay would begin
        self._ids = (f"{new_id('fe')}-{number}" for number in itertools.count(1))
        self._out: list[FeedEvent | AgentEvent] = []
        self._last_call: OrderedDict[str, str] = OrderedDict()  # agent → correlation: whose after-call work it is

    def take(self) -> list[FeedEvent | AgentEvent]:
        """What is to be told, once."""
        out, self._out = self._out, []
        return out

    # ---------------------------------------------------------------- calls

    def say(self, call: Call, sign: signs.Sign, at: datetime, raw: Mapping[str, str]) -> None:
        """That sign came of that call, at `at` by the ACD's clock."""
        call.touched = True
        call.heard = self.round
        if isinstance(sign, signs.Strange):
            self.unrecognised += 1
            call.strange += 1
            if call.strange > MAX_STRANGE:
                return
        ended_before = call.state is CallState.ENDED
        self._tell(call, call.take(sign), at, raw)
        if call.state is CallState.ENDED and not ended_before and call.agent is not None:
            self._note_last_call(call.agent.ref, call.correlation)
            if self.agents.state_of(call.agent.ref) is AcdAgentState.WRAP_UP:
                self._tell(call, call.take(signs.WrapUpBegan()), at, raw)

    def _tell(self, call: Call, told: list[Told], at: datetime, raw: Mapping[str, str]) -> None:
        for each in told:
            body = each.body
            if isinstance(body, Transferred) and body.queue is not None:
                body = replace(body, queue=self._queues.get(body.queue, body.queue))
            self._out.append(
                FeedEvent(
                    event_id=next(self._ids),
                    correlation=call.correlation,
                    body=body,
                    occurred_at=at,
                    raw=bounded(raw),
                    synthesized=each.synthesized,
                )
            )

    def begin_snapshot(self) -> None:
        """What comes from now on is newer than the snapshot."""
        for call in self.calls:
            call.touched = False

    def settle(self, shown: Mapping[str, Shown], alive: Set[str] | None, at: datetime) -> int:
        """The snapshot is complete: by correlation the calls it shows in a queue or with an agent, and those (`alive`)
        that go on without either; None: the ACD does not tell, so none is taken for gone. Calls that nothing was heard
        of since it was asked for are made to agree with it. How many had to be."""
        corrected = 0
        for call in self.calls:
            if call.touched or call.state is CallState.ENDED:
                continue
            if call.correlation not in shown and (alive is None or call.correlation in alive):
                told = call.take(signs.Left())  # with somebody outside the queue, or on its way to the next
            else:
                told = call.show(shown.get(call.correlation))
            corrected += bool(told)
            self._tell(call, told, at, {"Source": "snapshot"})
        return corrected

    # ---------------------------------------------------------------- agents

    def report_agent(
        self,
        ref: str,
        state: AcdAgentState,
        reason: str | None,
        *,
        at: datetime,
        received_at: datetime,
        now_s: float,
        raw: Mapping[str, str],
    ) -> None:
        """The ACD shows the agent so."""
        before = self.agents.state_of(ref)
        if self.agents.report(ref, state, reason, now_s):
            self._out.append(
                AgentEvent(
                    event_id=next(self._ids),
                    agent=self.names.of(ref),
                    state=state,
                    reason=reason,
                    occurred_at=at,
                    received_at=received_at,
                    source=self.source,
                    raw=bounded(raw),
                )
            )
        after = self.agents.state_of(ref)
        call = self.calls.get(self._last_call.get(ref, ""))
        if call is None or before is after:
            return
        if after is AcdAgentState.WRAP_UP:
            self._tell(call, call.take(signs.WrapUpBegan()), at, raw)
        elif call.wrapping:
            self._tell(call, call.take(signs.WrapUpOver()), at, raw)

    def commanded(self, ref: str, state: AcdAgentState, reason: str | None, now_s: float) -> None:
        """We ask the ACD for that: neither the state nor the end of after-call work that follows from it is news."""
        self.agents.commanded(ref, state, reason, now_s)
        call = self.calls.get(self._last_call.get(ref, ""))
        if call is not None and state is not AcdAgentState.WRAP_UP:
            call.take(signs.WrapUpOver())

    def _note_last_call(self, ref: str, correlation: str) -> None:
        self._last_call[ref] = correlation
        self._last_call.move_to_end(ref)
        if len(self._last_call) > MAX_LAST_CALLS:
            self._last_call.popitem(last=False)


def bounded(raw: Mapping[str, str]) -> dict[str, str]:
    """As much of an original as may travel: whole fields from the first on, values of more than 256 characters cut."""
    kept: dict[str, str] = {}
    left = RAW_LIMIT_BYTES - 2
    for key, value in raw.items():
        short = value[:256]
        left -= len(json.dumps(key)) + len(json.dumps(short)) + 4
        if left < 0:
            break
        kept[key] = short
    return kept


def moment(epoch: str, otherwise: datetime) -> datetime:
    """Seconds of the epoch as an ACD writes them; `otherwise` where it is no number, or beyond any calendar."""
    try:
        return datetime.fromtimestamp(float(epoch), UTC) if epoch else otherwise
    except (ValueError, OverflowError, OSError):
        return otherwise
