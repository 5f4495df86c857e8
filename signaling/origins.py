"""Which web origins are ours, and which may frame the widget.

Every answer is an exact comparison with what a browser sends in `Origin`: lower case, no path, default port left out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.base.errors import SetupError
from gateway.config import HttpSettings

_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORT = {"http": 80, "https": 443}
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, not bound
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def origin_of(url: str) -> str:
    """The origin of `url` as a browser writes it. Raises SetupError (`bad_origin`)."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        raise SetupError("bad_origin", f"{url!r} is not a web address") from None
    host = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _DEFAULT_PORT.get(parts.scheme) else f":{port}"
    origin = f"{parts.scheme}://{host}{shown}"
    if _ORIGIN.fullmatch(origin) is None or parts.username is not None:
        raise SetupError("bad_origin", f"{url!r} is not the address of a website, like https://shop.example")
    return origin


@dataclass(frozen=True, slots=True)
class Origins:
    """`public` is what people call us; `own` all that is the same place (loopback has several names)."""

    public: str
    own: frozenset[str]

    @property
    def secure(self) -> bool:
        return self.public.startswith("https://")

    def is_own(self, values: Iterable[str]) -> bool:
        """Whether these `Origin` headers are exactly one, and ours. Absent, `null`, or anything else: no."""
        found = list(values)
        return len(found) == 1 and found[0] in self.own

    @property
    def sockets(self) -> tuple[str, ...]:
        """The same places as WebSocket sources for a CSP: not every browser counts them in 'self'.

        An IPv6 literal is no host-source (CSP3 §2.3.1); there 'self' has to do.
        """
        return tuple(sorted("ws" + origin.removeprefix("http") for origin in self.own if "[" not in origin))


def own_origins(settings: HttpSettings, port: int) -> Origins:
    """Our origins when listening on `port`.

    Without `public_url` only this machine can be sure where we are: its loopback names are ours, and the address we
    listen on when it is one.
    """
    if settings.public_url:
        public = origin_of(settings.public_url)
        return Origins(public, frozenset({public}))
    host = settings.host
    if host in _EVERYWHERE or host in ("127.0.0.1", "localhost", "::1"):
        names: tuple[str, ...] = _LOOPBACK
        first = "127.0.0.1" if host in _EVERYWHERE else host
    else:
        names, first = (f"[{host}]" if ":" in host else host,), host
    public = origin_of(f"http://[{first}]:{port}" if ":" in first else f"http://{first}:{port}")
    return Origins(public, frozenset({public, *(origin_of(f"http://{name}:{port}") for name in names)}))
