"""The telephone's part of the media port: calls over SIP trunks, as commands and events. Import it from `media.port`.

A *voice leg* is one SIP call of ours: dialled by `DialVoice`, joined with browser legs through `SetSource`, recorded by
`RecordLeg`, ended by `CloseLeg`, gone with one `LegClosed`. It carries sound only. Times as in `media.port`.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class VoiceTransport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class VoiceCodec(StrEnum):
    """What a trunk may carry. Which of them is used is said by `VoiceAnswered`."""

    PCMA = "PCMA"
    PCMU = "PCMU"
    G722 = "G722"
    OPUS = "OPUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceTrunk:
    """The way to a telephone switch, and as whom we call over it.

    `from_uri` is a SIP URI (`sip:4930123@gateway.example`): callers that differ are trunks that differ, and a process
    keeps each it has ever used, 5000 at most: a number for each service, not for each customer. The display name may
    not be told apart from it. Whom TLS trusts is a setting of the engine, as all trunks of a process share it.
    """

    name: str
    transport: VoiceTransport = VoiceTransport.UDP
    from_uri: str
    from_display: str = ""
    outbound_proxy: str = ""  # host, host:port or sip: URI that every request goes to first; empty: by the called URI
    user: str = ""  # of the digest; empty: the user of `from_uri`
    password: str = field(default="", repr=False)
    codecs: tuple[VoiceCodec, ...] = (VoiceCodec.PCMA, VoiceCodec.PCMU)  # in order of preference
    srtp: bool = False  # RTP/SAVP with keys in the SDP (RFC 4568): of use under TLS only
    tls_certificate_file: str = ""  # PEM, key and certificate, when the switch asks for ours


# ---------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True, kw_only=True)
class DialVoice:
    """Call `to_uri` over the trunk. Replies None when the INVITE is on its way.

    `headers` are added to the INVITE in that order. Raises MediaRefused: `voice_unavailable` (the extra `sip` is not
    installed, or its stack has died), `voice_capacity`, `voice_bad_uri`, `voice_bad_header` (no token, a line break,
    too long, or one that is the stack's own), `voice_bad_trunk`, `voice_unreachable` (nothing was sent), `leg_exists`.
    `call_id` as in OpenLeg.
    """

    leg_id: str
    call_id: str = ""
    to_uri: str
    headers: tuple[tuple[str, str], ...] = ()
    trunk: VoiceTrunk


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldVoice:
    """Put the other side on hold, or take it back, by a re-INVITE. Replies None when it was sent.

    Raises MediaRefused: `leg_unknown`, `voice_state` (not answered yet, or another change is under way for too long).
    """

    leg_id: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDtmf:
    """Press keys (`0-9 * # A-D`, at most 32) one after the other, as telephone events (RFC 4733) or, where the other
    side knows none, by INFO. Replies None when they wait to be sent, behind those asked for before.

    Raises MediaRefused: `leg_unknown`, `voice_bad_digits`, `voice_state` (no call yet, or more than 64 keys wait).
    """

    leg_id: str
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferVoice:
    """Ask the other side to call `to_uri` in place of us (REFER); with `replaces_leg_id`, another answered voice leg of
    the same engine process (the same `call_id`), to take over that call instead (RFC 3891), and `to_uri` is not used.

    Replies None when it was asked. VoiceReferred tells the outcome; after a success the leg closes. Raises
    MediaRefused: `leg_unknown`, `voice_bad_uri`, `voice_state` (not answered, or a transfer is under way).
    """

    leg_id: str
    to_uri: str = ""
    replaces_leg_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTrunk:
    """Ask the trunk's next hop whether it is there (OPTIONS). Replies TrunkAnswer within 3 s. No call is needed.

    Raises MediaRefused `voice_bad_trunk`, `voice_capacity` (too many are being asked).
    """

    trunk: VoiceTrunk


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkAnswer:
    """Whether the next hop answered at all: any final status says that it is there, 503 that it takes no calls."""

    reachable: bool
    status: int  # of the answer; 0: none came
    round_trip_s: float | None
    detail: str = ""  # the reason phrase, or why there was no answer


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceProgress:
    """A provisional answer (180, 182, 183, …), each time it becomes another one. `early_media`: there is sound before
    the answer (announcements, music, a ringing tone), and whoever listens to this leg hears it."""

    leg_id: str
    status: int
    early_media: bool
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAnswered:
    """The other side took the call: an agent, or only the switch's queue. Once per leg."""

    leg_id: str
    codec: str  # PCMU, PCMA, G722, OPUS; empty when it is not known
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceHeld:
    """The other side put us on hold, or took us back."""

    leg_id: str
    held: bool
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceDtmf:
    """A key was pressed at the other side. At most 20 a second are told."""

    leg_id: str
    digit: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceIdentity:
    """The switch says that we are connected to somebody else now (P-Asserted-Identity or Remote-Party-ID of an answer,
    a re-INVITE or an UPDATE). Untrusted text, bounded; only when it is another one than before."""

    leg_id: str
    display: str
    uri: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceReferred:
    """How the transfer that ReferVoice asked for goes: what the new call's state is, as the other side tells it.

    `final`: nothing more follows. 2xx: it was done and the leg closes. Otherwise the call goes on as it was; 408 also
    when the other side never told.
    """

    leg_id: str
    status: int
    final: bool
    at_s: float
