"""What every message has in common, and the bounded values that several of them carry."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL_VERSION = 1

Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
ShortText = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z]{2}_[0-9a-z]{8,40}$")]
ClientId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{8,40}$")]
Sdp = Annotated[str, Field(min_length=1, max_length=20_000)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class Message(BaseModel):
    """What every message has: strict types, no unknown fields, numbers of both directions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seq: int = Field(0, ge=0, le=2**53 - 1, description="From 1 in each direction; 0 in what belongs to the socket.")
    ack: int = Field(0, ge=0, le=2**53 - 1, description="Highest seq seen of the other side.")
