"""Which Origin headers are ours: exactly ours."""

import pytest

from gateway.base.errors import SetupError
from gateway.config import HttpSettings
from signaling.origins import origin_of, own_origins

OURS = "https://video.example"
FOREIGN = [
    [],
    [""],
    ["null"],
    ["NULL"],
    ["https://evil.example"],
    ["https://video.example.evil.example"],
    ["https://evil-video.example"],
    ["https://a.video.example"],
    ["https://video.example."],
    ["https://video.example:8443"],
    ["https://video.example:443"],
    ["http://video.example"],
    ["HTTPS://video.example"],
    ["https://VIDEO.example"],
    ["https://video.example/"],
    ["https://video.example/path"],
    ["https://video.example?x"],
    ["https://video.example#x"],
    ["https://user@video.example"],
    ["https://video.example@evil.example"],
    ["https://video.example\x00"],
    [" https://video.example"],
    ["https://video.example "],
    ["https://video.example,https://evil.example"],
    ["https://evil.example", OURS],
    [OURS, OURS],
    ["wss://video.example"],
    ["file://"],
    ["https://video。example"],
    ["https://xn--video.example"],
    ["https://[::1]"],
    ["//video.example"],
    ["video.example"],
    ["*"],
]


@pytest.mark.parametrize("values", FOREIGN, ids=repr)
def test_nothing_but_our_own_origin_is_ours(values: list[str]) -> None:
    """Absent, null, evil, sub-domain, case, port."""
    assert len(FOREIGN) > 30
    origins = own_origins(HttpSettings(public_url=OURS), 8080)
    assert not origins.is_own(values)
    assert origins.is_own([OURS])


def test_a_public_address_is_the_only_origin() -> None:
    origins = own_origins(HttpSettings(public_url="https://Video.Example:443/"), 8080)
    assert origins.own == {OURS}
    assert origins.secure
    assert origins.sockets == ("wss://video.example",)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "", "::", "::1"])
def test_without_one_the_loopback_names_are_ours_and_no_other(host: str) -> None:
    origins = own_origins(HttpSettings(host=host), 8080)
    assert origins.own == {"http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"}
    assert origins.sockets == ("ws://127.0.0.1:8080", "ws://localhost:8080")
    assert not origins.is_own(["http://localhost:8081"])
    assert not origins.is_own(["http://localhost"])


def test_an_address_of_our_own_to_listen_on_is_the_origin() -> None:
    assert own_origins(HttpSettings(host="192.0.2.7"), 80).own == {"http://192.0.2.7"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://a b",
        "https://x:99999",
        "https://u:p@x",
        "https://x;y",
    ],
)
def test_what_is_no_website_is_a_set_up_error(url: str) -> None:
    with pytest.raises(SetupError) as refused:
        origin_of(url)
    assert refused.value.code == "bad_origin"
