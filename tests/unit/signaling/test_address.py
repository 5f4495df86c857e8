"""Whose address counts, when proxies stand before us and when somebody pretends."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.base.errors import SetupError
from signaling.address import client_address, is_local, limit_key, trusted_networks

PROXIES = trusted_networks(["10.0.0.0/8", "127.0.0.2", "fd00::/8"])


class _Transport:
    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


def request(peer: str, *forwarded: str) -> object:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    return make_mocked_request("GET", "/", headers=headers, transport=_Transport(peer))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("198.51.100.9",), "192.0.2.1"),  # not a proxy of ours: its word is worth nothing
        ("10.1.2.3", ("198.51.100.9",), "198.51.100.9"),
        ("10.1.2.3", ("6.6.6.6, 198.51.100.9",), "198.51.100.9"),  # what the client itself wrote comes first
        ("10.1.2.3", ("6.6.6.6", "198.51.100.9"), "198.51.100.9"),
        ("10.1.2.3", ("198.51.100.9, 10.9.9.9",), "198.51.100.9"),  # two proxies of ours
        ("10.1.2.3", ("nonsense",), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.9, nonsense",), "10.1.2.3"),
        ("fd00::1", ("2001:db8::9",), "2001:db8::9"),
        ("10.1.2.3", (",".join(["10.0.0.1"] * 10_000),), "10.0.0.1"),
    ],
)
def test_the_last_hop_that_is_not_ours_counts(peer: str, forwarded: tuple[str, ...], expected: str) -> None:
    assert client_address(request(peer, *forwarded), PROXIES) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("192.0.2.1", (), False),
        ("127.0.0.1", ("198.51.100.9",), False),  # a proxy on this machine that we were not told of
        ("127.0.0.1", ("127.0.0.1",), False),
        ("127.0.0.2", ("127.0.0.1",), True),
        ("127.0.0.2", ("198.51.100.9",), False),
    ],
)
def test_only_this_machine_is_local(peer: str, forwarded: tuple[str, ...], expected: bool) -> None:
    assert is_local(request(peer, *forwarded), PROXIES) is expected  # type: ignore[arg-type]


def test_a_subscriber_is_one_however_many_addresses_they_hold() -> None:
    assert limit_key("2001:db8:1:2:3:4:5:6") == limit_key("2001:db8:1:2::1") != limit_key("2001:db8:1:3::1")
    assert limit_key("::ffff:192.0.2.1") == limit_key("192.0.2.1") != limit_key("192.0.2.2")
    assert limit_key("") == limit_key("nonsense")


def test_a_proxy_address_that_is_none_is_a_set_up_error() -> None:
    with pytest.raises(SetupError):
        trusted_networks(["proxy.example"])
