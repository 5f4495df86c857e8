"""Settings of links that would do harm are refused at the start."""

import pytest
from pydantic import ValidationError

from gateway.config.links import LinkSettings
from gateway.links.reminding import LEASE

URL = "https://booking.example/reminders"
SECRET = "0123456789abcdef"


def test_a_reminder_that_is_signed_and_goes_to_an_address_is_taken() -> None:
    reminder = LinkSettings.model_validate({"reminder": {"url": URL, "secret": SECRET, "before": "1h"}}).reminder
    assert reminder.before.total_seconds() == 3600
    assert reminder.timeout < LEASE  # or another node tells it while this one still waits


@pytest.mark.parametrize(
    "reminder",
    [
        {"url": URL},
        {"url": URL, "secret": SECRET[1:]},
        {"url": "booking.example", "secret": SECRET},
        {"url": "https://me:pw@booking.example/", "secret": SECRET},
        {"before": "8d"},
        {"before": -1},
        {"timeout": "51s"},
        {"timeout": 0},
    ],
)
def test_anything_else_is_not(reminder: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LinkSettings.model_validate({"reminder": reminder})
