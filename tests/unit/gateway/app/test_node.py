"""What people type to reach a node, when nobody has said."""

import pytest

from gateway.app.node import public_url
from gateway.config import Settings


@pytest.mark.parametrize(
    ("http", "url"),
    [
        ({"public_url": "https://video.shop.example/"}, "https://video.shop.example"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"host": "::"}, "http://127.0.0.1:8080"),
        ({"host": "192.0.2.7"}, "http://192.0.2.7:8080"),
        ({"host": "2001:db8::7"}, "http://[2001:db8::7]:8080"),
    ],
)
def test_the_address_is_the_settings_or_the_one_listened_on(http: dict[str, str], url: str) -> None:
    assert public_url(Settings.model_validate({"http": http}), 8080) == url
