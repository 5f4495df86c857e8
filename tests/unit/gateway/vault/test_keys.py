"""Master keys: read from where they are kept, never shown, and changed without losing a recording."""

import base64
from pathlib import Path

import pytest

from gateway.base.errors import InvariantBroken, SetupError
from gateway.vault.keys import load_master_keys, load_signing_key, parse_keys

ONE, TWO = (base64.b64encode(bytes([n] * 32)).decode() for n in (1, 2))


def test_a_key_file_is_made_for_the_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "recording.keys"
    made = load_master_keys(path, "")
    assert path.stat().st_mode & 0o777 == 0o600
    wrapped = made.wrap(bytes(32), "rc_1")
    assert load_master_keys(path, "").unwrap(wrapped, "k1", "rc_1") == bytes(32)


@pytest.mark.parametrize("load", [lambda path: load_master_keys(path, ""), load_signing_key])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, load) -> None:
    path = tmp_path / "keys"
    load(path)
    path.chmod(0o640)
    with pytest.raises(SetupError, match="key_file_readable"):
        load(path)


@pytest.mark.parametrize(
    "text", ["k1", "k1 short", f"k1 {ONE}\nk1 {TWO}", f"../k {ONE}", f"k1 {ONE} more", "# nothing", "k1 !!"]
)
def test_a_line_that_is_no_key_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SetupError, match="master_key_") as refused:
        parse_keys(text, "the file")
    assert ONE not in str(refused.value)


def test_the_first_key_wraps_and_all_unwrap() -> None:
    wrapped = parse_keys(f"old {ONE}", "x").wrap(bytes(32), "rc_1")
    keys = parse_keys(f"new {TWO}, old {ONE}", "x")
    assert (keys.current, keys.unwrap(wrapped, "old", "rc_1")) == ("new", bytes(32))
    assert ONE not in repr(keys)
    with pytest.raises(SetupError, match="master_key_missing"):
        parse_keys(f"new {TWO}", "x").unwrap(wrapped, "old", "rc_1")


def test_a_wrapped_key_belongs_to_its_recording() -> None:
    keys = parse_keys(f"k {ONE}", "x")
    with pytest.raises(InvariantBroken, match="data_key_broken"):
        keys.unwrap(keys.wrap(bytes(32), "rc_1"), "k", "rc_2")
