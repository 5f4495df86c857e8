"""What the vault does on every store. A subclass gives the fixture `rig`."""

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.base.errors import NotFound
from gateway.recordings.states import RecordingState
from gateway.vault.objects import PART_BYTES
from tests.support.vault_rig import FILM, VaultRig


class RecordingVaultContract:
    async def test_what_was_taken_comes_back_and_nothing_stays_on_this_disk(self, rig: VaultRig) -> None:
        record = await rig.kept()
        assert await rig.read(record.recording_id) == FILM
        assert (await rig.read(record.recording_id, "customer.webm")).startswith(b"customer ")
        assert not rig.folder(record.recording_id).exists()
        assert await rig.vault.names(record.recording_id) == ["customer.webm", "recording.webm"]

    async def test_the_store_never_sees_what_was_said(self, rig: VaultRig) -> None:
        record = await rig.kept(film=b"account number 12345 " * 1000)
        files = await rig.records.files(record.recording_id)
        for file in files:
            stored = await rig.vault.objects.read(record.recording_id, file.name, 0, file.sealed_bytes)
            assert b"12345" not in stored

    @pytest.mark.parametrize(
        ("start", "end"), [(0, 1), (1 << 20, (1 << 20) + 1), (1_048_570, 1_048_590), (3_000_000, -1)]
    )
    async def test_any_part_can_be_read_alone(self, rig: VaultRig, start: int, end: int) -> None:
        record = await rig.kept()
        assert await rig.read(record.recording_id, start=start, end=end) == FILM[start : len(FILM) if end < 0 else end]

    async def test_a_recording_larger_than_a_part_is_read_over_its_borders(self, rig: VaultRig) -> None:
        film = bytes(PART_BYTES + 5_000_000)
        record = await rig.kept(film=film)
        keys = [key async for key in rig.vault.objects.list(record.recording_id)]
        assert sorted(key.rpartition("/")[2] for key in keys if "recording.webm" in key) == ["000000", "000001"]
        start = PART_BYTES - 3_000_000
        assert await rig.read(record.recording_id, start=start, end=start + 6_000_000) == bytes(6_000_000)

    async def test_an_upload_that_was_cut_goes_on_where_it_was(self, rig: VaultRig) -> None:
        """R9: killed between two parts, nothing is lost and nothing is there twice."""
        record = await rig.recorded(film=bytes(2 * PART_BYTES))
        real = rig.vault.objects.put_part
        sent: list[int] = []
        reached = asyncio.Event()

        async def put(recording_id: str, file: str, part: int, data: bytes) -> None:
            if part == 1:
                reached.set()
                await asyncio.Event().wait()  # here the process dies
            await real(recording_id, file, part, data)

        rig.vault.objects.put_part = put  # type: ignore[method-assign]
        rig.vault.take(replace(record))
        await asyncio.wait_for(reached.wait(), 10)
        await rig.vault.aclose()
        rig.vault = rig.make()
        again = rig.vault.objects.put_part

        async def count(recording_id: str, file: str, part: int, data: bytes) -> None:
            if file == "recording.webm":
                sent.append(part)
            await again(recording_id, file, part, data)

        rig.vault.objects.put_part = count  # type: ignore[method-assign]
        rig.vault.intake.start()
        await rig.reaches(lambda: not rig.folder(record.recording_id).exists())
        assert sent == [1, 2]
        (verdict,) = await rig.vault.checker.all()
        assert (verdict.state, verdict.files) == ("good", 2)

    async def test_erased_is_erased_key_objects_and_disk(self, rig: VaultRig) -> None:
        record = await rig.kept()
        receipt = await rig.vault.erasing.erase([record], subject=record.contact_id, by="anna", reason="asked for")
        body = json.loads(receipt.body)
        (erased,) = body["erased"]
        assert (erased["key_destroyed"], erased["stores"][0]["objects_deleted"]) == (True, 2)
        assert await rig.vault.open(record.recording_id, "recording.webm") is None
        assert [key async for key in rig.vault.objects.list(record.recording_id)] == []
        row = await rig.rows.get(record.recording_id)
        assert row is not None
        assert (row.state, row.file, row.tracks, row.contact_id) == (RecordingState.EXPIRED, "", [], record.contact_id)
        assert rig.audit == [("anna", "recordings_erased", record.contact_id)]
        with pytest.raises(NotFound):
            await rig.vault.export(record.recording_id, rig.data_dir / "film.webm")
        (verdict,) = await rig.vault.checker.all()
        assert verdict.state == "erased"

    async def test_a_part_that_is_missing_or_changed_is_found(self, rig: VaultRig) -> None:
        record = await rig.kept()
        objects = rig.vault.objects
        good = await objects.read(record.recording_id, "recording.webm", 0, 3_000_000)
        flipped = bytearray(await objects.read(record.recording_id, "recording.webm", 0, 3_072_112))
        flipped[2_000_000] ^= 1
        await objects.put_part(record.recording_id, "recording.webm", 0, bytes(flipped))
        verdict = await rig.vault.checker.one(record.recording_id)
        assert verdict is not None
        assert verdict.faults == ("recording.webm: what is stored is not what was stored then",)
        await objects.put_part(record.recording_id, "recording.webm", 0, good)
        verdict = await rig.vault.checker.one(record.recording_id)
        assert verdict is not None
        assert verdict.faults == ("recording.webm: A part of the recording is missing or cut.",)
