"""The server's side of every link: one UDP port, answers for offers, one ticker. It knows no codec rule and no bridge.

server = await TransportServer.open(host="", port=0)
link, negotiated, answer_sdp = server.answer(offer_sdp, sink, "lg_…")
"""

from collections import Counter
from collections.abc import Sequence
from typing import Self

from gateway.base.clock import Clock
from media.sdp.description import Negotiated
from media.transport.link import Link, PacketSink
from media.transport.timers import TransportTimers


class TransportServer:
    """One UDP port shared by every link. Created by `open`, ended by `aclose`."""

    port: int
    """The UDP port bound, the same for IPv4 and IPv6."""

    announced: tuple[str, ...]
    """The addresses every answer carries as host candidates, best first."""

    counters: Counter[str]
    """What was dropped or failed, by reason (`stranger_junk`, `srtp_replay`, …). Only grows; read it for metrics."""

    @classmethod
    async def open(
        cls,
        *,
        host: str = "",
        port: int = 0,
        announce: Sequence[str] = (),
        timers: TransportTimers | None = None,
        max_links: int = 500,
        max_bitrate_bps: int = 2_500_000,
        clock: Clock | None = None,
    ) -> Self:
        """Bind the port and start the ticker.

        `host`: `""` or `"::"` binds every address of both families, `"localhost"` both loopbacks, a literal address only
        itself. `announce`: IP literals for the answers (1:1 NAT, containers); default the host's own addresses, and
        loopback when bound to any or to loopback. Raises OSError when the port can't be bound.
        """
        raise NotImplementedError

    @property
    def links(self) -> int:
        """Links not yet closed."""
        raise NotImplementedError

    def answer(self, offer_sdp: str, sink: PacketSink, leg_id: str) -> tuple[Link, Negotiated, str]:
        """Answer an offer: the new link, what was agreed on, and the answer's text.

        No I/O and no await: no packet reaches `sink` before this returns. Raises MediaRefused (`sdp_…`, `capacity`,
        `leg_exists`), and then nothing changed.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close every link (`engine_stopped`), then the socket. Idempotent; ends within the close deadline."""
        raise NotImplementedError
