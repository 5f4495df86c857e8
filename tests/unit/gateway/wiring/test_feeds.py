"""A feed is built from its settings; agents are known by their names there, however they are written."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.accounts.model import Account
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from gateway.base.ids import AccountId, AgentId
from gateway.config.cti import AmiSettings, EslSettings, Feed
from gateway.wiring.feeds import agents_by_name, feed_for

AMI = {"kind": "ami", "user": "visavis", "secret": "s"}
feeds: TypeAdapter[AmiSettings | EslSettings] = TypeAdapter(Feed)


def account(name: str, *, agent: bool = True, canary: bool = False) -> Account:
    return Account(
        account_id=AccountId(f"ac_{name}0000"),
        name=name,
        display_name=name,
        roles=frozenset({"agent"}),
        agent_id=AgentId(f"ag_{name}0000") if agent else None,
        canary=canary,
    )


async def nobody() -> list[Account]:
    return []


def test_agents_are_named_one_by_one_or_by_pattern() -> None:
    settings = feeds.validate_python(AMI | {"agents": {"anna": "PJSIP/1001"}, "agent_pattern": "PJSIP/{name}"})
    people = [account("anna"), account("1002"), account("boss", agent=False), account("robot", canary=True)]
    assert agents_by_name(settings, people) == {"PJSIP/1001": "ag_anna0000", "PJSIP/1002": "ag_10020000"}
    assert agents_by_name(feeds.validate_python(AMI), people) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "ami", "user": "visavis"},
        AMI | {"secret_file": "/secret"},
        AMI | {"user": "two\nlines"},
        AMI | {"agents": {"anna": "PJSIP/1001 && x"}},
        AMI | {"agent_pattern": "PJSIP/1001"},
        AMI | {"kind": "tsapi"},
        {"kind": "esl"},
        {"kind": "esl", "password": "p", "header": "From"},
        {"kind": "esl", "password": "p", "withdraw_to": "x y z\n"},
    ],
)
def test_settings_that_can_not_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        feeds.validate_python(wrong)


def test_a_secret_file_that_is_missing_is_told_by_its_acd(tmp_path: Path) -> None:
    settings = feeds.validate_python({"kind": "esl", "password_file": tmp_path / "none"})
    with pytest.raises(SetupError, match=r"acds: pbx: .*none can't be read"):
        feed_for("pbx", settings, queues=(), accounts=nobody, clock=SystemClock(), on_alarm=lambda *_: None)


@pytest.mark.parametrize("secret", ["ami", "esl"])
def test_the_secret_is_read_from_its_file_and_shown_nowhere(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_text("hush-hush\n", encoding="utf-8")
    values = (
        {"kind": "ami", "user": "u", "secret_file": file} if secret == "ami" else {"kind": "esl", "password_file": file}
    )
    settings = feeds.validate_python(values)
    feed = feed_for("pbx", settings, queues=("a",), accounts=nobody, clock=SystemClock(), on_alarm=lambda *_: None)
    assert not feed.connected
    assert "hush" not in repr(settings)
