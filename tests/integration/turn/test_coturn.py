"""The example configuration of coturn with our credentials: who gets in, and where from there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import TurnTransport, create_turn_endpoint

from gateway.base.ids import ContactId
from gateway.parties import CustomerParty
from signaling.turn import Turn
from tests.integration.media.transport_rig import stranger
from tests.support.clock import FakeClock
from tests.support.coturn import SECRET, TurnServer, coturn

CUSTOMER = CustomerParty(contact_id=ContactId("ct_0000000001"))


@pytest.fixture
async def turn(tmp_path: Path) -> AsyncIterator[TurnServer]:
    async with coturn(tmp_path / "turn") as running:
        yield running


def credentials(secret: str = SECRET, *, age_s: float = 0.0) -> tuple[str, str]:
    """Made `age_s` ago for a quarter of an hour."""
    clock = FakeClock(datetime.now(UTC) - timedelta(seconds=age_s))
    made = Turn(urls=("turn:x",), secret=secret, lifetime_s=900)
    (server,) = made.servers_for(CUSTOMER, clock)
    return server.username, server.credential


class Page(asyncio.DatagramProtocol):
    """What a page's ICE sees of its allocation."""

    def __init__(self) -> None:
        self.refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()

    def error_received(self, exc: Exception) -> None:
        if not self.refused.done():
            self.refused.set_result(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()


@asynccontextmanager
async def allocation(turn: TurnServer, username: str, password: str) -> AsyncIterator[tuple[TurnTransport, Page]]:
    """Over TCP, given back at the end."""
    transport, page = await create_turn_endpoint(Page, ("127.0.0.1", turn.port), username, password, transport="tcp")
    try:
        yield transport, page
    finally:
        transport.close()
        async with asyncio.timeout(30):
            await page.gone.wait()


async def test_credentials_of_ours_get_an_allocation_that_reaches_the_media_address(turn: TurnServer) -> None:
    media = stranger()
    async with allocation(turn, *credentials()) as (transport, _), asyncio.timeout(30):
        transport.sendto(b"a check", media.getsockname())
        data, relayed_from = await asyncio.get_running_loop().sock_recvfrom(media, 2048)
    media.close()
    assert (data, relayed_from) == (b"a check", transport.get_extra_info("sockname"))


async def test_expired_forged_and_made_up_credentials_are_refused(turn: TurnServer) -> None:
    expired, forged = credentials(age_s=1000), credentials("another-secret-entirely")
    later = ("9999999999:ct_0000000001", credentials()[1])
    for username, password in (expired, forged, later, ("ct_0000000001", "")):
        with pytest.raises(TransactionFailed) as refusal:
            async with allocation(turn, username, password):
                pass
        assert refusal.value.response.attributes["ERROR-CODE"][0] == 401


async def test_no_peer_but_the_media_address_is_reached(turn: TurnServer) -> None:
    """A page with credentials must not get into the operator's network, nor anywhere else, through us."""
    inside = ["10.0.0.1", "192.168.1.1", "169.254.169.254", "172.16.0.1", "100.64.0.1", "127.0.0.2", "0.0.0.0"]
    for peer in [*inside, "8.8.8.8", "255.255.255.255"]:
        async with allocation(turn, *credentials()) as (transport, page), asyncio.timeout(30):
            transport.sendto(b"let me in", (peer, 5000))
            refusal = await page.refused
        assert isinstance(refusal, TransactionFailed), peer
        assert refusal.response.attributes["ERROR-CODE"][0] == 403, peer
