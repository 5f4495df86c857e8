"""One leg of the load: offers or answers, checks as the controlling agent, DTLS, then media out and counts.

Made of the transport's own parts, with two differences to `ClientPeer`: no task per leg but the handshake's, and of the
packets that arrive one in four is decrypted, to read its stamp; the others are counted by their headers.
"""

import asyncio
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80

from media.forward import rtcp
from media.port import Kind
from media.sdp.answer import answer_offer, read_answer
from media.sdp.description import EXT_ABS_SEND_TIME, Negotiated, Section
from media.sdp.offer import make_offer
from media.sdp.write import LocalTransport
from media.transport.controlling import ControllingAgent
from media.transport.dtls import Certificate, DatagramPipe, DtlsSession
from media.transport.ice import IceCredentials
from media.transport.identity import new_password, new_ufrag, ssrc_source
from media.transport.stun import Flaw, parse
from media.transport.timers import TransportTimers
from tests.bench.load.content import KEY_FRAME, NEXT_FRAME, PART_BYTES, SOUND, SOUND_BYTES, STAMP_BYTES
from tests.bench.load.wire import SLOT_BYTES, Batch, Cipher, open_socket

PROFILES: Final = {"cm": SRTP_AES128_CM_SHA1_80, "gcm": SRTP_AEAD_AES_128_GCM}
DECRYPTED: Final = 4  # one packet in so many
TIMERS: Final = TransportTimers()
_TIE_BREAKER: Final = 2**64 - 1
"""Wins every conflict of roles (RFC 8445 §7.3.1.1): a full agent that offered to us takes the controlled one."""

_U32: Final = 0xFFFFFFFF
_SOUND_HEAD: Final = Struct("!BBHIIII")  # RTP, one extension word
_VIDEO_HEAD: Final = Struct("!BBHIIIIBBH")  # and the payload descriptor
_SOUND_END: Final = _SOUND_HEAD.size + SOUND_BYTES
_VIDEO_END: Final = _VIDEO_HEAD.size + PART_BYTES
_SEQUENCE_SSRC: Final = Struct("!2xH4xI")
_STAMP: Final = Struct("!q")
_ONE_BYTE_EXTENSIONS: Final = 0xBEDE0001  # RFC 8285 §4.2, one word: abs-send-time


def _abs_send_time(now_ns: int) -> int:
    """Seconds in 6.18 fixed point, as the extension has it."""
    return ((now_ns << 18) // 1_000_000_000) & 0xFFFFFF


@dataclass(slots=True)
class Outgoing:
    """One stream that the leg sends."""

    section: Section
    payload_type: int
    extension_id: int  # of abs-send-time, as the first byte of its word
    sequence: int = 0
    timestamp: int = 0
    packets: int = 0

    def next(self) -> int:
        """The number of one more packet."""
        self.packets += 1
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sequence


@dataclass(slots=True)
class Incoming:
    """One stream that arrives. Gaps of its numbers are lost packets, whether the server or the network lost them."""

    kind: Kind
    first: int
    highest: int  # extended by its wraps
    received: int = 0

    @property
    def lost(self) -> int:
        return self.highest - self.first + 1 - self.received


@dataclass(slots=True)
class Shared:
    """What all legs of the process use one after the other."""

    host: str
    profile: str
    certificate: Certificate
    inbox: Batch
    outbox: Batch
    counters: Counter[str]
    delays_ms: dict[Kind, list[float]]
    timing: bool = False


class Leg:
    """Made by `open`; `offer` and `set_answer`, or `answer`; then `connected`. The pacer drives the rest."""

    def __init__(self, shared: Shared) -> None:
        self.sent = 0
        self.unsent = 0
        self.incoming: dict[int, Incoming] = {}
        self.talks = False
        self.timed = True
        """Whether what arrives bears our stamps: not when a clip is played."""
        self.connected_s: float | None = None
        self._shared = shared
        self._socket = open_socket(shared.host)
        self._fd = self._socket.fileno()
        self._local = LocalTransport(
            ufrag=new_ufrag(),
            password=new_password(),
            fingerprint=shared.certificate.fingerprint(),
            candidates=((shared.host, self._socket.getsockname()[1]),),
            setup="actpass",
            ice_lite=False,
            session_id=secrets.randbits(62),
        )
        self._sections: tuple[Section, ...] = ()
        self._agent: ControllingAgent | None = None
        self._address: Any = None
        self._pipe = DatagramPipe(self._send_plain, shared.counters)
        self._dtls: DtlsSession | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cipher: Cipher | None = None
        self._kinds: dict[int, Kind] = {}
        self._video: Outgoing | None = None
        self._sound: Outgoing | None = None
        self._key_frame_wanted = True
        self._picture_id = 0
        asyncio.get_running_loop().add_reader(self._fd, self.read)

    # ------------------------------------------------------------ set-up

    def offer(self) -> str:
        """The description to send."""
        self._sections, text = make_offer(self._local, ssrc_source(), secrets.token_hex(8), screen=False, h264=False)
        return text

    def set_answer(self, sdp: str) -> None:
        """Take the answer and begin checks."""
        self._begin(read_answer(sdp, self._sections, self._local))

    def answer(self, sdp: str) -> str:
        """Answer a full agent's offer and begin checks."""
        negotiated, text = answer_offer(sdp, self._local, ssrc_source(), secrets.token_hex(8))
        self._begin(negotiated)
        return text

    async def connected(self, limit_s: float = 20.0) -> None:
        """Return when media can flow. Raises TimeoutError or ConnectionError."""
        async with asyncio.timeout(limit_s):
            await asyncio.shield(self._ready)

    def _begin(self, negotiated: Negotiated) -> None:
        self._address = next(each for each in negotiated.remote_candidates if ":" not in each[0])
        self._socket.connect(self._address)
        self._agent = ControllingAgent(
            IceCredentials(
                local_ufrag=negotiated.local_ufrag,
                local_password=negotiated.local_password.encode(),
                remote_ufrag=negotiated.remote_ufrag,
                remote_password=negotiated.remote_password.encode(),
            ),
            [self._address],
            tie_breaker=_TIE_BREAKER,
            new_transaction_id=lambda: secrets.token_bytes(12),
            timers=TIMERS,
            now_s=time.monotonic(),
        )
        self._dtls = DtlsSession(
            self._pipe,
            self._shared.certificate,
            negotiated.dtls_role,
            negotiated.remote_fingerprints,
            self._on_ended,
        )
        self._dtls._srtp_profiles = [PROFILES[self._shared.profile]]
        for section in negotiated.sections:
            for codec in section.codecs:
                if codec.name in ("VP8", "OPUS"):
                    self._kinds[codec.payload_type] = section.kind
                    stream = Outgoing(
                        section,
                        codec.payload_type,
                        (section.extensions[EXT_ABS_SEND_TIME] << 4 | 2) << 24,
                        sequence=secrets.randbits(15),
                        timestamp=secrets.randbits(31),
                    )
                    if section.kind is Kind.VIDEO:
                        self._video = stream
                    else:
                        self._sound = stream
        self.tick(time.monotonic())

    async def _secure(self, dtls: DtlsSession) -> None:
        try:
            done = await dtls.handshake()
        except Exception as error:  # noqa: BLE001 - whatever it is ends the measurement
            self._fail(f"the handshake failed: {error!r}")
            return
        if not done or dtls.keys is None:
            self._fail("the handshake failed")
            return
        self._cipher = Cipher(dtls.keys)
        self.connected_s = time.monotonic()
        if not self._ready.done():
            self._ready.set_result(None)

    def _fail(self, reason: str) -> None:
        self._cipher = None
        self._shared.counters[reason] += 1
        if not self._ready.done():
            self._ready.set_exception(ConnectionError(reason))
            self._ready.exception()  # whoever waits gets it; nobody has to

    def _on_ended(self) -> None:
        self._fail("closed by the server")

    async def close(self) -> None:
        """close_notify, then the socket."""
        self._cipher = None
        if self._handshake is not None:
            self._handshake.cancel()
            await asyncio.gather(self._handshake, return_exceptions=True)
        if self._dtls is not None:
            await self._dtls.shut_down(say_goodbye=True)
        self._pipe.end()
        self.vanish()

    def vanish(self) -> None:
        """Go without a word."""
        self._cipher = None
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._socket.close()
            self._fd = -1

    # ------------------------------------------------------------ the pacer's calls

    def tick(self, now_s: float) -> None:
        """Connectivity and consent checks that are due."""
        agent = self._agent
        if agent is not None and now_s >= agent.next_due_s:
            for request, _ in agent.due(now_s):
                self._send_plain(request)

    def say(self) -> None:
        """20 ms of sound."""
        stream, cipher, outbox = self._sound, self._cipher, self._shared.outbox
        if stream is None or cipher is None:
            return
        stream.timestamp += 960
        now_ns = time.time_ns()
        data, sequence = outbox.data, stream.next()
        _SOUND_HEAD.pack_into(
            data,
            0,
            0x90,
            stream.payload_type,
            sequence,
            stream.timestamp & _U32,
            stream.section.local_ssrc,
            _ONE_BYTE_EXTENSIONS,
            stream.extension_id | _abs_send_time(now_ns),
        )
        data[_SOUND_HEAD.size : _SOUND_END] = SOUND
        _STAMP.pack_into(data, _SOUND_END, now_ns)
        outbox.set_length(0, cipher.protect(outbox.pointers[0], _SOUND_END + STAMP_BYTES))
        taken = outbox.send(self._fd, 1)
        self.sent += taken
        self.unsent += 1 - taken

    def show(self) -> None:
        """One picture, all its packets at once."""
        stream, cipher, outbox = self._video, self._cipher, self._shared.outbox
        if stream is None or cipher is None:
            return
        parts = KEY_FRAME if self._key_frame_wanted else NEXT_FRAME
        self._key_frame_wanted = False
        stream.timestamp += 3000
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        now_ns = time.time_ns()
        time_word, picture = stream.extension_id | _abs_send_time(now_ns), 0x8000 | self._picture_id
        last, timestamp, ssrc = len(parts) - 1, stream.timestamp & _U32, stream.section.local_ssrc
        payload_type, data, protect = stream.payload_type, outbox.data, cipher.protect
        for slot, part in enumerate(parts):
            at = slot * SLOT_BYTES
            _VIDEO_HEAD.pack_into(
                data,
                at,
                0x90,
                payload_type if slot < last else payload_type | 0x80,
                stream.next(),
                timestamp,
                ssrc,
                _ONE_BYTE_EXTENSIONS,
                time_word,
                0x80 if slot else 0x90,
                0x80,
                picture,
            )
            data[at + _VIDEO_HEAD.size : at + _VIDEO_END] = part
            _STAMP.pack_into(data, at + _VIDEO_END, now_ns)
            length = protect(outbox.pointers[slot], _VIDEO_END + STAMP_BYTES)
            outbox.set_length(slot, length)
        taken = outbox.send_picture(self._fd, last + 1, length)
        self.sent += taken
        self.unsent += last + 1 - taken

    def listen(self) -> None:
        """From now on `read` is called by the pacer, no longer by the loop: several packets a call, none the later."""
        asyncio.get_running_loop().remove_reader(self._fd)
        self.talks = True

    def report(self) -> None:
        """A sender report per stream, as a browser makes once a second."""
        cipher, outbox = self._cipher, self._shared.outbox
        if cipher is None:
            return
        slot = 0
        for stream in (self._video, self._sound):
            if stream is not None and stream.packets:
                ssrc = stream.section.local_ssrc
                report = rtcp.SenderReport(ssrc, rtcp.ntp64(time.time()), stream.timestamp)
                compound = rtcp.sender_report(report, stream.packets, stream.packets * PART_BYTES)
                compound += rtcp.description([ssrc], stream.section.cname)
                at = slot * SLOT_BYTES
                outbox.data[at : at + len(compound)] = compound
                outbox.set_length(slot, cipher.protect_rtcp(outbox.pointers[slot], len(compound)))
                slot += 1
        outbox.send(self._fd, slot)

    def _send_plain(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError:
            self._shared.counters["send_failed"] += 1

    # ------------------------------------------------------------ what arrives

    def read(self) -> None:
        """Whatever the kernel holds for this leg."""
        shared = self._shared
        inbox = shared.inbox
        data = inbox.data
        count = inbox.receive(self._fd) if self._fd >= 0 else 0
        for slot in range(count):
            at = slot * SLOT_BYTES
            first = data[at]
            if 127 < first < 192:
                if 191 < data[at + 1] < 224:
                    self._on_rtcp(slot)
                    continue
                sequence, ssrc = _SEQUENCE_SSRC.unpack_from(data, at)
                stream = self.incoming.get(ssrc)
                if stream is None:
                    kind = self._kinds.get(data[at + 1] & 0x7F)
                    if kind is None:
                        continue
                    stream = self.incoming[ssrc] = Incoming(kind, sequence, sequence)
                ahead = (sequence - stream.highest) & 0xFFFF
                if ahead < 0x8000:
                    stream.highest += ahead
                stream.received += 1
                if not sequence % DECRYPTED and shared.timing and self.timed:
                    self._time(slot, stream.kind)
            elif first < 4:
                self._on_stun(bytes(data[at : at + inbox.length(slot)]))
            elif 19 < first < 64:
                self._pipe.push(bytes(data[at : at + inbox.length(slot)]))

    def _time(self, slot: int, kind: Kind) -> None:
        shared = self._shared
        inbox = shared.inbox
        length = self._cipher.unprotect(inbox.pointers[slot], inbox.length(slot)) if self._cipher else 0
        if length < STAMP_BYTES:
            shared.counters["srtp_refused"] += 1
            return
        (sent_ns,) = _STAMP.unpack_from(inbox.data, slot * SLOT_BYTES + length - STAMP_BYTES)
        shared.delays_ms[kind].append((inbox.arrived_ns(slot) - sent_ns) / 1e6)

    def _on_rtcp(self, slot: int) -> None:
        inbox = self._shared.inbox
        length = self._cipher.unprotect_rtcp(inbox.pointers[slot], inbox.length(slot)) if self._cipher else 0
        if not length:
            return
        at = slot * SLOT_BYTES
        try:
            items = rtcp.parse(bytes(inbox.data[at : at + length]), length)
        except rtcp.MalformedRtcp:
            self._shared.counters["rtcp_malformed"] += 1
            return
        if any(isinstance(item, rtcp.KeyFrameRequest) for item in items):
            self._key_frame_wanted = True
        self._shared.counters["nacks"] += sum(isinstance(item, rtcp.Nack) for item in items)

    def _on_stun(self, datagram: bytes) -> None:
        message = parse(datagram)
        if isinstance(message, Flaw) or self._agent is None:
            return
        outcome = self._agent.on_message(message, self._address, time.monotonic())
        if outcome.response:
            self._send_plain(outcome.response)
        if outcome.selected and self._handshake is None and self._dtls is not None:
            self._handshake = asyncio.get_running_loop().create_task(self._secure(self._dtls), name="load:handshake")
        self.tick(time.monotonic())
