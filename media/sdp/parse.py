"""Reads a session description (RFC 8866, as browsers write it: RFC 9429) into plain values.

It knows the grammar and nothing of what we accept: that is `codecs` and `answer`. Whatever the text holds, the outcome
is a `Description` or MediaRefused with the line at fault; unknown lines and attributes are passed over (RFC 8866 §5).
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from media.port import MediaRefused
from media.sdp.limits import checked_lines

DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

_MEDIA: Final = re.compile(r"([a-z]{1,20}) ([0-9]{1,5})(?:/1)? ([A-Za-z0-9/]{1,40}) ([\x21-\x7e]+(?: [\x21-\x7e]+)*) ?")
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9.+_-]{1,64})/([0-9]{1,9})(?:/([0-9]{1,3}))?")
_EXTMAP: Final = re.compile(r"([0-9]{1,5})(?:/([a-z]+))? ([\x21-\x7e]{1,255})(?: .*)?")
_FINGERPRINT: Final = re.compile(r"([A-Za-z0-9-]{1,20}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})")
_CANDIDATE: Final = re.compile(
    r"\S{1,64} ([0-9]{1,3}) (\S{1,8}) [0-9]{1,10} (\S{1,255}) ([0-9]{1,5}) typ (\S{1,16})(?: .*)?"
)
_MID: Final = re.compile(r"[\x21-\x7e]{1,16}")  # what fits a one-byte header extension (RFC 8285 §4.2)
_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_SSRC: Final = re.compile(r"([0-9]{1,10})(?: ([A-Za-z0-9_-]+)(?::(.*))?)?")
_FID: Final = re.compile(r"FID ([0-9]{1,10}) ([0-9]{1,10})")

MAX_SSRC: Final = 0xFFFFFFFF


@dataclass(slots=True)
class Payload:
    """One payload type of a section, as the rtpmap, fmtp and rtcp-fb lines describe it."""

    payload_type: int
    name: str  # upper case
    clock_rate_hz: int
    channels: int
    fmtp: dict[str, str] = field(default_factory=dict)  # keys lower case
    feedback: set[str] = field(default_factory=set)


@dataclass(slots=True)
class MediaSection:
    """One m= section. Transport attributes of the session level are filled in where the section has none."""

    media: str  # audio, video, application, …
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    direction: str = "sendrecv"  # RFC 8866 §6.7
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    ufrag: str = ""
    password: str = ""
    setup: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)  # (algorithm lower case, value upper case)
    payloads: dict[int, Payload] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)  # both directions only, ids 1 to 14
    ssrcs: list[int] = field(default_factory=list)  # in order of appearance
    fid_groups: list[tuple[int, int]] = field(default_factory=list)  # (media, RTX)
    cname: str = ""
    candidates: list[tuple[str, int]] = field(default_factory=list)  # UDP, component 1, literal addresses


@dataclass(slots=True)
class Description:
    """A whole description. `bundle` holds the mids of the BUNDLE group, empty without one."""

    sections: list[MediaSection]
    bundle: tuple[str, ...] = ()
    ice_lite: bool = False


class _Fault(Exception):
    """A line that can't be read; caught in this module, where the line's number is known."""


def parse(sdp: str) -> Description:
    """Read a description. Raises MediaRefused (`sdp_…`): over a limit, or `sdp_syntax` with the number of the line."""
    lines = checked_lines(sdp)
    if not lines or lines[0] != "v=0":
        raise MediaRefused("sdp_syntax", "line 1: a description begins with v=0")
    session = MediaSection("", 0, "", ())
    description = Description([])
    section = session
    of_formats: list[tuple[int, MediaSection, str, str]] = []
    for number, line in enumerate(lines, 1):
        try:
            if line.startswith("m="):
                section = _media(line[2:], session)
                description.sections.append(section)
            elif line.startswith("a="):
                name, _, value = line[2:].partition(":")
                if section is session and name in ("group", "ice-lite"):
                    _session_attribute(description, name, value)
                elif name in ("fmtp", "rtcp-fb"):
                    of_formats.append((number, section, name, value.strip()))
                else:
                    _attribute(section, name, value.strip())
            elif len(line) < 2 or line[1] != "=" or not line[0].isalpha():
                raise _Fault("not a line of the form x=…")
        except _Fault as fault:
            raise MediaRefused("sdp_syntax", f"line {number}: {fault}") from None
    for number, section, name, value in of_formats:
        try:
            _describe_format(section, name, value)
        except _Fault as fault:
            raise MediaRefused("sdp_syntax", f"line {number}: {fault}") from None
    _check_mids(description)
    return description


def _media(value: str, session: MediaSection) -> MediaSection:
    match = _MEDIA.fullmatch(value)
    if match is None or int(match[2]) > 65535:
        raise _Fault("not a media line")
    formats = tuple(match[4].split(" "))
    if len(formats) > 128:
        raise _Fault("more than 128 formats")
    return MediaSection(
        match[1],
        int(match[2]),
        match[3],
        formats,
        ufrag=session.ufrag,
        password=session.password,
        setup=session.setup,
        fingerprints=list(session.fingerprints),
        direction=session.direction,
        extensions=dict(session.extensions),
    )


def _session_attribute(description: Description, name: str, value: str) -> None:
    if name == "ice-lite":
        description.ice_lite = True
        return
    semantics, *mids = value.split()[:17] or [""]
    if semantics == "BUNDLE":
        if description.bundle:
            raise _Fault("a second BUNDLE group")
        description.bundle = tuple(mids)


def _attribute(section: MediaSection, name: str, value: str) -> None:
    """One attribute of a section or of the session. Only what we use is read."""
    if name in DIRECTIONS:
        section.direction = name
    elif name == "rtcp-mux":
        section.rtcp_mux = True
    elif name == "rtcp-rsize":
        section.rtcp_rsize = True
    elif name == "bundle-only":
        section.bundle_only = True
    elif name == "mid":
        section.mid = _match(_MID, value, "mid")[0]
    elif name == "ice-ufrag":
        section.ufrag = _match(_UFRAG, value, "ice-ufrag")[0]
    elif name == "ice-pwd":
        section.password = _match(_PASSWORD, value, "ice-pwd")[0]
    elif name == "setup":
        section.setup = value
    elif name == "fingerprint":
        match = _match(_FINGERPRINT, value, "fingerprint")
        if len(section.fingerprints) >= 8:
            raise _Fault("more than 8 fingerprints")
        section.fingerprints.append((match[1].lower(), match[2].upper()))
    elif name == "candidate":
        _candidate(section, value)
    elif name == "rtpmap":
        _format(section, value)
    elif name == "extmap":
        match = _match(_EXTMAP, value, "extmap")
        if 1 <= int(match[1]) <= 14 and match[2] in (None, "sendrecv"):
            section.extensions.setdefault(match[3], int(match[1]))
    elif name == "ssrc":
        _source(section, value)
    elif name == "ssrc-group" and value.startswith("FID "):
        match = _match(_FID, value, "ssrc-group")
        section.fid_groups.append((_ssrc(match[1]), _ssrc(match[2])))
        if len(section.fid_groups) > 8:
            raise _Fault("more than 8 FID groups")


def _format(section: MediaSection, value: str) -> None:
    if section.media not in ("audio", "video"):
        return
    match = _match(_RTPMAP, value, "rtpmap")
    payload_type, rate_hz = int(match[1]), int(match[3])
    if payload_type > 127:
        raise _Fault("a payload type over 127")
    if payload_type in section.payloads:
        raise _Fault(f"payload type {payload_type} twice")
    section.payloads[payload_type] = Payload(payload_type, match[2].upper(), rate_hz, int(match[4] or 1))


def _describe_format(section: MediaSection, name: str, value: str) -> None:
    """fmtp and rtcp-fb, once every rtpmap is known: the order of attributes means nothing (RFC 8866 §5.13).

    Firefox writes them in the order of the alphabet, so its fmtp and rtcp-fb come first.
    """
    if section.media not in ("audio", "video"):
        return
    which, _, rest = value.partition(" ")
    chosen = [p for p in section.payloads.values() if which in ("*", str(p.payload_type))]
    if not (which == "*" or (which.isascii() and which.isdigit())) or not rest:
        raise _Fault(f"{name} without a payload type or a value")
    for payload in chosen:
        if name == "rtcp-fb":
            if len(payload.feedback) < 32:
                payload.feedback.add(rest.strip())
        else:
            for parameter in rest.split(";")[:64]:
                key, _, setting = parameter.strip().partition("=")
                payload.fmtp[key.lower()] = setting


def _candidate(section: MediaSection, value: str) -> None:
    """Keep what one could send to: UDP, component 1, a literal address. Others are passed over, they are no fault."""
    match = _match(_CANDIDATE, value, "candidate")
    if match[1] != "1" or match[2].lower() != "udp" or not 0 < int(match[4]) <= 65535:
        return
    try:
        address = ipaddress.ip_address(match[3])
    except ValueError:
        return  # an mDNS name (RFC 8828 §5)
    section.candidates.append((str(address), int(match[4])))


def _source(section: MediaSection, value: str) -> None:
    match = _match(_SSRC, value, "ssrc")
    ssrc = _ssrc(match[1])
    if ssrc not in section.ssrcs:
        if len(section.ssrcs) >= 16:
            raise _Fault("more than 16 sources in one section")
        section.ssrcs.append(ssrc)
    if match[2] == "cname" and not section.cname:
        section.cname = match[3] or ""


def _ssrc(text: str) -> int:
    ssrc = int(text)
    if ssrc > MAX_SSRC:
        raise _Fault("an SSRC over 32 bits")
    return ssrc


def _match(pattern: re.Pattern[str], value: str, what: str) -> re.Match[str]:
    match = pattern.fullmatch(value)
    if match is None:
        raise _Fault(f"not a valid {what}")
    return match


def _check_mids(description: Description) -> None:
    mids = [section.mid for section in description.sections if section.mid]
    if len(set(mids)) != len(mids):
        raise MediaRefused("sdp_syntax", "two media sections have the same mid")
