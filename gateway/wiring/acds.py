"""Which adapter each `[[acds]]` entry becomes. The composition root's; it knows every kind and decides nothing else.

A new kind is one `case` in `adapter_for`. What adapters need of the node is in `AcdRooms`: add to it what is missing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.accounts.model import Account
from gateway.acd.cti.reader import CtiFigures
from gateway.acd.passes import PanelPasses
from gateway.acd.port import AcdPort
from gateway.acd.sip.adapter import SipAcd
from gateway.acd.sip.figures import SipFigures
from gateway.acd.tasks.figures import TaskFigures
from gateway.acd.tasks.ports import LetterStore
from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.config import Settings
from gateway.config.acd import AcdSection
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.wiring.feeds import RunningFeed, feed_for
from gateway.wiring.tasks import open_task_acd
from media.port import MediaPort


class RunningAcd(AcdPort, Protocol):
    """An adapter with a life. An ACD that is away when it starts is no error: it goes on trying."""

    async def start(self) -> None:
        """SetupError when its settings can't work."""
        ...

    async def aclose(self) -> None:
        """End its tasks and sockets. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AcdRooms:
    """What adapters may be built from."""

    settings: Settings
    clock: Clock
    node: str
    media: MediaPort
    letters: LetterStore
    passes: PanelPasses
    public_url: str
    on_alarm: Callable[[str, str], None]  # code, detail
    agents: Callable[[], Awaitable[Sequence[Account]]]
    task_figures: dict[str, Callable[[], TaskFigures]] = field(default_factory=dict)  # by ACD, like the next
    sip_figures: dict[str, Callable[[], SipFigures]] = field(default_factory=dict)  # by ACD, like the next
    feed_figures: dict[str, Callable[[], CtiFigures]] = field(default_factory=dict)  # by ACD; filled as they are built


def queues_of(settings: Settings, acd: AcdSection) -> Sequence[str]:
    """The queues that this ACD serves."""
    return [queue.id for queue in settings.queues if queue.acd == acd.name]


def _feed(acd: SipAcdSettings, rooms: AcdRooms) -> RunningFeed | None:
    if acd.feed is None:
        return None
    feed = feed_for(
        acd.name,
        acd.feed,
        queues=queues_of(rooms.settings, acd),
        accounts=rooms.agents,
        clock=rooms.clock,
        on_alarm=rooms.on_alarm,
    )
    rooms.feed_figures[acd.name] = feed.figures
    return feed


def adapter_for(acd: AcdSection, rooms: AcdRooms) -> RunningAcd:
    """The adapter of one entry, not yet started. SetupError when its settings can't work."""
    match acd:
        case SipAcdSettings():
            sip = SipAcd(
                acd,
                media=rooms.media,
                clock=rooms.clock,
                queues=queues_of(rooms.settings, acd),
                on_alarm=rooms.on_alarm,
                feed=_feed(acd, rooms),
            )
            rooms.sip_figures[acd.name] = sip.figures
            return sip
        case TaskAcdSettings():
            tasks = open_task_acd(
                acd,
                store=rooms.letters,
                clock=rooms.clock,
                node=rooms.node,
                public_url=rooms.public_url,
                on_alarm=rooms.on_alarm,
                passes=rooms.passes,
            )
            rooms.task_figures[acd.name] = tasks.figures
            return tasks
        case _:
            raise SetupError("acd_kind", f"There is no adapter for acds of kind {acd.kind}.")
