"""What `--target` names: the simulator, or where a real ACD's test queue is. Reads addresses; opens nothing.

No address carries a secret: a command line is seen by everybody on the machine.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gateway.base.errors import SetupError

SIMULATOR: Final = "sim"
"""The target that ships with the kit."""

SECRET: Final = "VISAVIS_KIT_SECRET"  # noqa: S105 - the name of a variable, like the next
CALL_USER: Final = "VISAVIS_KIT_CALL_USER"
CALL_SECRET: Final = "VISAVIS_KIT_CALL_SECRET"  # noqa: S105
INCOMING_SECRET: Final = "VISAVIS_KIT_INCOMING_SECRET"  # noqa: S105
KIT_VARIABLES: Final = (SECRET, CALL_USER, CALL_SECRET, INCOMING_SECRET)
"""Of the environment, where no `[[acds]]` entry has them."""

SHAPES: Final = {
    "sip": "sip:NUMBER@HOST:PORT",
    "ami": "ami://USER@HOST:5038",
    "esl": "esl://HOST:8021",
    "tasks": "https://HOST/PATH",
}
"""By adapter: what its real targets look like."""

TLS_SUFFIX: Final = "s"
"""`amis://` and `esls://`: the same over TLS."""

_PORTS: Final = {"ami": 5038, "esl": 8021}
_SIP: Final = re.compile(
    r"sip:(?P<number>\+?[0-9]{1,15}|[A-Za-z0-9][A-Za-z0-9._-]{0,39})"
    r"@(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})(:(?P<port>[0-9]{1,5}))?"
    r"(;transport=(?P<transport>udp|tcp|tls))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A real one. `text` is as it was written and may be shown. `port` 0: the usual one of its protocol."""

    adapter: str
    text: str
    host: str
    port: int
    user: str = ""  # of a feed; of `sip:` the number that is called
    transport: str = "udp"
    tls: bool = False

    @property
    def domain(self) -> str:
        """Host and port as a SIP address has them."""
        return f"{self.host}:{self.port}" if self.port else self.host


def read_target(adapter: str, text: str) -> Target:
    """The address of a real ACD for that adapter.

    SetupError: `kit_target` (the adapter has no real ones), `kit_target_secret` (a password in it), `kit_target_scheme`
    (of another adapter, or of none), `kit_target_address` (can't be read).
    """
    shape = SHAPES.get(adapter)
    if shape is None:
        raise SetupError("kit_target", f"The adapter {adapter} can be tried with --target {SIMULATOR} only.")
    scheme = text.partition(":")[0].lower()
    if re.match(r"[^/]*:(//)?[^/@]*:[^/@]*@", text):
        raise SetupError(
            "kit_target_secret", "A password does not belong in an address that others can see. See VISAVIS_KIT_SECRET."
        )
    if scheme not in _schemes(adapter):
        raise SetupError(
            "kit_target_scheme", f"The adapter {adapter} is tried with --target {SIMULATOR} or {shape}, not {scheme}:."
        )
    target = _sip(text) if adapter == "sip" else _url(adapter, text)
    if target is None:
        raise SetupError("kit_target_address", f"That target can't be read: write {shape}.")
    return target


def _schemes(adapter: str) -> tuple[str, ...]:
    match adapter:
        case "tasks":
            return ("https", "http")
        case "sip":
            return ("sip",)
        case _:
            return (adapter, adapter + TLS_SUFFIX)


def _sip(text: str) -> Target | None:
    found = _SIP.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    transport = (found["transport"] or "udp").lower()
    return Target(
        adapter="sip",
        text=text,
        host=found["host"],
        port=int(found["port"] or 0),
        user=found["number"],
        transport=transport,
        tls=transport == "tls",
    )


def _url(adapter: str, text: str) -> Target | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or not _is_plain(adapter, parts):
        return None
    tls = parts.scheme in ("https", adapter + TLS_SUFFIX)
    return Target(
        adapter=adapter,
        text=text,
        host=parts.hostname,
        port=port or _PORTS.get(adapter) or (443 if tls else 80),
        user=parts.username or "",
        transport="tcp",
        tls=tls,
    )


def _is_plain(adapter: str, parts: SplitResult) -> bool:
    """Nothing in it that would be passed over in silence; a manager needs a user, the others have none."""
    if parts.fragment or parts.query or (adapter != "tasks" and parts.path not in ("", "/")):
        return False
    return bool(parts.username) is (adapter == "ami")
