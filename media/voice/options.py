"""Asking a trunk's next hop whether it is there: one OPTIONS over UDP, TCP or TLS (RFC 3261 §11), and its answer.

The stack answers OPTIONS and sends none, so this speaks for itself over a socket of its own. Whatever comes back is
read with bounds; any final answer says that somebody is there. It keeps no state and knows no call.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from typing import Final

from media.port import TrunkAnswer, VoiceTransport, VoiceTrunk
from media.voice.trace import bounded, read

PROBE_S: Final = 2.8
"""The port's bound is 3 s."""

_RESEND_S: Final = (0.5, 1.0)  # RFC 3261 §17.1.2.2, T1 and its double
_MAX_ANSWER_BYTES: Final = 8192
_PORTS: Final = {VoiceTransport.UDP: 5060, VoiceTransport.TCP: 5060, VoiceTransport.TLS: 5061}


def next_hop(trunk: VoiceTrunk) -> tuple[str, int]:
    """(host, port) that a request of the trunk goes to first: its proxy, or the domain it calls from."""
    where = trunk.outbound_proxy or trunk.from_uri
    where = where.removeprefix("sips:").removeprefix("sip:").partition(";")[0].rpartition("@")[2]
    host, colon, port = where.rpartition(":")
    if colon and port.isdigit():
        return host.strip("[]"), int(port)
    return where.strip("[]"), _PORTS[trunk.transport]


def request(trunk: VoiceTrunk, local: tuple[str, int], call_id: str) -> bytes:
    """The OPTIONS. `local`: the socket's own address, for Via and Contact."""
    host, port = next_hop(trunk)
    here = f"[{local[0]}]:{local[1]}" if ":" in local[0] else f"{local[0]}:{local[1]}"
    there = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    transport = trunk.transport.value
    lines = [
        f"OPTIONS sip:{there};transport={transport} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here};branch=z9hG4bK{call_id};rport",
        "Max-Forwards: 70",
        f"To: <sip:{there}>",
        f"From: <{trunk.from_uri}>;tag={call_id[:8]}",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:{here};transport={transport}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def probe(trunk: VoiceTrunk, tls: ssl.SSLContext | None, clock_s: Callable[[], float]) -> TrunkAnswer:
    """Ask, and wait for a final answer. `tls` is used for a TLS trunk only."""
    call_id = secrets.token_hex(12)
    begun_s = clock_s()
    try:
        async with asyncio.timeout(PROBE_S):
            if trunk.transport is VoiceTransport.UDP:
                status, phrase = await _over_udp(trunk, call_id)
            else:
                status, phrase = await _over_stream(trunk, call_id, tls)
    except TimeoutError:
        return TrunkAnswer(reachable=False, status=0, round_trip_s=None, detail="no answer")
    except OSError as error:
        return TrunkAnswer(reachable=False, status=0, round_trip_s=None, detail=bounded(str(error)))
    return TrunkAnswer(reachable=True, status=status, round_trip_s=clock_s() - begun_s, detail=phrase)


def final_answer(data: bytes, call_id: str) -> tuple[int, str] | None:
    """(status, phrase) when this is a final answer to our request."""
    seen = read(data[:_MAX_ANSWER_BYTES].decode("utf-8", "replace"))
    if seen is None or seen.status < 200 or seen.call_id != call_id or seen.method != "OPTIONS":
        return None
    return seen.status, seen.phrase


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, call_id: str, told: "asyncio.Future[tuple[int, str]]") -> None:
        self._call_id, self._told = call_id, told

    def datagram_received(self, data: bytes, addr: object) -> None:
        answer = final_answer(data, self._call_id)
        if answer is not None and not self._told.done():
            self._told.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        if not self._told.done():
            self._told.set_exception(exc)


async def _over_udp(trunk: VoiceTrunk, call_id: str) -> tuple[int, str]:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[tuple[int, str]] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Answer(call_id, told), remote_addr=next_hop(trunk))
    try:
        data = request(trunk, transport.get_extra_info("sockname")[:2], call_id)
        transport.sendto(data)
        for wait_s in _RESEND_S:
            done, _ = await asyncio.wait([told], timeout=wait_s)
            if done:
                break
            transport.sendto(data)
        return await told
    finally:
        transport.close()


async def _over_stream(trunk: VoiceTrunk, call_id: str, tls: ssl.SSLContext | None) -> tuple[int, str]:
    host, port = next_hop(trunk)
    secure = trunk.transport is VoiceTransport.TLS
    reader, writer = await asyncio.open_connection(host, port, ssl=tls if secure else None, limit=_MAX_ANSWER_BYTES)
    try:
        writer.write(request(trunk, writer.get_extra_info("sockname")[:2], call_id))
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                raise ConnectionError("the other side said nothing that is SIP") from error
            answer = final_answer(head, call_id)
            if answer is not None:
                return answer
    finally:
        writer.transport.abort()  # no goodbye of TLS: many never say their own
