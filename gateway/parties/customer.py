"""What only customers ask and are told: menu, place in line, consent, payment, keys of a telephone.

What they have in common with agents is in `call`, `chat` and `quality`.
"""

from dataclasses import dataclass

# ---------------------------------------------------------------- asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseOption:
    """A key pressed in the menu. `node_id` is the node the customer saw: a stale one is refused (`menu_stale`)."""

    node_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent:
    """The answer to the recording notice or question, in the language it was read in (empty: that of the entry)."""

    given: bool
    notice_version: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPayment:
    """The customer's page has a payment field open, or has closed it: nothing of that time is recorded."""

    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PressKeys:
    """Call mode: the customer presses keys of a telephone (`0-9 * #`), as the ACD's announcements ask."""

    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPlace:
    """The customer leaves the page and comes back by a link: their place in line is kept."""


# ---------------------------------------------------------------- told


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuOption:
    key: str  # "1" … "9", "0"
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuShown:
    """To the customer: a node of the menu, in their language. `options` is empty where it only says something."""

    node_id: str
    text: str
    options: tuple[MenuOption, ...]
    can_go_back: bool
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """To the customer, on every change of the place or of the minutes to wait: place 1 is next; None where the center's
    ACD does not tell it.

    `estimate_s` is None when there is nothing honest to say. `keep_in_s`: the customer may keep the place and come back
    after so long from now; None: it is not offered.
    """

    queue: str
    queue_name: str
    place: int | None
    ahead: int | None
    waited_s: float
    estimate_s: float | None
    keep_in_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKept:
    """To the customer, just before the contact closes: their place is kept, and `url` leads back to it.

    `window_s`: so long they are first once their turn has come. `lasts_s`: it is kept no longer, from now.
    """

    url: str
    queue_name: str
    place: int | None
    window_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNotKept:
    """To the customer: they go on waiting. `code`: `places_full`, or that of a failure of ours."""

    code: str
