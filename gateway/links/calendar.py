"""One appointment as an iCalendar file (RFC 5545). Knows no link and no HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

MEDIA_TYPE: Final = "text/calendar"
_FOLD_BYTES: Final = 75  # § 3.1: without the line break
_ALARM_BEFORE: Final = timedelta(minutes=10)
_CONTROLS: Final = dict.fromkeys([*range(0x09), *range(0x0B, 0x20), 0x7F])  # § 3.1: no CONTROL but the tab


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """`uid` is the same whenever it is written, so that a calendar that has it takes the new one for the old."""

    uid: str
    made_at: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    url: str


def written(appointment: Appointment) -> bytes:
    """The file, in UTF-8. It reminds whoever has it in their calendar, ten minutes before."""
    minutes = int(_ALARM_BEFORE / timedelta(minutes=1))
    summary = escaped(appointment.summary)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Visavis//Video link//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{escaped(appointment.uid)}",
        f"DTSTAMP:{_utc(appointment.made_at)}",
        f"DTSTART:{_utc(appointment.starts_at)}",
        f"DTEND:{_utc(appointment.ends_at)}",
        f"SUMMARY:{summary}",
        f"DESCRIPTION:{escaped(appointment.description)}",
        f"URL:{appointment.url.translate(_CONTROLS | {0x0A: None, 0x09: None})}",  # a URI is no text: not escaped
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{summary}",
        f"TRIGGER:-PT{minutes}M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(folded(line) for line in lines)


def escaped(text: str) -> str:
    """A TEXT value (§ 3.3.11). What is no character of one is left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    for plain, written_as in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written_as)
    return text


def folded(line: str) -> bytes:
    """One content line with its line break, in pieces of at most 75 bytes that cut no character (§ 3.1)."""
    pieces: list[bytes] = []
    piece, room = b"", _FOLD_BYTES
    for character in line:
        encoded = character.encode("utf-8", "replace")
        if len(piece) + len(encoded) > room:
            pieces.append(piece)
            piece, room = b"", _FOLD_BYTES - 1  # the space that continues it is part of the line
        piece += encoded
    return b"\r\n ".join([*pieces, piece]) + b"\r\n"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
