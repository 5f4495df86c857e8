"""The canary finds its credential, or says where it looked."""

from pathlib import Path

import pytest

from gateway import runtime
from gateway.base.errors import SetupError
from gateway.canary.access import find_token


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_a_gateway_of_this_machine_is_found_by_its_port(state_home: Path) -> None:
    runtime.write_private(state_home / runtime.CANARY_TOKEN_FILE, "secret\n")
    runtime.point_to(8123, state_home)
    assert find_token("http://127.0.0.1:8123", {}, None) == "secret"
    assert find_token("http://localhost:8123/", {}, None) == "secret"


def test_another_machine_of_the_same_port_is_not_confused_with_it(state_home: Path) -> None:
    runtime.write_private(state_home / runtime.CANARY_TOKEN_FILE, "secret")
    runtime.point_to(8123, state_home)
    with pytest.raises(SetupError, match="token-file"):
        find_token("http://192.0.2.1:8123", {}, None)


def test_a_named_file_wins_over_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file", encoding="utf-8")
    assert find_token("http://192.0.2.1", {"VISAVIS_CANARY_TOKEN": "from-env"}, file) == "from-file"
    assert find_token("http://192.0.2.1", {"VISAVIS_CANARY_TOKEN": "from-env"}, None) == "from-env"


def test_an_unreadable_or_empty_token_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="can't be read"):
        find_token("http://192.0.2.1", {}, tmp_path / "missing")
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(SetupError, match="is empty"):
        find_token("http://192.0.2.1", {}, empty)


def test_the_pointer_is_private_and_forgotten_at_the_end(state_home: Path) -> None:
    runtime.point_to(8123, state_home)
    (pointer,) = (state_home / "state").rglob("8123.json")
    assert pointer.stat().st_mode & 0o777 == 0o600
    runtime.forget(8123)
    assert runtime.find(8123) is None


def test_a_pointer_of_another_process_is_left_alone(state_home: Path) -> None:
    runtime.point_to(8123, state_home)
    (pointer,) = (state_home / "state").rglob("8123.json")
    pointer.write_text(f'{{"pid": 1, "data_dir": "{state_home}"}}', encoding="utf-8")
    runtime.forget(8123)
    assert runtime.find(8123) is not None


def test_a_broken_pointer_is_as_good_as_none(state_home: Path) -> None:
    runtime.point_to(8123, state_home)
    (pointer,) = (state_home / "state").rglob("8123.json")
    pointer.write_text("{", encoding="utf-8")
    assert runtime.find(8123) is None
