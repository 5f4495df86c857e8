"""What a trunk's account can't carry is refused when the gateway starts, with the name of the setting."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.sip.lines import Lines
from gateway.base.errors import SetupError
from gateway.config.acd_sip import SipAcdSettings
from media.port import MediaRefused
from media.voice.checks import check_trunk


def lines(**trunk: object) -> Lines:
    values = {"name": "east", "domain": "pbx.example", **trunk}
    return Lines(SipAcdSettings.model_validate({"name": "phones", "trunks": [values]}))


@pytest.mark.parametrize(
    "password", ['qu"ote', "back\\slash", "line\nbreak", "\r", "nul\x00", "tab\t", "\x7f", "p" * 257]
)
def test_a_password_that_an_account_can_not_carry_is_refused_without_being_shown(password: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(user="gateway", password=password)
    assert refused.value.code == "acd_password"
    assert "password of the trunk east" in refused.value.detail
    assert password not in refused.value.detail


@pytest.mark.parametrize("password", ['qu"ote', "back\\slash", "in\x0bside", "nul\x00", "\x7f"])
def test_one_in_a_file_is_refused_too(tmp_path: Path, password: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{password}\n", encoding="utf-8")
    with pytest.raises(SetupError) as refused:
        lines(user="gateway", password_file=str(file)).read_passwords()
    assert refused.value.code == "acd_password"
    assert "password file of the trunk east" in refused.value.detail


@pytest.mark.parametrize(
    "user", ["semi;regint=1", 'qu"ote', "back\\slash", "sp ace", "line\nbreak", "a<b", "a>b", "\x7f"]
)
def test_a_user_that_an_account_can_not_carry_is_refused(user: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(user=user, password="secret")
    assert refused.value.code == "acd_trunk_user"
    assert "user of the trunk east" in refused.value.detail


@pytest.mark.parametrize("path", ["/etc/a key.pem", "/etc/a;b.pem", '/etc/"a".pem'])
def test_a_certificates_path_that_an_account_can_not_carry_is_refused(path: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(tls_certificate_file=path)
    assert refused.value.code == "acd_trunk_certificate"
    assert "tls_certificate_file of the trunk east" in refused.value.detail


WORDS = st.text(st.characters(codec="utf-8", max_codepoint=0x2100), max_size=12)


@given(WORDS, WORDS, WORDS)
def test_what_starts_is_what_the_media_engine_takes(user: str, password: str, path: str) -> None:
    """Neither is stricter than the other: nothing is refused at the first call, and nothing that would have worked."""
    plain = lines().voice_trunk("east")
    try:
        check_trunk(replace(plain, user=user, password=password, tls_certificate_file=path))
    except MediaRefused:
        with pytest.raises(SetupError):
            lines(user=user, password=password, tls_certificate_file=path)
    else:
        made = lines(user=user, password=password, tls_certificate_file=path).voice_trunk("east")
        assert (made.user, made.password, made.tls_certificate_file) == (user, password, path)
