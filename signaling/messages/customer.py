"""What is said with customers only: menu, place in line, consent, payment, keys of a telephone."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from signaling.messages.message import Message

# ---------------------------------------------------------------- from the browser


class MenuChoice(Message):
    """Sender: customer. Legal: `in_menu`; `node_id` must be the node shown."""

    type: Literal["menu_choice"] = "menu_choice"
    node_id: Annotated[str, Field(max_length=64)]
    key: Annotated[str, Field(pattern=r"^(back|[0-9*#])$")]


class Consent(Message):
    """Sender: customer. Legal: before `closed`. The answer to the recording notice."""

    type: Literal["consent"] = "consent"
    given: bool
    notice_version: Annotated[str, Field(max_length=40)]
    language: Annotated[str, Field(pattern=r"^[a-z]{0,3}$")] = ""


class Payment(Message):
    """Sender: customer. Legal: before `closed`. While the page has a payment field open nothing is recorded."""

    type: Literal["payment"] = "payment"
    open: bool


class PressKeys(Message):
    """Sender: customer. Legal: with `voice_apart`, as soon as the ACD's side is heard. Keys of a telephone, for what
    asks for them there. Refused with `keys_not_now`."""

    type: Literal["press_keys"] = "press_keys"
    keys: Annotated[str, Field(pattern=r"^[0-9*#]{1,16}$")]


class KeepPlace(Message):
    """Sender: customer. Legal: `queued`, after `keep_in_s` of the last `queue_position`. Leave, and come back by a
    link: answered by `place_kept` or `place_not_kept`."""

    type: Literal["keep_place"] = "keep_place"


# ---------------------------------------------------------------- from the gateway


class MenuOption(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str
    label: str


class MenuNode(Message):
    """To: customer."""

    type: Literal["menu_node"] = "menu_node"
    node_id: str
    text: str
    options: list[MenuOption]
    can_go_back: bool
    idle_s: float


class QueuePosition(Message):
    """To: customer. Place 1 is next; null where the center's ACD does not tell it: in line, no number. Comes with
    each change of the place, and when the wait has become another number of minutes.

    `keep_in_s`: from then on the place may be kept for who leaves (`keep_place`); null: that is not offered."""

    type: Literal["queue_position"] = "queue_position"
    queue: str
    queue_name: str
    place: int | None = None
    ahead: int | None = None
    waited_s: float
    estimate_s: float | None = None
    keep_in_s: float | None = None


class PlaceKept(Message):
    """To: customer. The contact ends; `url` leads back to its place. `window_s`: so long the customer is first, once
    the turn has come. `lasts_s`: it is kept no longer, from now."""

    type: Literal["place_kept"] = "place_kept"
    url: str
    queue_name: str
    place: int | None = None
    window_s: float
    lasts_s: float


class PlaceNotKept(Message):
    """To: customer, who goes on waiting. `code`: `places_full`, or that of a failure."""

    type: Literal["place_not_kept"] = "place_not_kept"
    code: str
