"""What is read from a SIP message beside what the stack tells: what is there, bounded, and nothing of what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice.trace import MAX_TEXT, codec_of, identity_of, read

ANSWER = (
    "SIP/2.0 182 Queued, 3 ahead\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n"
    'P-Asserted-Identity: "Agent 7" <sip:7@acd.example>\r\nContent-Length: 0\r\n\r\n'
)


def test_an_answer_is_read_with_what_it_says() -> None:
    seen = read(ANSWER)
    assert seen is not None
    assert (seen.method, seen.status, seen.phrase, seen.call_id) == ("INVITE", 182, "Queued, 3 ahead", "c1")
    assert seen.identity == ("Agent 7", "sip:7@acd.example")
    assert not seen.has_sdp


def test_a_bye_says_why_and_compact_headers_are_headers() -> None:
    seen = read('BYE sip:a@b SIP/2.0\ni: c2\nCSeq: 2 BYE\nReason: Q.850;cause=16;text="done"\n\n')
    assert seen is not None
    assert (seen.method, seen.status, seen.call_id) == ("BYE", 0, "c2")
    assert seen.reason == 'Q.850;cause=16;text="done"'


@pytest.mark.parametrize(
    ("state", "line", "status", "last"),
    [
        ("active;expires=60", "SIP/2.0 180 Ringing", 180, False),
        ("terminated;reason=noresource", "SIP/2.0 486 Busy Here", 486, True),
        ("terminated", "nonsense", 0, True),
    ],
)
def test_a_notify_tells_how_a_transfer_goes(state: str, line: str, status: int, last: bool) -> None:
    head = f"NOTIFY sip:a@b SIP/2.0\r\nCall-ID: c3\r\nCSeq: 3 NOTIFY\r\nSubscription-State: {state}\r\n"
    seen = read(f"{head}Content-Type: message/sipfrag\r\n\r\n{line}\r\n")
    assert seen is not None
    assert (seen.fragment_status, seen.last) == (status, last)


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        ('"O\\"Brien, María" <sip:7@acd>;party=called', ('O"Brien, María', "sip:7@acd")),
        ("Agent <tel:+4930123>", ("Agent", "tel:+4930123")),
        ("<sips:7@acd:5061;user=phone>, <tel:7>", ("", "sips:7@acd:5061;user=phone")),
        ("sip:7@acd", ("", "sip:7@acd")),
        ("<http://evil>", None),
        ("", None),
        ('"unfinished <sip:7@acd>', None),
    ],
)
def test_who_we_are_connected_to(value: str, identity: tuple[str, str] | None) -> None:
    assert identity_of(value) == identity


@pytest.mark.parametrize(
    ("sdp", "codec"),
    [
        ("m=audio 4000 RTP/AVP 8 0 101\r\n", "PCMA"),
        ("m=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n", "PCMU"),
        ("m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n", "OPUS"),
        ("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 speex/8000\r\n", ""),
        ("m=video 4000 RTP/AVP 96\r\n", ""),
        ("", ""),
    ],
)
def test_the_codec_of_a_description(sdp: str, codec: str) -> None:
    assert codec_of(sdp.replace("\r\n", "\n")) == codec


@given(st.text(max_size=3000))
def test_any_text_is_a_bounded_message_or_none(text: str) -> None:
    for whole in (text, "SIP/2.0 200 OK\nCall-ID: c\nCSeq: 1 INVITE\n" + text, ANSWER[:60] + text):
        seen = read(whole)
        if seen is not None:
            assert len(seen.phrase) <= MAX_TEXT
            assert len(seen.reason) <= MAX_TEXT
            assert not any(ord(each) < 32 for each in seen.phrase + seen.reason)
            assert seen.identity is None or all(len(each) <= MAX_TEXT for each in seen.identity)
