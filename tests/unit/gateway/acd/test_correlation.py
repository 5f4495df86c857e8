"""Correlation ids survive being read aloud and typed, and nothing else is taken for one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.correlation import ALPHABET, LENGTH, TYPED_LIMIT, new_correlation, read_correlation, shown
from gateway.base.errors import CapacityExceeded

ids = st.text(alphabet=ALPHABET, min_size=LENGTH, max_size=LENGTH)


def test_an_id_has_forty_bits_of_an_alphabet_without_look_alikes() -> None:
    assert LENGTH * math.log2(len(set(ALPHABET))) >= 40
    assert not set("ILOU") & set(ALPHABET)


@given(ids)
def test_what_is_shown_is_read_back(correlation: str) -> None:
    assert read_correlation(shown(correlation)) == correlation
    assert read_correlation(f" {correlation.lower()} ") == correlation


@given(ids)
def test_look_alikes_are_meant_as_digits(correlation: str) -> None:
    mistyped = correlation.replace("0", "o").replace("1", "l")
    assert read_correlation(mistyped) == correlation


@given(st.text(max_size=60))
def test_whatever_is_typed_gives_an_id_or_nothing(typed: str) -> None:
    found = read_correlation(typed)
    assert found is None or (len(found) == LENGTH and set(found) <= set(ALPHABET))


@pytest.mark.parametrize(
    "typed", ["", "7K3QXM2", "7K3QXM2PP", "7K3QXM2U", "7K3QXM2\n\r", "７K3QXM2P", " " * TYPED_LIMIT + "7K3QXM2P"]
)
def test_what_is_no_id_is_refused(typed: str) -> None:
    assert read_correlation(typed) is None


def test_a_taken_id_is_not_given_again() -> None:
    letters = iter("0" * LENGTH + "1" * LENGTH)
    assert new_correlation({"0" * LENGTH}, choice=lambda _: next(letters)) == "1" * LENGTH


def test_when_chance_finds_no_free_id_it_says_so() -> None:
    with pytest.raises(CapacityExceeded, match="correlations_used_up"):
        new_correlation({"0" * LENGTH}, choice=lambda _: "0")
