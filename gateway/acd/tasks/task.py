"""One contact as a task at the ACD: how far it is, and what of it has to be known.

Pure. At most one reservation stands at any time, and the task ends once. What follows of what the ACD tells is `told`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.acd.events import AcdEventBody, AgentName, Unrecognised
from gateway.acd.port import ContactOffer, Phase
from gateway.acd.tasks.mapping import Told
from gateway.base.ids import AgentId, OfferId

IN_LINE: Final = frozenset({Phase.QUEUED, Phase.RINGING})
IN_CALL: Final = frozenset({Phase.CONNECTED, Phase.HELD})
MAX_KEPT: Final = 20
MAX_ROUNDS_KNOWN: Final = 16


@dataclass(frozen=True, slots=True)
class Said:
    """One event for the contact. `made_up`: nobody told it, it follows from what was told."""

    body: AcdEventBody
    made_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Whom the ACD gives a contact to that somebody has. Until they are here it stays where it is."""

    agent: AgentName
    reservation: str
    offer_id: OfferId
    taken: bool = False  # at the ACD: what their desktop opens our panel with is on its way
    alone: bool = False  # and whoever has it here is out there


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Whom the ACD is to have the contact booked to, as they took it over here. `reservation` once it rings there."""

    agent: str  # as the ACD calls them
    reservation: str = ""


@dataclass(slots=True, kw_only=True)
class Task:
    """`offer` is as the contact gave it, with its attributes as they are now."""

    offer: ContactOffer
    ref: str = ""  # the ACD's own name; empty until it answered
    round: int = 1  # grows when the same contact becomes a new task there
    former_refs: list[str] = field(default_factory=list)
    phase: Phase = Phase.QUEUED
    taken: bool = False  # an agent had it in this round
    confirmed: bool = False  # and customer and agent see and hear each other
    offer_id: OfferId | None = None
    reservation: str = ""
    agent: AgentName | None = None
    coming: Coming | None = None  # only while somebody has it
    booking: Booking | None = None  # the same
    kept: dict[str, str] = field(default_factory=dict)
    letters: int = 0  # sent so far
    seq: int = 0  # events told so far
    attempt: int = 0
    offered: bool = False  # told
    wrapping: bool = False  # told
    held_there: bool = False  # as the ACD's last snapshot had it

    def is_former(self, ref: str) -> bool:
        """Whether `ref` names an earlier round of this contact."""
        return ref in self.former_refs

    @property
    def former_ref(self) -> str:
        """What the ACD calls the task that this contact was before; empty when there is none."""
        return self.former_refs[-1] if self.former_refs else ""

    @property
    def awaits_ref(self) -> bool:
        """Whether the ACD has not said yet what it calls this round."""
        return not self.ref or self.ref in self.former_refs

    def next_round(self) -> None:
        """It becomes a new task at the ACD, in line again."""
        if self.ref:
            self.former_refs = [*self.former_refs, self.ref][-MAX_ROUNDS_KNOWN:]
        self.round += 1
        self.kept.clear()
        self.in_line_again()

    def called(self, ref: str) -> bool:
        """The ACD calls this round `ref`, which may be what it called an earlier one; whether that is news."""
        if self.ref == ref and ref not in self.former_refs:
            return False
        if self.ref and self.ref != ref and self.ref not in self.former_refs:
            self.former_refs = [*self.former_refs, self.ref][-MAX_ROUNDS_KNOWN:]
        self.former_refs = [former for former in self.former_refs if former != ref]
        self.ref = ref
        return True

    def stands(self, phase: Phase) -> None:
        """The ACD was asked, and has it in `phase`."""
        if phase in IN_LINE:
            self.in_line_again()
        elif phase is Phase.GONE:
            self.free()
        else:
            self.taken = True
        self.phase = Phase.QUEUED if phase in IN_LINE else phase

    def in_line_again(self) -> None:
        self.phase = Phase.QUEUED
        self.taken = False
        self.confirmed = False
        self.wrapping = False
        self.held_there = False
        self.free()

    def free(self) -> None:
        """No reservation stands any more."""
        self.offer_id, self.reservation, self.agent = None, "", None
        self.coming = self.booking = None

    def keep(self, kept: Mapping[str, str]) -> bool:
        """Remember what a rule or an answer wants kept; whether that is news."""
        before = dict(self.kept)
        for name, value in kept.items():
            if value and (name in self.kept or len(self.kept) < MAX_KEPT):
                self.kept[name] = value
        return self.kept != before


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the ACD told, read but not understood: fields as texts."""

    told: Told
    fields: Mapping[str, str] = field(default_factory=dict)
    agent_id: AgentId | None = None  # whose name the field `agent` is here
    name: str = ""  # what the ACD calls the event
    quiet: bool = False  # where it is no news, nobody needs to read of it

    @property
    def agent(self) -> AgentName | None:
        ref = self.fields.get("agent", "")
        return AgentName(ref=ref, agent_id=self.agent_id) if ref else None

    @property
    def reservation(self) -> str:
        return self.fields.get("reservation", "")

    @property
    def nothing(self) -> list[Said]:
        """Where nothing follows of it: it is written down, unless nobody needs to read of it."""
        return [] if self.quiet else [Said(Unrecognised(name=self.name or self.told.value))]


def taken_by_us(task: Task) -> None:
    """The agent has it, whoever said so."""
    task.phase = Phase.CONNECTED
    task.taken = True
