"""The vault on a folder: the contract, and what does not depend on the store."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.base.errors import PortFailure
from gateway.base.ids import RecordingId
from gateway.config import QueueSettings
from gateway.recordings.states import RecordingState
from gateway.vault import erasing
from gateway.vault.keys import parse_keys
from gateway.vault.manifest import FIRST, faults_of, is_signed
from gateway.vault.port import SealedFile
from tests.support.contracts.recording_vault import RecordingVaultContract
from tests.support.vault_rig import FILM, VaultRig, vault_rig

QUEUES = (
    QueueSettings(id="long", name="Long", retention_days=365),
    QueueSettings(id="ever", name="E", retention_days=0),
)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[VaultRig]:
    async with vault_rig(tmp_path, queues=QUEUES, retention_days=30) as rig:
        yield rig


class TestFolder(RecordingVaultContract):
    pass


# ---------------------------------------------------------------- taking in


async def test_half_an_hour_without_the_store_loses_and_doubles_nothing(rig: VaultRig) -> None:
    """R9: tried less and less often, one alarm, playable all the while, and in the store when it is back."""
    real, tries = rig.vault.objects.put_part, 0

    async def away(recording_id: str, file: str, part: int, data: bytes) -> None:
        nonlocal tries
        tries += 1
        raise PortFailure("store_unavailable", "no answer")

    rig.vault.objects.put_part = away  # type: ignore[method-assign]
    first = await rig.recorded("one")
    second = await rig.recorded("two")
    for record in (first, second):
        rig.vault.take(record)
    for _ in range(30):
        await rig.reaches(lambda: rig.clock.sleepers > 0)
        rig.clock.advance(60)
    assert tries < 30
    assert rig.alarms == ["store_away"]
    assert await rig.read(first.recording_id) == FILM
    assert not (rig.folder(first.recording_id) / "recording.webm").exists()  # sealed at once, away or not
    rig.vault.objects.put_part = real  # type: ignore[method-assign]
    await rig.reaches(lambda: rig.clock.sleepers > 0)
    rig.clock.advance(300)
    await asyncio.wait_for(rig.vault.intake.idle(), 10)
    assert [verdict.state for verdict in await rig.vault.checker.all()] == ["good", "good"]
    assert not rig.folder(first.recording_id).exists()


async def test_a_node_that_stops_brings_its_last_recordings_first_and_waits_for_no_store_that_is_away(
    rig: VaultRig,
) -> None:
    record = await rig.recorded("one")
    rig.vault.take(record)
    await rig.vault.intake.settled(10)
    assert not rig.folder(record.recording_id).exists()

    async def away(*_: object) -> None:
        raise PortFailure("store_unavailable", "no answer")

    rig.vault.objects.put_part = away  # type: ignore[method-assign]
    rig.vault.take(await rig.recorded("two"))
    async with asyncio.timeout(8):
        await rig.vault.intake.settled(60)
    assert rig.alarms == ["store_away"]


async def test_a_spool_that_fills_up_gives_an_alarm_and_then_no_new_recording_starts(tmp_path: Path) -> None:
    async with vault_rig(tmp_path, store={"spool_limit_bytes": 100_000_000}) as rig:
        rig.vault.intake._limit_bytes = 6_000_000

        async def away(*_: object) -> None:
            raise PortFailure("store_unavailable", "no answer")

        rig.vault.objects.put_part = away  # type: ignore[method-assign]
        rig.vault.take(await rig.recorded("one"))
        await rig.reaches(lambda: rig.vault.intake.waiting_bytes > 0)
        assert not rig.vault.full
        rig.vault.take(await rig.recorded("two"))
        await rig.reaches(lambda: rig.clock.sleepers > 0)
        rig.clock.advance(300)
        await rig.reaches(lambda: rig.vault.full)
        assert rig.alarms == ["store_away", "spool_high"]


async def test_one_recording_that_cannot_be_sealed_holds_up_no_other(rig: VaultRig) -> None:
    broken = await rig.recorded("broken")
    (rig.folder(broken.recording_id) / "sealed").write_text("a file where a folder is needed")
    rig.vault.take(broken)
    good = await rig.recorded("good")
    rig.vault.take(good)
    await rig.reaches(lambda: not rig.folder(good.recording_id).exists())
    assert rig.alarms == ["vault_failed"]
    assert await rig.read(good.recording_id) == FILM
    assert (rig.folder(broken.recording_id) / "recording.webm").exists()


async def test_a_file_that_changed_after_the_finaliser_is_an_alarm(rig: VaultRig) -> None:
    await rig.kept(sha256="ab" * 32)
    assert rig.alarms == ["recording_changed"]


async def test_who_reads_a_recording_while_it_is_brought_away_reads_it_to_its_end(rig: VaultRig) -> None:
    """As it was finished, then sealed, then in the store: people press play at once, and an hour lasts an hour."""
    real, away = rig.vault.objects.put_part, asyncio.Event()

    async def not_yet(recording_id: str, file: str, part: int, data: bytes) -> None:
        await away.wait()
        await real(recording_id, file, part, data)

    rig.vault.objects.put_part = not_yet  # type: ignore[method-assign]
    record = await rig.recorded("one")
    folder = rig.folder(record.recording_id)
    plain = await rig.vault.open(record.recording_id, "recording.webm")
    rig.vault.take(record)
    await rig.reaches(lambda: not (folder / "recording.webm").exists())
    sealed = await rig.vault.open(record.recording_id, "recording.webm")
    assert plain is not None
    assert sealed is not None
    reading = sealed.read(0, len(FILM))
    begun = await anext(reading)
    away.set()
    await asyncio.wait_for(rig.vault.intake.idle(), 30)
    assert not folder.exists()
    assert begun + b"".join([part async for part in reading]) == FILM
    assert b"".join([part async for part in plain.read(0, len(FILM))]) == FILM


async def test_who_looks_for_a_recording_that_is_just_being_sealed_finds_it(rig: VaultRig) -> None:
    record = await rig.recorded("one")
    looked = rig.vault.records.files
    first = True

    async def sealed_meanwhile(recording_id: RecordingId) -> Sequence[SealedFile]:
        nonlocal first
        found = await looked(recording_id)
        if first:
            first = False
            rig.vault.take(record)
            await rig.vault.intake.idle()
        return found

    rig.vault.records.files = sealed_meanwhile  # type: ignore[method-assign]
    assert await rig.read(record.recording_id) == FILM


async def test_consent_withdrawn_while_it_is_uploaded_leaves_nothing(rig: VaultRig) -> None:
    record = await rig.recorded()
    entered, go_on = asyncio.Event(), asyncio.Event()
    real = rig.vault.objects.put_part

    async def slow(recording_id: str, file: str, part: int, data: bytes) -> None:
        if file == "recording.webm":  # the last one
            entered.set()
            await go_on.wait()
        await real(recording_id, file, part, data)

    rig.vault.objects.put_part = slow  # type: ignore[method-assign]
    rig.vault.take(record)
    await entered.wait()
    discarding = asyncio.ensure_future(rig.vault.discard(record.recording_id))
    await asyncio.sleep(0)
    go_on.set()
    await discarding
    assert [key async for key in rig.vault.objects.list(record.recording_id)] == []
    assert await rig.records.key(record.recording_id) is None
    assert not rig.folder(record.recording_id).exists()
    assert await rig.records.last_link() is None


# ---------------------------------------------------------------- proof


async def test_manifests_form_a_signed_chain_that_shows_every_change(rig: VaultRig) -> None:
    for name in ("one", "two", "three"):
        await rig.kept(name)
    one, two, three = await rig.records.links(0, 10)
    key = rig.vault.signer.public
    assert json.loads(one.body)["previous"] == FIRST
    assert json.loads(three.body)["previous"] == two.digest
    assert [faults_of(*pair, key) for pair in ((one, None), (two, one), (three, two))] == [[], [], []]
    for before in (one, replace(two, digest="of another manifest")):
        (fault,) = faults_of(three, before, key)
        assert fault.startswith("the chain is broken before it")
    changed = replace(two, body=two.body.replace('"given"', '"notice"'))
    assert "its manifest was changed, or signed by another key" in faults_of(changed, one, key)


async def test_a_manifest_signed_by_another_installation_is_found(rig: VaultRig) -> None:
    await rig.kept()
    (rig.data_dir / "recording.signing.pem").unlink()
    (verdict,) = await rig.make().checker.all()
    assert verdict.faults == ("its manifest was changed, or signed by another key",)


async def test_files_of_two_recordings_that_were_swapped_are_found(rig: VaultRig) -> None:
    one, two = await rig.kept("one"), await rig.kept("two")
    folder = rig.data_dir / "vault"
    for name in ("aside", "back", "there"):
        source, target = {"aside": (one, "x"), "back": (two, one), "there": ("x", two)}[name]
        paths = [folder / ("x" if each == "x" else each.recording_id) for each in (source, target)]  # type: ignore[attr-defined]
        paths[0].rename(paths[1])
    assert [verdict.state for verdict in await rig.vault.checker.all()] == ["bad", "bad"]


async def test_a_key_that_is_gone_without_an_erasure_is_found(rig: VaultRig) -> None:
    record = await rig.kept()
    await rig.records.destroy_key(record.recording_id)
    (verdict,) = await rig.vault.checker.all()
    assert verdict.faults == ("its key is missing, though it was not erased",)


async def test_an_export_is_the_recording_with_its_manifest(rig: VaultRig) -> None:
    record = await rig.kept()
    target = rig.data_dir / "film.webm"
    assert await rig.vault.export(record.recording_id, target) == len(FILM)
    assert target.read_bytes() == FILM
    assert target.stat().st_mode & 0o077 == 0
    proof = json.loads((rig.data_dir / "film.webm.manifest.json").read_text())
    assert proof["manifest"]["recording_id"] == record.recording_id


async def test_a_damaged_recording_leaves_no_half_export(rig: VaultRig) -> None:
    record = await rig.kept()
    part = next((rig.data_dir / "vault" / record.recording_id / "recording.webm").iterdir())
    data = bytearray(part.read_bytes())
    data[2_500_000] ^= 1
    part.write_bytes(data)
    with pytest.raises(PortFailure, match="recording_damaged"):
        await rig.vault.export(record.recording_id, rig.data_dir / "film.webm")
    assert not list(rig.data_dir.glob("*film*"))


async def test_new_master_keys_read_what_old_ones_wrapped_and_rewrapping_ends_their_use(rig: VaultRig) -> None:
    record = await rig.kept()
    old = (rig.data_dir / "recording.keys").read_text().split()[-1]
    new = base64.b64encode(bytes(32)).decode()
    (rig.data_dir / "recording.keys").write_text(f"k2 {new}\nk1 {old}\n")
    rig.vault.keys = parse_keys(f"k2 {new}\nk1 {old}", "x")
    assert await rig.read(record.recording_id) == FILM
    assert (await rig.vault.rewrap(), await rig.vault.rewrap()) == (1, 0)
    rig.vault.keys = parse_keys(f"k2 {new}", "x")
    assert await rig.read(record.recording_id) == FILM


# ---------------------------------------------------------------- life


async def test_each_queue_has_its_own_time(rig: VaultRig) -> None:
    names = {name: await rig.kept(name, queue=name) for name in ("sales", "long", "ever")}
    gone: dict[int, set[str]] = {}
    for days in (29, 31, 366, 4000):
        rig.clock.advance(timedelta(days=days).total_seconds() - rig.clock.monotonic())
        await rig.vault.erasing.run()
        rows = {name: await rig.rows.get(record.recording_id) for name, record in names.items()}
        gone[days] = {name for name, row in rows.items() if row is not None and row.state is RecordingState.EXPIRED}
    assert gone == {29: set(), 31: {"sales"}, 366: {"sales", "long"}, 4000: {"sales", "long"}}


async def test_a_hold_forbids_erasure_until_it_is_lifted(rig: VaultRig) -> None:
    """S34: legal hold respected, by the retention and by those who ask."""
    record = await rig.kept()
    hold = await rig.vault.erasing.hold(record.recording_id, by="anna", reason="case 7")
    rig.clock.advance(40 * 86400)
    assert await rig.vault.erasing.run() == 0
    receipt = await rig.vault.erasing.erase([record], subject="x", by="ben", reason="asked")
    (kept,) = json.loads(receipt.body)["kept"]
    assert "by anna: case 7" in kept["why"]
    assert await rig.read(record.recording_id) == FILM
    await rig.vault.erasing.lift(hold.hold_id, by="anna", reason="closed")
    assert await rig.vault.erasing.run() == 1
    assert [action for _, action, _ in rig.audit] == [
        "recording_held",
        "recordings_erased",
        "recording_hold_lifted",
        "recordings_erased",
    ]


async def test_a_receipt_is_signed_and_names_every_store(rig: VaultRig) -> None:
    record = await rig.kept()
    receipt = await rig.vault.erasing.erase([record], subject="ct_one00000", by="anna", reason="asked")
    assert is_signed(receipt.body, receipt.signature, rig.vault.signer.public)
    (erased,) = json.loads(receipt.body)["erased"]
    assert [store["store"] for store in erased["stores"]] == [str(rig.data_dir / "vault"), "local disk"]


async def test_a_recording_that_is_being_made_is_not_erased(rig: VaultRig) -> None:
    record = await rig.recorded(state=RecordingState.ACTIVE)
    receipt = await rig.vault.erasing.erase([record], subject="x", by="anna", reason="asked")
    assert json.loads(receipt.body)["kept"][0]["why"].startswith("it is still being made")


async def test_an_erasure_that_the_store_cut_short_is_unreadable_at_once_and_finished_later(rig: VaultRig) -> None:
    record = await rig.kept()
    real = rig.vault.objects.delete

    async def away(recording_id: str) -> int:
        raise PortFailure("store_unavailable", "no answer")

    rig.vault.objects.delete = away  # type: ignore[method-assign]
    receipt = await rig.vault.erasing.erase([record], subject="x", by="anna", reason="asked")
    (erased,) = json.loads(receipt.body)["erased"]
    assert (erased["key_destroyed"], erased["stores"][0]["objects_deleted"]) == (True, None)
    assert await rig.vault.open(record.recording_id, "recording.webm") is None
    rig.vault.objects.delete = real  # type: ignore[method-assign]
    assert (await rig.vault.erasing.sweep(), await rig.vault.erasing.sweep()) == (1, 0)
    assert [key async for key in rig.vault.objects.list(record.recording_id)] == []


async def test_a_run_of_the_retention_is_bounded(rig: VaultRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 1)
    monkeypatch.setattr(erasing, "MAX_BATCHES", 2)
    for name in ("one", "two", "three"):
        await rig.kept(name, film=b"film")
    rig.clock.advance(40 * 86400)
    assert (await rig.vault.erasing.run(), await rig.vault.erasing.run()) == (2, 1)


async def test_started_twice_it_takes_each_recording_in_once(rig: VaultRig) -> None:
    """Two loops once sealed the same files over each other, and what one had stored could not be opened."""
    rig.vault.intake.start()
    for name in ("one", "two", "three"):
        record = await rig.kept(name)
        assert await rig.read(record.recording_id) == FILM
