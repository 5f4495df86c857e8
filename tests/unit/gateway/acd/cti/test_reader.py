"""How a feed calls again: pauses that grow, a long one after a refused login, none forgotten for coming up once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.call import Call
from gateway.acd.cti.connection import LoginRefused, unavailable
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiReader, Pace
from gateway.acd.events import AcdAgentState
from gateway.acd.port import AgentPosition
from gateway.acd.sip.feed import FeedAbilities
from gateway.base.ids import AgentId, new_offer_id
from tests.support.clock import FakeClock


class Line:
    """A connection that goes as the test wants."""

    def __init__(self, dialect: "Dialect") -> None:
        self._dialect = dialect
        self.ended = asyncio.Event()
        self.closed = False

    async def read(self) -> None:
        await self.ended.wait()

    async def login(self) -> None:
        if self._dialect.refuses:
            raise LoginRefused("cti_login_refused", "no")

    async def ping(self) -> None: ...

    async def aclose(self) -> None:
        self.closed = True


class Dialect:
    def __init__(self, clock: FakeClock) -> None:
        self.ledger = Ledger("pbx", AgentNames(), new_offer_id)
        self.away = self.refuses = False
        self.falls = False  # each connection as soon as it is up
        self.tried: list[float] = []
        self.lines: list[Line] = []
        self.resyncs = 0
        self.names_say: dict[AgentId, str] = {}  # what the ACD tells when its whole state is asked for
        self.told: list[tuple[str, AcdAgentState]] = []
        self._clock = clock

    def abilities(self) -> FeedAbilities:
        return FeedAbilities()

    async def connect(self, on_event: Callable[[str], None]) -> Line:
        self.tried.append(self._clock.monotonic())
        if self.away:
            raise unavailable("nobody is there")
        self.lines.append(Line(self))
        return self.lines[-1]

    def take(self, event: str) -> None: ...

    async def resync(self, line: Line) -> int:
        self.resyncs += 1
        for agent_id, ref in self.names_say.items():
            self.ledger.names.learn(agent_id, ref)
        if self.falls:
            line.ended.set()
        return 0

    async def check(self, line: Line) -> None: ...

    def cut(self) -> None: ...

    def next_deadline(self) -> float | None:
        return None

    def on_timer(self) -> None: ...

    async def withdraw(self, line: Line, call: Call) -> None: ...

    async def set_priority(self, line: Line, call: Call, priority: int) -> None: ...

    async def set_agent_state(self, line: Line, ref: str, state: AcdAgentState, reason: str) -> None:
        self.told.append((ref, state))

    def unreadable(self) -> int:
        return 0


class Rig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dialect = Dialect(self.clock)
        self.alarms: list[str] = []
        pace = Pace(ping_s=15, resync_s=300, retry_first_s=1.0, retry_last_s=8.0, refused_s=60.0)
        self.feed: CtiReader[str, Line] = CtiReader(
            "pbx",
            self.dialect,
            self.clock,
            pace,
            random=lambda: 1.0,
            on_alarm=lambda code, _: self.alarms.append(code),
        )

    @property
    def pauses(self) -> list[float]:
        tried = self.dialect.tried
        return [later - earlier for earlier, later in itertools.pairwise(tried)]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.feed.aclose()


async def test_an_acd_that_is_away_is_called_again_after_growing_pauses(rig: Rig) -> None:
    rig.dialect.away = True
    await rig.feed.start()
    await rig.clock.run(40)
    assert rig.pauses[:6] == [1, 2, 4, 8, 8, 8]
    assert rig.alarms == []


async def test_a_connection_that_falls_as_soon_as_it_is_up_makes_the_pauses_grow_too(rig: Rig) -> None:
    rig.dialect.falls = True
    await rig.feed.start()
    await rig.clock.run(40)
    assert rig.pauses[:5] == [1, 2, 4, 8, 8]


async def test_after_a_good_while_the_first_pause_is_short_again(rig: Rig) -> None:
    rig.dialect.away = True
    await rig.feed.start()
    await rig.clock.run(40)
    rig.dialect.away = False
    await rig.clock.run(100)
    assert rig.feed.connected
    rig.dialect.lines[-1].ended.set()
    await rig.clock.run(5)
    assert rig.pauses[-1] > 50  # it had been up for most of that
    fell_s = rig.dialect.tried[-1]
    assert fell_s <= rig.clock.monotonic() - 4 + 1


async def test_a_refused_login_is_one_alarm_and_a_try_a_minute(rig: Rig) -> None:
    rig.dialect.refuses = True
    await rig.feed.start()
    await rig.clock.run(200)
    assert rig.pauses == [60, 60, 60]
    assert rig.alarms == ["cti_login_refused"]
    rig.dialect.refuses = False
    await rig.clock.run(60)
    assert rig.feed.connected


async def test_the_whole_state_is_asked_for_at_once_and_then_now_and_then(rig: Rig) -> None:
    await rig.feed.start()
    await rig.clock.run(299)
    assert rig.dialect.resyncs == 1
    await rig.clock.run(2)
    assert rig.dialect.resyncs == 2


@pytest.mark.parametrize("steps", range(8))
async def test_a_gateway_that_stops_while_the_acd_hangs_up_leaves_no_connection(rig: Rig, steps: int) -> None:
    await rig.feed.start()
    await rig.clock.run(1)
    rig.dialect.lines[-1].ended.set()
    for _ in range(steps):  # of the event loop: into the end of that connection
        await asyncio.sleep(0)
    await rig.feed.aclose()
    assert [line.closed for line in rig.dialect.lines] == [True]


@pytest.mark.parametrize("known", ["when it comes up", "later"])
async def test_who_went_ready_before_the_acd_said_their_name_is_told_as_soon_as_it_has(rig: Rig, known: str) -> None:
    agent_id = AgentId("ag_pat")
    names = {agent_id: "SIP/1001"}
    for state in ("not_ready", "ready"):
        await rig.feed.set_agent_state(
            AgentPosition(agent_id=agent_id, queues=(), state=state, reason=None, ready_since=None)
        )
    if known == "when it comes up":
        rig.dialect.names_say = names
    await rig.feed.start()
    await rig.clock.run(1)
    if known == "later":
        assert rig.dialect.told == []
        rig.dialect.names_say = names
        await rig.clock.run(300)
    assert rig.dialect.told == [("SIP/1001", AcdAgentState.READY)]
