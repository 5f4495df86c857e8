"""The token bucket: a burst, then the sustained rate."""

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.pace import TokenBucket


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    bucket = TokenBucket(per_second=20, burst=60, now=0)
    assert sum(bucket.take(0) for _ in range(100)) == 60
    assert sum(bucket.take(1) for _ in range(100)) == 20


@settings(deadline=None)  # a busy machine is no counter-example
@given(st.lists(st.floats(0, 0.5), max_size=300))
def test_never_more_than_the_burst_and_the_rate_together(gaps: list[float]) -> None:
    now, taken = 0.0, 0
    bucket = TokenBucket(per_second=20, burst=60, now=now)
    for gap in gaps:
        now += gap
        taken += bucket.take(now)
    assert taken <= 60 + now * 20 + 1e-6
