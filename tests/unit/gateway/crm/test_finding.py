"""Looking for who came in: both answers are shown as they come, and nobody waits for either."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import ContactId
from gateway.crm import finding
from gateway.crm.finding import ASKED_AGAIN_S, RETRIES_S, Finding, joined
from gateway.crm.keys import KeyMaker
from gateway.crm.port import CrmDeclined, Interaction, Visit
from gateway.parties import CustomerHistory, Entry, Identity, PastContact
from tests.support.clock import FakeClock, at_rest

ONE = ContactId("ct_one00000")
ENTRY = Entry(
    site="shop",
    visitor_key="visitor-1",
    language="fr",
    page_url="https://shop.example/",
    form={"step": "2"},
    identity=Identity(realm="shop", subject="anna", name="Anna"),
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def past(hours: float, disposition: str = "sale") -> PastContact:
    return PastContact(at=NOON + timedelta(hours=hours), queue_name="Sales", agent_name="", disposition=disposition)


HERE = CustomerHistory(customer_id="cu_1", name="A.", known_by="identity", contacts=1, last=(past(-2),))
THERE = CustomerHistory(
    customer_id="", name="Anna", known_by="identity", contacts=4, last=(past(-1), past(-2)), url="https://crm.example/7"
)


class FakeCrm:
    """Answers what the test says; `refusals` come first, one a time."""

    def __init__(self, history: CustomerHistory | None = None) -> None:
        self.history = history
        self.refusals: list[GatewayError] = []
        self.asked: list[Visit] = []

    async def find(self, visit: Visit) -> CustomerHistory | None:
        self.asked.append(visit)
        if self.refusals:
            raise self.refusals.pop(0)
        return self.history

    async def log(self, interactions: Sequence[Interaction], visit: Visit) -> None:
        raise AssertionError("finding logs nothing")


def away(times: int) -> list[GatewayError]:
    return [PortFailure("away", "Away.") for _ in range(times)]


class Rig:
    def __init__(self, own: FakeCrm, outside: FakeCrm | None) -> None:
        self.clock = FakeClock()
        self.own, self.outside = own, outside
        self.shown: list[CustomerHistory] = []
        self.finding = Finding(own, outside, KeyMaker("a secret of the house"), self.clock)
        self.finding.on_known(lambda _contact_id, history: self.shown.append(history))


@pytest.fixture
async def made():
    rigs: list[Rig] = []

    def make(own: FakeCrm, outside: FakeCrm | None = None) -> Rig:
        rigs.append(Rig(own, outside))
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.finding.aclose()


async def test_a_visit_carries_all_that_is_known_at_the_click(made):
    rig = made(FakeCrm(HERE))
    rig.finding.arrived(ONE, ENTRY)
    assert rig.finding.arriving(ONE)
    await at_rest()
    assert not rig.finding.arriving(ONE)
    (visit,) = rig.own.asked
    assert (visit.site, visit.language, visit.page_url, visit.form) == (
        "shop",
        "fr",
        "https://shop.example/",
        {"step": "2"},
    )
    assert (visit.identity, len(visit.keys), visit.at) == (ENTRY.identity, 2, rig.clock.now())
    assert rig.shown == [HERE]


async def test_of_a_stranger_nothing_is_shown(made):
    rig = made(FakeCrm(None), FakeCrm(None))
    rig.finding.arrived(ONE, ENTRY)
    await at_rest()
    assert rig.shown == []


async def test_the_second_answer_completes_the_first(made):
    rig = made(FakeCrm(HERE), FakeCrm(THERE))
    rig.outside.refusals = away(1)
    rig.finding.arrived(ONE, ENTRY)
    await at_rest()
    assert rig.shown == [HERE]
    await rig.clock.run(ASKED_AGAIN_S[0])
    assert rig.shown[1] == joined(HERE, THERE)
    assert rig.shown[1].url == "https://crm.example/7"


async def test_a_crm_that_is_away_is_asked_a_few_times_and_harms_nothing(made):
    rig = made(FakeCrm(HERE), FakeCrm(THERE))
    rig.outside.refusals = away(99)
    rig.finding.arrived(ONE, ENTRY)
    await rig.clock.run(3600)
    assert len(rig.outside.asked) == 1 + len(ASKED_AGAIN_S)
    assert rig.shown == [HERE]


async def test_one_that_does_not_want_the_question_is_not_asked_again(made):
    rig = made(FakeCrm(HERE), FakeCrm(THERE))
    rig.outside.refusals = [CrmDeclined("crm_status_422", "No.")]
    rig.finding.arrived(ONE, ENTRY)
    await rig.clock.run(3600)
    assert len(rig.outside.asked) == 1


async def test_a_visit_is_kept_once_the_records_are_back(made):
    """Until then its contact is not written down: what it came with would be lost."""
    rig = made(FakeCrm(HERE))
    rig.own.refusals = away(4)
    rig.finding.arrived(ONE, ENTRY)
    await rig.clock.run(sum(RETRIES_S[:3]))
    assert rig.finding.arriving(ONE)
    await rig.clock.run(RETRIES_S[3])
    assert not rig.finding.arriving(ONE)
    assert rig.shown == [HERE]


async def test_records_that_stay_away_are_not_waited_for_for_ever(made):
    rig = made(FakeCrm(HERE))
    rig.own.refusals = away(99)
    rig.finding.arrived(ONE, ENTRY)
    await rig.clock.run(sum(RETRIES_S))
    assert not rig.finding.arriving(ONE)
    assert len(rig.own.asked) == 1 + len(RETRIES_S)


async def test_a_flood_is_not_looked_for_beyond_the_limit(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "LIMIT", 5)
    rig = made(FakeCrm(HERE))
    rig.own.refusals = away(1000)
    for number in range(50):
        rig.finding.arrived(ContactId(f"ct_{number:08}"), ENTRY)
    await at_rest()
    assert rig.finding.not_looked_for == 40
    assert len(rig.own.asked) == 10


async def test_an_answer_after_the_end_completes_nothing_of_before(made):
    rig = made(FakeCrm(HERE), FakeCrm(THERE))
    rig.outside.refusals = away(1)
    rig.finding.arrived(ONE, ENTRY)
    await at_rest()
    rig.finding.ended(ONE)
    await rig.clock.run(ASKED_AGAIN_S[0])
    assert rig.shown == [HERE, THERE]


def test_both_answers_are_one_card_with_every_contact_once() -> None:
    card = joined(HERE, THERE)
    assert card == CustomerHistory(
        customer_id="cu_1", name="Anna", known_by="identity", contacts=4, last=(past(-1), past(-2)),
        url="https://crm.example/7",
    )  # fmt: skip
    assert joined(HERE, replace(THERE, name="", contacts=0)) == replace(card, name="A.", contacts=2)
    assert joined(HERE, None) == HERE
    assert joined(None, THERE) == THERE
    assert joined(None, None) is None


def test_a_card_never_has_more_than_fits() -> None:
    many = replace(THERE, last=tuple(past(-hours) for hours in range(1, 9)))
    card = joined(replace(HERE, last=tuple(past(-hours - 0.5) for hours in range(1, 9))), many)
    assert card is not None
    assert [each.at for each in card.last] == [NOON - timedelta(hours=h) for h in (1, 1.5, 2, 2.5, 3)]
