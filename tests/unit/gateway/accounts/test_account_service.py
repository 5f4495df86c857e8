"""Signing in, and what is told to whom."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.accounts.model import Account
from gateway.accounts.passwords import Passwords
from gateway.accounts.service import FRESH_S, AccountService, _written, new_token, token_digest
from gateway.base.errors import (
    BadInput,
    GatewayError,
    NotFound,
    NotSignedIn,
    PortFailure,
    StateConflict,
    TooManyRequests,
)
from gateway.base.ids import AccountId, AgentId
from gateway.config import LimitSettings, LiveSettings, SessionSettings
from gateway.live.rates import RateLimiter
from gateway.live.sessions import SessionStore
from gateway.live.store import Live, open_live
from gateway.records.accounts import SqlAccounts
from gateway.records.database import Database
from tests.support.clock import FakeClock
from tests.support.records import open_records

PASSWORD = "correct horse"
CANARY = new_token()
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    opened = open_live(LiveSettings())
    yield opened
    await opened.aclose()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_records(tmp_path)
    yield opened
    await opened.aclose()


class CountingPasswords(Passwords):
    def __init__(self) -> None:
        super().__init__(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.verified = 0

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified += 1
        return await super().verify(password_hash, password)


@pytest.fixture
def passwords() -> CountingPasswords:
    return CountingPasswords()


@pytest.fixture
def service(database: Database, live: Live, clock: FakeClock, passwords: Passwords) -> AccountService:
    return AccountService(
        store=SqlAccounts(database),
        sessions=SessionStore(live, clock),
        limiter=RateLimiter(live, clock),
        passwords=passwords,
        clock=clock,
        session_settings=SessionSettings(),
        limits=LimitSettings(),
        canary_digest=token_digest(CANARY),
    )


@pytest.fixture
async def anna(service: AccountService) -> Account:
    return await service.add_user(
        name="anna", display_name="Anna A.", roles=["agent"], queues=["sales"], password=PASSWORD
    )


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("records.sqlite*"))


async def refusal(signing_in) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await signing_in
    return caught.value


async def test_the_right_password_opens_a_new_session_each_time(service: AccountService, anna: Account):
    first = await service.sign_in("anna", PASSWORD, address=HERE)
    second = await service.sign_in(" ANNA ", PASSWORD, address=HERE)
    assert first.account == second.account == anna
    assert first.token != second.token
    assert await service.signed_in(first.token) == anna
    assert anna.agent_id is not None
    assert anna.queues == ("sales",)


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_after_the_same_work(
    service: AccountService, anna: Account, passwords: CountingPasswords
):
    answers = [
        await refusal(service.sign_in(name, "wrong password", address=HERE))
        for name in ("anna", "nobody", "", "x" * 5000, "\ud800", "a\x00b")
    ]
    assert {(type(answer), answer.code, answer.detail) for answer in answers} == {
        (NotSignedIn, "sign_in_failed", answers[0].detail)
    }
    assert passwords.verified == len(answers)


class WatchedHasher(PasswordHasher):
    """Notes every hash that a password was compared with."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 (argon2's name)
        self.compared.append(hash if isinstance(hash, str) else hash.decode())
        return super().verify(hash, password)


@pytest.mark.parametrize("password_hash", [None, "", "not a hash", "$argon2id$broken"])
async def test_an_unknown_name_costs_one_comparison_with_todays_parameters(password_hash: str | None):
    hasher = WatchedHasher()
    passwords = Passwords(hasher)
    real = await passwords.hash(PASSWORD)
    assert await passwords.verify(real, PASSWORD)
    hasher.compared.clear()
    assert not await passwords.verify(password_hash, "nobody's password")
    compared = [each for each in hasher.compared if each != password_hash]  # what is no hash is declined at once
    assert [extract_parameters(each) for each in compared] == [extract_parameters(real)]


async def test_a_password_with_half_surrogates_is_wrong_and_no_crash(service: AccountService, anna: Account):
    assert (await refusal(service.sign_in("anna", "\ud800" * 10, address=HERE))).code == "sign_in_failed"


async def test_after_ten_failures_the_right_password_has_to_wait(
    service: AccountService, anna: Account, clock: FakeClock
):
    for _ in range(10):
        assert (await refusal(service.sign_in("anna", "wrong password", address=HERE))).code == "sign_in_failed"
    blocked = await refusal(service.sign_in("anna", PASSWORD, address=HERE))
    assert isinstance(blocked, TooManyRequests)
    assert blocked.code == "too_many_sign_ins"
    assert isinstance(blocked.fields["retry_after_s"], int)
    assert (await service.sign_in("anna", PASSWORD, address=ELSEWHERE)).account == anna
    clock.advance(blocked.fields["retry_after_s"] + 1)
    assert (await service.sign_in("anna", PASSWORD, address=HERE)).account == anna


async def test_many_attempts_at_once_do_not_pass_the_limit_together(
    service: AccountService, anna: Account, passwords: CountingPasswords
):
    attempts = (service.sign_in("anna", "wrong password", address=HERE) for _ in range(40))
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert passwords.verified == 10
    assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 30


async def test_success_is_not_counted(service: AccountService, anna: Account):
    for _ in range(30):
        await service.sign_in("anna", PASSWORD, address=HERE)


async def test_one_address_can_not_try_every_name(service: AccountService, passwords: CountingPasswords):
    answers = [await refusal(service.sign_in(f"name{number}", PASSWORD, address=HERE)) for number in range(60)]
    assert passwords.verified == 50
    assert answers[-1].code == "too_many_sign_ins"


async def test_who_tried_while_the_records_were_away_need_not_wait_when_they_are_back(
    service: AccountService, anna: Account, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: object) -> None:
        raise PortFailure("records_unavailable", "away")

    link = await service.create_link(anna.account_id)
    with monkeypatch.context() as patch:
        patch.setattr(SqlAccounts, "by_name", away)
        patch.setattr(SqlAccounts, "take_link", away)
        for _ in range(60):
            assert (await refusal(service.sign_in("anna", PASSWORD, address=HERE))).code == "records_unavailable"
            assert (await refusal(service.sign_in_by_link(link, address=HERE))).code == "records_unavailable"
    assert (await service.sign_in("anna", PASSWORD, address=HERE)).account == anna
    assert (await service.sign_in_by_link(link, address=HERE)).account == anna


async def test_signing_out_ends_that_session_only(service: AccountService, anna: Account):
    here, there = [await service.sign_in("anna", PASSWORD, address=HERE) for _ in range(2)]
    await service.sign_out(here.token)
    await service.sign_out(here.token)
    assert (await refusal(service.signed_in(here.token))).code == "not_signed_in"
    assert await service.signed_in(there.token) == anna


async def test_idleness_and_age_end_a_session(service: AccountService, anna: Account, clock: FakeClock):
    signed_in = await service.sign_in("anna", PASSWORD, address=HERE)
    for _ in range(24):
        clock.advance(29 * 60)
        await service.signed_in(signed_in.token)
    clock.advance(25 * 60)
    assert (await refusal(service.signed_in(signed_in.token))).code == "not_signed_in", "12 h are over"


async def test_a_made_up_session_is_none(service: AccountService):
    for token in ("", "x" * 43, "../..", "\ud800"):
        assert (await refusal(service.signed_in(token))).code == "not_signed_in"


async def test_a_link_signs_in_once(service: AccountService, anna: Account):
    token = await service.create_link(anna.account_id)
    assert (await service.sign_in_by_link(token, address=HERE)).account == anna
    assert (await refusal(service.sign_in_by_link(token, address=HERE))).code == "sign_in_failed"


@pytest.mark.parametrize(("owner", "asked"), [(SqlAccounts, "by_id"), (SessionStore, "create")])
async def test_a_link_that_could_open_nothing_is_good_for_the_rest_of_its_time(
    service: AccountService, anna: Account, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, owner: type, asked: str
):
    async def away(*_: object, **__: object) -> None:
        raise PortFailure("live_unavailable", "away")

    link = await service.create_link(anna.account_id)
    clock.advance(1800)
    with monkeypatch.context() as patch:
        patch.setattr(owner, asked, away)
        assert (await refusal(service.sign_in_by_link(link, address=HERE))).code == "live_unavailable"
    assert (await service.sign_in_by_link(link, address=HERE)).account == anna
    other = await service.create_link(anna.account_id)
    clock.advance(1800)
    with monkeypatch.context() as patch:
        patch.setattr(owner, asked, away)
        assert (await refusal(service.sign_in_by_link(other, address=HERE))).code == "live_unavailable"
    clock.advance(1801)
    assert (await refusal(service.sign_in_by_link(other, address=HERE))).code == "sign_in_failed"


async def test_a_link_is_over_after_its_time(service: AccountService, anna: Account, clock: FakeClock):
    token = await service.create_link(anna.account_id, ttl=timedelta(minutes=10))
    clock.advance(600)
    assert (await refusal(service.sign_in_by_link(token, address=HERE))).code == "sign_in_failed"


async def test_no_link_for_nobody(service: AccountService):
    with pytest.raises(NotFound, match="no_such_account"):
        await service.create_link(AccountId("ac_nobody00"))


async def test_only_digests_of_links_and_hashes_of_passwords_are_kept(
    service: AccountService, anna: Account, tmp_path: Path
):
    token = await service.create_link(anna.account_id)
    kept = everything_in(tmp_path)
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept
    assert token_digest(token).encode() in kept


async def test_an_account_without_a_password_is_opened_by_links_only(service: AccountService):
    ben = await service.add_user(name="ben", display_name="Ben", roles=["admin"], queues=[], password=None)
    assert (await refusal(service.sign_in("ben", "", address=HERE))).code == "sign_in_failed"
    assert (await refusal(service.sign_in("ben", "nobody's password", address=HERE))).code == "sign_in_failed"
    assert (await service.sign_in_by_link(await service.create_link(ben.account_id), address=HERE)).account == ben
    assert ben.agent_id is None


async def test_a_changed_account_acts_on_open_sessions_within_seconds(
    service: AccountService, anna: Account, clock: FakeClock
):
    signed_in = await service.sign_in("anna", PASSWORD, address=HERE)
    await service.signed_in(signed_in.token)
    changed = await service.ensure_account(
        name="anna", display_name="Anna B.", roles=["agent", "supervisor"], queues=["support"]
    )
    clock.advance(FRESH_S)
    found = await service.signed_in(signed_in.token)
    assert found == changed
    assert (found.account_id, found.agent_id) == (anna.account_id, anna.agent_id)
    assert (await service.sign_in("anna", PASSWORD, address=HERE)).account == changed, "the password is kept"


async def test_a_new_password_ends_every_session(service: AccountService, anna: Account):
    signed_in = await service.sign_in("anna", PASSWORD, address=HERE)
    await service.set_password(anna.account_id, "another one")
    assert (await refusal(service.signed_in(signed_in.token))).code == "not_signed_in"
    assert (await service.sign_in("anna", "another one", address=HERE)).account == anna


async def test_while_the_records_are_away_a_session_stays_what_it_was(
    service: AccountService, anna: Account, monkeypatch: pytest.MonkeyPatch
):
    signed_in = await service.sign_in("anna", PASSWORD, address=HERE)

    async def away(*_: object) -> None:
        raise PortFailure("records_unavailable", "away")

    monkeypatch.setattr(SqlAccounts, "by_id", away)
    assert await service.signed_in(signed_in.token) == anna


async def test_an_old_hash_is_made_anew_at_the_next_sign_in(service: AccountService, anna: Account, database: Database):
    store = SqlAccounts(database)
    weak = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    await store.set_password(anna.account_id, weak)
    await service.sign_in("anna", PASSWORD, address=HERE)
    found = await store.by_id(anna.account_id)
    assert found is not None
    assert found.password_hash != weak
    await service.sign_in("anna", PASSWORD, address=HERE)


async def test_a_robot_takes_a_seat_that_is_in_no_records(service: AccountService):
    seat = await service.canary_seat(CANARY, 7)
    assert (seat.account.agent_id, seat.account.queues, seat.account.canary) == ("canary-007", ("canary",), True)
    assert await service.signed_in(seat.token) == seat.account
    assert await service.agents() == []
    assert await service.is_canary(CANARY)


@pytest.mark.parametrize(
    "token",
    ["", "x", CANARY[:-1], CANARY + "x", "\ud800", token_digest(CANARY)],
    ids=["empty", "short", "cut", "longer", "surrogate", "digest"],
)
async def test_another_token_seats_no_robot(service: AccountService, token: str):
    assert not await service.is_canary(token)
    with pytest.raises(NotSignedIn, match="canary_refused"):
        await service.canary_seat(token, 0)


@pytest.mark.parametrize("seat", [-1, 200])
async def test_there_are_so_many_seats(service: AccountService, seat: int):
    with pytest.raises(BadInput, match="canary_seat"):
        await service.canary_seat(CANARY, seat)


async def test_nobody_takes_the_name_of_a_robot_or_serves_its_queue(service: AccountService):
    with pytest.raises(BadInput, match="account_name"):
        await service.add_user(name="canary-001", display_name="X", roles=["agent"], queues=[], password=None)
    with pytest.raises(BadInput, match="account_queue"):
        await service.add_user(name="x", display_name="X", roles=["agent"], queues=["canary"], password=None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "account_name"),
        ({"name": "a b"}, "account_name"),
        ({"name": "x" * 65}, "account_name"),
        ({"password": "short"}, "account_password"),
        ({"password": "x" * 257}, "account_password"),
        ({"display_name": " "}, "account_display_name"),
        ({"display_name": "a\u202eb"}, "account_display_name"),
        ({"roles": []}, "account_role"),
        ({"roles": ["god"]}, "account_role"),
        ({"queues": ["no queue"]}, "account_queue"),
    ],
)
async def test_what_an_account_may_not_be(service: AccountService, changes: dict[str, object], code: str):
    values = {"name": "x", "display_name": "X", "roles": ["agent"], "queues": [], "password": PASSWORD} | changes
    with pytest.raises(BadInput) as caught:
        await service.add_user(**values)
    assert caught.value.code == code


async def test_a_name_is_taken_once(service: AccountService, anna: Account):
    with pytest.raises(StateConflict, match="account_exists"):
        await service.add_user(name="Anna", display_name="X", roles=["agent"], queues=[], password=None)


async def test_ensuring_an_account_twice_makes_it_once(service: AccountService):
    values = {"name": "anna", "display_name": "Anna", "roles": ["agent"], "queues": ["sales"]}
    first = await service.ensure_account(**values, agent_id=AgentId("anna"))
    assert await service.ensure_account(**values) == first
    assert first.agent_id == "anna"
    assert await service.agents() == [first]
    with pytest.raises(StateConflict, match="account_exists"):
        await service.ensure_account(**(values | {"name": "ben"}), agent_id=AgentId("anna"))


async def test_a_session_holds_no_secret(service: AccountService, anna: Account, live: Live):
    await service.sign_in("anna", PASSWORD, address=HERE)
    (key,) = [key async for key in live.client.scan_iter("*:session:*")]
    kept = json.loads(json.loads(await live.client.hget(key, "data"))["account"])
    public = {"account_id", "name", "display_name", "roles", "agent_id", "queues", "canary", "skills", "languages"}
    assert set(kept) == public


# ---------------------------------------------------------------- what agents can


async def test_what_an_agent_can_is_kept_and_changed_and_seen_by_open_sessions(
    service: AccountService, clock: FakeClock
) -> None:
    ben = await service.add_user(
        name="ben",
        display_name="Ben",
        roles=["agent"],
        queues=["sales"],
        password=PASSWORD,
        skills={"french": 7},
        languages=["FR", "en", "fr"],
    )
    session = await service.sign_in("ben", PASSWORD, address=HERE)
    assert (dict(session.account.skills), session.account.languages) == ({"french": 7}, ("fr", "en"))
    assert ben.agent_id is not None
    changed = await service.change_agent(ben.agent_id, skills={"billing": 1})
    assert (dict(changed.skills), changed.languages, changed.queues) == ({"billing": 1}, ("fr", "en"), ("sales",))
    assert await service.signed_in(session.token) == changed
    again = await service.ensure_account(name="ben", display_name="Ben", roles=["agent"], queues=["support"])
    assert (dict(again.skills), again.languages) == ({"billing": 1}, ("fr", "en")), "they are not the seed's"
    assert (await service.agent_named("Ben")).agent_id == ben.agent_id


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"skills": {"French!": 1}}, "account_skill"),
        ({"skills": {"french": 0}}, "account_skill"),
        ({"skills": {"french": 11}}, "account_skill"),
        ({"skills": {f"s{number}": 1 for number in range(31)}}, "account_skill"),
        ({"languages": ["english"]}, "account_language"),
        ({"languages": [""]}, "account_language"),
        ({"queues": ["Sales"]}, "account_queue"),
    ],
)
async def test_what_no_agent_can_be_is_refused_and_changes_nothing(
    service: AccountService, anna: Account, fields: dict[str, object], code: str
) -> None:
    assert anna.agent_id is not None
    refused = await refusal(service.change_agent(anna.agent_id, **fields))  # type: ignore[arg-type]
    assert refused.code == code
    assert await service.agent_named("anna") == anna


async def test_only_agents_can_be_able(service: AccountService) -> None:
    await service.add_user(name="root", display_name="Root", roles=["admin"], queues=[], password=PASSWORD)
    assert (await refusal(service.agent_named("root"))).code == "no_such_agent"
    assert (await refusal(service.change_agent(AgentId("ag_nobody00")))).code == "no_such_agent"


async def test_a_session_from_before_there_were_skills_is_still_one(
    service: AccountService, anna: Account, live: Live, clock: FakeClock, database: Database
) -> None:
    """Sessions live in Redis through an update of the gateway."""
    old = {name: value for name, value in json.loads(_written(anna)).items() if name not in ("skills", "languages")}
    token = await SessionStore(live, clock).create(
        anna.account_id, absolute=timedelta(hours=1), idle=timedelta(hours=1), data={"account": json.dumps(old)}
    )
    assert await service.signed_in(token) == anna
