"""What a negotiation agreed on, as plain values: the only thing the rest of media/ knows of SDP."""

from dataclasses import dataclass, field

from media.port import Kind

EXT_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
EXT_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
EXT_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
EXT_TRANSPORT_NUMBER = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
EXT_VIDEO_ORIENTATION = "urn:3gpp:video-orientation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One agreed payload format (RFC 8866 rtpmap/fmtp). `name` in upper case: OPUS, VP8, H264, TELEPHONE-EVENT."""

    name: str
    payload_type: int
    clock_rate_hz: int
    channels: int = 1
    fmtp: str = ""
    rtx_payload_type: int | None = None  # RFC 4588; None when the peer offered no RTX for it
    feedback: frozenset[str] = frozenset()  # of "nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One accepted or refused media section. `codecs` is in order of preference; empty means refused (port 0)."""

    kind: Kind
    mid: str
    codecs: tuple[Codec, ...]
    extensions: dict[str, int] = field(default_factory=dict)  # URI → id (RFC 8285)
    peer_sends: bool = True  # the direction the answer gives the browser
    peer_receives: bool = True
    peer_ssrcs: tuple[int, ...] = ()  # announced by the peer, may be empty (then learned by mid or payload type)
    peer_rtx_ssrcs: dict[int, int] = field(default_factory=dict)  # rtx SSRC → media SSRC (ssrc-group FID)
    local_ssrc: int = 0  # the one SSRC we send this section with, announced in our description
    local_rtx_ssrc: int = 0
    cname: str = ""
    reduced_size: bool = True  # RTCP packets need not be compound (RFC 5506)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """Everything both descriptions agreed on. Exactly one transport (BUNDLE) with rtcp-mux."""

    sections: tuple[Section, ...]
    local_ufrag: str
    local_password: str
    remote_ufrag: str
    remote_password: str
    remote_fingerprints: tuple[tuple[str, str], ...]  # (algorithm, "AB:CD:…")
    dtls_role: str  # ours: "client" or "server"
    remote_candidates: tuple[tuple[str, int], ...] = ()  # only used by the client side; a server never sends to these
