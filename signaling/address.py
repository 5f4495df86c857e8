"""Whose request this is, by address. A header is believed only when a proxy of ours has written it."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from gateway.base.errors import SetupError

_MAX_HOPS = 8

Network = IPv4Network | IPv6Network


def trusted_networks(values: Iterable[str]) -> tuple[Network, ...]:
    """Addresses or networks (`10.0.0.0/8`) of proxies. Raises SetupError (`bad_proxy_address`)."""
    networks: list[Network] = []
    for value in values:
        try:
            networks.append(ip_network(value, strict=False))
        except ValueError:
            raise SetupError("bad_proxy_address", f"http.trusted_proxies: {value!r} is no address") from None
    return tuple(networks)


def client_address(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The address of who asks: the last hop that is not one of our proxies. Empty on a unix socket."""
    address = request.remote or ""
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", []) for hop in value.split(",")]
    for hop in reversed(hops[-_MAX_HOPS:]):
        if not _within(address, trusted):
            break
        try:
            address = str(ip_address(hop))
        except ValueError:
            break
    return address


def is_local(request: web.Request, trusted: tuple[Network, ...]) -> bool:
    """Whether who asks sits on this machine. Whatever came through a proxy not known to us does not."""
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if forwarded and not _within(request.remote or "", trusted):
        return False
    try:
        return ip_address(client_address(request, trusted)).is_loopback
    except ValueError:
        return False


def limit_key(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 an IPv6 subscriber commonly holds."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in networks)
