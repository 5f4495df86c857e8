"""The end of a customer: in order, audited first, with a receipt of what went and what had to stay."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.base.errors import NotFound, PortFailure, StateConflict
from gateway.base.ids import ContactId
from gateway.crm.erasing import CustomerErasing
from gateway.crm.port import Customer, CustomerId, Erased, KeyKind

ANNA = CustomerId("cu_anna0000")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FakeHouse:
    """Customers, recordings, audit and receipts; `did` is what happened, in order. `fails`: what is away."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.talking = False
        self.finishing = False
        self.fails = ""

    def do(self, what: str) -> None:
        if what == self.fails:
            raise PortFailure("records_unavailable", "Away.")
        self.did.append(what)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        if customer_id == "cu_nobody00":
            return None
        return Customer(
            customer_id=ANNA, name="Anna", known_by=KeyKind.IDENTITY, contacts=2, first_at=NOON, last_at=NOON
        )

    async def in_contact(self, customer_id: CustomerId) -> bool:
        return self.talking

    async def contacts_of(self, customer_id: CustomerId) -> Sequence[ContactId]:
        return [ContactId("ct_one00000")]

    async def erase(self, customer_id: CustomerId) -> Erased:
        self.do("rows")
        return Erased(contacts=(ContactId("ct_one00000"),), keys=2, interactions=3)

    async def recordings(
        self, customer_id: CustomerId, contacts: Sequence[ContactId], by: str, reason: str
    ) -> Mapping[str, Any]:
        assert customer_id == ANNA
        self.do("recordings")
        return {"erased": 1, "kept": [{"recording_id": "rc_1", "why": "held"}]}

    async def unfinished(self, contacts: Sequence[ContactId]) -> bool:
        return self.finishing

    async def audit(self, actor: str, action: str, subject: str, data: Mapping[str, Any]) -> None:
        self.do("audit")

    async def receipt(self, done: Mapping[str, Any]) -> Mapping[str, Any]:
        self.do("receipt")
        return done


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def erasing(house: FakeHouse) -> CustomerErasing:
    return CustomerErasing(
        customers=house,  # type: ignore[arg-type]
        recordings=house.recordings,
        unfinished=house.unfinished,
        receipt=house.receipt,
        audit=house.audit,
        outside="https://crm.example",
    )


async def test_the_audit_comes_first_then_recordings_then_rows_then_the_receipt(
    house: FakeHouse, erasing: CustomerErasing
):
    receipt = await erasing.erase(CustomerId("cu_merged00"), by="root", reason="asked for it")
    assert house.did == ["audit", "recordings", "rows", "receipt"]
    assert receipt == {
        "subject": ANNA,
        "by": "root",
        "reason": "asked for it",
        "contacts": ["ct_one00000"],
        "keys_deleted": 2,
        "interactions_made_nameless": 3,
        "recordings": {"erased": 1, "kept": [{"recording_id": "rc_1", "why": "held"}]},
        "told_outside": "https://crm.example",
    }


@pytest.mark.parametrize(
    ("fails", "did"), [("audit", []), ("recordings", ["audit"]), ("rows", ["audit", "recordings"])]
)
async def test_what_can_not_be_done_stops_it_and_the_next_call_goes_on(
    house: FakeHouse, erasing: CustomerErasing, fails: str, did: list[str]
):
    house.fails = fails
    with pytest.raises(PortFailure):
        await erasing.erase(ANNA, by="root", reason="x")
    assert house.did == did
    house.fails = ""
    assert (await erasing.erase(ANNA, by="root", reason="x"))["subject"] == ANNA


async def test_nobody_is_erased_in_a_call_or_while_its_recording_is_being_made(
    house: FakeHouse, erasing: CustomerErasing
):
    house.talking = True
    with pytest.raises(StateConflict, match="customer_in_contact"):
        await erasing.erase(ANNA, by="root", reason="x")
    house.talking, house.finishing = False, True
    with pytest.raises(StateConflict, match="customer_recording_unfinished"):
        await erasing.erase(ANNA, by="root", reason="x")
    with pytest.raises(NotFound):
        await erasing.erase(CustomerId("cu_nobody00"), by="root", reason="x")
    assert house.did == []
