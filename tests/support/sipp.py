"""sipp as a telephone switch: scenarios written as steps, run against whoever calls.

    async with sipp([hear("INVITE"), say(180), say(200, sdp=True), hear("ACK"), ask("BYE"), hear_answer(200)]) as peer:
        …dial sip:7001@127.0.0.1:{peer.port}…
        await peer.done()        # every call went through the scenario, or AssertionError with sipp's own words

The steps know what a server side needs: which tag, which dialogue, whose Contact. sipp is in Debian's sip-tester.
"""

import asyncio
import contextlib
import os
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.media.transport_rig import until
from tests.support.ports import free_port

Header = tuple[str, str]

PROVISIONAL: Final = {100: "Trying", 180: "Ringing", 182: "Queued", 183: "Session Progress"}
FINAL: Final = {
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
REASONS: Final = PROVISIONAL | FINAL

_SDP: Final = """v=0
o=switch 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a={direction}
"""


def _message(head: Sequence[str], headers: Sequence[Header], body: str, kind: str) -> str:
    lines = [*head, *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines += [f"Content-Type: {kind}", "Content-Length: [len]", "", body]
    else:
        lines += ["Content-Length: 0", "", ""]
    return "\n".join(lines)


def _send(text: str, attributes: str = "") -> str:
    return f"<send{attributes}><![CDATA[\n{text}\n]]></send>"


def _action(*actions: str) -> str:
    return f"<action>{''.join(actions)}</action>" if actions else ""


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    return _SDP.format(direction=direction, version=version)


def hear(
    method: str, *, optional: bool = False, match: Sequence[tuple[str, str]] = (), digest: Header | None = None
) -> str:
    """A request. `match`: header and a pattern that it must have. `digest`: user and password it must prove."""
    actions = []
    if method == "INVITE":  # what requests of ours within the dialogue are made of
        actions = [
            '<ereg regexp=":[[:space:]]*(.*)" search_in="hdr" header="From" assign_to="whole_from,from"/>',
            '<ereg regexp=":[[:space:]]*(.*)" search_in="hdr" header="To" assign_to="whole_to,to"/>',
            '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="number"/>',
        ]
    actions += [
        f'<ereg regexp="{pattern}" search_in="hdr" header="{name}:" check_it="true" assign_to="seen"/>'
        for name, pattern in match
    ]
    if digest is not None:
        actions += [
            f'<verifyauth assign_to="proved" username="{digest[0]}" password="{digest[1]}"/>',
            '<strcmp assign_to="seen" variable="proved" value=""/>',
        ]
    flags = ' optional="true"' if optional else ""
    return f'<recv request="{method}"{flags} rrs="true">{_action(*actions)}</recv>'


def hear_answer(status: int, *, optional: bool = False) -> str:
    flags = ' optional="true"' if optional else ""
    return f'<recv response="{status}"{flags}></recv>'


def say(
    status: int, *, sdp_body: str = "", headers: Sequence[Header] = (), tag: bool = True, repeat: bool = False
) -> str:
    """An answer to the request heard last. `repeat`: until the ACK comes (RFC 3261 §13.3.1.4)."""
    to = "[last_To:];tag=[pid]s[call_number]" if tag and status > 100 else "[last_To:]"
    head = [
        f"SIP/2.0 {status} {REASONS[status]}",
        "[last_Via:]",
        "[last_From:]",
        to,
        "[last_Call-ID:]",
        "[last_CSeq:]",
    ]
    if "Contact" not in dict(headers):
        head.append("Contact: <sip:switch@[local_ip]:[local_port];transport=[transport]>")
    return _send(_message(head, headers, sdp_body, "application/sdp"), ' retrans="500"' if repeat else "")


def say_within(status: int, *, sdp_body: str = "", headers: Sequence[Header] = ()) -> str:
    """An answer to a request of the dialogue: its To has the tag already."""
    return say(status, sdp_body=sdp_body, headers=headers, tag=False)


def say_to_invite(status: int, *, sdp_body: str = "") -> str:
    """An answer to the INVITE after another request of the dialogue has come. A CANCEL has the INVITE's branch."""
    head = [
        f"SIP/2.0 {status} {REASONS[status]}",
        "[last_Via:]",
        "[last_From:]",
        "To: [$to];tag=[pid]s[call_number]",
        "[last_Call-ID:]",
        "CSeq: [$number] INVITE",
        "Contact: <sip:switch@[local_ip]:[local_port];transport=[transport]>",
    ]
    return _send(_message(head, (), sdp_body, "application/sdp"))


def ask(
    method: str,
    *,
    sequence: int,
    body: str = "",
    headers: Sequence[Header] = (),
    kind: str = "application/sdp",
    repeat: bool = True,
) -> str:
    """A request of ours within the dialogue of the last INVITE. `repeat`: until it is answered."""
    head = [
        f"{method} [next_url] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "From: [$to];tag=[pid]s[call_number]",
        "To: [$from]",
        "Call-ID: [call_id]",
        f"CSeq: {sequence} {method}",
        "Contact: <sip:switch@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
    ]
    return _send(_message(head, headers, body, kind), ' retrans="500"' if repeat and method != "ACK" else "")


def raw(text: str) -> str:
    """Anything at all."""
    return _send(text)


def pause(seconds: float) -> str:
    return f'<pause milliseconds="{round(seconds * 1000)}"/>'


def refuse(status: int, *headers: Header) -> list[str]:
    """An INVITE that is not taken."""
    return [hear("INVITE"), say(100), say(status, headers=headers), hear("ACK")]


def answer(*headers: Header) -> list[str]:
    """One that is."""
    return [hear("INVITE"), say(180), say(200, sdp_body=sdp(), headers=headers, repeat=True), hear("ACK")]


def hung_up() -> list[str]:
    """By the other side."""
    return [hear("BYE"), say_within(200)]


def hang_up(sequence: int = 100, *headers: Header) -> list[str]:
    return [ask("BYE", sequence=sequence, headers=headers), hear_answer(200)]


@dataclass
class Sipp:
    port: int
    process: asyncio.subprocess.Process
    folder: Path

    async def done(self, within_s: float = 20.0) -> None:
        """All calls came and went as written."""
        try:
            async with asyncio.timeout(within_s):
                code = await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"sipp still waits:\n{self.said()}") from None
        assert code == 0, f"sipp ended with {code}:\n{self.said()}"

    async def heard(self, method: str, count: int) -> None:
        """That many requests of that kind have come."""
        await until(
            lambda: len(re.findall(rf"^{method} sip:", self.said(), re.MULTILINE)) >= count, f"{count} {method}"
        )

    def said(self) -> str:
        texts = [
            path.read_text(encoding="utf-8", errors="replace")[-20_000:]
            for pattern in ("*errors.log", "*messages.log")
            for path in sorted(self.folder.glob(pattern))
        ]
        return "\n".join(texts)


@asynccontextmanager
async def sipp(steps: Sequence[str], *, calls: int = 1, transport: str = "u1") -> AsyncIterator[Sipp]:
    """A server on loopback that takes so many calls. `transport`: u1 UDP, t1 TCP."""
    text = "\n".join(steps)
    unused = [
        name for name in ("whole_from", "whole_to", "from", "to", "number", "seen", "proved") if f"{name}" in text
    ]
    scenario = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
        f'<scenario name="switch">\n{text}\n<Reference variables="{",".join(unused)}"/>\n</scenario>\n'
    )
    with tempfile.TemporaryDirectory(prefix="sipp-") as name:
        folder = Path(name)
        (folder / "switch.xml").write_text(scenario, encoding="utf-8")
        port = free_port()
        words = (folder / "stderr.errors.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            *("sipp", "-sf", "switch.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port), "-t", transport),
            *("-m", str(calls), "-nostdin", "-rtp_echo", "-trace_err", "-trace_msg", "-timeout", "60s"),
            cwd=folder,
            env={**os.environ, "TERM": "dumb"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=words,
        )
        try:
            words.close()
            peer = Sipp(port, process, folder)
            await _listens(peer, transport)
            yield peer
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _listens(peer: Sipp, transport: str) -> None:
    """The port is taken when nobody else can take it."""
    kind = socket.SOCK_DGRAM if transport.startswith("u") else socket.SOCK_STREAM
    async with asyncio.timeout(30):
        while True:
            assert peer.process.returncode is None, f"sipp ended at once: {peer.said()}"
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind(("127.0.0.1", peer.port))
                except OSError:
                    return
            await asyncio.sleep(0.02)
