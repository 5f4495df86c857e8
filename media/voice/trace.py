"""What a SIP message says beside what the stack tells of it: exact status, reason, connected identity. Pure.

The stack shows every message it sends and receives as text; this reads the few lines that matter. All of it comes from
the network: whatever is no message is None, and every value is bounded.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_TEXT: Final = 200
_MAX_HEAD_CHARACTERS: Final = 8192
_MAX_LINES: Final = 100

_RESPONSE: Final = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?")
_REQUEST: Final = re.compile(r"([A-Z]{3,12}) \S+ SIP/2\.0")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_COMPACT: Final = {"m": "contact", "i": "call-id", "f": "from", "t": "to", "c": "content-type", "l": "content-length"}
_KEPT: Final = frozenset(
    {
        "call-id",
        "contact",
        "cseq",
        "reason",
        "p-asserted-identity",
        "remote-party-id",
        "content-type",
        "subscription-state",
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One message that was received. Of a request `method` is set, of an answer `status` and the method it answers."""

    method: str
    status: int
    phrase: str
    call_id: str
    reason: str  # the Reason header (RFC 3326)
    contact: str  # the first Contact header: where a redirection leads
    identity: tuple[str, str] | None  # (display name, URI)
    has_sdp: bool
    codec: str  # of the first payload type in its SDP, as PCMA; empty: none that we know
    fragment_status: int  # a NOTIFY's message/sipfrag (RFC 3515): the state of the call that was asked for; 0: none
    last: bool  # that NOTIFY is the last


def read(message: str) -> Seen | None:
    """A message without its transport line. None when it is none."""
    head, _, body = message.replace("\r\n", "\n")[:_MAX_HEAD_CHARACTERS].lstrip("\n").partition("\n\n")
    start, *lines = head.split("\n")[:_MAX_LINES]
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        name = _COMPACT.get(name, name)
        if colon and name in _KEPT:
            headers.setdefault(name, _CONTROL.sub(" ", value).strip()[:1024])
    method = headers.get("cseq", "").rpartition(" ")[2].upper()[:12]
    status, phrase = 0, ""
    if response := _RESPONSE.fullmatch(start.strip()):
        status, phrase = int(response.group(1)), bounded(response.group(2) or "")
    elif request := _REQUEST.fullmatch(start.strip()):
        method = request.group(1)
    else:
        return None
    call_id = headers.get("call-id", "")
    if not call_id or not method:
        return None
    fragment = _RESPONSE.match(body.lstrip()) if method == "NOTIFY" and not status else None
    has_sdp = headers.get("content-type", "").lower().startswith("application/sdp")
    return Seen(
        method=method,
        status=status,
        phrase=phrase,
        call_id=call_id,
        reason=bounded(headers.get("reason", "")),
        contact=bounded(headers.get("contact", "")),
        identity=identity_of(headers.get("p-asserted-identity", "") or headers.get("remote-party-id", "")),
        has_sdp=has_sdp,
        codec=codec_of(body[:_MAX_HEAD_CHARACTERS]) if has_sdp else "",
        fragment_status=int(fragment.group(1)) if fragment else 0,
        last=headers.get("subscription-state", "").lower().startswith("terminated"),
    )


def identity_of(value: str) -> tuple[str, str] | None:
    """(display name, URI) of the first name-addr or addr-spec (RFC 3261 §25.1), or None."""
    match = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<",;]*?))\s*<((?:sips?|tel):[^>\s]+)>', value)
    if match:
        display = re.sub(r"\\(.)", r"\1", match.group(1) or "") or (match.group(2) or "").strip()
        return bounded(display), bounded(match.group(3))
    plain = re.match(r"\s*((?:sips?|tel):[^\s,;<>\"]+)", value)
    return ("", bounded(plain.group(1))) if plain else None


def codec_of(sdp: str) -> str:
    """The codec of an audio section's first payload type (RFC 8866 §5.14, §6.6; RFC 3551 §6 for the static ones)."""
    section = re.search(r"^m=audio \d{1,5} [A-Z/]+ (\d{1,3})\b", sdp, re.MULTILINE)
    if section is None:
        return ""
    number = section.group(1)
    mapped = re.search(rf"^a=rtpmap:{number} ([A-Za-z0-9]{{1,20}})/", sdp, re.MULTILINE)
    name = mapped.group(1).upper() if mapped else {"0": "PCMU", "8": "PCMA", "9": "G722"}.get(number, "")
    return name if name in ("PCMU", "PCMA", "G722", "OPUS") else ""


def bounded(text: str) -> str:
    """One line of at most 200 characters."""
    return _CONTROL.sub(" ", text).strip()[:MAX_TEXT]
