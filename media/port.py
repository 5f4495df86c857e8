"""The media port: what the rest of the house may ask of the packets, and what it hears back.

Every command and event is a frozen dataclass of plain values, so that it can cross a process border unchanged.
Commands that answer do so through `MediaPort.execute`; everything else arrives as an event on the emitter. This module
imports nothing of the house and knows no contact-center word: a *leg* is one browser's transport or one telephone call
(`media.port_voice`, all of which can be had from here), a *bridge* is two legs that are each other's source, a
*recording* is a folder of packets.

Times in events are `time.time()` seconds on the media host (`at_s`), because they are compared with RTCP sender reports
and written beside packets; durations are seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from pyee import EventEmitter

from media.port_voice import DialVoice as DialVoice
from media.port_voice import HoldVoice as HoldVoice
from media.port_voice import ProbeTrunk as ProbeTrunk
from media.port_voice import ReferVoice as ReferVoice
from media.port_voice import SendDtmf as SendDtmf
from media.port_voice import TrunkAnswer as TrunkAnswer
from media.port_voice import VoiceAnswered as VoiceAnswered
from media.port_voice import VoiceCodec as VoiceCodec
from media.port_voice import VoiceDtmf as VoiceDtmf
from media.port_voice import VoiceHeld as VoiceHeld
from media.port_voice import VoiceIdentity as VoiceIdentity
from media.port_voice import VoiceProgress as VoiceProgress
from media.port_voice import VoiceReferred as VoiceReferred
from media.port_voice import VoiceTransport as VoiceTransport
from media.port_voice import VoiceTrunk as VoiceTrunk


class Kind(StrEnum):
    """What a media section carries. `SCREEN` is the third, reserved section (a second video)."""

    AUDIO = "audio"
    VIDEO = "video"
    SCREEN = "screen"


# ---------------------------------------------------------------- sources: what a leg sees and hears


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing is sent to the leg. Sequence numbers and timestamps stay ready to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Pre-packetised media of the player: `name` (`hold`, `welcome`, …) in `language` (`en`, `fr`, `es`).

    A clip without that language falls back to `en`; an unknown name is refused with `clip_unknown`.
    """

    name: str
    language: str = "en"
    loop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FromLeg:
    """The packets another leg sends, each kind to the same kind. A telephone call gives and takes sound only."""

    leg_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FromLegs:
    """The sound of one leg, the pictures (camera and screen) of another; without a leg (`""`) nothing of that."""

    audio_leg_id: str
    video_leg_id: str


Source = Silence | Clip | FromLeg | FromLegs


# ---------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLeg:
    """Answer a browser's offer. Replies `LegAnswer`, or raises MediaRefused (`sdp_…`, `capacity`, `leg_exists`).

    Legs that may ever be each other's source, and the recordings of them, have one `call_id`: it keeps them together
    where an engine has several processes, and a later leg is answered with the picture codecs it shares with those that
    are open. Without one a leg is a call of its own.
    """

    leg_id: str
    sdp_offer: str
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswer:
    sdp_answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLeg:
    """Close a leg: DTLS close_notify, or CANCEL or BYE of a telephone call, then gone within 5 s whatever the peer
    does. Unknown legs are no error."""

    leg_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSource:
    """What the leg is sent from now on. Takes effect with the next packet; a key frame is asked of a FromLeg source.

    A hold is two of these; a bridge is two of these. Raises MediaRefused (`leg_unknown`, `clip_unknown`).
    """

    leg_id: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """Begin a capture in `folder` (made when missing). Replies None, or raises MediaRefused (`recording_…`).

    A folder that holds captures already (the process that wrote them is gone) gets the next one; what is made of the
    folder later joins them by the wall clock. `call_id` as in OpenLeg. With less than `keep_free_bytes` of free disk
    the recording ends as `disk_full`, so that a disk that fills up stops recordings before it stops anything else.
    """

    recording_id: str
    folder: str
    call_id: str = ""
    keep_free_bytes: int = 0


TELEPHONE: Final = "telephone"
"""The role of a telephone call in a recording: the voice of whoever is at its other end, beside the agent's picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLeg:
    """From now on everything the leg sends is appended to the recording under `role`: `customer`, `agent`, `TELEPHONE`.

    Several legs may follow one another under the same role (a reload, another agent): they are one set of tracks.
    """

    recording_id: str
    leg_id: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRecording:
    """Append a marker (`consent`, `hold`, `retrieve`, `pause`, …). `pause` stops the writing until `resume`."""

    recording_id: str
    mark: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording:
    """Flush, fsync and close the capture. A RecordingStopped event follows."""

    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKeyFrame:
    """Ask the browser behind this leg for a key frame that a recording can begin with, 0.4 s after the last question
    at the earliest."""

    leg_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLegStats:
    """Replies `LegStats`, or raises MediaRefused (`leg_unknown`)."""

    leg_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStats:
    """Counters of one leg since it opened. `received` is what the browser sent us, `sent` what we sent it."""

    leg_id: str
    connected: bool
    remote_address: str
    received_packets: dict[str, int] = field(default_factory=dict)  # by kind
    received_bytes: dict[str, int] = field(default_factory=dict)
    sent_packets: dict[str, int] = field(default_factory=dict)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    lost_packets: dict[str, int] = field(default_factory=dict)
    jitter_ms: dict[str, float] = field(default_factory=dict)
    round_trip_ms: float | None = None


Command = (
    OpenLeg
    | CloseLeg
    | SetSource
    | StartRecording
    | RecordLeg
    | MarkRecording
    | StopRecording
    | RequestKeyFrame
    | GetLegStats
    | DialVoice
    | HoldVoice
    | SendDtmf
    | ReferVoice
    | ProbeTrunk
)


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class LegConnected:
    """ICE has validated the browser's address and DTLS has keys: media can flow both ways."""

    leg_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFirstMedia:
    """The first RTP packet of that kind came from the browser."""

    leg_id: str
    kind: Kind
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSilent:
    """No packet at all (media or consent check) from the browser for the silence time (6 s by default).

    The leg stays open: its browser may come back by itself. Whoever owns it decides how long to wait.
    """

    leg_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegHeard:
    """Packets came again after a LegSilent."""

    leg_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegClosed:
    """The leg is gone; its id is free. Exactly one per opened leg.

    `reason`: `closed` (by CloseLeg), `bye` (the browser closed DTLS), `setup_timeout`, `dtls_failed`, `consent_lost`
    (RFC 7675: 30 s without a check), `engine_stopped`, `worker_lost` (the process that carried it died), `limit_…` (the
    peer went on beyond what a leg may cost: which limit), `voice_ended` (the telephone call was refused or ended by the
    other side, or failed: `sip_status` and `detail` say how).
    """

    leg_id: str
    reason: str
    at_s: float
    sip_status: int = 0  # the final answer to our INVITE when it was refused; 0: it was answered, or nobody did
    detail: str = ""  # the other side's words, for the journal: a reason phrase, a Reason header, of a 3xx where it
    # leads (Contact), which nobody follows by itself. Bounded, untrusted


@dataclass(frozen=True, slots=True, kw_only=True)
class KindQuality:
    """One kind of media on one direction of a leg during the last period."""

    bitrate_bps: int
    loss: float
    """Share of the packets that did not come by themselves, 0 to 1."""
    unrepaired: float
    """Share that did not come by retransmission either, 0 to 1; equal to `loss` where nobody tells."""
    jitter_ms: float | None = None
    """None while the receiver has not told: all that is known of `loss` then is what it asked for again."""
    frames_per_s: float | None = None
    width: int | None = None
    height: int | None = None
    freezes: int = 0
    """Pictures that stood still for longer than max(3 x the mean interval, the mean + 150 ms) (W3C webrtc-stats)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuality:
    """How a connected leg does, every two seconds. `uplink` is what its browser sends, `downlink` what it is sent."""

    leg_id: str
    at_s: float
    period_s: float
    uplink: dict[str, KindQuality]  # by kind
    downlink: dict[str, KindQuality]
    round_trip_ms: float | None
    downlink_bps: int | None
    """What the way to the browser is believed to carry; None while nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegVideoPaused:
    """The way to this leg carries no picture any more: it is sent sound only, until LegVideoResumed."""

    leg_id: str
    downlink_bps: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegVideoResumed:
    """The leg is sent pictures again."""

    leg_id: str
    downlink_bps: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegVideoUnmatched:
    """The pictures of this leg's source are in a codec that its browser did not agree on: it is sent none of them.

    Once per SetSource. Sound goes on.
    """

    leg_id: str  # the listener's
    source_leg_id: str
    codec: str  # of the source: VP8, H264
    in_common: bool  # the source could send what the listener takes: as a new leg it would be answered with that
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEnded:
    """A Clip that does not loop has been sent to its end; the leg is on Silence now."""

    leg_id: str
    name: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted:
    """The first packet of this recording is on disk."""

    recording_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed:
    """Writing stopped for good (`disk_full`, `disk_error`, `overload`, `worker_lost`). What is there stays readable;
    calls go on. After `worker_lost` the same recording may be started again: the folder gets its next capture."""

    recording_id: str
    code: str
    detail: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStopped:
    """The capture is closed and synced."""

    recording_id: str
    folder: str
    packets: int
    size_bytes: int
    at_s: float


MediaEvent = (
    LegConnected
    | LegFirstMedia
    | LegSilent
    | LegHeard
    | LegClosed
    | LegQuality
    | LegVideoPaused
    | LegVideoResumed
    | LegVideoUnmatched
    | ClipEnded
    | RecordingStarted
    | RecordingFailed
    | RecordingStopped
    | VoiceProgress
    | VoiceAnswered
    | VoiceHeld
    | VoiceDtmf
    | VoiceIdentity
    | VoiceReferred
)


class MediaRefused(Exception):
    """A command was refused and nothing changed. `code` is stable; `detail` may be shown to the operator."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


R = TypeVar("R")

EVENT = "event"
"""The one channel of the emitter: `events.on(EVENT, handler)`, `handler(event: MediaEvent)`, called on the loop."""


class MediaPort(Protocol):
    """The media engine as the rest of the house sees it."""

    events: EventEmitter

    async def execute(self, command: Command) -> Any:
        """Carry out one command. Bounded: answers or raises MediaRefused within 5 s.

        Where the engine has processes of its own, any command may also be refused as `worker_lost` (its process died
        over it), `media_timeout` (none answered, or none is up) or `media_busy` (too many wait for it).
        """
        ...

    async def aclose(self) -> None:
        """Close every leg and recording, then the socket. Idempotent, ends within 8 s."""
        ...
