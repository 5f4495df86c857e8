"""Opening hours: weeks, days that differ, and the two nights when the clock is changed."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from gateway.acd.builtin.routing.hours import Hours
from gateway.config import QueueSettings


def hours(**fields: object) -> Hours:
    return Hours(QueueSettings(id="sales", name="Sales", **fields))  # type: ignore[arg-type]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_queue_without_hours_is_always_open():
    assert hours().is_open(utc("2026-12-25 03:00"))


def test_opening_is_included_and_closing_is_not():
    week = hours(opening="mon-fri 09:00-18:00")
    assert [week.is_open(utc(f"2026-03-02 {at}")) for at in ("08:59:59", "09:00", "17:59:59", "18:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_days_may_have_hours_of_their_own_and_a_break():
    week = hours(opening="mon-fri 09:00-12:00, mon-fri 13:00-18:00, sat 10:00-14:00")
    assert not week.is_open(utc("2026-03-02 12:30"))
    assert week.is_open(utc("2026-03-07 13:59"))  # a Saturday
    assert not week.is_open(utc("2026-03-08 11:00"))


def test_days_may_go_around_the_week_and_hours_up_to_midnight():
    night = hours(opening="fri-mon 20:00-24:00, sat-tue 00:00-04:00")
    assert night.is_open(utc("2026-03-08 23:59:59"))  # Sunday
    assert night.is_open(utc("2026-03-10 03:00"))  # Tuesday
    assert not night.is_open(utc("2026-03-10 21:00"))


def test_the_time_zone_decides():
    tokyo = hours(opening="mon 09:00-10:00", timezone="Asia/Tokyo")
    assert tokyo.is_open(utc("2026-03-02 00:30"))
    assert not tokyo.is_open(utc("2026-03-02 09:30"))
    assert hours(opening="mon 00:00-01:00", timezone="Asia/Tokyo").is_open(utc("2026-03-01 15:30")), "Monday there"


def test_an_exception_replaces_the_hours_of_its_day():
    week = hours(opening="mon-sun 09:00-18:00", exceptions="2026-12-25, 2026-12-24 09:00-13:00, 2026-12-24 14:00-15:00")
    assert not week.is_open(utc("2026-12-25 10:00"))
    assert [week.is_open(utc(f"2026-12-24 {at}")) for at in ("12:00", "13:30", "14:30", "16:00")] == [
        True,
        False,
        True,
        False,
    ]


def test_without_hours_an_exception_alone_closes_its_day():
    assert not hours(exceptions="2026-12-25").is_open(utc("2026-12-25 10:00"))
    assert hours(exceptions="2026-12-25").is_open(utc("2026-12-26 10:00"))


def open_minutes(queue: Hours, day: str) -> int:
    start = utc(f"{day} 00:00") - timedelta(hours=3)
    return sum(queue.is_open(start + timedelta(minutes=minute)) for minute in range(30 * 60))


def test_the_night_an_hour_is_skipped_it_is_not_open_and_the_night_it_is_repeated_it_is_open_twice():
    """Paris 2026: 29 March 02:00 becomes 03:00, 25 October 03:00 becomes 02:00."""
    night = hours(opening="sun 01:00-04:00", timezone="Europe/Paris")
    assert open_minutes(night, "2026-03-22") == 180
    assert open_minutes(night, "2026-03-29") == 120
    assert open_minutes(night, "2026-10-25") == 240


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"opening": "9-5"}, "is no opening time"),
        ({"opening": "mon-fry 09:00-18:00"}, "is no opening time"),
        ({"opening": "mon 18:00-09:00"}, "closes before it opens"),
        ({"opening": "mon 09:00-25:00"}, "no such time of the day"),
        ({"exceptions": "25.12.2026"}, "is no exception"),
        ({"exceptions": "2026-02-30"}, "no day of the calendar"),
        ({"exceptions": "2026-12-25, 2026-12-25 09:00-10:00"}, "both closed and open"),
        ({"timezone": "Paris"}, "is no time zone"),
        ({"timezone": "../../etc/passwd"}, "is no time zone"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, str], said: str):
    with pytest.raises(ValidationError, match=said):
        hours(**fields)
