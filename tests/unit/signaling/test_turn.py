"""TURN credentials: what coturn expects, for whom, for how long; settings that can't work are refused."""

import base64
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.base.errors import SetupError
from gateway.base.ids import AgentId, ContactId
from gateway.config import MediaSettings
from gateway.parties import AgentParty, BoardParty, CustomerParty
from signaling.turn import NO_TURN, Turn, turn_of
from tests.support.clock import FakeClock

CUSTOMER = CustomerParty(contact_id=ContactId("ct_0000000001"))
SECRET = "sixteen-characters-or-more"
TURN = Turn(urls=("turns:turn.example:443?transport=tcp",), secret=SECRET, lifetime_s=900)


def test_credentials_are_what_coturn_computes_from_the_shared_secret() -> None:
    clock = FakeClock()
    (server,) = TURN.servers_for(CUSTOMER, clock)
    ends = int(clock.now().timestamp()) + 900
    assert server.username == f"{ends}:ct_0000000001"
    mac = hmac.new(SECRET.encode(), server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == mac


def test_each_asking_gets_fresh_ones() -> None:
    clock = FakeClock()
    before = TURN.servers_for(CUSTOMER, clock)
    clock.advance(60)
    assert TURN.servers_for(CUSTOMER, clock) != before


def test_people_with_media_get_them_and_nobody_else() -> None:
    clock = FakeClock()
    assert TURN.servers_for(AgentParty(agent_id=AgentId("ag_1")), clock)[0].username.endswith(":ag_1")
    assert TURN.servers_for(BoardParty(), clock) == []
    assert NO_TURN.servers_for(CUSTOMER, clock) == []


def test_the_secret_is_in_no_text_of_the_object() -> None:
    assert SECRET not in repr(TURN)


def test_the_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", encoding="utf-8")
    turn = turn_of(MediaSettings(turn_urls=TURN.urls, turn_secret_file=file, turn_lifetime=timedelta(minutes=15)))
    assert turn == TURN


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "turn_secret"),
        ({"turn_secret": SecretStr("short")}, "turn_secret"),
        ({"turn_secret": SecretStr(SECRET), "turn_urls": ("http://turn.example",)}, "turn_url"),
        ({"turn_secret_file": Path("/nowhere/secret")}, "turn_secret_file"),
        ({"turn_secret": SecretStr(SECRET), "turn_secret_file": Path("/nowhere/secret")}, "turn_secret_twice"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(fields: dict[str, object], code: str) -> None:
    with pytest.raises(SetupError) as refusal:
        turn_of(MediaSettings.model_validate({"turn_urls": TURN.urls} | fields))
    assert refusal.value.code == code
    assert SECRET not in str(refusal.value)
