"""A telephone switch of a few lines: takes calls over UDP as a test tells it to, also wrongly, and sends and keeps RTP.

    async with sip_peer(lambda call: call.answer()) as peer:
        …dial peer.uri…
        call = await peer.call(1)            # the first that came
        call.rtp.speak(tone(440))            # PCMA or PCMU, 20 ms packets at the pace of the loop's clock
        call.bye(("Reason", 'Q.850;cause=16'))

What SIP asks of a careful peer (transactions, retransmission of the 200) it leaves out on purpose: it says exactly what
it is told to, once. `sent` and `heard` are the messages as text.
"""

import asyncio
import itertools
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

PCMU: Final = 0
PCMA: Final = 8
EVENTS: Final = 101
PACKET_S: Final = 0.02

Samples = npt.NDArray[np.int16]
Header = tuple[str, str]


def to_alaw(samples: Samples) -> bytes:
    """ITU-T G.711 A-law."""
    x = samples.astype(np.int32)
    positive = x >= 0
    magnitude = np.minimum(np.where(positive, x, -x - 1), 32767) >> 3
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = np.where(exponent > 1, magnitude >> np.maximum(exponent, 1), magnitude >> 1) & 0x0F
    exponent = np.where(magnitude < 32, 0, exponent)
    code = (exponent << 4) | np.where(magnitude < 32, magnitude >> 1, mantissa)
    return bytes((np.where(positive, code | 0x80, code) ^ 0x55).astype(np.uint8))


def from_alaw(data: bytes) -> Samples:
    code = np.frombuffer(data, np.uint8).astype(np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def tone(frequency_hz: float, rate_hz: int = 8000, amplitude: int = 8000) -> Iterator[Samples]:
    """Packets of a sine without end."""
    step = round(rate_hz * PACKET_S)
    for number in itertools.count():
        at = np.arange(number * step, (number + 1) * step)
        yield (np.sin(2 * np.pi * frequency_hz * at / rate_hz) * amplitude).astype(np.int16)


def loudest_hz(samples: Samples, rate_hz: int = 8000) -> float:
    """Where the spectrum has its peak; 0 for silence."""
    if not len(samples) or not np.any(samples):
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message: its first line, its headers in order, its body."""

    start: str
    headers: tuple[Header, ...]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        return cls(lines[0], headers, body)

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def method(self) -> str:
        """Of a request; empty for an answer."""
        return "" if self.start.startswith("SIP/2.0") else self.start.split(" ")[0]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0


@dataclass(frozen=True, slots=True)
class HeardRtp:
    at_s: float
    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes


class RtpPort(asyncio.DatagramProtocol):
    """One call's sound: what came is kept, what is to be said is sent every 20 ms until it is over."""

    def __init__(self) -> None:
        self.heard: list[HeardRtp] = []
        self.remote: tuple[str, int] | None = None
        self.payload_type = PCMA
        self.copies = 1
        self.clock = 1.0  # how fast this side's 20 ms pass
        self.sent_at_s: list[float] = []
        self._sequence, self._timestamp, self._ssrc = 7, 160, 0x5150
        self._speech: Iterator[Samples] | None = None
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) < 12 or 192 <= data[1] <= 223:
            return
        _, second, sequence, timestamp, _ = struct.unpack_from("!BBHII", data)
        self.heard.append(HeardRtp(time.monotonic(), second & 0x7F, sequence, timestamp, data[12:]))

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def sound(self) -> Samples:
        """All that was heard, one packet after the other."""
        return np.concatenate(
            [from_alaw(each.payload) for each in self.heard if each.payload_type == PCMA] or [np.zeros(0, np.int16)]
        )

    def digits(self) -> str:
        """Keys pressed by the other side, each once (RFC 4733 §2.5: an event has one timestamp)."""
        keys = {each.timestamp: each.payload[0] for each in self.heard if each.payload_type == EVENTS}
        return "".join("0123456789*#ABCD"[code] for code in keys.values())

    def send(self, payload: bytes, *, payload_type: int | None = None, marker: bool = False, ticks: int = 160) -> None:
        kind = self.payload_type if payload_type is None else payload_type
        packet = struct.pack(
            "!BBHII", 0x80, marker << 7 | kind, self._sequence & 0xFFFF, self._timestamp & 0xFFFFFFFF, self._ssrc
        )
        self._sequence += 1
        self._timestamp += ticks
        if self.remote is not None and self._transport is not None:
            for _ in range(self.copies):
                self._transport.sendto(packet + payload, self.remote)
            self.sent_at_s.append(time.monotonic())

    def send_raw(self, data: bytes) -> None:
        if self.remote is not None and self._transport is not None:
            self._transport.sendto(data, self.remote)

    def press(self, digit: str) -> None:
        """One key: begun, held, and its end three times."""
        code = "0123456789*#ABCD".index(digit)
        for number, end in enumerate((0, 0, 0, 1, 1, 1)):
            event = struct.pack("!BBH", code, end << 7 | 10, 160 * min(number + 1, 4))
            self.send(event, payload_type=EVENTS, marker=number == 0, ticks=0)
        self._timestamp += 160 * 5

    def speak(self, speech: Iterator[Samples]) -> None:
        """Say it from now on, in place of what is said now."""
        self._speech = speech
        if self._timer is None:
            self._due_s = asyncio.get_running_loop().time()
            self._next()

    def hush(self) -> None:
        self._speech = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        piece = next(self._speech, None) if self._speech is not None else None
        if piece is None:
            self._timer = None
            return
        self.send(to_alaw(piece))
        self._due_s += PACKET_S / self.clock
        self._timer = asyncio.get_running_loop().call_at(self._due_s, self._next)

    def close(self) -> None:
        self.hush()
        if self._transport is not None:
            self._transport.close()


@dataclass(eq=False)
class PeerCall:
    """One INVITE and what followed."""

    peer: "SipPeer"
    invite: Message
    remote: tuple[str, int]
    rtp: RtpPort
    tag: str
    requests: list[Message] = field(default_factory=list)  # of this call, the INVITE first
    answers: list[Message] = field(default_factory=list)  # to what we asked
    sequence: int = 100

    @property
    def call_id(self) -> str:
        return self.invite.one("Call-ID")

    def has(self, method: str) -> bool:
        return any(each.method == method for each in self.requests)

    # ------------------------------------------------------------ answers

    def reply(
        self, request: Message, status: int, reason: str, headers: Sequence[Header] = (), body: str = "", tag: str = ""
    ) -> None:
        lines = [f"SIP/2.0 {status} {reason}"]
        lines += [f"Via: {value}" for value in request.all("Via")]
        to = request.one("To")
        lines += [
            f"From: {request.one('From')}",
            f"To: {to}" if "tag=" in to or status == 100 else f"To: {to};tag={tag or self.tag}",
            f"Call-ID: {request.one('Call-ID')}",
            f"CSeq: {request.one('CSeq')}",
            f"Contact: <sip:switch@127.0.0.1:{self.peer.port}>",
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append("Content-Type: application/sdp")
        self.peer.say("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]), self.remote)

    def sdp(self, direction: str = "sendrecv", *, codec: str = "8 PCMA/8000") -> str:
        number, name = codec.split(" ")
        return "\r\n".join(
            [
                "v=0",
                f"o=- 1 {self.sequence} IN IP4 127.0.0.1",
                "s=-",
                "c=IN IP4 127.0.0.1",
                "t=0 0",
                f"m=audio {self.rtp.port} RTP/AVP {number} {EVENTS}",
                f"a=rtpmap:{number} {name}",
                f"a=rtpmap:{EVENTS} telephone-event/8000",
                f"a=fmtp:{EVENTS} 0-15",
                f"a={direction}",
                "",
            ]
        )

    def progress(
        self, status: int = 180, reason: str = "Ringing", *, sound: bool = False, headers: Sequence[Header] = ()
    ) -> None:
        self.reply(self.invite, status, reason, headers, self.sdp() if sound else "")

    def answer(self, headers: Sequence[Header] = (), *, codec: str = "8 PCMA/8000") -> None:
        self.reply(self.invite, 200, "OK", (*headers, ("Supported", "replaces")), self.sdp(codec=codec))

    def refuse(self, status: int, reason: str, headers: Sequence[Header] = ()) -> None:
        self.reply(self.invite, status, reason, headers)

    # ------------------------------------------------------------ requests

    def ask(
        self,
        method: str,
        headers: Sequence[Header] = (),
        body: str = "",
        kind: str = "application/sdp",
        number: int | None = None,
    ) -> None:
        """A request of ours within the call; `number` is that of an ACK's INVITE."""
        if number is None:
            self.sequence += 1
            number = self.sequence
        contact = re.search(r"<([^>]+)>", self.invite.one("Contact"))
        lines = [
            f"{method} {contact.group(1) if contact else 'sip:nobody@127.0.0.1'} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.peer.port};branch=z9hG4bK{self.tag}{number}{method[0]}",
            f"From: {self.invite.one('To')};tag={self.tag}",
            f"To: {self.invite.one('From')}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:switch@127.0.0.1:{self.peer.port}>",
            "Max-Forwards: 70",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if body:
            lines.append(f"Content-Type: {kind}")
        self.peer.say("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]), self.remote)

    def bye(self, *headers: Header) -> None:
        self.ask("BYE", headers)

    def hold(self, direction: str = "sendonly", *headers: Header) -> None:
        """A re-INVITE; `sendrecv` takes the other side back."""
        self.ask("INVITE", headers, self.sdp(direction))

    def notify(self, status_line: str, *, final: bool) -> None:
        """How the transfer goes that we were asked for (RFC 3515)."""
        state = "terminated;reason=noresource" if final else "active;expires=60"
        self.ask(
            "NOTIFY",
            [("Event", "refer"), ("Subscription-State", state)],
            f"SIP/2.0 {status_line}\r\n",
            "message/sipfrag;version=2.0",
        )


class SipPeer(asyncio.DatagramProtocol):
    """`on_invite` decides what becomes of a call; requests within it are answered 200 unless `deaf` has the method."""

    def __init__(self, on_invite: Callable[[PeerCall], None]) -> None:
        self.on_invite = on_invite
        self.on_request: Callable[[PeerCall, Message], None] = lambda call, request: None  # within a call
        self.deaf: set[str] = set()
        self.answers = {"REFER": (202, "Accepted")}
        self.calls: dict[str, PeerCall] = {}
        self.heard: list[Message] = []
        self.sent: list[str] = []
        self.moved = asyncio.Event()
        self._tags = itertools.count(1)
        self._transport: asyncio.DatagramTransport
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def uri(self) -> str:
        return f"sip:queue@127.0.0.1:{self.port}"

    def say(self, text: str, remote: tuple[str, int]) -> None:
        self.sent.append(text)
        self._transport.sendto(text.encode(), remote)

    async def call(self, number: int) -> PeerCall:
        """The `number`th call, when it is there."""
        async with asyncio.timeout(30):
            while len(self.calls) < number:
                self.moved.clear()
                await self.moved.wait()
        return list(self.calls.values())[number - 1]

    # ------------------------------------------------------------ what comes

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not data.strip():
            return
        message = Message.parse(data)
        self.heard.append(message)
        call = self.calls.get(message.one("Call-ID"))
        if message.method == "INVITE" and call is None:
            task = asyncio.get_running_loop().create_task(self._begin(message, (str(addr[0]), addr[1])))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        elif call is not None:
            self._within(call, message)
        elif message.method == "OPTIONS":
            PeerCall(self, message, (str(addr[0]), addr[1]), RtpPort(), "o").reply(message, 200, "OK")
        self.moved.set()

    async def _begin(self, invite: Message, remote: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        _, rtp = await loop.create_datagram_endpoint(RtpPort, local_addr=("127.0.0.1", 0))
        call = PeerCall(self, invite, remote, rtp, f"t{next(self._tags)}")
        rtp.remote = media_address(invite.body)
        if invite.one("Call-ID") in self.calls:  # a retransmission that overtook the opening of the socket
            rtp.close()
            return
        call.requests.append(invite)
        self.calls[call.call_id] = call
        self.on_invite(call)
        self.moved.set()

    def _within(self, call: PeerCall, message: Message) -> None:
        if not message.method:
            call.answers.append(message)
            if message.status >= 200 and message.one("CSeq").endswith("INVITE"):
                call.ask("ACK", number=int(message.one("CSeq").split(" ")[0]))
            return
        call.requests.append(message)
        self.on_request(call, message)
        match message.method:
            case "ACK":
                pass
            case method if method in self.deaf:
                pass
            case "INVITE" if "tag=" in message.one("To"):
                direction = "recvonly" if "a=sendonly" in message.body else "sendrecv"
                direction = "inactive" if "a=inactive" in message.body else direction
                call.reply(message, 200, "OK", body=call.sdp(direction))
            case "INVITE":
                pass  # a retransmission
            case "CANCEL":
                call.reply(message, 200, "OK")
                call.reply(call.invite, 487, "Request Terminated")
            case method:
                status, reason = self.answers.get(method, (200, "OK"))
                call.reply(message, status, reason)

    async def aclose(self) -> None:
        await asyncio.gather(*self._opening)
        for call in self.calls.values():
            call.rtp.close()
        self._transport.close()


def media_address(sdp: str) -> tuple[str, int] | None:
    address = re.search(r"c=IN IP4 (\S+)", sdp)
    port = re.search(r"m=audio (\d+)", sdp)
    return (address.group(1), int(port.group(1))) if address and port else None


@asynccontextmanager
async def sip_peer(on_invite: Callable[[PeerCall], None] = lambda call: call.answer()) -> AsyncIterator[SipPeer]:
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    endpoint.bind(("127.0.0.1", 0))
    endpoint.setblocking(False)
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_datagram_endpoint(lambda: SipPeer(on_invite), sock=endpoint)
    try:
        yield peer
    finally:
        await peer.aclose()
