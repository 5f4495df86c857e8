"""The seam between transport and forwarding: a link is one browser's secured path, a sink is who takes its packets.

Buffers are lent, not given: a sink that wants to keep bytes copies them before it returns. `send_rtp` and `send_rtcp`
protect in place, so a buffer that was sent holds ciphertext afterwards. One that was lent leaves with the others of its
wake-up: it is sent once, and not touched again.
"""

from typing import Protocol

BUFFER_BYTES = 2048
"""Capacity of every packet buffer; a datagram over 1500 bytes is dropped, so the SRTP trailer always has room."""

MAX_DATAGRAM_BYTES = 1500


class PacketSink(Protocol):
    """Takes what a link receives. Called on the event loop, from the socket's reader; must not raise or block."""

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        """One decrypted RTP packet in `buffer[:length]`; `at_s` is `time.time()` of its arrival."""
        ...

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        """One decrypted compound RTCP packet in `buffer[:length]`."""
        ...

    def on_connected(self, at_s: float) -> None:
        """ICE validated and DTLS done, keys set: sending is possible from now on."""
        ...

    def on_silent(self, at_s: float) -> None: ...

    def on_heard(self, at_s: float) -> None: ...

    def on_closed(self, reason: str, at_s: float) -> None:
        """The last call a sink gets. Reasons as in media.port.LegClosed."""
        ...


class Link(Protocol):
    """One browser's secured path."""

    @property
    def connected(self) -> bool: ...

    @property
    def remote_address(self) -> str:
        """`host:port` now nominated, or empty."""
        ...

    @property
    def round_trip_ms(self) -> float | None: ...

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        """Protect `buffer[:length]` in place and send it. Returns the ciphertext length, 0 when it was not taken.

        Not connected, a full socket or a dead path drop the packet and count it: nothing raises, nothing waits.
        """
        ...

    def send_rtcp(self, buffer: bytearray, length: int) -> int: ...

    def send_protected(self, ciphertext: bytes) -> None:
        """Send an SRTP packet that this link protected before (a retransmission from the ring)."""
        ...

    def finish(self, reason: str) -> None:
        """End it now for that reason; the sink is told, the peer gets a close_notify. Only the first end counts."""
        ...

    async def close(self) -> None:
        """close_notify, then gone within 5 s. Idempotent."""
        ...
