"""What an INVITE carries: one User-to-User, values that break nothing, and never more than fits."""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.port import ContactOffer
from gateway.acd.sip.headers import CALLERS_LIMIT, HEADERS_LIMIT, USER_TO_USER, Dressing, Wardrobe
from gateway.acd.sip.templates import VALUE_LIMIT, harmless, readable
from gateway.base.errors import SetupError
from gateway.base.ids import ContactId
from gateway.config.acd_sip import SipAcdSettings, SipTrunkSettings
from media.voice.checks import check_headers

NASTY = st.text(
    alphabet=st.one_of(st.sampled_from('\r\n\0\t;,<>"\\%:@é日\u2028\u202e\x7f\x85'), st.characters()), max_size=200
)


def settings(**fields: object) -> SipAcdSettings:
    trunk = SipTrunkSettings(name="main", domain="pbx.example")
    return SipAcdSettings.model_validate({"name": "pbx", "trunks": (trunk,), "numbers": {"support": "7001"}, **fields})


def offer(**fields: object) -> ContactOffer:
    values: dict[str, object] = {
        "contact_id": ContactId("ct_00000001"),
        "site": "shop",
        "queue": "support",
        "language": "fr",
        "priority": 0,
        "queued_at": datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        "correlation": "7K3QXM2P",
        "menu_path": ("Billing", "Refund"),
        **fields,
    }
    return ContactOffer(**values)  # type: ignore[arg-type]


def dressed(one: ContactOffer, **fields: object) -> Dressing:
    return Wardrobe(settings(**fields)).dress(one)


def test_the_usual_call_carries_the_correlation_and_where_it_comes_from() -> None:
    headers = dict(dressed(offer()).headers)
    assert headers == {
        "User-to-User": "374b3351584d3250;encoding=hex",
        "X-Video-Contact-Id": "7K3QXM2P",
        "X-Video-Queue": "support",
        "X-Video-Language": "fr",
        "X-Video-Site": "shop",
        "X-Video-Menu": "Billing/Refund",
    }


def test_user_to_user_may_carry_a_discriminator_and_parameters() -> None:
    headers = dict(
        dressed(
            offer(), user_to_user_prefix="04", user_to_user_parameters=";encoding=hex;purpose=isdn-uui;content=isdn-uui"
        ).headers
    )
    assert headers[USER_TO_USER] == "04374b3351584d3250;encoding=hex;purpose=isdn-uui;content=isdn-uui"


def test_a_user_to_user_that_is_too_long_is_left_out_whole() -> None:
    """A part of an id would be another id."""
    one = dressed(offer(customer_key="c" * 60), user_to_user="{{ correlation }}/{{ customer }}")
    assert one.left_out == (USER_TO_USER,)
    assert USER_TO_USER not in dict(one.headers)


def test_an_empty_template_makes_no_user_to_user() -> None:
    assert USER_TO_USER not in dict(dressed(offer(), user_to_user="").headers)


HOSTILE = Wardrobe(
    settings(
        headers={
            "X-Name": "{{ name }}",
            "X-Menu": "{{ menu }}",
            "X-Reason": "{{ attributes.reason }}",
            "P-Asserted-Identity": '"{{ name }}" <sip:{{ attributes.reason }}@shop.example>',
        },
        caller_name="{{ name }}",
        caller_id="{{ name }}",
    )
)


@given(NASTY, NASTY, NASTY)
def test_no_value_can_break_a_header_or_add_one(name: str, menu: str, attribute: str) -> None:
    one = HOSTILE.dress(offer(display_name=name, menu_path=(menu, menu), attributes={"reason": attribute}))
    assert [header for header, _ in one.headers].count(USER_TO_USER) == 1
    for _, value in one.headers:
        assert value.isascii()
        assert value.isprintable()
    for header in ("X-Name", "X-Menu", "X-Reason"):
        assert not re.search(r'[;,<>"\\]', dict(one.headers).get(header, ""))
    identity = dict(one.headers).get("P-Asserted-Identity", '"" <>')  # a long one may be left out
    assert identity.count('"') == 2
    assert identity.count("<") == identity.count(">") == 1
    assert re.fullmatch(r"[ -~]{0,40}", one.caller_name)
    assert not re.search(r'["\\<>%;,]', one.caller_name)
    assert re.fullmatch(r"(\+?[A-Za-z0-9._-]{1,40})?", one.caller)


@given(NASTY)
def test_a_value_is_read_back_by_percent_decoding(value: str) -> None:
    shown = "".join(letter if letter.isprintable() else " " for letter in value[: 4 * VALUE_LIMIT])
    expected = " ".join(shown.split())[:VALUE_LIMIT].encode("utf-8", "replace").decode("utf-8")
    assert unquote(harmless(value)) == expected


def test_names_are_shown_without_accents() -> None:
    assert readable('José "Pepe"\r\n <x>') == "Jose Pepe x"


MANY = Wardrobe(settings(headers={f"X-{index}": f"{{{{ attributes.a{index} }}}}" for index in range(19)}))


@given(st.lists(NASTY, min_size=19, max_size=19))
def test_all_headers_together_fit_into_a_datagram(values: list[str]) -> None:
    one = MANY.dress(offer(attributes={f"a{index}": value for index, value in enumerate(values)}))
    assert sum(len(name) + len(value) + 4 for name, value in one.headers) <= HEADERS_LIMIT
    assert dict(one.headers)[USER_TO_USER]  # the first, so never the one that is left out


@pytest.mark.parametrize("characters", range(50, 65))
def test_a_way_through_a_thai_menu_makes_no_call_that_the_engine_refuses(characters: int) -> None:
    """Each of its characters is nine when it is encoded."""
    dressing = dressed(offer(menu_path=("ก" * characters,)))
    check_headers(dressing.headers)
    assert dict(dressing.headers)["X-Video-Site"] == "shop"


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    one = MANY.dress(offer(attributes={f"a{index}": "x" * 64 for index in range(19)}))
    assert [name for name, _ in one.headers] == [USER_TO_USER, *(f"X-{index}" for index in range(9))]
    assert one.left_out == tuple(f"X-{index}" for index in range(9, 19))


def test_a_header_whose_value_is_missing_is_left_out_and_the_others_stay() -> None:
    one = dressed(offer(), headers={"X-Plan": "{{ attributes.plan }}", "X-Queue": "{{ queue }}"})
    assert one.left_out == ("X-Plan",)
    assert dict(one.headers)["X-Queue"] == "support"


def test_an_empty_value_makes_no_header() -> None:
    one = dressed(offer(correlation="", menu_path=()))
    assert "X-Video-Menu" not in dict(one.headers)
    assert USER_TO_USER not in dict(one.headers)
    assert one.left_out == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"Via": "x"},
        {"User-to-User": "00"},
        {"X-User-to-User": "00"},
        {"X-Evil\r\nVia": "x"},
        {"X-": "x"},
        {"X-A": "1", "x-a": "2"},
        {"X-A": "1", "X-a": "2"},
    ],
)
def test_a_header_that_is_not_the_operators_to_add_is_refused_at_the_start(headers: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="acd_header"):
        Wardrobe(settings(headers=headers))


@pytest.mark.parametrize("template", ["{{ queue", "{% for x in %}", "a\r\nb", "é"])
def test_a_template_that_is_none_is_refused_at_the_start(template: str) -> None:
    with pytest.raises(SetupError, match="acd_template"):
        Wardrobe(settings(headers={"X-A": template}))


@pytest.mark.parametrize(
    "template",
    [
        "{{ queue.__class__.__mro__ }}",
        "{{ queue.format.__globals__ }}",
        "{{ 1 // 0 }}",
        "{{ ([] | first).x }}",
        "{{ x.y }}",
    ],
)
def test_a_template_reaches_nothing_but_its_values(template: str) -> None:
    assert dressed(offer(), headers={"X-A": template}).left_out == ("X-A",)


def test_callers_stay_few_because_each_is_kept_for_good() -> None:
    wardrobe = Wardrobe(settings(caller_id="{{ attributes.phone }}"))
    callers = {wardrobe.dress(offer(attributes={"phone": f"33{n:06}"})).caller for n in range(CALLERS_LIMIT + 50)}
    assert len(callers) == CALLERS_LIMIT + 1
    assert "" in callers  # the trunk's own number
    assert wardrobe.dress(offer(attributes={"phone": "33000000"})).caller == "33000000"
