"""What robots find beside the operator's settings, and the names that are theirs."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import engines
from gateway.base.errors import SetupError
from gateway.builtin import CANARY, CANARY_SIP, load_all_menus, with_canary
from gateway.config import QueueSettings, Settings, SiteSettings
from gateway.config.acd_sip import SipAcdSettings, SipTrunkSettings
from gateway.config.canary import CanarySettings
from gateway.engines import check_voice

TRUNKS = (SipTrunkSettings(name="first", domain="pbx.example.com"),)
CALLED = Settings(canary=CanarySettings(sip_acd="127.0.0.1:5099"))


def test_robots_have_call_mode_only_where_it_says_who_is_called() -> None:
    assert [site.id for site in with_canary(Settings()).sites] == [CANARY]
    assert with_canary(Settings()).acds == ()
    settings = with_canary(CALLED)
    assert {site.id for site in settings.sites} == {CANARY, CANARY_SIP}
    assert {queue.id: queue.acd for queue in settings.queues}[CANARY_SIP] == CANARY_SIP
    (acd,) = settings.acds
    assert isinstance(acd, SipAcdSettings)
    assert acd.trunks[0].domain == "127.0.0.1:5099"
    assert acd.trunks[0].probe_interval == timedelta(0), "silence between two runs is no fault of a trunk"


@pytest.mark.parametrize("settings", [Settings(), CALLED])
def test_each_site_of_robots_has_its_menu(settings: Settings, tmp_path: Path) -> None:
    settings = with_canary(settings)
    menus = load_all_menus(settings, tmp_path, ())
    for site in settings.sites:
        assert menus.run(site.menu, "en") is not None


@pytest.mark.parametrize(
    "settings",
    [
        Settings(sites=(SiteSettings(id=CANARY, name="x"),)),
        Settings(sites=(SiteSettings(id=CANARY_SIP, name="x"),)),
        Settings(queues=(QueueSettings(id=CANARY_SIP, name="x"),)),
        Settings(acds=(SipAcdSettings(name=CANARY_SIP, trunks=TRUNKS),)),
    ],
)
def test_the_names_of_the_robots_are_refused(settings: Settings) -> None:
    with pytest.raises(SetupError) as refused:
        with_canary(settings)
    assert refused.value.code == "canary_reserved"


def test_an_acd_that_is_called_needs_something_to_call_with(monkeypatch: pytest.MonkeyPatch) -> None:
    acds = with_canary(CALLED).acds
    check_voice(acds)
    monkeypatch.setattr(engines, "installed", lambda: False)
    check_voice(with_canary(Settings()).acds)
    with pytest.raises(SetupError, match=re.escape("pip install visavis[sip]")) as refused:
        check_voice(acds)
    assert refused.value.code == "sip_extra"
