"""A queue call over SIP with its trunks, its clock and the other side in the test's hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from gateway.acd.events import Abandoned, AcdEventBody, Ended, QueueExit, TargetKind, TransferTarget
from gateway.acd.sip.call import QueueCall
from gateway.acd.sip.hands import Limits
from gateway.acd.sip.states import SipCall
from gateway.acd.sip.trunks import Trunks
from gateway.base.ids import AgentId, LegId
from gateway.config.acd_sip import SipTrunkSettings

TO_QUEUE = TransferTarget(kind=TargetKind.QUEUE, value="sales")
ENDS = (QueueExit, Ended, Abandoned)


@dataclass
class Recorded:
    """Hands that write down what they are asked."""

    dialled: list[SipCall] = field(default_factory=list)
    closed: list[LegId] = field(default_factory=list)
    holds: list[tuple[LegId, bool]] = field(default_factory=list)
    referred: list[tuple[LegId, str, LegId | None]] = field(default_factory=list)
    told: list[AcdEventBody] = field(default_factory=list)
    synthesized: list[AcdEventBody] = field(default_factory=list)
    raws: list[dict[str, str]] = field(default_factory=list)
    outcomes: list[tuple[str, int]] = field(default_factory=list)

    def dial(self, call: SipCall) -> None:
        self.dialled.append(call)

    def close(self, leg_id: LegId) -> None:
        self.closed.append(leg_id)

    def hold(self, leg_id: LegId, on: bool) -> None:
        self.holds.append((leg_id, on))

    def refer(self, call: SipCall, number: str, replaces: LegId | None) -> None:
        self.referred.append((call.leg_id, number, replaces))

    def emit(self, body: AcdEventBody, *, synthesized: bool, raw: Mapping[str, str]) -> None:
        self.told.append(body)
        self.raws.append(dict(raw))
        if synthesized:
            self.synthesized.append(body)

    def outcome(self, trunk: str, status: int) -> None:
        self.outcomes.append((trunk, status))


class Rig:
    """A queue call with two trunks (`a` before `b`), a clock that the test moves, and the other side."""

    def __init__(self, *, capacity: int = 5, **limits: object) -> None:
        self.now = 0.0
        self.hands = Recorded()
        self.trunks = Trunks(
            [
                SipTrunkSettings(name="a", domain="a.example", capacity=capacity),
                SipTrunkSettings(name="b", domain="b.example", capacity=capacity, priority=2),
            ]
        )
        numbers = count(1)
        values: dict[str, object] = {"progress_s": 15.0, "answer_s": 180.0, "trunk_wait_s": 60.0, "transfer_s": 30.0}
        self.call = QueueCall(
            number="7001",
            trunks=self.trunks,
            hands=self.hands,
            limits=Limits(**{**values, **limits}),  # type: ignore[arg-type]
            new_leg_id=lambda: LegId(f"lg_{next(numbers):08}"),
            redirected=lambda contact: "7002" if "7002" in contact else None,
        )

    @property
    def told(self) -> list[AcdEventBody]:
        return self.hands.told

    @property
    def leg(self) -> LegId:
        """Of the last INVITE."""
        return self.hands.dialled[-1].leg_id

    def go(self, seconds: float) -> None:
        """Time passes; deadlines on the way are kept."""
        end = self.now + seconds
        while (due := self.call.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.call.on_timer(self.now)
        self.now = end

    def ring(self, status: int = 180, *, early: bool = False) -> None:
        self.call.progressed(self.leg, status, early, self.now)

    def answer(self) -> None:
        self.call.answered(self.leg, self.now)

    def refuse(self, status: int, detail: str = "", leg: LegId | None = None) -> None:
        self.call.closed(leg or self.leg, "voice_ended", status, detail, self.now)

    def bye(self, leg: LegId | None = None) -> None:
        self.refuse(0, "", leg)

    def gone(self, reason: str = "closed") -> None:
        """Every leg we hung up is gone."""
        for leg in list(self.hands.closed):
            self.call.closed(leg, reason, 0, "", self.now)

    def start(self) -> "Rig":
        self.call.start(self.now)
        self.call.dialled(self.leg)
        return self

    def talking(self) -> "Rig":
        self.start()
        self.ring()
        self.answer()
        self.call.claimed(AgentId("ag_00000001"))
        self.go(10)
        return self

    def busy(self) -> int:
        return sum(trunk.calls for trunk in self.trunks.health(self.now))
