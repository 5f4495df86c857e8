"""What may go into an INVITE: nothing that could become a header, a URI or a parameter of somebody else's making."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.port import MediaRefused, VoiceCodec, VoiceTrunk
from media.voice.checks import MAX_HEADER_BYTES, MAX_HEADERS, check_digits, check_headers, check_trunk, check_uri

TRUNK = VoiceTrunk(name="t", from_uri="sip:4930123@gateway.example")


@pytest.mark.parametrize(
    "uri",
    [
        "sip:queue@acd.example",
        "sips:+4930123@192.0.2.1:5061;transport=tls",
        "sip:acd.example",
        "sip:q%20a@[2001:db8::1]:5060",
    ],
)
def test_sip_uris_pass(uri: str) -> None:
    check_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "tel:+4930123",
        "sip:",
        "sip:a b@acd",
        "sip:q@acd?Subject=x",
        "sip:q@acd\r\nX: 1",
        "sip:q@acd\n",
        "sip:q@acd>;x",
        '"x" <sip:q@acd>',
        "sip:q@acd:0",
        "sip:q@acd:70000",
        "sip:" + "q" * 300 + "@acd",
        "sip:q@ac\x00d",
    ],
)
def test_whatever_else_is_no_uri(uri: str) -> None:
    with pytest.raises(MediaRefused, match="voice_bad_uri"):
        check_uri(uri)


@given(st.text(max_size=60))
def test_no_uri_that_passes_can_hold_a_line_break_or_headers(text: str) -> None:
    for uri in (text, f"sip:{text}", f"sip:{text}@acd", f"sip:q@acd;{text}"):
        try:
            check_uri(uri)
        except MediaRefused:
            continue
        assert uri.isascii()
        assert uri.isprintable()
        assert not set(uri) & set(' ?<>"')


def test_headers_in_bounds_pass() -> None:
    check_headers(
        [("User-to-User", "6162;encoding=hex"), ("X-Menu", "Konto > Sperren; ¿sí?"), ("Diversion", "<tel:1>")]
    )


@pytest.mark.parametrize(
    "headers",
    [
        [("X-A", "1\r\nContact: <sip:evil>")],
        [("X-A", "1\x00")],
        [("X-A: 1\r\nX-B", "1")],
        [("X A", "1")],
        [("", "1")],
        [("Contact", "<sip:evil>")],
        [("contact", "<sip:evil>")],
        [("m", "<sip:evil>")],
        [("Route", "<sip:evil>")],
        [("Content-Length", "0")],
        [("X-A", "1"), ("x-a", "2")],
        [("X-A", "ä" * MAX_HEADER_BYTES)],
        [("X-A", "\ud800")],
        [(f"X-{number}", "1") for number in range(MAX_HEADERS + 1)],
        [(f"X-{number}", "1" * 500) for number in range(5)],
    ],
)
def test_headers_that_say_more_than_they_may_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(MediaRefused, match="voice_bad_header"):
        check_headers(headers)


@pytest.mark.parametrize("digits", ["", "1,2", "E", "1\n", "1" * 33, "٣"])
def test_what_is_no_key_is_refused(digits: str) -> None:
    with pytest.raises(MediaRefused, match="voice_bad_digits"):
        check_digits(digits)


def test_a_trunk_has_a_caller_and_everything_in_bounds() -> None:
    assert check_trunk(TRUNK) == ("4930123", "gateway.example")
    check_digits("0123456789*#ABCDabcd")


@pytest.mark.parametrize(
    "change",
    [
        {"from_uri": "sip:gateway.example"},
        {"from_uri": "sip:a@b;transport=tcp"},
        {"from_uri": "sip:a@b>\r\nX: 1"},
        {"from_display": 'a" <sip:evil>'},
        {"from_display": "a\r\nX: 1"},
        {"from_display": "a" * 65},
        {"outbound_proxy": 'acd.example";x="'},
        {"outbound_proxy": "acd example"},
        {"user": "a;regint=1"},
        {"password": 'x";outbound="sip:evil'},
        {"password": "x\r\n"},
        {"codecs": ()},
        {"codecs": (VoiceCodec.PCMA, VoiceCodec.PCMA)},
        {"tls_certificate_file": "/x;y"},
    ],
)
def test_a_trunk_that_would_be_misread_is_refused_without_its_password(change: dict[str, object]) -> None:
    with pytest.raises(MediaRefused, match="voice_bad_trunk") as refused:
        check_trunk(replace(TRUNK, **change))  # type: ignore[arg-type]
    assert "evil" not in refused.value.detail


def test_a_trunk_never_shows_its_password() -> None:
    assert "hunter2" not in repr(replace(TRUNK, password="hunter2"))
