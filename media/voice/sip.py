"""Our own narrow idea of a SIP stack: what the calls of an engine ask of it, and what it tells. No stack is named here.

`media.voice.stack` implements it over baresip. It hands out PCM, not packets: 16-bit samples of this machine's byte
order, at the rate and with the channels that the call agreed on. Everything runs on the event loop, but for the
calls of `Pcm`, which may come from one other thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from media.port import TrunkAnswer, VoiceTrunk


@dataclass(frozen=True, slots=True)
class Progress:
    status: int
    early_media: bool


@dataclass(frozen=True, slots=True)
class Answered:
    codec: str  # PCMU, PCMA, G722, OPUS, or empty


@dataclass(frozen=True, slots=True)
class Held:
    held: bool


@dataclass(frozen=True, slots=True)
class Digit:
    digit: str


@dataclass(frozen=True, slots=True)
class Identity:
    display: str
    uri: str


@dataclass(frozen=True, slots=True)
class Referred:
    status: int
    final: bool


@dataclass(frozen=True, slots=True)
class MediaHeard:
    """The first RTP packet came."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is gone; the last event of each. `status` of a refusal, else 0."""

    status: int
    detail: str


SipEvent = Progress | Answered | Held | Digit | Identity | Referred | MediaHeard | Ended


class PcmFormat(NamedTuple):
    rate_hz: int
    channels: int


class PcmGone(Exception):
    """There is no sound on this call just now: not yet, not any more, or it is being agreed on anew."""


class PcmState(NamedTuple):
    """A way that is closed just now has no format."""

    out: PcmFormat | None  # what is taken from us
    out_waiting_bytes: int  # written and not sent yet
    into: PcmFormat | None  # what comes
    into_waiting_bytes: int  # come and not read yet


class Pcm(Protocol):
    """One call's sound. At most one thread uses it."""

    def state(self) -> PcmState:
        """PcmGone."""
        ...

    def write(self, pcm: bytes) -> None:
        """To the other side. What does not fit is lost. PcmGone."""
        ...

    def read(self, most_bytes: int) -> bytes:
        """What came since the last time, whole samples. PcmGone."""
        ...


class SipCall(Protocol):
    """A call that was dialled."""

    @property
    def pcm(self) -> Pcm: ...

    def on_event(self, listener: Callable[[SipEvent], None]) -> None:
        """Tell `listener` everything, from the beginning; nothing is lost before it is set."""
        ...

    async def hang_up(self) -> None:
        """CANCEL or BYE, or nothing when it is gone. `Ended` follows, or came before. Bounded."""
        ...

    async def set_hold(self, *, on: bool) -> None:
        """MediaRefused `voice_state`."""
        ...

    async def press(self, digits: str) -> None:
        """Keys one after the other, each held for about 100 ms. Returns when the last one is released. MediaRefused
        `voice_state`."""
        ...

    async def refer(self, to_uri: str) -> None:
        """MediaRefused `voice_state`. `Referred` follows."""
        ...

    async def refer_to(self, other: "SipCall") -> None:
        """Let the other side replace `other`, a call of the same stack (RFC 3891). As `refer`."""
        ...


class SipPort(Protocol):
    """The stack of this process."""

    async def dial(self, to_uri: str, headers: Sequence[tuple[str, str]], trunk: VoiceTrunk) -> SipCall:
        """Send an INVITE. MediaRefused as DialVoice. The values were checked."""
        ...

    async def probe(self, trunk: VoiceTrunk) -> TrunkAnswer:
        """OPTIONS. MediaRefused as ProbeTrunk."""
        ...

    async def aclose(self) -> None:
        """End every call and the stack. Idempotent, bounded."""
        ...
