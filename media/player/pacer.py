"""One pacing clock for every leg that is shown a clip: a single timer, a heap of what is due, no task and no encoder.

Owns when a packet of a clip is sent. It knows no header, no link and no file: a `Voice` of a leg turns a payload into a
packet of its own stream (`media.forward.outgoing.OutgoingTrack` is one).
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gateway.base.log import get_logger
from media.player.clip import Clip, ClipPacket, ClipTrack
from media.sdp.description import Codec

GRID_S: Final = 0.01
"""The timer fires at most this often, whatever the number of legs: one wake-up sends all that is due."""

MAX_LAG_S: Final = 0.25
"""A loop that was held up longer does not send the past in one burst: the clip goes on later instead."""

_log = get_logger("media.pacer")


class Voice(Protocol):
    """Where the packets of one track go."""

    def send_clip(
        self, scratch: bytearray, payload: bytes, codec: Codec, ticks: int, *, marker: bool, at_s: float
    ) -> None:
        """Send one payload. `ticks`: media time since the clip began, in the codec's clock; `at_s`: when it was due."""
        ...


class Tray(Protocol):
    """Where packets are built: what lies in its buffers is sent together (`media.transport.udp.Tray`)."""

    def slot(self) -> bytearray:
        """A buffer for the next packet."""
        ...

    def flush(self) -> None: ...


class _Part:
    """One track of one playback: which packet is next and where the clip's start lies on the playback's time."""

    __slots__ = ("base_ms", "base_ticks", "codec", "duration_ticks", "ended", "index", "packets", "playback", "voice")

    def __init__(
        self, playback: "_Playback", voice: Voice | None, codec: Codec | None, track: ClipTrack | None
    ) -> None:
        self.playback = playback
        self.voice = voice
        self.codec = codec
        self.packets: Sequence[ClipPacket] = track.packets if track is not None else ()
        self.duration_ticks = playback.clip.duration_ms * track.clock_rate_hz // 1000 if track is not None else 0
        self.index = 0
        self.base_ms = 0
        self.base_ticks = 0
        self.ended = False

    def due_s(self) -> float:
        """When the next packet is due, or the end of the clip when there is none, on the loop's clock."""
        clip = self.playback.clip
        within_ms = self.packets[self.index].due_ms if self.index < len(self.packets) else clip.duration_ms
        return self.playback.start_s + (self.base_ms + within_ms) / 1000

    def back_to_key_frame(self) -> None:
        """Let the key frame before the next packet be the next packet, without a step back in time."""
        if not 0 < self.index < len(self.packets):
            return
        following = self.packets[self.index]
        at = next((i for i in range(self.index - 1, 0, -1) if self.packets[i].key_frame), 0)
        self.base_ms += following.due_ms - self.packets[at].due_ms
        self.base_ticks += max(1, following.rtp_ticks - self.packets[at].rtp_ticks)
        self.index = at


class _Playback:
    """One clip for one leg."""

    __slots__ = ("clip", "key", "loop", "on_ended", "parts", "start_s", "stopped", "wall_offset_s")

    def __init__(
        self, key: str, clip: Clip, loop: bool, start_s: float, wall_offset_s: float, on_ended: Callable[[str], None]
    ) -> None:
        self.key = key
        self.clip = clip
        self.loop = loop
        self.start_s = start_s
        self.wall_offset_s = wall_offset_s
        self.on_ended = on_ended
        self.parts: list[_Part] = []
        self.stopped = False


class Pacer:
    """Plays clips to any number of legs. Each hears its clip from the beginning, which is where a picture can begin."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wall: Callable[[], float], tray: Tray) -> None:
        """`wall` is `time.time`, or a test's."""
        self._loop = loop
        self._wall = wall
        self._tray = tray
        self._playbacks: dict[str, _Playback] = {}
        self._due: list[tuple[float, int, _Part]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = 0.0
        self._fired_s = 0.0

    def __len__(self) -> int:
        return len(self._playbacks)

    def play(
        self,
        key: str,
        clip: Clip,
        voices: Sequence[tuple[Voice, Codec]],
        *,
        loop: bool,
        on_ended: Callable[[str], None],
        delay_s: float = 0.0,
    ) -> None:
        """Begin `clip` for the leg `key` after `delay_s`, in place of what it was played before.

        Each voice gets the track of its codec; one without a track is left out. A clip that does not loop calls
        `on_ended(key)` once its duration has passed, also when no track fitted.
        """
        self.stop(key)
        now_s = self._loop.time()
        playback = _Playback(key, clip, loop, now_s + delay_s, self._wall() - now_s, on_ended)
        for voice, codec in voices:
            track = clip.track(codec.name)
            if track is not None and track.packets:
                playback.parts.append(_Part(playback, voice, codec, track))
        if not playback.parts:
            playback.parts.append(_Part(playback, None, None, None))
        self._playbacks[key] = playback
        for part in playback.parts:
            self._push(part, part.due_s())
        self._arm()

    def stop(self, key: str) -> None:
        """Nothing more is sent for `key`, and no end is told. No error when it plays nothing."""
        playback = self._playbacks.pop(key, None)
        if playback is not None:
            playback.stopped = True
        if not self._playbacks:
            self.close()

    def show_key_frame(self, key: str, voice: Voice) -> None:
        """The receiver lost its picture: begin again at the last key frame sent."""
        playback = self._playbacks.get(key)
        for part in playback.parts if playback is not None else ():
            if part.voice is voice:
                part.back_to_key_frame()

    def close(self) -> None:
        """Stop everything. Idempotent; the next `play` begins anew."""
        for playback in self._playbacks.values():
            playback.stopped = True
        self._playbacks.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self, part: _Part, due_s: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (due_s, self._count, part))

    def _arm(self) -> None:
        if not self._due:
            return
        when_s = max(self._due[0][0], self._fired_s + GRID_S)
        if self._timer is not None:
            if self._timer_due_s <= when_s:
                return
            self._timer.cancel()
        self._timer_due_s = when_s
        self._timer = self._loop.call_at(when_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._fired_s = now_s = self._loop.time()
        while self._due and self._due[0][0] <= now_s:
            planned_s, _, part = heapq.heappop(self._due)
            playback = part.playback
            if playback.stopped:
                continue
            if now_s - planned_s > MAX_LAG_S:
                playback.start_s += max(0.0, now_s - part.due_s())
            try:
                due_s = self._send_due(part, now_s)
            except Exception:  # noqa: BLE001 - the top of the timer: one leg must not stop the others
                _log.exception("pacer.playback_failed", leg_id=playback.key)
                self.stop(playback.key)
                continue
            if not playback.stopped and not part.ended:
                self._push(part, due_s)
        self._tray.flush()
        self._arm()

    def _send_due(self, part: _Part, now_s: float) -> float:
        """Send what is due of one part; when its next packet is."""
        playback, voice, codec, packets = part.playback, part.voice, part.codec, part.packets
        due_s = now_s
        while not playback.stopped and (due_s := part.due_s()) <= now_s:
            if part.index == len(packets):
                if not playback.loop:
                    self._end(part)
                    break
                part.index = 0
                part.base_ms += playback.clip.duration_ms
                part.base_ticks += part.duration_ticks
                continue
            packet = packets[part.index]
            part.index += 1
            if voice is not None and codec is not None:
                voice.send_clip(
                    self._tray.slot(),
                    packet.payload,
                    codec,
                    part.base_ticks + packet.rtp_ticks,
                    marker=packet.marker,
                    at_s=due_s + playback.wall_offset_s,
                )
        return due_s

    def _end(self, part: _Part) -> None:
        part.ended = True
        playback = part.playback
        if all(other.ended for other in playback.parts):
            self.stop(playback.key)
            playback.on_ended(playback.key)
