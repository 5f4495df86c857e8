"""What may go into an INVITE: URIs, headers, trunks and keys, checked before the SIP stack sees any of them. Pure.

Names and menu values end up in headers; a line break in one of them would be a header of somebody else's making. Every
function returns nothing or raises MediaRefused; a refusal names what is wrong, never a password.
"""

import re
from collections.abc import Sequence
from typing import Final

from media.port import MediaRefused, VoiceTrunk

MAX_URI_CHARACTERS: Final = 256
MAX_HEADERS: Final = 32
MAX_HEADER_BYTES: Final = 512
MAX_HEADERS_BYTES: Final = 2048
"""All added headers together: the INVITE still fits into two datagrams' worth of a path that fragments."""

MAX_DIGITS: Final = 32
MAX_NAME_CHARACTERS: Final = 64

_HOST: Final = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,126}))(?::[0-9]{1,5})?"
_USER: Final = r"[A-Za-z0-9+*#_.!~'()&=$,/%-]{1,128}"
_PARAMETERS: Final = r"(?:;[A-Za-z0-9._!%*+~'-]{1,64}(?:=[A-Za-z0-9._!%*+~'\[\]:/-]{1,128})?){0,8}"
_URI: Final = re.compile(rf"sips?:(?:{_USER}@)?{_HOST}{_PARAMETERS}")
_FROM: Final = re.compile(rf"sips?:(?P<user>{_USER})@(?P<domain>{_HOST})")
_PROXY: Final = re.compile(rf"(?:sips?:)?{_HOST}{_PARAMETERS}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!%*+._`'~-]{1,64}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS: Final = re.compile(rf"[0-9A-Da-d*#]{{1,{MAX_DIGITS}}}")
_DIGEST_USER: Final = re.compile(r"[^\s;<>\"\\\x00-\x1f\x7f]{1,128}")

_STACKS_OWN: Final = frozenset(
    {
        *("via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "timestamp"),
        *("route", "record-route", "path", "refer-to", "r", "replaces", "event", "o", "subscription-state"),
        *("content-type", "c", "content-length", "l", "content-encoding", "e", "content-disposition", "mime-version"),
        *("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info"),
        *("allow", "supported", "k", "require", "proxy-require", "unsupported", "user-agent", "server", "warning"),
        *("expires", "min-expires", "session-expires", "x", "min-se", "rseq", "rack", "retry-after"),
    }
)
"""Headers that the stack writes, in their long and compact forms: a second one would contradict it."""


def check_uri(uri: str) -> None:
    """A SIP URI without embedded headers (`?…`), which would become headers of the request."""
    if len(uri) > MAX_URI_CHARACTERS or not _URI.fullmatch(uri) or not _port_fits(uri):
        raise MediaRefused("voice_bad_uri", "a SIP URI is needed, as sip:user@host")


def check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Extra headers, in bounds and nobody else's."""
    if len(headers) > MAX_HEADERS:
        raise MediaRefused("voice_bad_header", f"more than {MAX_HEADERS} headers")
    if len({name.lower() for name, _ in headers}) < len(headers):
        raise MediaRefused("voice_bad_header", "a header is given twice: some switches discard both then")
    total = 0
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise MediaRefused("voice_bad_header", f"no name of a header: {name[:40]!r}")
        if name.lower() in _STACKS_OWN:
            raise MediaRefused("voice_bad_header", f"{name} is written by the SIP stack")
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            raise MediaRefused("voice_bad_header", f"{name}: half a character") from error
        if size > MAX_HEADER_BYTES or _CONTROL.search(value):
            raise MediaRefused("voice_bad_header", f"{name}: at most {MAX_HEADER_BYTES} bytes, all on one line")
        total += len(name) + size + 4
    if total > MAX_HEADERS_BYTES:
        raise MediaRefused(
            "voice_bad_header", f"the headers have {total} bytes together, more than {MAX_HEADERS_BYTES}"
        )


def check_digits(digits: str) -> None:
    if not _DIGITS.fullmatch(digits):
        raise MediaRefused("voice_bad_digits", f"1 to {MAX_DIGITS} of 0-9 * # A-D are needed")


def check_trunk(trunk: VoiceTrunk) -> tuple[str, str]:
    """The (user, domain) of its caller."""
    caller = _FROM.fullmatch(trunk.from_uri)
    if caller is None or len(trunk.from_uri) > MAX_URI_CHARACTERS or not _port_fits(trunk.from_uri):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: from_uri must look like sip:user@host")
    if len(trunk.from_display) > MAX_NAME_CHARACTERS or re.search(r'["\\\x00-\x1f\x7f<>]', trunk.from_display):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: from_display has a quote, an angle or a line break")
    proxy = trunk.outbound_proxy
    if proxy and (len(proxy) > MAX_URI_CHARACTERS or not _PROXY.fullmatch(proxy) or not _port_fits(proxy)):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: outbound_proxy must look like host:port")
    if trunk.user and not _DIGEST_USER.fullmatch(trunk.user):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: the digest user has a character that can't be sent")
    if len(trunk.password) > 256 or re.search(r'["\\\x00-\x1f\x7f]', trunk.password):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: the password has a quote, a backslash or a line break")
    if not trunk.codecs or len(set(trunk.codecs)) != len(trunk.codecs):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: at least one codec, each once")
    if re.search(r'[;"<>\s\x00-\x1f\x7f]', trunk.tls_certificate_file):
        raise MediaRefused("voice_bad_trunk", f"{trunk.name}: the path of the certificate has a character too many")
    return caller["user"], caller["domain"]


def _port_fits(uri: str) -> bool:
    port = re.search(r":([0-9]{1,5})(?:;|$)", uri)
    return port is None or 0 < int(port.group(1)) < 65536
