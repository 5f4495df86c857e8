"""When an ACD is back after a cut: asks it what it believes, compares, acts, and keeps a list of what differed.

Looks twice before it acts: what was on its way when the line came back is no disagreement. Which pair of beliefs leads
to what is `gateway.acd.reconcile`; this knows no kind of ACD.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.acd.events import (
    Accepted,
    AcdRef,
    Connected,
    Ended,
    ExitReason,
    Held,
    Party,
    QueueExit,
    Rejected,
    RejectReason,
    Resumed,
)
from gateway.acd.ledger import IN_CALL, IN_LINE, Belief
from gateway.acd.port import AcdMode, AcdPort, Aligns, ContactSnapshot, CutCause, Phase
from gateway.acd.reconcile import Action, Cause, Verdict, judge
from gateway.acd.router import AcdRouter
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor

_log = get_logger("acd")

LOOK_AGAIN_S: Final = 2.0
RETRY_S: Final = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Between the tries to ask an ACD that says it is back and does not answer; then an alarm, and the next cut."""

BATCH: Final = 100
LOOK_TIMEOUT_S: Final = 10.0
ACT_TIMEOUT_S: Final = 10.0
CLOSED_LOOKED_AT: Final = 500
"""Of the contacts that are over here so many newest are asked about too."""

AGAIN_AFTER_S: Final = 60.0
"""The same difference of the same contact is acted on no more often where nothing says that there was a cut."""

KEPT: Final = 500
"""Disagreements kept for the page; the oldest go first."""

REASON: Final = "resync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One contact of which the ACD believed something else. `failed`: why the action could not be carried out."""

    at: datetime
    acd: str
    contact_id: ContactId
    queue: str
    ours: Phase
    theirs: Phase
    cut: CutCause
    verdict: Verdict
    failed: str = ""


@dataclass(frozen=True, slots=True)
class _Difference:
    belief: Belief
    ours: Phase
    snapshot: ContactSnapshot
    verdict: Verdict


class Reconciler:
    """One per router. `on_found` hears of every disagreement, after it was acted on."""

    def __init__(
        self,
        router: AcdRouter,
        clock: Clock,
        *,
        on_found: Callable[[Disagreement], None],
        on_alarm: Callable[[str, str], None],
    ) -> None:
        self._router = router
        self._clock = clock
        self._on_found = on_found
        self._on_alarm = on_alarm
        self._found: deque[Disagreement] = deque(maxlen=KEPT)
        self._wanted: dict[str, CutCause] = {}  # adapter → why it was cut off; not looked at yet
        self._working: set[str] = set()
        self._supervisor = Supervisor("acd-reconcile")
        router.on_resync(self.resync)
        router.on_left_over(self._left_over)

    async def aclose(self) -> None:
        await self._supervisor.aclose()

    def found(self, limit: int = KEPT) -> Sequence[Disagreement]:
        """The newest disagreements, newest first."""
        return list(itertools.islice(reversed(self._found), limit))

    def resync(self, name: str, cause: CutCause) -> None:
        """The ACD of that adapter is back. Again while it is being asked: it is asked once more."""
        self._wanted[name] = cause
        if name not in self._working:
            self._working.add(name)
            _ = self._supervisor.spawn(self._work(name), name=name)

    async def _work(self, name: str) -> None:
        try:
            while (cause := self._wanted.pop(name, None)) is not None:
                await self._reconcile(name, cause)
        finally:
            self._working.discard(name)

    async def _reconcile(self, name: str, cause: CutCause) -> None:
        adapter = self._router.adapter(name)
        if adapter is None:
            return
        first = await self._differences(name, adapter)
        if not first:
            return
        await self._clock.sleep_until(self._clock.monotonic() + LOOK_AGAIN_S)
        again = await self._differences(name, adapter)
        for contact_id, difference in (again or {}).items():
            before = first.get(contact_id)
            if before is None or (before.ours, before.snapshot.phase) != (difference.ours, difference.snapshot.phase):
                continue
            if difference.belief.phase is not difference.ours or difference.belief.name != name:
                continue  # it moved while others were acted on
            if not self._is_settled(cause, difference):
                await self._settle(name, adapter, cause, difference)

    def _is_settled(self, cause: CutCause, difference: _Difference) -> bool:
        """Whether this was found before and it is as well as it can be."""
        belief = difference.belief
        at_s = belief.settled.get((difference.ours, difference.snapshot.phase))
        if at_s is None:
            return False
        if difference.verdict.action is Action.LEAVE:
            return True
        return cause is CutCause.UNKNOWN and self._clock.monotonic() < at_s + AGAIN_AFTER_S

    # ------------------------------------------------------------ looking

    async def _differences(self, name: str, adapter: AcdPort) -> Mapping[ContactId, _Difference] | None:
        """What differs now; None when the ACD does not answer."""
        for pause_s in (*RETRY_S, None):
            try:
                return await self._look(name, adapter)
            except (GatewayError, TimeoutError) as error:
                code = error.code if isinstance(error, GatewayError) else "acd_timeout"
                _log.warning("acd.not_looked_at", acd=name, code=code, retry_s=pause_s)
                if pause_s is None:
                    self._on_alarm("acd_not_reconciled", f"The ACD {name} is back and can't be asked: {code}.")
                    break
                await self._clock.sleep_until(self._clock.monotonic() + pause_s)
        return None

    async def _look(self, name: str, adapter: AcdPort) -> dict[ContactId, _Difference]:
        believed = [belief for belief in self._router.ledger.held_by(name) if belief.ref]
        closed = [belief for belief in believed if belief.phase is Phase.GONE][-CLOSED_LOOKED_AT:]
        wanted = {belief.ref: belief for belief in believed if belief.phase is not Phase.GONE}
        wanted |= {belief.ref: belief for belief in closed}
        found: dict[ContactId, _Difference] = {}
        refs = list(wanted)
        for start in range(0, len(refs), BATCH):
            for snapshot in await self._ask(adapter, refs[start : start + BATCH]):
                belief = wanted.get(snapshot.acd_ref)
                if belief is None:
                    continue
                queue = belief.offer.queue if belief.offer is not None else ""
                verdict = judge(belief.phase, snapshot.phase, adapter.capabilities(queue))
                if verdict is not None:
                    found[belief.contact_id] = _Difference(belief, belief.phase, snapshot, verdict)
        return found

    async def _ask(self, adapter: AcdPort, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await adapter.contacts(refs)

    # ------------------------------------------------------------ acting

    async def _settle(self, name: str, adapter: AcdPort, cause: CutCause, difference: _Difference) -> None:
        belief = difference.belief
        failed = ""
        belief.settled[difference.ours, difference.snapshot.phase] = self._clock.monotonic()
        if difference.verdict.action is Action.WITHDRAW:
            belief.settled[difference.ours, Phase.GONE] = self._clock.monotonic()  # then that is no news
        try:
            async with asyncio.timeout(ACT_TIMEOUT_S):
                await self._act(adapter, difference)
        except (GatewayError, TimeoutError) as error:
            failed = error.code if isinstance(error, GatewayError) else "acd_timeout"
        self._list(
            Disagreement(
                at=self._clock.now(),
                acd=name,
                contact_id=belief.contact_id,
                queue=belief.offer.queue if belief.offer is not None else "",
                ours=difference.ours,
                theirs=difference.snapshot.phase,
                cut=cause,
                verdict=difference.verdict,
                failed=failed,
            )
        )

    def _left_over(self, name: str, seen: ContactSnapshot, queue: str) -> None:
        """The contact ended with the process before; its adapter takes it out there."""
        self._list(
            Disagreement(
                at=self._clock.now(),
                acd=name,
                contact_id=seen.contact_id,
                queue=queue,
                ours=Phase.GONE,
                theirs=seen.phase,
                cut=CutCause.GATEWAY_RESTARTED,
                verdict=Verdict(Cause.KEPT, Action.WITHDRAW),
            )
        )

    def _list(self, found: Disagreement) -> None:
        self._found.append(found)
        _log.warning(
            "acd.disagreement",
            acd=found.acd,
            contact_id=found.contact_id,
            ours=found.ours.value,
            theirs=found.theirs.value,
            cause=found.verdict.cause.value,
            action=found.verdict.action.value,
            failed=found.failed,
        )
        self._on_found(found)

    async def _act(self, adapter: AcdPort, difference: _Difference) -> None:
        belief, cause = difference.belief, difference.verdict.cause.value
        if isinstance(adapter, Aligns) and difference.verdict.action is not Action.LEAVE:
            adapter.align(difference.snapshot)
        match difference.verdict.action:
            case Action.LEAVE:
                pass
            case Action.CLOSE if difference.ours in IN_CALL:
                self._router.say(belief, Ended(by=Party.ACD, reason=cause), why=cause)
            case Action.CLOSE:
                self._router.say(belief, QueueExit(reason=ExitReason.FAILED), why=cause)
            case Action.OFFER:
                await self._offer_again(adapter, belief, cause)
            case Action.REQUEUE:
                await adapter.requeue(belief.ref, REASON)
            case Action.WITHDRAW:
                await self._withdraw(adapter, difference)
            case Action.FOLLOW:
                self._follow(adapter, difference)

    async def _offer_again(self, adapter: AcdPort, belief: Belief, cause: str) -> None:
        """Under the same id and with the time it first came: it has its old place as far as the ACD lets it."""
        if belief.offer_id is not None:
            rejected = Rejected(offer_id=belief.offer_id, reason=RejectReason.WITHDRAWN)
            self._router.say(belief, rejected, why=cause)
        if belief.offer is None:
            return
        await adapter.cancel(belief.ref, REASON)
        if belief.phase is Phase.QUEUED:  # the customer is still there
            self._router.ledger.took(belief, await adapter.offer(belief.offer))

    async def _withdraw(self, adapter: AcdPort, difference: _Difference) -> None:
        ref = difference.belief.ref
        if difference.snapshot.phase in IN_LINE:
            await adapter.cancel(ref, REASON)
            return
        await adapter.end(ref, REASON)
        if difference.ours is not Phase.WRAP_UP:  # who is in after-call work here says themselves when it is over
            await adapter.complete_wrap_up(ref, None)

    def _follow(self, adapter: AcdPort, difference: _Difference) -> None:
        belief, theirs, cause = difference.belief, difference.snapshot.phase, difference.verdict.cause.value
        if difference.ours is Phase.HELD:
            self._router.say(belief, Resumed(), why=cause)
        elif difference.ours is Phase.CONNECTED:
            self._router.say(belief, Held(), why=cause)
        elif theirs is Phase.QUEUED and belief.offer_id is not None:
            rejected = Rejected(offer_id=belief.offer_id, reason=RejectReason.WITHDRAWN)
            self._router.say(belief, rejected, why=cause)
        elif adapter.capabilities().mode is AcdMode.CALL or belief.offer_id is None:
            self._router.say(belief, Connected(agent=difference.snapshot.agent), why=cause)
        else:
            self._router.say(belief, Accepted(offer_id=belief.offer_id), why=cause)
