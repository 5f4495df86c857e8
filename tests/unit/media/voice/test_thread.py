"""The thread of all telephone calls: what a tick takes and gives, one call's fault, a loop that is held up."""

import asyncio
import itertools

import numpy as np

from media.voice.downlink import OpusPacket
from media.voice.sip import PcmFormat, PcmGone, PcmState
from media.voice.thread import AHEAD_S, MAX_UNDELIVERED, Conversation, VoiceThread
from tests.support.sip_peer import tone

NARROW = PcmFormat(8000, 1)
WIDE = PcmFormat(16_000, 1)


class Line:
    """A telephone's sound, in memory."""

    def __init__(self) -> None:
        self.out: PcmFormat | None = NARROW
        self.into: PcmFormat | None = NARROW
        self.waiting_bytes = 0
        self.written: list[bytes] = []
        self.spoken = itertools.cycle(piece.tobytes() for piece in itertools.islice(tone(500), 4))
        self.fault: Exception | None = None

    def state(self) -> PcmState:
        if self.fault is not None:
            raise self.fault
        return PcmState(self.out, self.waiting_bytes, self.into, 320 if self.into == NARROW else 640)

    def write(self, pcm: bytes) -> None:
        self.written.append(pcm)
        self.waiting_bytes += len(pcm)

    def read(self, most_bytes: int) -> bytes:
        return next(self.spoken)[:most_bytes]


def talk(line: Line, name: str = "lg_1") -> Conversation:
    return Conversation(name, line, np.random.default_rng(1))


def test_a_line_is_kept_filled_for_its_next_packet_and_no_more() -> None:
    line = Line()
    conversation = talk(line)
    for number in range(10):
        conversation.tick(number * 0.01, AHEAD_S)
        assert line.waiting_bytes == 320
        line.waiting_bytes -= 320 if number % 2 else 0
    conversation.tick(0.2, AHEAD_S + 0.01)
    assert line.waiting_bytes == 480, "and for as much more as ticks came late"


def test_what_the_line_says_becomes_packets() -> None:
    conversation = talk(Line())
    made = [packet for number in range(5) for packet in conversation.tick(number * 0.02, AHEAD_S)]
    assert [packet.ticks for packet in made] == [0, 960, 1920, 2880, 3840]


def test_a_way_that_is_closed_is_left_alone_and_another_rate_is_followed() -> None:
    line = Line()
    line.out = line.into = None
    conversation = talk(line)
    assert conversation.tick(0.0, AHEAD_S) == []
    assert line.written == []
    line.out = line.into = WIDE
    line.spoken = itertools.cycle([bytes(640)])
    assert len(conversation.tick(0.02, AHEAD_S)) == 1
    assert len(line.written[0]) == 640
    line.into = PcmFormat(11_025, 1)
    assert conversation.tick(0.04, AHEAD_S) == [], "no Opus has that rate: it is not heard, and nothing breaks"


def test_a_call_without_sound_just_now_is_asked_again_next_time() -> None:
    line = Line()
    conversation = talk(line)
    line.fault = PcmGone()
    assert conversation.tick(0.0, AHEAD_S) == []
    line.fault = None
    assert conversation.tick(0.01, AHEAD_S)


async def test_one_calls_fault_silences_no_other_and_the_thread_ends() -> None:
    heard: set[str] = set()
    both = asyncio.Event()
    broken, sound = Line(), Line()
    broken.fault = RuntimeError("a bug")

    def deliver(conversation: Conversation, packets: list[OpusPacket]) -> None:
        heard.add(conversation.name)
        both.set()

    thread = VoiceThread(asyncio.get_running_loop(), deliver)
    first, second = talk(broken, "lg_broken"), talk(sound, "lg_sound")
    thread.add(first)
    thread.add(second)
    async with asyncio.timeout(10):
        await both.wait()
    assert heard == {"lg_sound"}
    assert first.failed
    running = thread._thread
    thread.remove(first)
    thread.remove(second)
    thread.remove(second)
    assert not thread._wanted.is_set(), "it rests"
    both.clear()
    thread.add(second)
    async with asyncio.timeout(10):
        await both.wait()
    await thread.aclose()
    assert running is not None
    assert not running.is_alive()


async def test_a_loop_that_is_held_up_loses_sound_and_not_memory() -> None:
    delivered: list[int] = []
    loop = asyncio.get_running_loop()
    thread = VoiceThread(loop, lambda _, packets: delivered.append(len(packets)))
    conversation = talk(Line())
    conversation.tick = lambda at_s, ahead_s: [OpusPacket(0, b"x", marker=False)]  # type: ignore[method-assign]
    thread._conversations = (conversation,)
    for _ in range(3 * MAX_UNDELIVERED):  # the loop has no turn meanwhile
        thread._tick(AHEAD_S)
    assert thread.lost_packets > 0
    assert thread._sent == MAX_UNDELIVERED
    await asyncio.sleep(0)
    assert len(delivered) == MAX_UNDELIVERED
    thread._tick(AHEAD_S)
    await asyncio.sleep(0)
    assert len(delivered) == MAX_UNDELIVERED + 1, "and goes on when it has its turn again"


async def test_what_was_made_before_a_call_left_is_not_delivered_after() -> None:
    delivered: list[int] = []
    thread = VoiceThread(asyncio.get_running_loop(), lambda _, packets: delivered.append(len(packets)))
    conversation = talk(Line())
    thread._conversations = (conversation,)
    thread._tick(AHEAD_S)
    thread.remove(conversation)
    await asyncio.sleep(0)
    assert delivered == []
