"""Who comes to the counter, and what is known of them: customers, agents, and those who watch the board.

Values only: it knows no request and no notice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.base.ids import AgentId, ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerParty:
    contact_id: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParty:
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardParty:
    """Every supervisor and admin who watches the live board."""


Party = CustomerParty | AgentParty | BoardParty


# ---------------------------------------------------------------- customers


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the site says the customer is, signed by it. `subject` is the site's own name of them within `realm`."""

    realm: str  # sites of one realm have the same customers
    subject: str
    name: str = ""
    verified: bool = True  # False: the site was told so, and did not check it


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace:
    """A place in line that a customer comes back to, and what was known of them when they left it.

    `contact_id`: the contact whose place it was. `queued_s`: seconds of the epoch, when that first entered the queue.
    """

    contact_id: ContactId
    queued_s: float
    priority: int
    path: tuple[str, ...] = ()
    display_name: str = ""
    page_url: str = ""
    page_title: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """By whom a customer was invited: there is no menu (`gateway.links`). `agent_id` None: anybody of the queue.

    `place`: by their own link, back to the place that was kept for them.
    """

    link_id: str
    site: str
    agent_id: AgentId | None
    queue: str
    place: KeptPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Everything known of a customer at the click. Already checked and bounded by signaling."""

    site: str
    visitor_key: str  # random and kept by the widget: sticky pilot share, nothing personal
    language: str  # "en", "fr" or "es"
    page_url: str = ""
    page_title: str = ""
    form: Mapping[str, str] = field(default_factory=dict)  # form steps the site chose to pass on, masked by the site
    display_name: str = ""
    notice_version: str = ""  # version of the recording notice that was shown beside the button; empty when none was
    canary: bool = False  # a robot call of `visavis canary`
    identity: Identity | None = None  # only when its signature was good
    invitation: Invitation | None = None  # by a link of an agent


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContact:
    """One earlier contact, as the next agent sees it."""

    at: datetime
    queue_name: str  # empty: it never came to a queue
    agent_name: str  # empty: it never came to an agent
    disposition: str  # empty: none was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerHistory:
    """Who the customer is and when they were here before, newest first. `known_by` says how sure that is.

    `identity`: the site has verified them; `claimed`: the site was told so; `browser`: only the same browser.
    """

    customer_id: str
    name: str
    known_by: str
    contacts: int  # earlier ones, those not shown included
    last: tuple[PastContact, ...] = ()
    url: str = ""  # their page in the CRM


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCard:
    """What the agent may know of the customer."""

    display_name: str
    language: str
    site: str
    page_url: str
    page_title: str
    form: Mapping[str, str]
    menu_path: tuple[str, ...]  # labels of the choices made, in order
    history: CustomerHistory | None = None  # None: nothing is known, or not yet (`CustomerKnown` follows)


# ---------------------------------------------------------------- agents


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """An agent as the routing sees them."""

    agent_id: AgentId
    display_name: str
    queues: tuple[str, ...]
    skills: Mapping[str, int] = field(default_factory=dict)  # name → level, 1 … 10
    languages: tuple[str, ...] = ()  # empty: any
    visiting: bool = False  # here for the one contact that a foreign ACD gave them; nothing else is routed to them


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An agent who has a panel here for one contact only, in the desktop of the ACD that gave it to them."""

    card: AgentCard
    contact_id: ContactId
