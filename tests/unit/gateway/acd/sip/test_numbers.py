"""Numbers that others choose are called only through the list, and tricks do not pass it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.sip.numbers import EMERGENCY, NumberPlan
from gateway.base.errors import SetupError, StateConflict

PLAN = NumberPlan({"support": "+33123456789", "sales": "sales"}, ("7xxx", "+331234567xx"))

TRICKS = [
    "7001,,0900123456",  # pauses, then more digits
    "7001;phone-context=+1900",
    "7001@evil.example",
    "sip:7001@evil.example",
    "7001?Replaces=x",
    "7001\r\nX-Evil: 1",
    "7001\n",
    " 7001",
    "７００１",  # full-width digits
    "٧٠٠١",  # Arabic-Indic digits
    "*677001",
    "7001#",
    "7001p1",
    "%37001",
    "70011",
    "700",
    "+7001",
    "7001\x00",
    "",
    "+",
    "x" * 4,
]


@pytest.mark.parametrize("number", TRICKS)
def test_a_toll_fraud_string_is_not_called(number: str) -> None:
    assert not PLAN.allowed(number)
    assert PLAN.of_queue("support", number) == "+33123456789"
    with pytest.raises(StateConflict, match="number_not_allowed"):
        PLAN.of_transfer(number)


@pytest.mark.parametrize("number", ["7000", "7999", "+33123456700"])
def test_a_number_of_the_list_is_called(number: str) -> None:
    assert PLAN.of_queue("support", number) == number
    assert PLAN.of_transfer(number) == number


@given(st.text(max_size=30))
def test_only_what_a_pattern_spells_out_passes(number: str) -> None:
    expected = number.isascii() and (
        (len(number) == 4 and number[0] == "7" and number.isdigit())
        or (number.startswith("+331234567") and len(number) == 12 and number[1:].isdigit())
    )
    assert PLAN.allowed(number) is expected


def test_without_a_list_no_number_is_allowed() -> None:
    assert not NumberPlan({"support": "7001"}).allowed("7001")


ALL_LENGTHS = tuple("x" * digits for digits in range(1, 16))


@pytest.mark.parametrize(
    "number",
    [
        *("112", "911", "+112", "999", "000"),
        *("15", "17", "18", "114", "115", "119", "191", "196", "197", "116000", "116111", "116117"),
        *("061", "062", "080", "085", "088", "091", "092", "016"),
    ],
)
def test_a_pattern_does_not_reach_an_emergency_number(number: str) -> None:
    assert not NumberPlan({}, (*ALL_LENGTHS, "+xxx", f"{number[:-1]}x")).allowed(number)


@pytest.mark.parametrize("number", sorted(EMERGENCY))
def test_a_number_that_begins_like_an_emergency_number_is_another_one(number: str) -> None:
    plan = NumberPlan({}, ALL_LENGTHS)
    assert plan.allowed(number + "2345678")
    assert plan.allowed("33" + number)


@pytest.mark.parametrize(
    "number", ["0153000000", "+33115000000", "0911234567", "1511", "988", "101", "16", "061123456"]
)
def test_numbers_of_every_day_stay_numbers_that_can_be_called(number: str) -> None:
    assert NumberPlan({}, (*ALL_LENGTHS, "+" + "x" * 11)).allowed(number)


def test_an_extension_that_is_an_emergency_number_elsewhere_is_called_where_it_is_written_out() -> None:
    plan = NumberPlan({}, ("115", "1xx"))
    assert plan.allowed("115")
    assert not plan.allowed("+115")
    assert not plan.allowed("119")


def test_a_queue_without_a_number_has_none() -> None:
    assert PLAN.of_queue("returns") is None


@pytest.mark.parametrize("pattern", ["7*", "", "+", "7xx x", "7.x", "[0-9]", "x" * 16])
def test_what_is_no_pattern_is_refused_at_the_start(pattern: str) -> None:
    with pytest.raises(SetupError, match="acd_number_pattern"):
        NumberPlan({}, (pattern,))


@pytest.mark.parametrize(
    ("contact", "number"),
    [
        ("<sip:7002@10.0.0.1:5080;transport=udp>", "7002"),
        ("sip:7002@pbx", "7002"),
        ("sips:+33123456712@pbx;x=1", "+33123456712"),
        ("<sip:0900123456@pbx>", None),
        ("<sip:7002%20@pbx>", None),
        ("tel:7002", None),
        ("Moved Temporarily", None),
        ("", None),
    ],
)
def test_a_redirection_gives_a_number_of_the_list_or_nothing(contact: str, number: str | None) -> None:
    assert PLAN.of_redirection(contact) == number
