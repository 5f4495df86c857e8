"""What every `LetterStore` does. A subclass gives the fixture `letters`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.acd.tasks.mapping import Command
from gateway.acd.tasks.ports import Letter, LetterStore, TaskRow
from gateway.base.ids import ContactId

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def letter(number: int, **changes: object) -> Letter:
    made = Letter(
        letter_id=f"le_{number:08}",
        acd="genesys",
        contact_id="ct_1",
        number=number,
        command=Command.CREATE,
        data={"offer": {"agent": "Zoë\u0000", "reservation": ""}, "list": [1, "two"]},
        created_at=NOW + timedelta(seconds=number),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def row(contact: str, **changes: object) -> TaskRow:
    made = TaskRow(
        contact_id=ContactId(contact),
        acd="genesys",
        node="nd_1",
        ref="",
        taken=False,
        number=1,
        task={"queue": "sales"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class LetterStoreContract:
    async def test_letters_come_back_in_their_order(self, letters: LetterStore):
        for number in (2, 1, 3):
            await letters.put_letter(letter(number), "nd_1")
        found = await letters.letters("genesys", "nd_1", 10)
        assert [each.number for each in found] == [1, 2, 3]
        assert (found[0].command, found[0].created_at) == (Command.CREATE, NOW + timedelta(seconds=1))
        assert found[0].data["list"] == [1, "two"]
        assert len(await letters.letters("genesys", "nd_1", 2)) == 2

    async def test_a_letter_written_again_is_one_letter(self, letters: LetterStore):
        await letters.put_letter(letter(1), "nd_1")
        await letters.put_letter(letter(1, tries=3, step=1, cause="timeout"), "nd_1")
        (found,) = await letters.letters("genesys", "nd_1", 10)
        assert (found.tries, found.step, found.cause) == (3, 1, "timeout")

    async def test_letters_of_other_nodes_and_acds_are_theirs(self, letters: LetterStore):
        await letters.put_letter(letter(1), "nd_2")
        await letters.put_letter(letter(2, acd="twilio"), "nd_1")
        assert await letters.letters("genesys", "nd_1", 10) == []

    async def test_a_letter_struck_out_is_gone(self, letters: LetterStore):
        await letters.put_letter(letter(1), "nd_1")
        await letters.drop_letter("le_00000001")
        await letters.drop_letter("le_00000001")
        assert await letters.letters("genesys", "nd_1", 10) == []

    async def test_dead_letters_are_a_list_of_their_own_newest_first(self, letters: LetterStore):
        for number in (1, 2, 3):
            await letters.put_letter(letter(number, dead_at=NOW + timedelta(minutes=number), cause="http_422"), "nd_1")
        await letters.put_letter(letter(4), "nd_1")
        assert [each.number for each in await letters.dead(2)] == [3, 2]
        assert [each.number for each in await letters.letters("genesys", "nd_1", 10)] == [4]
        one = await letters.dead_one("le_00000001")
        assert one is not None
        assert one.cause == "http_422"
        assert await letters.dead_one("le_00000004") is None
        assert await letters.dead_one("le_nobody") is None

    async def test_open_tasks_come_back_until_they_are_over(self, letters: LetterStore):
        await letters.put_task(row("ct_1"))
        await letters.put_task(row("ct_1", ref="WT1", taken=True, number=4))
        await letters.put_task(row("ct_2", node="nd_2"))
        (found,) = await letters.tasks("genesys", "nd_1", 10)
        assert found == row("ct_1", ref="WT1", taken=True, number=4)
        await letters.drop_task("genesys", ContactId("ct_1"))
        assert await letters.tasks("genesys", "nd_1", 10) == []
