"""Settings of our own ACD: what a queue wants of its agents, when it is open, where its contacts go when it gets too
much; and how much one agent may have at once.

Everything that can be wrong with one queue is said when the settings are read, in the words of the settings.
"""

import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from gateway.config.values import Duration, Section, Words

MAX_LEVEL: Final = 10
SKILL: Final = re.compile(r"[a-z0-9_-]{1,40}")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED: Final = "closed"
CALLBACK: Final = "callback"

_OPENING = re.compile(r"(?P<first>[a-z]{3})(-(?P<last>[a-z]{3}))? (?P<open>\d\d:\d\d)-(?P<close>\d\d:\d\d)")
_EXCEPTION = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)( (?P<open>\d\d:\d\d)-(?P<close>\d\d:\d\d))?")
_QUEUE = re.compile(r"[a-z0-9-]{1,40}")

MIDNIGHT: Final = timedelta(hours=24)


def time_of_day(text: str) -> timedelta:
    """`09:30` as the time since midnight; `24:00` is the end of the day. ValueError."""
    if text == "24:00":
        return MIDNIGHT
    at = time.fromisoformat(text)
    return timedelta(hours=at.hour, minutes=at.minute)


def read_opening(text: str) -> tuple[frozenset[int], timedelta, timedelta]:
    """`mon-fri 09:00-18:00` as days (Monday is 0), opening and closing time. ValueError says what is wrong."""
    found = _OPENING.fullmatch(text.strip().lower())
    if found is None or found["first"] not in DAYS or (found["last"] or "mon") not in DAYS:
        raise ValueError(f"{text!r} is no opening time; write it as `mon-fri 09:00-18:00` or `sat 10:00-14:00`")
    first = DAYS.index(found["first"])
    last = DAYS.index(found["last"]) if found["last"] else first
    days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
    return frozenset(days), *_span(text, found["open"], found["close"])


def read_exception(text: str) -> tuple[date, tuple[timedelta, timedelta] | None]:
    """`2026-12-25` (closed) or `2026-12-24 09:00-13:00` (open then only). ValueError says what is wrong."""
    found = _EXCEPTION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no exception; write it as `2026-12-25` or `2026-12-24 09:00-13:00`")
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        raise ValueError(f"{found['day']} is no day of the calendar") from None
    return day, _span(text, found["open"], found["close"]) if found["open"] else None


def _span(text: str, opens: str, closes: str) -> tuple[timedelta, timedelta]:
    try:
        start, end = time_of_day(opens), time_of_day(closes)
    except ValueError:
        raise ValueError(f"{text!r}: there is no such time of the day") from None
    if start >= end:
        raise ValueError(f"{text!r} closes before it opens; over midnight, write two: until 24:00, and from 00:00")
    return start, end


def _checked_openings(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        read_opening(value)
    return values


def _checked_exceptions(values: tuple[str, ...]) -> tuple[str, ...]:
    read = [read_exception(value) for value in values]
    for day in {day for day, span in read if span is None}:
        if sum(each == day for each, _ in read) > 1:
            raise ValueError(f"{day} is both closed and open")
    return values


def _checked_zone(value: str) -> str:
    zone_of(value)
    return value


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name. ValueError when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone this machine knows; write it as Europe/Paris") from None


def read_levels(value: Any) -> Any:
    """`french=7, billing` as two levels, so that neither the environment nor the command line needs more."""
    if isinstance(value, str):
        pairs = (word.partition("=") for part in value.split(",") if (word := part.strip()))
        return {name.strip(): level.strip() or "1" for name, _, level in pairs}
    return value


def checked_levels(levels: dict[str, int]) -> dict[str, int]:
    """ValueError for a name that is none, or a level outside 1 … 10."""
    if len(levels) > 30:
        raise ValueError("at most 30 skills")
    for name, level in levels.items():
        if not SKILL.fullmatch(name):
            raise ValueError(f"{name!r} is no skill; names are small letters, digits, _ and -, up to 40")
        if not 1 <= level <= MAX_LEVEL:
            raise ValueError(f"the level of {name} is {level}; levels are 1 to {MAX_LEVEL}")
    return levels


Openings = Annotated[Words, AfterValidator(_checked_openings)]
Exceptions = Annotated[Words, AfterValidator(_checked_exceptions)]
Zone = Annotated[str, AfterValidator(_checked_zone)]
Levels = Annotated[dict[str, int], NoDecode, BeforeValidator(read_levels), AfterValidator(checked_levels)]


class RelaxSettings(Section):
    """One step of `relax`."""

    after: Duration = Field(gt=timedelta(0), description="So long in this line.")
    by: int = Field(ge=1, le=MAX_LEVEL, description="Every skill may be this much lower; at 0 it is not asked for.")


class OverflowSettings(Section):
    """One rule of `overflow`."""

    when: Literal["wait", "no_agent", "position"] = Field(description="What has come about.")
    after: Duration = Field(timedelta(0), ge=timedelta(0), description="wait, no_agent: after so long in line.")
    position: int | None = Field(None, ge=1, description="position: who would enter behind this place.")
    to: str = Field(description="Another queue's id, `closed`, or `callback`.")

    @model_validator(mode="after")
    def _complete(self) -> "OverflowSettings":
        if self.when == "wait" and not self.after:
            raise ValueError("overflow by wait needs `after`")
        if (self.when == "position") != (self.position is not None):
            raise ValueError("`position` belongs to overflow by position, and to no other")
        if not _QUEUE.fullmatch(self.to):
            raise ValueError(f"overflow goes to a queue, to {CLOSED} or to {CALLBACK}, not to {self.to!r}")
        return self


class QueueRouting(Section):
    """How contacts of one queue are distributed: the part of `[[queues]]` that our own ACD reads."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What menus and accounts name.")
    name: str = Field(max_length=80, description="What people read.")
    channel: Literal["video", "chat"] = Field("video", description="What a contact of it takes of an agent's capacity.")
    strategy: Literal["longest_idle", "least_occupied", "round_robin", "most_skilled", "ring_all"] = Field(
        "longest_idle", description="Which of the agents who may serve a contact is chosen; `ring_all`: who is first."
    )
    ring_at_most: int = Field(
        20, ge=1, le=100, description="`ring_all`: at so many agents at once, longest idle first."
    )
    service_level: float = Field(
        0.8, gt=0, le=1, description="Share of contacts to be answered within service_level_within."
    )
    service_level_within: Duration = Field(timedelta(seconds=20), gt=timedelta(0), description="See service_level.")
    skills: Levels = Field({}, description="Needed of the agent, with the least level 1 to 10: `french=7, billing=3`.")
    relax: tuple[RelaxSettings, ...] = Field(
        (), max_length=10, description="Steps by which skills are asked for less while a contact waits."
    )
    language: Literal["any", "preferred", "required"] = Field(
        "any", description="Whether the agent speaks the contact's language: not asked, better, needed."
    )
    language_for: Duration = Field(
        timedelta(0), ge=timedelta(0), description="`required` is `preferred` after so long in line; 0: never."
    )
    preferred_agent_for: Duration = Field(
        timedelta(seconds=30), ge=timedelta(0), description="So long a contact waits for its preferred agent alone."
    )
    last_agent_for: Duration = Field(
        timedelta(0), ge=timedelta(0), description="The same for the agent who had it last; 0: only if they are ready."
    )
    aging: Duration = Field(
        timedelta(0), ge=timedelta(0), description="Each such time in line is worth a step of priority; 0: none."
    )
    timezone: Zone = Field("UTC", description="Of the opening hours, as Europe/Paris.")
    opening: Openings = Field((), description="`mon-fri 09:00-18:00, sat 10:00-14:00`; empty: always open.")
    exceptions: Exceptions = Field(
        (), description="Days that differ: `2026-12-25` is closed, `2026-12-24 09:00-13:00` open then only."
    )
    when_closed: str = Field(CLOSED, description="Where contacts go outside the hours: a queue, `closed`, `callback`.")
    overflow: tuple[OverflowSettings, ...] = Field(
        (), max_length=10, description="Rules by which contacts leave the line; the first that holds is taken."
    )
    callback: Literal["off", "offer"] = Field(
        "off", description="Whether who waits may leave and keep the place, and come back by a link (own ACD)."
    )
    callback_after: Duration = Field(
        timedelta(minutes=1), ge=timedelta(0), description="It is offered after so long in line."
    )
    callback_limit: int = Field(
        50, ge=1, le=10_000, description="Places kept at once; full: it is not offered, and the rule means `closed`."
    )
    callback_window: Duration = Field(
        timedelta(minutes=5), gt=timedelta(0), description="Called back, a customer's place is kept this long."
    )
    callback_lasts: Duration = Field(
        timedelta(hours=12),
        gt=timedelta(0),
        le=timedelta(days=7),
        description="A place is kept no longer than this, whether its turn has come or not.",
    )

    @model_validator(mode="after")
    def _steps_grow(self) -> "QueueRouting":
        afters = [step.after for step in self.relax]
        if afters != sorted(set(afters)):
            raise ValueError("relax: each step comes later than the one before")
        amounts = [step.by for step in self.relax]
        if amounts != sorted(set(amounts)):
            raise ValueError("relax: each step relaxes more than the one before; `by` counts from the full level")
        if self.language_for and self.language != "required":
            raise ValueError("language_for is for `language = required`")
        return self

    @property
    def goes_to(self) -> tuple[str, ...]:
        """Every place its contacts may be sent to."""
        return (self.when_closed, *(rule.to for rule in self.overflow))


class CapacitySettings(Section):
    """How much one agent may have at once."""

    chats: int = Field(0, ge=0, le=20, description="Chats at once, without a video call.")
    chats_beside_video: int = Field(0, ge=0, le=20, description="Chats that may go on, and come, during a video call.")

    @model_validator(mode="after")
    def _fewer_beside(self) -> "CapacitySettings":
        if self.chats_beside_video > self.chats:
            raise ValueError("chats_beside_video can't be more than chats")
        return self


def check_queues(queues: Sequence[QueueRouting]) -> None:
    """What only all queues together show. ValueError: a queue named twice, or sent to one that is not there."""
    known = {queue.id: queue for queue in queues}
    if len(known) < len(queues):
        twice = next(queue.id for queue in queues if sum(each.id == queue.id for each in queues) > 1)
        raise ValueError(f"there are two queues called {twice}")
    for queue in queues:
        if queue.id in (CLOSED, CALLBACK):
            raise ValueError(f"a queue can't be called {queue.id}: overflow has that word")
        for target in queue.goes_to:
            if target in (CLOSED, CALLBACK):
                continue
            if target == queue.id:
                raise ValueError(f"the queue {queue.id} overflows to itself")
            if target not in known:
                raise ValueError(f"the queue {queue.id} overflows to {target}, which is no queue")
            if known[target].channel != queue.channel:
                raise ValueError(f"the queue {queue.id} overflows to {target}, which is of another channel")
