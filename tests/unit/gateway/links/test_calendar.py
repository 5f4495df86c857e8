"""An appointment is an iCalendar file that says what it was given, whatever people wrote into it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from gateway.links.calendar import Appointment, escaped, folded, written

STARTS = datetime(2026, 5, 4, 10, 0, tzinfo=timezone(timedelta(hours=2)))
APPOINTMENT = Appointment(
    uid="lk_first0000@video.example",
    made_at=datetime(2026, 5, 1, 9, 0, tzinfo=UTC),
    starts_at=STARTS,
    ends_at=STARTS + timedelta(minutes=30),
    summary="Video call with Anna",
    description="Open it:\nhttps://video.example/widget/?site=shop#link=abcd",
    url="https://video.example/widget/?site=shop#link=abcd",
)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


def unfolded(file: bytes) -> list[str]:
    return file.replace(b"\r\n ", b"").decode().removesuffix("\r\n").split("\r\n")


def plain(text: str) -> str:
    """What a reader makes of an escaped text (RFC 5545 § 3.3.11)."""
    read, rest = "", iter(text)
    for character in rest:
        following = next(rest) if character == "\\" else ""
        read += {"n": "\n"}.get(following, following) if following else character
    return read


def test_the_file_has_what_a_calendar_needs_with_times_in_utc() -> None:
    lines = unfolded(written(APPOINTMENT))
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    for line in (
        "VERSION:2.0",
        "UID:lk_first0000@video.example",
        "DTSTAMP:20260501T090000Z",
        "DTSTART:20260504T080000Z",
        "DTEND:20260504T083000Z",
        "SUMMARY:Video call with Anna",
        r"DESCRIPTION:Open it:\nhttps://video.example/widget/?site=shop#link=abcd",
        "URL:https://video.example/widget/?site=shop#link=abcd",
        "TRIGGER:-PT10M",
    ):
        assert line in lines


@given(TEXT)
def test_no_line_is_longer_than_75_bytes_and_no_character_is_cut(text: str) -> None:
    line = f"SUMMARY:{escaped(text)}"
    pieces = folded(line).removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(piece) <= 75 for piece in pieces)
    assert all(piece.decode().startswith(" ") for piece in pieces[1:])
    assert unfolded(folded(line)) == [line]


@given(TEXT)
def test_a_name_forges_no_line_and_comes_back_as_it_was(name: str) -> None:
    harmless = unfolded(written(APPOINTMENT))
    lines = unfolded(written(replace(APPOINTMENT, summary=name)))
    assert len(lines) == len(harmless)
    summary = next(line for line in lines if line.startswith("SUMMARY:")).removeprefix("SUMMARY:")
    spoken = name.replace("\r\n", "\n").replace("\r", "\n")
    assert plain(summary) == "".join(each for each in spoken if each in "\n\t" or (each >= " " and each != "\x7f"))
