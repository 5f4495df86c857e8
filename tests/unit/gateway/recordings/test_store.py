"""Folders of recordings: by id only."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.base.errors import BadInput
from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.recordings.store import CAPTURE, RecordingStore

ID = RecordingId("rc_store00000")


def row(**fields: object) -> RecordingRecord:
    values = {"file": "recording.webm", "container": "webm", **fields}
    return RecordingRecord(
        recording_id=ID,
        contact_id=ContactId("ct_store00000"),
        state=RecordingState.COMPLETE,
        consent="notice",
        notice_version="1",
        requested_at=datetime(2026, 3, 2, tzinfo=UTC),
        **values,
    )


@pytest.mark.parametrize(
    "name",
    [
        "../secrets",
        "rc_..",
        "rc_../../etc",
        "/etc/passwd",
        "rc_a\0b00000",
        "rc_ÄÖÜ00000",
        "",
        "ct_contact01",
        "rc_" + "a" * 300,
    ],
)
def test_only_our_ids_become_paths(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        RecordingStore(tmp_path).folder(RecordingId(name))


def test_only_names_of_ours_are_found_and_no_links(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    folder = store.folder(ID)
    folder.mkdir(parents=True)
    (folder / "recording.webm").write_bytes(b"film")
    (tmp_path / "secret.webm").write_bytes(b"secret")
    (folder / "customer.webm").symlink_to(tmp_path / "secret.webm")
    found = store.find(row(), "all")
    assert found is not None
    assert found.path.read_bytes() == b"film"
    assert store.find(row(file="../../secret.webm"), "all") is None
    assert store.find(row(container="matroska"), "all") is None
    assert store.find(row(file=""), "all") is None
    assert store.find(row(views={"customer": {"file": "customer.webm", "container": "webm"}}), "customer") is None
    assert store.find(row(), "../agent") is None


def test_left_over_captures_are_found_and_strangers_ignored(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    assert store.left_over() == []
    for name in ("rc_one0000000", "rc_two0000000", "lost+found"):
        (store.root / name).mkdir(parents=True)
    (store.root / "rc_one0000000" / CAPTURE).write_bytes(b"")
    (store.root / "rc_link000000").symlink_to(store.root / "rc_one0000000")
    assert store.left_over() == ["rc_one0000000"]


def test_discarding_removes_everything_once(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    store.write_expected(ID, {"tracks": []})
    (store.folder(ID) / "recording.webm").write_bytes(b"film")
    store.discard(ID)
    assert not store.folder(ID).exists()
    store.discard(ID)
    assert store.free_bytes() > 0
