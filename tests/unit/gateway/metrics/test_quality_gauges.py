"""What `/metrics` is told of a leg: what is known, and nothing that is not."""

from prometheus_client import CollectorRegistry

from gateway.metrics.quality import QualityGauges
from gateway.quality.side import Around, SideWatch
from media.port import KindQuality, LegQuality

TALKING = Around(says=True, shows=True, hears=True, gets_pictures=True)
PERFECT = KindQuality(bitrate_bps=40_000, loss=0.0, unrepaired=0.0, jitter_ms=4.0)
UNTOLD = KindQuality(bitrate_bps=40_000, loss=0.0, unrepaired=0.0)
ASKED_AGAIN = KindQuality(bitrate_bps=900_000, loss=0.1, unrepaired=0.0)


def counts(down: dict[str, KindQuality]) -> dict[str, dict[str, float]]:
    """How often each figure of one period was observed, by direction."""
    registry = CollectorRegistry()
    gauges = QualityGauges(registry)
    seen = LegQuality(
        leg_id="lg_1",
        at_s=0.0,
        period_s=2.0,
        uplink={"audio": PERFECT},
        downlink=down,
        round_trip_ms=40.0,
        downlink_bps=None,
    )
    gauges.observe("customer", SideWatch().measured(seen, TALKING, None, 102.0))
    return {
        name: {
            way: registry.get_sample_value(f"visavis_leg_{name}_count", {"side": "customer", "direction": way}) or 0.0
            for way in ("uplink", "downlink")
        }
        for name in ("mos", "loss", "jitter_seconds")
    }


def test_a_receiver_that_tells_is_observed() -> None:
    both = {"uplink": 1.0, "downlink": 1.0}
    assert counts({"audio": PERFECT}) == {"mos": both, "loss": both, "jitter_seconds": both}


def test_a_receiver_that_sends_no_reports_is_no_perfect_downlink() -> None:
    up = {"uplink": 1.0, "downlink": 0.0}
    assert counts({"audio": UNTOLD, "video": UNTOLD}) == {"mos": up, "loss": up, "jitter_seconds": up}


def test_what_a_receiver_without_reports_asked_for_again_is_known() -> None:
    told = counts({"audio": UNTOLD, "video": ASKED_AGAIN})
    assert told["loss"] == {"uplink": 1.0, "downlink": 1.0}
    assert told["mos"] == {"uplink": 1.0, "downlink": 0.0}
