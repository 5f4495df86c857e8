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
from media.voice.checks import check_trunk, check_uri


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


@pytest.mark.parametrize(
    ("setting", "code"),
    [("domain", "acd_trunk_domain"), ("caller_domain", "acd_trunk_caller_domain"), ("proxy", "acd_trunk_proxy")],
)
@pytest.mark.parametrize(
    "address",
    [
        "-pbx",
        "a" * 128,
        "pbx:",
        "pbx:0",
        "pbx:65536",
        ":::",
        "[]",
        "[::1",
        "pbx_1",
        "p bx",
        "a@b",
        "pbx\r\n",
        "pbx>",
        "pbx:\u0663",
    ],
)
def test_an_address_that_can_not_be_called_is_refused(setting: str, code: str, address: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(**{setting: address})
    assert refused.value.code == code
    assert f"{setting} of the trunk east" in refused.value.detail


@pytest.mark.parametrize("domain", ["", "pbx;x=1", "sip:pbx"])
def test_a_domain_is_there_and_is_a_host_alone(domain: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(domain=domain)
    assert refused.value.code == "acd_trunk_domain"


@pytest.mark.parametrize("address", [";", ";lr", "sip:", "pbx;", "pbx;=1", "pbx:70000;lr", "pbx;a=b;c=" + "d" * 129])
def test_a_proxy_has_a_host_and_whole_parameters(address: str) -> None:
    with pytest.raises(SetupError) as refused:
        lines(proxy=address)
    assert refused.value.code == "acd_trunk_proxy"


ADDRESSES = st.one_of(
    st.text("ab0-.:;=[]_/", max_size=12),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "sip:", "sips:", "tel:"]),
        st.sampled_from(["pbx", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]", "-", "p\u00e9bx"]),
        st.one_of(st.just(""), st.builds(":{}".format, st.integers(0, 100_000)), st.just(":\u0665")),
        st.sampled_from(["", ";lr", ";transport=tcp", ";a=b:99999", ";", "\n"]),
    ),
)


@given(ADDRESSES, ADDRESSES, ADDRESSES)
def test_the_addresses_that_start_are_those_the_media_engine_takes(domain: str, caller: str, proxy: str) -> None:
    plain = lines().voice_trunk("east")
    try:
        check_uri(f"sip:7001@{domain}")
        check_trunk(replace(plain, from_uri=f"sip:anonymous@{caller or domain}", outbound_proxy=proxy))
        check_trunk(replace(plain, outbound_proxy=domain))  # as it is asked whether it is there
    except MediaRefused:
        with pytest.raises(SetupError):
            lines(domain=domain, caller_domain=caller, proxy=proxy)
    else:
        if ";" in domain or domain.startswith("sip"):
            return  # a URI may have parameters, a host has none
        made = lines(domain=domain, caller_domain=caller, proxy=proxy)
        assert made.address("east", "7001") == f"sip:7001@{domain}"
        assert made.voice_trunk("east").outbound_proxy == proxy


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
