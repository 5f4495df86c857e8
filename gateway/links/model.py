"""What a link is, and what its keeper must be able to do. Knows no HTTP, no SQL and no contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType, Protocol

from gateway.base.ids import AgentId, ContactId

LinkId = NewType("LinkId", str)

MOST_OPENINGS: Final = 5
"""A customer whose phone lost the page opens the link again; a link that was passed around ends."""

MOST_WRONG_PINS: Final = 5
MOST_OF_AGENT: Final = 20
"""Links of one agent that are still good."""

MOST_OF_TOKEN: Final = 10_000
"""Links of one API token that are still good."""

LEAST_LENGTH: Final = timedelta(minutes=5)
MOST_LENGTH: Final = timedelta(days=1)
MOST_AHEAD: Final = timedelta(days=366)
KEPT_AFTER: Final = timedelta(days=1)
"""A link that is over is forgotten after this: until then it can say why it opens nothing."""


class PlaceEnd(StrEnum):
    """Why a place in line is kept no more."""

    TAKEN = "taken"  # its customer is back
    LAPSED = "lapsed"  # nobody came in time
    GIVEN_UP = "given_up"  # its customer did not want it any more, or never learnt of it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNotes:
    """What must be known of a kept place to bring it back, and to call its customer. Forgotten when it ends.

    `token` of the link as people read it: who is told that a turn has come can pass it on. `queued_s`: seconds of the
    epoch. `realm` … `verified` as in `gateway.parties.Identity`, empty without one.
    """

    node: str
    token: str
    queued_s: float
    priority: int
    language: str
    path: tuple[str, ...]
    name: str
    realm: str
    subject: str
    verified: bool
    page_url: str
    page_title: str
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An invitation. `digest` is of its token, which is nowhere; `pin_digest` empty where none is asked.

    `made_by`: the agent's id, or `token:` and the name of an API token. `agent_id`: the agent it leads to; None:
    whoever serves `queue`.
    """

    link_id: LinkId
    digest: str
    pin_digest: str
    site: str
    made_by: str
    agent_id: AgentId | None
    agent_name: str
    queue: str
    made_at: datetime
    opens_at: datetime
    closes_at: datetime
    openings: int = 0
    wrong_pins: int = 0
    revoked: bool = False
    remind_at: datetime | None = None
    """When another system is reminded of it (next); None: never (again)."""
    reminders: int = 0
    """How often that was tried."""
    place_of: ContactId | None = None
    """The contact whose place in line it leads back to; None: it leads to none."""
    place: PlaceNotes | None = None
    called_at: datetime | None = None
    """When the turn of that place came."""
    place_end: str = ""
    """Why it is kept no more (`PlaceEnd`); empty while it is."""

    def is_over(self, now: datetime) -> bool:
        """Whether it opens nothing any more, whatever is typed."""
        spent = self.openings >= MOST_OPENINGS or self.wrong_pins >= MOST_WRONG_PINS
        return self.revoked or spent or bool(self.place_end) or now >= self.closes_at

    def is_early(self, now: datetime) -> bool:
        """Whether it opens nothing yet."""
        return now < self.opens_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A link for a time, as it is asked for. Fields as in `Link`; who asks may do so."""

    made_by: str
    site: str
    agent_id: AgentId | None
    agent_name: str
    queue: str
    opens_at: datetime
    closes_at: datetime
    with_pin: bool


class LinkStore(Protocol):
    """Where links are kept. Every method may raise PortFailure."""

    async def add(self, link: Link) -> None: ...

    async def by_digest(self, digest: str) -> Link | None: ...

    async def of_maker(self, made_by: str, now: datetime) -> Sequence[Link]:
        """Those that close later than `now`, newest first, at most `MOST_OF_AGENT`."""
        ...

    async def count_good(self, made_by: str, now: datetime) -> int:
        """How many of theirs are not over (`Link.is_over`)."""
        ...

    async def count_opening(self, digest: str) -> bool:
        """One opening more. False, and nothing is changed: it was revoked, or `MOST_OPENINGS` were counted."""
        ...

    async def count_wrong_pin(self, digest: str) -> None: ...

    async def revoke(self, made_by: str, link_id: LinkId) -> bool:
        """Whether they have made such a link."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete those that closed before that moment; how many."""
        ...
