"""What the vault's rows do on every database. A subclass gives the fixture `database`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.states import RecordingState
from gateway.records.database import Database
from gateway.records.recordings import SqlRecordings
from gateway.records.vault import SqlVault
from gateway.vault.port import ChainLink, DataKey, Hold, Receipt, RecordingFilter, SealedFile
from tests.support.contracts.recording_records import SEALED

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE = SEALED.recording_id
KEY = DataKey(recording_id=ONE, master_key="k1", wrapped="abc")
FILE = SealedFile(
    recording_id=ONE,
    name="recording.webm",
    media_type="video/webm",
    plain_bytes=5_000_000_000,
    plain_sha256="ab" * 32,
    sealed_bytes=5_000_080_064,
    sealed_sha256="cd" * 32,
)
LINK = ChainLink(seq=1, recording_id=ONE, body="{}", signature="s", digest="d")


class VaultRecordsContract:
    @pytest.fixture
    def store(self, database: Database) -> SqlVault:
        return SqlVault(database)

    @pytest.fixture
    def rows(self, database: Database) -> SqlRecordings:
        return SqlRecordings(database)

    async def test_the_first_key_of_a_recording_stays_until_it_is_destroyed(self, store: SqlVault) -> None:
        assert await store.add_key(KEY) == KEY
        assert await store.add_key(replace(KEY, wrapped="another")) == KEY
        await store.replace_key(replace(KEY, master_key="k2", wrapped="new"))
        assert [key.recording_id for key in await store.keys_not_under("k1", 10)] == [ONE]
        assert (await store.destroy_key(ONE), await store.destroy_key(ONE)) == (True, False)
        await store.replace_key(KEY)  # nothing brings it back
        assert await store.key(ONE) is None

    async def test_a_file_is_saved_again_with_where_it_is(self, store: SqlVault) -> None:
        await store.save_file(FILE)
        await store.save_file(replace(FILE, stored=True))
        assert await store.files(ONE) == [replace(FILE, stored=True)]
        await store.forget_files(ONE)
        assert await store.files(ONE) == []

    async def test_a_link_has_its_number_once(self, store: SqlVault) -> None:
        assert await store.last_link() is None
        assert await store.add_link(LINK)
        assert not await store.add_link(replace(LINK, body="of another node"))
        two = replace(LINK, seq=2, recording_id=RecordingId("rc_two00000"))
        assert await store.add_link(two)
        assert await store.last_link() == two
        assert (await store.links(0, 10), await store.links(1, 10)) == ([LINK, two], [two])
        assert (await store.link_of(ONE), await store.link_of(RecordingId("rc_nobody00"))) == (LINK, None)

    async def test_sealed_recordings_without_a_manifest_are_to_be_taken(
        self, store: SqlVault, rows: SqlRecordings
    ) -> None:
        await rows.save(SEALED)
        await rows.save(
            replace(SEALED, recording_id=RecordingId("rc_failed00"), state=RecordingState.FAILED, failure="disk_full")
        )
        assert [row.recording_id for row in await store.to_take(10)] == [ONE]
        await store.add_link(LINK)
        assert await store.to_take(10) == []

    async def test_what_is_due_goes_by_its_queue_and_not_while_it_is_held(
        self, store: SqlVault, rows: SqlRecordings
    ) -> None:
        for name, queue in (("sales", "sales"), ("help", "help"), ("none", "")):
            await rows.save(replace(SEALED, recording_id=RecordingId(f"rc_{name:0<8}"), queue=queue, ended_at=NOON))

        async def due(cutoffs: dict[str, datetime | None], general: datetime | None) -> list[str]:
            return sorted(row.queue for row in await store.due(cutoffs, general, 10))

        later = NOON + timedelta(seconds=1)
        assert await due({}, later) == ["", "help", "sales"]
        assert await due({}, NOON) == []
        assert await due({"sales": None}, later) == ["", "help"]
        assert await due({"sales": later}, None) == ["sales"]
        hold = Hold(
            hold_id="hd_1", recording_id=RecordingId("rc_sales000"), placed_by="anna", placed_at=NOON, reason="case\x00"
        )
        await store.hold(hold)
        assert await due({}, later) == ["", "help"]
        assert [each.reason for each in await store.holds(hold.recording_id)] == ["case\ufffd"]
        assert (await store.lift("hd_1", "ben", later), await store.lift("hd_1", "ben", later)) == (True, False)
        assert await due({}, later) == ["", "help", "sales"]

    async def test_what_an_erasure_left_behind_is_found(self, store: SqlVault, rows: SqlRecordings) -> None:
        await rows.save(replace(SEALED, state=RecordingState.EXPIRED))
        assert await store.left_over(10) == []
        await store.save_file(FILE)
        assert await store.left_over(10) == [ONE]
        await store.forget_files(ONE)
        await store.add_key(KEY)
        assert await store.left_over(10) == [ONE]

    async def test_pages_are_filtered_and_follow_each_other(self, store: SqlVault, rows: SqlRecordings) -> None:
        for number in range(5):
            await rows.save(
                replace(
                    SEALED,
                    recording_id=RecordingId(f"rc_0000000{number}"),
                    contact_id=ContactId(f"ct_0000000{number % 2}"),
                    requested_at=NOON + timedelta(minutes=number // 2),  # pairs of the same moment
                    queue="sales" if number < 4 else "help",
                )
            )

        async def page(**wanted: object) -> list[str]:
            return [row.recording_id[-1] for row in await store.page(RecordingFilter(**wanted))]  # type: ignore[arg-type]

        assert await page() == ["4", "3", "2", "1", "0"]
        assert await page(limit=2) == ["4", "3"]
        assert await page(limit=2, before=RecordingId("rc_00000003")) == ["2", "1"]
        assert await page(queue="sales", contact_id=ContactId("ct_00000001")) == ["3", "1"]
        assert await page(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2)) == ["3", "2"]
        assert await page(state="failed") == []
        assert await page(incomplete=True) == []
        lacking = [{"role": "customer", "kind": "audio", "incomplete": True}]
        whole = [{"role": "customer", "kind": "audio", "incomplete": False}]
        changes: list[dict[str, object]] = [
            {"tracks": lacking},
            {"tracks": whole},
            {"truncated": True},
            {"failure": "x"},
        ]
        for number, change in enumerate(changes):
            await rows.save(replace(SEALED, recording_id=RecordingId(f"rc_0000000{number}"), **change))  # type: ignore[arg-type]
        assert sorted(await page(incomplete=True)) == ["0", "2", "3"]

    async def test_a_receipt_is_kept(self, store: SqlVault) -> None:
        await store.add_receipt(Receipt(receipt_id="er_1", at=NOON, body="{}", signature="s"))
