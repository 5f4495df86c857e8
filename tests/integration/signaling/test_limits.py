"""What hostile and broken clients send: each gets its answer, and the next one is served."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from gateway.base.errors import InvariantBroken
from gateway.parties import CustomerParty, LegAnswered
from signaling.open_sockets import SILENT_PER_ADDRESS
from signaling.socket import SUBPROTOCOL, SocketTimes
from tests.support.signaling_browser import Browser, eventually
from tests.support.signaling_node import Node, node

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": SUBPROTOCOL,
}


async def welcomed(here: Node, browser: Browser) -> None:
    await browser.hello(entry_token=await here.entry_token())
    await browser.expect("contact_state")


async def still_serves(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as other:
        await welcomed(here, other)


async def upgrade(here: Node, path: str, headers: list[tuple[str, str]], **changes: str) -> int:
    """A raw upgrade request: the status of the answer, whatever a client library thinks of the headers."""
    host = here.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in ({**UPGRADE, **changes}).items() if value]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(30):
        status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


# ---------------------------------------------------------------- who may open a socket


async def test_no_foreign_origin_gets_a_socket(here: Node) -> None:
    """0 of 30 accepted, on each socket, with the cookie of somebody signed in."""
    port = here.url.rsplit(":", 1)[1]
    origins = [
        [],
        [""],
        ["null"],
        ["https://evil.example"],
        [f"https://127.0.0.1:{port}"],
        ["http://127.0.0.1"],
        [f"http://127.0.0.1:{int(port) - 1}"],
        [f"http://127.0.0.1:0{port}"],
        [f"http://127.0.0.1:{port}/"],
        [f"http://127.0.0.1:{port}."],
        [f"http://127.0.0.1:{port}@evil.example"],
        [f"http://evil.example#http://127.0.0.1:{port}"],
        [f"http://LOCALHOST:{port}"],
        [f"HTTP://localhost:{port}"],
        [f"http://a.localhost:{port}"],
        [f"http://localhost.evil.example:{port}"],
        [f"http://localhost:{port},http://evil.example"],
        [f"http://127.1:{port}"],
        [f"http://[::ffff:127.0.0.1]:{port}"],
        [f"ws://127.0.0.1:{port}"],
        ["https://evil.example", here.url],
        [here.url, "https://evil.example"],
    ]
    cookie = [("Cookie", f"visavis_session={here.signed_in('ann')}")]
    refused = 0
    for path in ("/ws/customer", "/ws/agent", "/ws/board"):
        for values in origins:
            status = await upgrade(here, path, [*cookie, *(("Origin", value) for value in values)])
            assert status == 403, (path, values)
            refused += 1
    assert refused > 30
    assert await upgrade(here, "/ws/agent", [*cookie, ("Origin", here.url)]) == 101


async def test_a_socket_needs_its_subprotocol_and_its_role(here: Node) -> None:
    ours = [("Origin", here.url)]
    assert await upgrade(here, "/ws/customer", ours, **{"Sec-WebSocket-Protocol": ""}) == 400
    assert await upgrade(here, "/ws/customer", ours, **{"Sec-WebSocket-Protocol": "visavis.v9"}) == 400
    assert await upgrade(here, "/ws/customer", ours, **{"Sec-WebSocket-Protocol": f"x, {SUBPROTOCOL}"}) == 101
    assert await upgrade(here, "/ws/agent", ours) == 401
    assert await upgrade(here, "/ws/agent", [*ours, ("Cookie", "visavis_session=forged")]) == 401
    assert await upgrade(here, "/ws/agent", [*ours, ("Cookie", f"visavis_session={here.signed_in('root')}")]) == 403
    assert await upgrade(here, "/ws/board", [*ours, ("Cookie", f"visavis_session={here.signed_in('ann')}")]) == 403
    assert await upgrade(here, "/ws/board", [*ours, ("Cookie", f"visavis_session={here.signed_in('root')}")]) == 101


async def test_a_plain_request_to_a_socket_is_a_clear_refusal(here: Node) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(
            f"{here.url}/ws/customer", headers={"Origin": here.url, "Sec-WebSocket-Protocol": SUBPROTOCOL}
        ) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json(content_type="application/problem+json"))["code"] == "bad_request"


# ---------------------------------------------------------------- the hello


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ({"type": "hang_up", "seq": 1}, "hello_expected", 4400),
        ({"type": "ack"}, "hello_expected", 4400),
        ({"type": "hello", "versions": [2, 3]}, "version_unsupported", 4400),
        ({"type": "hello", "versions": []}, "bad_message", 4400),
        ({"type": "hello", "versions": [1]}, "entry_token_missing", 4401),
        ({"type": "hello", "versions": [1], "entry_token": "x" * 40}, "entry_token_invalid", 4401),
        ({"type": "hello", "versions": [1], "entry_token": "short"}, "bad_message", 4400),
        ({"type": "nonsense"}, "unknown_message", 4400),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_first_message_that_is_no_good_hello_ends_the_socket(
    here: Node, message: dict[str, object], code: str, close: int
) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await browser.send_raw(**message)
        assert (await browser.receive())["code"] == code
        assert await browser.closed() == (close, code)
    assert not here.desk.contacts


async def test_an_entry_token_opens_one_contact(here: Node) -> None:
    token = await here.entry_token()
    async with Browser.at(here.url, "/ws/customer") as first, Browser.at(here.url, "/ws/customer") as second:
        await first.hello(entry_token=token)
        assert (await second.hello(entry_token=token))["code"] == "entry_token_invalid"
    assert len(here.desk.contacts) == 1


async def test_who_says_nothing_is_closed(tmp_path: Path) -> None:
    times = SocketTimes(hello_s=0.1)
    async with node(tmp_path, times=times) as here, Browser.at(here.url, "/ws/customer") as browser:
        assert (await browser.receive())["code"] == "hello_timeout"
        assert await browser.closed() == (4408, "hello_timeout")


async def test_who_answers_no_ping_is_gone(tmp_path: Path) -> None:
    times = SocketTimes(heartbeat_s=0.2)
    async with node(tmp_path, times=times) as here, Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        connection = browser.ws._response.connection
        assert connection is not None
        connection.transport.pause_reading()
        await here.desk.until("customer_present", browser.welcome["contact_id"], False)
        browser.cut()


# ---------------------------------------------------------------- what a hostile client sends


async def test_a_large_frame_closes_the_socket(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        await browser.ws.send_str("x" * 1_000_000)
        assert (await browser.closed())[0] == 1009
    await still_serves(here)


async def test_a_binary_frame_closes_the_socket(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        await browser.ws.send_bytes(b'{"type":"ack"}')
        assert (await browser.expect("error"))["code"] == "binary_refused"
        assert await browser.closed() == (1003, "binary_refused")
    await still_serves(here)


@pytest.mark.parametrize("kind", ["text", "ping"])
async def test_a_flood_closes_the_socket(here: Node, kind: str) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        for _ in range(200):
            await (browser.ws.send_str('{"type":"ack"}') if kind == "text" else browser.ws.ping())
        assert await browser.closed() == (4429, "too_many_messages")
    refused = here.services.registry.get_sample_value(
        "visavis_refusals_total", {"side": "customer", "code": "too_many_messages"}
    )
    assert refused == 1
    await still_serves(here)


async def test_endless_fragments_close_the_socket(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        writer = browser.ws._writer.transport
        writer.write(b"\x01\x80\x00\x00\x00\x00")  # text, not final, masked with zeros
        fragment = b"\x00\xfe" + (1000).to_bytes(2, "big") + bytes(4) + b" " * 1000
        for _ in range(100):
            writer.write(fragment)
        assert (await browser.closed())[0] == 1009
    await still_serves(here)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 60_000, "bad_message"),
        ('{"type":"from_the_future"}', "unknown_message"),
        ('{"type":"accept_offer","offer_id":"of_00000001"}', "unknown_message"),
        ("nonsense", "bad_message"),
    ],
    ids=["deep", "unknown", "another side's", "no JSON"],
)
async def test_what_is_not_understood_is_an_error_and_the_talk_goes_on(here: Node, text: str, code: str) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        await browser.ws.send_str(text)
        assert (await browser.expect("error"))["code"] == code
        await browser.send("hang_up")
        assert (await browser.expect("ack"))["ack"] == 1


async def test_an_unknown_message_with_a_number_counts_as_seen(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        await browser.send("from_the_future")
        error = await browser.expect("error")
        assert (error["code"], error["re_seq"], error["ack"]) == ("unknown_message", 1, 1)
        await browser.send("hang_up")
        assert (await browser.expect("ack"))["ack"] == 2


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "hang_up", "seq": 2}, "sequence_gap"),
        ({"type": "hang_up"}, "sequence_missing"),
        ({"type": "hang_up", "seq": 1, "ack": 99}, "ack_unknown"),
        ({"type": "hello", "versions": [1]}, "hello_repeated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_broken_numbers_close_the_socket_and_the_session_lives(
    here: Node, message: dict[str, object], code: str
) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        await browser.send_raw(**message)
        assert (await browser.expect("error"))["code"] == code
        assert await browser.closed() == (4400, code)
    async with Browser.at(here.url, "/ws/customer") as again:
        again.seen = browser.seen
        assert (await again.hello(resume={**browser.resume(), "last_seq": 1}))["resumed"] is True
    assert here.desk.requests() == []


async def test_our_own_fault_says_nothing_of_itself(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        here.desk.fail_next = InvariantBroken("secret_code", "secret detail")
        await browser.send("hang_up")
        error = await browser.expect("error")
        assert (error["code"], "secret" in json.dumps(error)) == ("internal_error", False)
        here.desk.fail_next = RuntimeError("secret detail")
        await browser.send("hang_up")
        error = await browser.expect("error")
        assert (error["code"], "secret" in json.dumps(error)) == ("internal_error", False)
        assert await browser.closed() == (1011, "internal_error")
    await still_serves(here)


# ---------------------------------------------------------------- who does not read


async def test_a_client_that_never_acknowledges_is_cut_and_gets_a_view(tmp_path: Path) -> None:
    async with node(tmp_path, limits={"outbox_messages": 16}) as here, Browser.at(here.url, "/ws/customer") as browser:
        await welcomed(here, browser)
        owner = CustomerParty(contact_id=browser.welcome["contact_id"])
        for number in range(30):
            here.sessions.tell(owner, LegAnswered(generation=number, sdp="v=0"))
        assert (await browser.expect("bye"))["code"] == "too_slow"
        assert await browser.closed() == (4429, "too_slow")
        async with Browser.at(here.url, "/ws/customer") as again:
            again.seen = browser.seen
            assert (await again.hello(resume=browser.resume()))["resumed"] is False
            await again.expect("contact_state")


async def test_a_client_that_does_not_read_is_cut_and_others_notice_nothing(tmp_path: Path) -> None:
    """Buffers fill; after the send deadline, before any ping is missed, the connection is gone and the center knows."""
    async with (
        node(tmp_path, times=SocketTimes(send_s=0.5, heartbeat_s=600)) as here,
        Browser.at(here.url, "/ws/customer") as browser,
        Browser.at(here.url, "/ws/customer") as other,
    ):
        await welcomed(here, browser)
        await welcomed(here, other)
        contact_id = browser.welcome["contact_id"]
        connection = browser.ws._response.connection
        assert connection is not None
        connection.transport.pause_reading()
        for number in range(250):
            here.sessions.tell(CustomerParty(contact_id=contact_id), LegAnswered(generation=number, sdp="a" * 60_000))
        await other.send("hang_up")
        await other.expect("ack")
        await eventually(lambda: ("customer_present", contact_id, False) in here.desk.asked)
        browser.cut()


# ---------------------------------------------------------------- how many


async def test_a_full_node_refuses_before_the_upgrade_and_keeps_who_is_there(tmp_path: Path) -> None:
    async with node(tmp_path, http={"max_connections": 10}) as here:
        first: list[Browser] = []
        async with aiohttp.ClientSession(headers={"Origin": here.url}) as http:
            for _ in range(10):
                ws = await http.ws_connect(f"{here.url}/ws/customer", protocols=(SUBPROTOCOL,))
                browser = Browser(ws)
                await welcomed(here, browser)
                first.append(browser)
            assert await upgrade(here, "/ws/customer", [("Origin", here.url)]) == 503
            await first[0].send("hang_up")
            await first[0].expect("ack")
            await first[1].ws.close()
            await here.desk.until("customer_present", first[1].welcome["contact_id"], False)
            await still_serves(here)


async def test_silent_sockets_of_one_address_are_limited(here: Node) -> None:
    async with aiohttp.ClientSession(headers={"Origin": here.url}, connector=aiohttp.TCPConnector(limit=0)) as http:
        silent = [
            await http.ws_connect(f"{here.url}/ws/customer", protocols=(SUBPROTOCOL,))
            for _ in range(SILENT_PER_ADDRESS)
        ]
        assert await upgrade(here, "/ws/customer", [("Origin", here.url)]) == 429
        await Browser(silent[0]).hello(entry_token=await here.entry_token())
        assert await upgrade(here, "/ws/customer", [("Origin", here.url)]) == 101


async def test_no_room_for_a_session_is_said_before_the_token_is_used(
    here: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.sessions, "_limit", 0)
    token = await here.entry_token()
    async with Browser.at(here.url, "/ws/customer") as browser:
        assert (await browser.hello(entry_token=token))["code"] == "too_many_sessions"
        assert (await browser.closed())[0] == 4503
    assert token in here.entry_tokens.entries
