"""Addresses of real ACDs: what is read, what is refused, and that no secret is told again."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.kit.target import SHAPES, read_target
from gateway.base.errors import SetupError


@pytest.mark.parametrize(
    ("adapter", "text", "host", "port", "user", "transport"),
    [
        ("sip", "sip:7000@pbx.example", "pbx.example", 0, "7000", "udp"),
        ("sip", "sip:+33123@10.0.0.1:5070;transport=tls", "10.0.0.1", 5070, "+33123", "tls"),
        ("sip", "sip:support@[::1]:5060", "[::1]", 5060, "support", "udp"),
        ("ami", "ami://visavis@pbx.example", "pbx.example", 5038, "visavis", "tcp"),
        ("ami", "amis://visavis@pbx.example:5039", "pbx.example", 5039, "visavis", "tcp"),
        ("esl", "esl://switch.example", "switch.example", 8021, "", "tcp"),
        ("tasks", "https://acd.example/hooks/v1", "acd.example", 443, "", "tcp"),
        ("tasks", "http://127.0.0.1:8090", "127.0.0.1", 8090, "", "tcp"),
    ],
)
def test_an_address_says_where_and_whom(
    adapter: str, text: str, host: str, port: int, user: str, transport: str
) -> None:
    target = read_target(adapter, text)
    assert (target.host, target.port, target.user, target.transport) == (host, port, user, transport)
    assert target.text == text


@pytest.mark.parametrize(
    ("adapter", "text", "code"),
    [
        ("own", "sip:1@h", "kit_target"),
        ("sip", "ami://u@h", "kit_target_scheme"),
        ("ami", "sip:1@h", "kit_target_scheme"),
        ("tasks", "ftp://h/", "kit_target_scheme"),
        ("esl", "nothing", "kit_target_scheme"),
        ("sip", "sip:1:hush@h", "kit_target_secret"),
        ("ami", "ami://u:hush@h", "kit_target_secret"),
        ("esl", "esl://:hush@h", "kit_target_secret"),
        ("tasks", "https://u:hush@h/", "kit_target_secret"),
        ("sip", "sip:h", "kit_target_address"),
        ("sip", "sip:1@h:70000", "kit_target_address"),
        ("sip", "sip:1@h;transport=pigeon", "kit_target_address"),
        ("ami", "ami://h", "kit_target_address"),
        ("ami", "ami://u@h/queue", "kit_target_address"),
        ("esl", "esl://u@h", "kit_target_address"),
        ("esl", "esl://h:port", "kit_target_address"),
        ("tasks", "https://h/?key=1", "kit_target_address"),
        ("tasks", "https:///path", "kit_target_address"),
    ],
)
def test_what_can_not_be_aimed_at_is_refused_with_its_code(adapter: str, text: str, code: str) -> None:
    with pytest.raises(SetupError) as refused:
        read_target(adapter, text)
    assert refused.value.code == code
    assert "hush" not in refused.value.detail


@given(adapter=st.sampled_from(sorted(SHAPES)), text=st.text(max_size=60), start=st.sampled_from(["", "s", "s//"]))
def test_any_text_is_an_address_or_refused(adapter: str, text: str, start: str) -> None:
    scheme = {"tasks": "https"}.get(adapter, adapter)
    with contextlib.suppress(SetupError):
        target = read_target(adapter, f"{scheme}:{start[1:]}{text}" if start else text)
        assert target.host
        assert 0 <= target.port <= 65535
