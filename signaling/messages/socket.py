"""What belongs to the socket: greeting, resuming, acknowledging, refusing, and the servers to connect by.

It knows no contact: every other module has messages of the session.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from signaling.messages.message import Id, Message

# ---------------------------------------------------------------- from the browser


class Resume(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    session_id: Id
    secret: Annotated[str, Field(min_length=20, max_length=128)]
    last_seq: int = Field(ge=0, le=2**53 - 1)


class Hello(Message):
    """Sender: both. Legal: first, once. A customer brings `entry_token` or `resume`; an agent's cookie speaks.

    The panel of one contact (`/ws/embed`) has no cookie: it brings its claim as `entry_token`, or `resume`.
    """

    type: Literal["hello"] = "hello"
    versions: Annotated[list[int], Field(min_length=1, max_length=8)]
    entry_token: Annotated[str, Field(min_length=20, max_length=512)] | None = None
    resume: Resume | None = None
    take_over: bool = Field(False, description="Agent: end my panel in another tab and go on here.")


class Ack(Message):
    """Sender: both. Legal: always. Only acknowledges."""

    type: Literal["ack"] = "ack"


class Ping(Message):
    """Sender: all. Legal: always; `seq` 0. Does this socket still carry? The gateway answers with an `ack` at once."""

    type: Literal["ping"] = "ping"


class IceRequest(Message):
    """Sender: customer, agent. Legal: always; `seq` 0. Answered by `ice_servers`: those of the welcome grow old."""

    type: Literal["ice_request"] = "ice_request"


# ---------------------------------------------------------------- from the gateway


class IceServer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    urls: list[str]
    username: str = ""
    credential: str = ""


class Welcome(Message):
    """To: all. The answer to `hello`. `resumed` false means: forget what you had, a full view follows."""

    type: Literal["welcome"] = "welcome"
    version: int
    session_id: str
    secret: str = Field(description="For the next resume; changes with every welcome.")
    resumed: bool
    contact_id: str | None = None
    grace_s: float = Field(description="A lost socket may come back within this.")
    ice_servers: list[IceServer] = Field([])
    ice_lifetime_s: float = Field(0.0, description="A connection begun later needs new ones; 0: they don't grow old.")


class IceServers(Message):
    """To: customer, agent. The answer to `ice_request`; `seq` 0."""

    type: Literal["ice_servers"] = "ice_servers"
    servers: list[IceServer]
    lifetime_s: float


class Error(Message):
    """To: all. A message was refused; nothing changed. `re_seq` is its number."""

    type: Literal["error"] = "error"
    code: str
    detail: str
    re_seq: int | None = None


class Bye(Message):
    """To: all. The gateway closes the socket: `taken_over`, `signed_out`, `session_over`, `shutdown`, `too_slow`."""

    type: Literal["bye"] = "bye"
    code: str
    detail: str = ""
