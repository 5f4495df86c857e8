"""What every CRM does behind the port. A subclass gives the fixture `crm`."""

from dataclasses import replace
from datetime import timedelta

from gateway.base.ids import ContactId
from gateway.crm.port import CrmPort, Visit
from tests.support.contracts.customer_records import ANNA, BEN, NOON, ONE, THREE, TWO, browser, interaction, visit


def came(contact_id: ContactId, subject: str = ANNA) -> Visit:
    """The visit of somebody signed in, each on a browser of their own."""
    return replace(visit(contact_id, browser(subject), subject=subject, name="Somebody"), form={})


class CrmContract:
    async def test_of_somebody_who_was_never_here_there_are_no_contacts(self, crm: CrmPort) -> None:
        found = await crm.find(came(ONE))
        assert found is None or (found.contacts, found.last) == (0, ())

    async def test_what_was_logged_is_found_by_the_same_person_newest_first(self, crm: CrmPort) -> None:
        for contact_id, hours in ((ONE, -30.0), (TWO, -3.0)):
            await crm.find(came(contact_id))
            await crm.log([interaction(contact_id, hours=hours, disposition=f"at {hours}")], came(contact_id))
        found = await crm.find(came(THREE))
        assert found is not None
        assert found.contacts == 2
        assert [past.disposition for past in found.last] == ["at -3.0", "at -30.0"]
        assert found.last[0].at == NOON + timedelta(hours=-3, minutes=1)
        assert found.known_by == "identity"

    async def test_what_was_logged_of_another_is_not(self, crm: CrmPort) -> None:
        await crm.find(came(ONE, BEN))
        await crm.log([interaction(ONE)], came(ONE, BEN))
        found = await crm.find(came(TWO))
        assert found is None or found.contacts == 0

    async def test_an_interaction_told_again_is_there_once(self, crm: CrmPort) -> None:
        await crm.find(came(ONE))
        for _ in range(3):
            await crm.log([interaction(ONE)], came(ONE))
        found = await crm.find(came(TWO))
        assert found is not None
        assert (found.contacts, len(found.last)) == (1, 1)

    async def test_a_contact_with_two_agents_is_one_contact_and_two_interactions(self, crm: CrmPort) -> None:
        await crm.find(came(ONE))
        await crm.log([interaction(ONE, 1), interaction(ONE, 2, disposition="complaint")], came(ONE))
        found = await crm.find(came(TWO))
        assert found is not None
        assert found.contacts in (1, 2)  # a CRM outside may count what it likes
        assert [past.disposition for past in found.last] == ["complaint", "sale"]

    async def test_texts_of_any_kind_are_taken(self, crm: CrmPort) -> None:
        odd = interaction(ONE, notes="Größe 🎈\x00\ud800\u202e", disposition="ça va", menu_path=("a", "\x00"))
        await crm.find(came(ONE))
        await crm.log([odd], came(ONE))
        found = await crm.find(came(TWO))
        assert found is not None
        assert found.last[0].disposition == "ça va"
