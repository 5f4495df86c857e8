"""How the two sides of a contact are connected: who is told, what is written down, what the board shows.

The judging is `gateway.quality`'s; this keeps one watch per side, in step with the legs.
"""

from typing import Final

from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.legs import LegState
from gateway.contacts.model import Contact, Role, Side
from gateway.contacts.states import OVER, ContactState
from gateway.contacts.views import WITH_AGENT
from gateway.parties import QualityChanged, ReportQuality, SideQuality
from gateway.quality.judge import Verdict, Word
from gateway.quality.side import Around, SideWatch
from media.port import LegQuality, LegVideoPaused, LegVideoResumed, LegVideoUnmatched

REFRESH_S: Final = 4.0
"""An agent who looks at the figures sees new ones this often."""

MAX_CHANGES: Final = 60
"""Changes written into one contact's journal. Policy for *full*: the summary of each leg still tells them all."""

STRAINED_S: Final = 0.1
"""An event loop that is late by this much makes sound choppy: it is our doing then."""

_GRAVE = frozenset({Word.POOR, Word.LOST})


class Qualitywork:
    """Both sides' watches of one contact."""

    def __init__(self, contact: Contact, neighbours: Neighbours, effects: Effects) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._watches: dict[Role, SideWatch] = {}
        self._generations: dict[Role, int] = {}  # of the leg each watch has measured
        self._agent_id: str | None = None
        self._written = 0
        self._pauses_written = 0
        self._unmatched: dict[Role, tuple[str, str]] = {}  # listener → its leg and its source's
        self._told: dict[Role, QualityChanged] = {}
        self._told_at_s = float("-inf")

    # ------------------------------------------------------------ what comes in

    def measured(self, event: LegQuality) -> None:
        """One period of the newest leg of a side."""
        side = next((each for each in self._sides() if each.transport == event.leg_id), None)
        if side is None or not side.connected:
            return
        watch, other = self._watch(side.role), self._watches.get(_other(side.role))
        self._generations[side.role] = side.generation
        before = watch.told
        seen = watch.measured(event, self._around(side), other, self._now())
        self._n.quality.observe(side.role.value, seen)
        self._changed(side.role, before)

    def reported(self, role: Role, report: ReportQuality) -> None:
        """What a side's page measured. Too much of it is left out without a word: it is only for its own good."""
        if role is Role.SECOND:
            return  # nobody is told how the connection of somebody who is only asked does
        self._watch(role).page_says(report, self._now())

    def paused(self, event: LegVideoPaused | LegVideoResumed) -> None:
        """The way to this leg carries no picture, or does again: both sides are told, and it is written down."""
        side = next((each for each in self._sides() if each.transport == event.leg_id), None)
        paused = isinstance(event, LegVideoPaused)
        if side is None or self._watch(side.role).pictures_paused == paused:
            return
        self._watch(side.role).video_paused(paused)
        if self._pauses_written < MAX_CHANGES and self._contact.state not in OVER:
            self._pauses_written += 1
            self._do.journal(
                "video_paused" if paused else "video_resumed",
                JournalSource.MEDIA,
                data={"side": side.role.value, "downlink_bps": event.downlink_bps},
            )
        self._tell()

    def unmatched(self, event: LegVideoUnmatched) -> None:
        """The browser of this leg can't show the other's pictures: both are told for as long as both legs last."""
        side = next((each for each in self._sides() if each.transport == event.leg_id), None)
        pair = event.leg_id, event.source_leg_id
        if side is None or self._unmatched.get(side.role) == pair:
            return
        self._unmatched[side.role] = pair
        self._watch(side.role)
        if not self._unfit(side.role):
            return
        if self._pauses_written < MAX_CHANGES and self._contact.state not in OVER:
            self._pauses_written += 1
            self._do.journal(
                "video_unmatched", JournalSource.MEDIA, data={"side": side.role.value, "codec": event.codec}
            )
        self._tell()

    def _unfit(self, role: Role) -> bool:
        """Whether that side can't show the other's pictures. A new leg of either is another matter until it is told."""
        own, other = self._contact.side(role), self._contact.side(_other(role))
        if own is None or other is None:
            return False
        return self._unmatched.get(role) == (own.transport, other.transport)

    # ------------------------------------------------------------ legs

    def afterwards(self) -> None:
        """The legs as they are now: a lost one is told at once, a new one begins anew, one that is over is summed."""
        agent_id = self._contact.agent.agent_id if self._contact.agent is not None else None
        if agent_id != self._agent_id:
            self.end(Role.AGENT)
            self._agent_id = agent_id
            self._watches.pop(Role.AGENT, None)
            self._told.pop(Role.AGENT, None)
        for side in self._sides():
            watch = self._watches.get(side.role)
            if watch is None:
                continue
            if side.generation != self._generations.get(side.role, side.generation):
                self.end(side.role)
                watch.video_paused(False)
            before = watch.told
            if side.leg is LegState.RECONNECTING and not watch.lost:
                watch.lose(self._now())
            elif side.connected and watch.lost:
                watch.begin(self._now())
            self._changed(side.role, before)
        self._board()
        self._tell()

    def end(self, role: Role | None = None) -> None:
        """A leg (or both) is over: what it was like goes into the journal, once."""
        for each, watch in self._watches.items():
            if role not in (None, each):
                continue
            data = watch.end(self._now())
            generation = self._generations.pop(each, 0)
            if data is not None:
                facts: dict[str, JournalValue] = {"side": each.value, "generation": generation}
                self._do.journal("leg_quality", JournalSource.MEDIA, data=facts | dict(data))

    # ------------------------------------------------------------ what is told

    def notice(self, role: Role) -> QualityChanged | None:
        """What that side is told now; None while nothing is known."""
        contact = self._contact
        own = self._watches.get(role)
        peer = self._watches.get(_other(role)) if contact.state in WITH_AGENT else None
        if own is None and peer is None:
            return None
        figures = role is Role.AGENT
        return QualityChanged(
            own=_shown(own, figures, self._unfit(role)) if own is not None else SideQuality(word=Word.GOOD.value),
            peer=_shown(peer, figures, self._unfit(_other(role))) if peer is not None else None,
        )

    def view(self, role: Role) -> tuple[QualityChanged, ...]:
        """For a freshly loaded page."""
        notice = self.notice(role) if self._contact.state not in OVER else None
        return (notice,) if notice is not None else ()

    def _board(self) -> None:
        """The worse side, for the board: `poor`, `customer_uplink`."""
        contact = self._contact
        worse = max(self._watches.items(), key=lambda item: item[1].told.level, default=None)
        if worse is None or contact.state in OVER:
            contact.quality = contact.quality_cause = None
            return
        role, watch = worse
        cause = watch.told.cause
        contact.quality = watch.told.word.value
        contact.quality_cause = f"{role.value}_{cause.value}" if cause is not None else None

    def _changed(self, role: Role, before: Verdict) -> None:
        after = self._watches[role].told
        if after == before:
            return
        if (after.word in _GRAVE or before.word in _GRAVE) and after.word is not before.word:
            self._write(role, before, after)

    def _write(self, role: Role, before: Verdict, after: Verdict) -> None:
        if self._written >= MAX_CHANGES or self._contact.state in OVER:
            return
        self._written += 1
        cause = after.cause if after.cause is not None else before.cause
        self._do.journal(
            "quality_changed",
            JournalSource.MEDIA,
            reason=cause.value if cause is not None else None,
            data={"side": role.value, "quality": after.word.value, "before": before.word.value},
        )

    def _tell(self) -> None:
        if self._contact.state in OVER:
            return
        now = self._now()
        for role in (Role.CUSTOMER, Role.AGENT):
            notice = self.notice(role)
            told = self._told.get(role)
            if notice is None or (told is None and _quiet(notice)):
                continue
            same = told is not None and _words(told) == _words(notice)
            if same and (role is Role.CUSTOMER or now - self._told_at_s < REFRESH_S):
                continue
            self._told[role] = notice
            if role is Role.CUSTOMER:
                self._do.tell_customer(notice)
            elif self._contact.state in WITH_AGENT:
                self._told_at_s = now
                self._do.tell_agent(notice)

    # ------------------------------------------------------------ small things

    def _now(self) -> float:
        return self._n.clock.monotonic()

    def _sides(self) -> list[Side]:
        agent = self._contact.agent
        return [self._contact.customer] + ([agent.side] if agent is not None else [])

    def _watch(self, role: Role) -> SideWatch:
        return self._watches.setdefault(role, SideWatch())

    def _around(self, side: Side) -> Around:
        contact = self._contact
        other = contact.side(_other(side.role))
        together = contact.state is ContactState.ACTIVE
        return Around(
            says=side.shows.audio,
            shows=side.shows.video,
            hears=together,
            gets_pictures=together and other is not None and other.shows.video,
            strained=self._n.lag_s() >= STRAINED_S,
        )


def _other(role: Role) -> Role:
    return Role.AGENT if role is Role.CUSTOMER else Role.CUSTOMER


def _shown(watch: SideWatch, figures: bool, unfit: bool) -> SideQuality:
    told = watch.told
    return SideQuality(
        word=told.word.value,
        cause=told.cause.value if told.cause is not None else None,
        figures=watch.figures() if figures else None,
        pictures_paused=watch.pictures_paused,
        pictures_unmatched=unfit,
    )


def _words(notice: QualityChanged) -> tuple[tuple[str, str | None, bool, bool] | None, ...]:
    return tuple(
        None if side is None else (side.word, side.cause, side.pictures_paused, side.pictures_unmatched)
        for side in (notice.own, notice.peer)
    )


def _quiet(notice: QualityChanged) -> bool:
    """Nothing to say and nothing to show: a customer whose connection is good is not told so."""
    return all(
        side is None
        or (
            side.figures is None and side.word == Word.GOOD and not side.pictures_paused and not side.pictures_unmatched
        )
        for side in (notice.own, notice.peer)
    )
