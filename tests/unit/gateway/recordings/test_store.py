"""Folders of recordings: by id only."""

from pathlib import Path

import pytest

from gateway.base.errors import BadInput
from gateway.base.ids import RecordingId
from gateway.recordings.store import CAPTURE, RecordingStore

ID = RecordingId("rc_store00000")


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
