"""The browser's side for robots and tests: offers, checks as the controlling agent, DTLS client, SRTP.

peer = await ClientPeer.open(sink, screen=True)
link, negotiated = await peer.set_answer(await ask_somebody(peer.create_offer()))
await peer.connected(timeout_s=5)
"""

from collections import Counter
from typing import Self

from media.sdp.description import Negotiated
from media.transport.link import Link, PacketSink
from media.transport.timers import TransportTimers


class ClientPeer:
    """One robot's peer: its own UDP socket, one link."""

    counters: Counter[str]

    @classmethod
    async def open(
        cls,
        sink: PacketSink,
        *,
        host: str = "127.0.0.1",
        screen: bool = False,
        h264: bool = True,
        timers: TransportTimers | None = None,
    ) -> Self:
        """Open a socket on `host` (IPv4 or IPv6 literal, port chosen by the OS)."""
        raise NotImplementedError

    def create_offer(self) -> str:
        """The offer: audio, video and (with `screen`) a second video section, as a browser with transceivers sends it."""
        raise NotImplementedError

    async def set_answer(self, answer_sdp: str) -> tuple[Link, Negotiated]:
        """Take the answer and begin checks. Raises MediaRefused (`sdp_…`)."""
        raise NotImplementedError

    async def connected(self, timeout_s: float = 10.0) -> None:
        """Return when media can flow. Raises TimeoutError, or ConnectionError when the link closed instead."""
        raise NotImplementedError

    async def rebind(self) -> None:
        """Leave the socket for a new one in mid-call, as a phone that changes network; checks nominate the new address."""
        raise NotImplementedError

    def send_raw(self, datagram: bytes) -> None:
        """Send bytes as they are to the nominated address (tests)."""
        raise NotImplementedError

    async def close(self) -> None:
        """close_notify, then the socket. Idempotent."""
        raise NotImplementedError
