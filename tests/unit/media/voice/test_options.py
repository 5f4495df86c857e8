"""Is a trunk's next hop there? Over UDP and TCP, with answers that are late, wrong or none."""

import asyncio
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from media.port import TrunkAnswer, VoiceTransport, VoiceTrunk
from media.voice import options
from media.voice.options import final_answer, next_hop, probe
from tests.support.coturn import write_certificate

TRUNK = VoiceTrunk(name="t", from_uri="sip:4930123@gateway.example")


@pytest.mark.parametrize(
    ("proxy", "transport", "hop"),
    [
        ("", VoiceTransport.UDP, ("gateway.example", 5060)),
        ("", VoiceTransport.TLS, ("gateway.example", 5061)),
        ("acd.example:5080", VoiceTransport.UDP, ("acd.example", 5080)),
        ("sip:acd.example;transport=tcp", VoiceTransport.TCP, ("acd.example", 5060)),
        ("sips:[2001:db8::1]:5071", VoiceTransport.TLS, ("2001:db8::1", 5071)),
    ],
)
def test_where_a_request_goes_first(proxy: str, transport: VoiceTransport, hop: tuple[str, int]) -> None:
    assert next_hop(replace(TRUNK, outbound_proxy=proxy, transport=transport)) == hop


def test_only_a_final_answer_to_our_question_counts() -> None:
    def said(line: str, call_id: str = "c1", cseq: str = "1 OPTIONS") -> bytes:
        return f"{line}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\r\n".encode()

    assert final_answer(said("SIP/2.0 200 OK"), "c1") == (200, "OK")
    assert final_answer(said("SIP/2.0 503 Full"), "c1") == (503, "Full")
    for other in (said("SIP/2.0 100 Trying"), said("SIP/2.0 200 OK", "c2"), said("SIP/2.0 200 OK", cseq="1 INVITE")):
        assert final_answer(other, "c1") is None
    assert final_answer(b"\xff" * 100, "c1") is None


class Hop(asyncio.DatagramProtocol):
    """Answers the `after`th copy of a question, if at all."""

    def __init__(self, after: int, status: str = "200 OK") -> None:
        self.after, self.status, self.asked = after, status, 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # type: ignore[override]
        self.asked += 1
        self.transport.sendto(b"SIP/2.0 200 OK\r\nCall-ID: other\r\nCSeq: 1 OPTIONS\r\n\r\n", addr)
        if self.asked >= self.after:
            self.transport.sendto(answer_to(data, self.status), addr)


def answer_to(request: bytes, status: str) -> bytes:
    kept = [line for line in request.decode().split("\r\n") if line.startswith(("Call-ID", "CSeq", "Via"))]
    return "\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0", "", ""]).encode()


async def asked_over_udp(hop: Hop) -> TrunkAnswer:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: hop, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        return await probe(replace(TRUNK, outbound_proxy=f"127.0.0.1:{port}"), None, time.monotonic)
    finally:
        transport.close()


async def test_a_hop_that_answers_is_there_whatever_it_says() -> None:
    answer = await asked_over_udp(Hop(1, "503 Service Unavailable"))
    assert (answer.reachable, answer.status, answer.detail) == (True, 503, "Service Unavailable")
    assert answer.round_trip_s is not None


async def test_a_lost_question_is_asked_again() -> None:
    hop = Hop(2)
    assert (await asked_over_udp(hop)).reachable
    assert hop.asked == 2


async def test_a_hop_that_says_nothing_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "PROBE_S", 0.3)
    answer = await asked_over_udp(Hop(99))
    assert answer == TrunkAnswer(reachable=False, status=0, round_trip_s=None, detail="no answer")


async def test_nobody_behind_the_port_is_told_at_once() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    transport.close()
    await asyncio.sleep(0)
    answer = await probe(replace(TRUNK, outbound_proxy=f"127.0.0.1:{port}"), None, time.monotonic)
    assert not answer.reachable
    assert answer.detail


@pytest.mark.parametrize(("says", "reachable"), [("200 OK", True), ("", False), ("junk", False)])
async def test_over_tcp(says: str, reachable: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * 20_000 if says == "junk" else answer_to(request, says) if says else b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trunk = replace(TRUNK, outbound_proxy=f"127.0.0.1:{port}", transport=VoiceTransport.TCP)
        answer = await probe(trunk, None, time.monotonic)
    assert answer.reachable is reachable


@pytest.mark.parametrize("answers", [True, False])
async def test_over_tls_nobody_waits_for_the_other_sides_goodbye(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some never say it: an answer is an answer all the same, and none is none in time."""
    monkeypatch.setattr(options, "PROBE_S", 3.0 if answers else 0.5)
    write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        with listening.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as talk:
            request = talk.recv(4096)
            if answers:
                talk.sendall(answer_to(request, "200 OK"))
            over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(serve, listening))
        client = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
        client.check_hostname = False
        trunk = replace(TRUNK, outbound_proxy=f"127.0.0.1:{listening.getsockname()[1]}", transport=VoiceTransport.TLS)
        try:
            async with asyncio.timeout(10):
                answer = await probe(trunk, client, time.monotonic)
        finally:
            over.set()
            await serving
    assert answer.reachable is answers
