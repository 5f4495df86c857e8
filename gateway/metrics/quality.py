"""How well people are connected, as histograms for `/metrics`: every side, every two seconds."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.quality.judge import Word
from gateway.quality.side import Observed, worst_loss
from media.port import Kind

_LOSS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5)
_ROUND_TRIP_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5)
_JITTER_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.3)
_FREEZES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_MOS = (1.5, 2.0, 2.6, 3.1, 3.6, 4.0, 4.2)
_WAYS: Final = ("uplink", "downlink")


class QualityGauges:
    """Implements `gateway.contacts.ports.QualityPort`. Labels: side (2), direction (2), word (4), cause (5)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        both = ("side", "direction")
        self._loss = Histogram(
            "visavis_leg_loss", "Share of packets lost before repair.", both, buckets=_LOSS, registry=registry
        )
        self._round_trip = Histogram(
            "visavis_leg_round_trip_seconds", "Round trip.", ("side",), buckets=_ROUND_TRIP_S, registry=registry
        )
        self._jitter = Histogram(
            "visavis_leg_jitter_seconds", "Jitter of the sound.", both, buckets=_JITTER_S, registry=registry
        )
        self._freezes = Histogram(
            "visavis_leg_freezes_per_minute",
            "Freezes of the camera's picture.",
            both,
            buckets=_FREEZES,
            registry=registry,
        )
        self._mos = Histogram(
            "visavis_leg_mos", "Estimated opinion of the sound, 1 to 4.4.", both, buckets=_MOS, registry=registry
        )
        self._seconds = Counter(
            "visavis_quality_seconds",
            "Seconds people spent with each word, by cause.",
            ("side", "word", "cause"),
            registry=registry,
        )

    def observe(self, side: str, seen: Observed) -> None:
        quality = seen.quality
        freezes = {"uplink": seen.freezes_uplink, "downlink": seen.freezes_downlink}
        opinions = {"uplink": seen.mos_uplink, "downlink": seen.mos_downlink}
        for way, kinds in zip(_WAYS, (quality.uplink, quality.downlink), strict=True):
            loss = worst_loss(kinds)
            if loss is not None:
                self._loss.labels(side, way).observe(loss)
            sound = kinds.get(Kind.AUDIO)
            if sound is not None and sound.bitrate_bps and sound.jitter_ms is not None:
                self._jitter.labels(side, way).observe(sound.jitter_ms / 1000)
            times, opinion = freezes[way], opinions[way]
            if times is not None and quality.period_s > 0:
                self._freezes.labels(side, way).observe(times * 60 / quality.period_s)
            if opinion is not None:
                self._mos.labels(side, way).observe(opinion)
        if quality.round_trip_ms is not None:
            self._round_trip.labels(side).observe(quality.round_trip_ms / 1000)
        told = seen.told
        cause = told.cause.value if told.cause is not None else "none"
        word = Word(told.word).value
        self._seconds.labels(side, word, cause).inc(quality.period_s)
