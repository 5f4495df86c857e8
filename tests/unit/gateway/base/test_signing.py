"""Signed bodies: only who has the secret, only this body, only now."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import NotSignedIn, SetupError
from gateway.base.signing import REPLAY_WINDOW_S, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign, verify

SECRET = "a secret of some length"
NOW = 1_767_344_400


def refused(secrets: list[str], headers: dict[str, str], body: bytes, now_s: float = NOW) -> bool:
    try:
        verify(secrets, headers, body, now_s=now_s)
    except NotSignedIn:
        return True
    return False


def test_what_we_sign_is_hmac_sha256_over_timestamp_dot_body() -> None:
    """Anybody can check it with three lines in any language: docs/integrator/crm.md shows them."""
    expected = hmac.new(SECRET.encode(), b'1767344400.{"a":1}', hashlib.sha256).hexdigest()
    assert sign(SECRET, NOW, b'{"a":1}') == {TIMESTAMP_HEADER: "1767344400", SIGNATURE_HEADER: f"v1={expected}"}


@given(st.binary(max_size=200), st.text(min_size=16, max_size=40))
def test_what_was_signed_verifies(body: bytes, secret: str) -> None:
    verify([secret], sign(secret, NOW, body), body, now_s=NOW)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_another_body_does_not_verify(body: bytes, other: bytes) -> None:
    assert refused([SECRET], sign(SECRET, NOW, body), other) is (body != other)


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(NotSignedIn, match="signature_invalid"):
        verify(["another secret, as long"], sign(SECRET, NOW, b"{}"), b"{}", now_s=NOW)


@pytest.mark.parametrize(("off_s", "is_refused"), [(0, False), (1, False), (-1, False), (2, True), (-2, True)])
def test_outside_the_window_a_true_signature_is_refused(off_s: int, is_refused: bool) -> None:
    """An old request can't be sent again, and one from the future is as wrong. Edges belong to the window."""
    edge = {1: REPLAY_WINDOW_S, -1: -REPLAY_WINDOW_S, 2: REPLAY_WINDOW_S + 1, -2: -REPLAY_WINDOW_S - 1}.get(off_s, 0)
    assert refused([SECRET], sign(SECRET, NOW, b"{}"), b"{}", now_s=NOW + edge) is is_refused


def test_the_timestamp_is_part_of_what_is_signed() -> None:
    headers = sign(SECRET, NOW - 1000, b"{}")
    headers[TIMESTAMP_HEADER] = str(NOW)
    assert refused([SECRET], headers, b"{}")


def test_while_a_secret_is_changed_either_side_may_be_first() -> None:
    old, new = SECRET, "the next secret, as long"
    verify([new, old], sign(old, NOW, b"{}"), b"{}", now_s=NOW)
    both = f"{sign(old, NOW, b'{}')[SIGNATURE_HEADER]}, {sign(new, NOW, b'{}')[SIGNATURE_HEADER]}"
    verify([new], {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: both}, b"{}", now_s=NOW)


def test_without_any_secret_nothing_verifies() -> None:
    assert refused([], sign(SECRET, NOW, b"{}"), b"{}")


def test_other_versions_are_passed_over() -> None:
    headers = sign(SECRET, NOW, b"{}")
    headers[SIGNATURE_HEADER] = f"v2=future,{headers[SIGNATURE_HEADER]}"
    verify([SECRET], headers, b"{}", now_s=NOW)
    headers[SIGNATURE_HEADER] = headers[SIGNATURE_HEADER].replace("v1=", "v0=")
    assert refused([SECRET], headers, b"{}")


def test_a_flood_of_guesses_in_one_header_is_not_read_to_its_end() -> None:
    headers = sign(SECRET, NOW, b"{}")
    headers[SIGNATURE_HEADER] = ",".join(["v1=00"] * 8 + [headers[SIGNATURE_HEADER]])
    assert refused([SECRET], headers, b"{}")


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_header_whatever_is_more_than_refused(timestamp: str, signature: str) -> None:
    assert refused([SECRET], {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}, b"{}")
    assert refused([SECRET], {}, b"{}")


@pytest.mark.parametrize("timestamp", ["", "-5", "1e9", "٣", " 1767344400", "1767344400.0", "9" * 5000])
def test_only_plain_seconds_are_a_timestamp(timestamp: str) -> None:
    signature = hmac.new(SECRET.encode(), timestamp.encode() + b".{}", hashlib.sha256).hexdigest()
    assert refused([SECRET], {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: f"v1={signature}"}, b"{}")


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_can_be_guessed_signs_and_verifies_nothing(secret: str) -> None:
    with pytest.raises(SetupError, match="secret_short"):
        sign(secret, NOW, b"{}")
    with pytest.raises(SetupError, match="secret_short"):
        verify([secret], {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: "v1=00"}, b"{}", now_s=NOW)
