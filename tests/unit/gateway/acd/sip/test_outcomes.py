"""Every status leads somewhere, and what speaks against the trunk leads to another trunk."""

import pytest

from gateway.acd.events import ExitReason
from gateway.acd.sip.outcomes import Next, exit_of, is_sick, next_of, transfer_reason


@pytest.mark.parametrize(
    ("status", "following", "reason"),
    [
        (480, Next.OVER, ExitReason.EMPTY),
        (486, Next.OVER, ExitReason.FULL),
        (600, Next.OVER, ExitReason.FULL),
        (603, Next.OVER, ExitReason.REFUSED),
        (404, Next.OVER, ExitReason.REFUSED),
        (488, Next.OVER, ExitReason.REFUSED),
        (487, Next.OVER, ExitReason.WITHDRAWN),
        (503, Next.OTHER_TRUNK, ExitReason.FULL),
        (500, Next.OTHER_TRUNK, ExitReason.FAILED),
        (408, Next.OTHER_TRUNK, ExitReason.FAILED),
        (407, Next.OTHER_TRUNK, ExitReason.FAILED),
        (403, Next.OTHER_TRUNK, ExitReason.REFUSED),
        (0, Next.OTHER_TRUNK, ExitReason.FAILED),
        (302, Next.REDIRECTED, ExitReason.REFUSED),
    ],
)
def test_what_follows_a_final_answer(status: int, following: Next, reason: ExitReason) -> None:
    assert next_of(status) is following
    assert exit_of(status) is reason


def test_the_breaker_counts_only_what_is_tried_elsewhere() -> None:
    for status in range(700):
        assert not is_sick(status) or next_of(status) is Next.OTHER_TRUNK, status


def test_every_status_has_a_word_for_a_transfer() -> None:
    words = {transfer_reason(status) for status in range(1000)}
    assert words == {"busy", "no_answer", "unreachable", "refused"}
