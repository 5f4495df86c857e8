"""What an engine and its legs have done: sums over legs for metrics, the counters of one leg for whoever asks."""

from dataclasses import dataclass
from typing import Final

from media.forward.leg import ForwardLeg
from media.port import LegStats
from media.transport.link import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCounters:
    """Sums since the start, and what is open now. For metrics."""

    legs: int
    recordings: int
    playing: int
    received_packets: int
    received_bytes: int
    sent_packets: int
    sent_bytes: int
    resent_packets: int
    restored_packets: int
    key_frames_requested: int
    dropped: dict[str, int]  # by reason, of forwarding and transport together


SUMMED: Final = (
    "received_packets",
    "received_bytes",
    "sent_packets",
    "sent_bytes",
    "resent_packets",
    "restored_packets",
    "key_frames_requested",
)
"""The counters that are sums over legs, those that have closed included."""


def sums_of(leg: ForwardLeg) -> dict[str, int]:
    """What one leg adds to each of `SUMMED`."""
    tracks = leg.incoming.values()
    outs = leg.outgoing.values()
    return {
        "received_packets": sum(track.packets for track in tracks),
        "received_bytes": sum(track.octets for track in tracks),
        "sent_packets": sum(out.packets for out in outs),
        "sent_bytes": sum(out.octets for out in outs),
        "resent_packets": sum(out.resent for out in outs),
        "restored_packets": sum(track.restored for track in tracks),
        "key_frames_requested": sum(track.key_frames_requested for track in tracks),
    }


def stats_of(leg: ForwardLeg, link: Link) -> LegStats:
    """The counters of one leg since it opened."""
    tracks = {kind.value: track for kind, track in leg.incoming.items()}
    outs = {kind.value: out for kind, out in leg.outgoing.items()}
    round_trip_s = leg.round_trip_s
    return LegStats(
        leg_id=leg.leg_id,
        connected=link.connected,
        remote_address=link.remote_address,
        received_packets={kind: track.packets for kind, track in tracks.items()},
        received_bytes={kind: track.octets for kind, track in tracks.items()},
        sent_packets={kind: out.packets for kind, out in outs.items()},
        sent_bytes={kind: out.octets for kind, out in outs.items()},
        lost_packets={kind: track.lost for kind, track in tracks.items()},
        jitter_ms={kind: track.jitter_ms for kind, track in tracks.items()},
        round_trip_ms=link.round_trip_ms if round_trip_s is None else round_trip_s * 1000,
    )
