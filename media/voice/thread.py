"""The thread in which the sound of all telephone calls is decoded and encoded, every 10 ms, beside the event loop.

A thread, because fifty calls take some 5 ms of codec in each 20 ms: on the event loop every packet of every video
would wait for that. libopus and numpy let the interpreter go while they work, so the loop gets its turn within a
fraction of a millisecond, and a second core does the work where there is one.

A `Conversation` is one call: packets go in from the loop (`Uplink.put`), packets come out on the loop through
`deliver`, all of one wake-up together. It knows no leg and no SIP.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from gateway.base.log import get_logger
from media.voice.downlink import Downlink, OpusPacket
from media.voice.opus import ENCODER_RATES
from media.voice.sip import Pcm, PcmFormat, PcmGone
from media.voice.uplink import Uplink

TICK_S: Final = 0.01

AHEAD_S: Final = 0.02
"""What waits at the line after each tick at least: it takes that much at a time, each time later than the next tick."""

MAX_ALLOWANCE_S: Final = 0.04
"""What more waits there when ticks come late: as much as the latest of the last seconds, 40 ms at most."""

ALLOWANCE_DECAY: Final = 0.998  # per tick: half of it is forgotten in 3.5 s

MAX_READ_BYTES: Final = 32_768
MAX_UNDELIVERED: Final = 50
"""Wake-ups whose packets the loop has not taken yet. A loop that is held up longer loses sound, and not memory."""

BREATH_S: Final = 0.002
"""Between two ticks the others have their turn, however much there is to do."""

JOIN_S: Final = 2.0

_log = get_logger("media.voice")

Deliver = Callable[["Conversation", list[OpusPacket]], None]


class Conversation:
    """One call's two directions. Made on the loop; `tick` is the thread's."""

    def __init__(self, name: str, pcm: Pcm, random: np.random.Generator) -> None:
        self.name = name
        self.uplink = Uplink(8000, 1, random)
        self._pcm = pcm
        self._downlink: Downlink | None = None
        self._refused: PcmFormat | None = None
        self.failed = False  # told once

    def tick(self, at_s: float, ahead_s: float) -> list[OpusPacket]:
        """Take what came, give what is due, so that the line has sound for `ahead_s`."""
        try:
            state = self._pcm.state()
            made: list[OpusPacket] = []
            if state.into is not None and state.into_waiting_bytes:  # a read costs as much memory as it may give
                made = self._take(self._pcm.read(min(MAX_READ_BYTES, state.into_waiting_bytes)), state.into, at_s)
            if state.out is not None:
                self._give(state.out, state.out_waiting_bytes, at_s, ahead_s)
        except PcmGone:
            return []
        return made

    def _take(self, pcm: bytes, form: PcmFormat, at_s: float) -> list[OpusPacket]:
        downlink = self._downlink
        if form.rate_hz not in ENCODER_RATES or form.channels < 1:
            if form != self._refused:
                self._refused = form
                _log.warning("voice.format_refused", leg_id=self.name, rate_hz=form.rate_hz, channels=form.channels)
            return []
        if downlink is None:
            self._downlink = downlink = Downlink(form.rate_hz, form.channels)
        elif (downlink.rate_hz, downlink.channels) != (form.rate_hz, form.channels):
            downlink.use(form.rate_hz, form.channels)
        return downlink.feed(pcm, at_s)

    def _give(self, form: PcmFormat, waiting_bytes: int, at_s: float, ahead_s: float) -> None:
        uplink = self.uplink
        if (uplink.rate_hz, uplink.channels) != (form.rate_hz, form.channels):
            uplink.use(form.rate_hz, form.channels)
        lacking = round(ahead_s * form.rate_hz) - waiting_bytes // (2 * form.channels)
        if lacking > 0:
            self._pcm.write(uplink.pull(lacking, at_s))


class VoiceThread:
    """Begins with the first conversation, rests while there is none. All but `_run` and `_tick` is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        self._loop = loop
        self._deliver = deliver
        self._conversations: tuple[Conversation, ...] = ()  # replaced, never changed: the thread reads it unlocked
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()  # there is a conversation, or it is over
        self._over = threading.Event()
        self._sent = 0  # wake-ups with packets: the thread's count, and the loop's of those it has taken
        self._taken = 0
        self.lost_packets = 0
        self.late_s = 0.0  # the most that a tick came too late
        self._allowance_s = 0.0

    def add(self, conversation: Conversation) -> None:
        self._conversations = (*self._conversations, conversation)
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
            self._thread.start()

    def remove(self, conversation: Conversation) -> None:
        """What it made until now may still be delivered. No error when it is not here."""
        self._conversations = tuple(each for each in self._conversations if each is not conversation)
        if not self._conversations:
            self._wanted.clear()

    async def aclose(self) -> None:
        """Returns when the thread has ended. Nothing is added afterwards."""
        self._conversations = ()
        self._over.set()
        self._wanted.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, JOIN_S)

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._over.is_set():
            if not self._wanted.is_set():
                self._wanted.wait()
                due_s = time.monotonic()
            due_s += TICK_S
            if self._over.wait(max(due_s - time.monotonic(), BREATH_S)):
                return
            late_s = time.monotonic() - due_s
            self.late_s = max(self.late_s, late_s)
            self._allowance_s = min(MAX_ALLOWANCE_S, max(late_s, ALLOWANCE_DECAY * self._allowance_s))
            if late_s > TICK_S:
                due_s += late_s  # what was missed is made good by this tick, not by many
            self._tick(AHEAD_S + self._allowance_s)

    def _tick(self, ahead_s: float) -> None:
        made: list[tuple[Conversation, list[OpusPacket]]] = []
        for conversation in self._conversations:
            try:
                packets = conversation.tick(time.monotonic(), ahead_s)
            except Exception:  # noqa: BLE001 - the top of the thread: one call's fault must not silence the others
                if not conversation.failed:
                    _log.exception("voice.tick_failed", leg_id=conversation.name)
                conversation.failed = True
                continue
            if packets:
                made.append((conversation, packets))
        if not made:
            return
        if self._sent - self._taken >= MAX_UNDELIVERED:
            self.lost_packets += sum(len(packets) for _, packets in made)
            return
        self._sent += 1
        try:
            self._loop.call_soon_threadsafe(self._hand_over, made)
        except RuntimeError:  # the loop is closed: the process ends
            self._over.set()

    def _hand_over(self, made: list[tuple[Conversation, list[OpusPacket]]]) -> None:
        self._taken += 1
        for conversation, packets in made:
            if conversation in self._conversations:
                self._deliver(conversation, packets)
