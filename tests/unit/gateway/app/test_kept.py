"""What a node keeps in its data folder is the same after a restart, and its owner's alone."""

from pathlib import Path

import pytest

from gateway.app.kept import customer_keys, node_name, secret
from gateway.base.errors import SetupError
from gateway.config import Settings
from gateway.parties import Identity

ANNA = Identity(realm="shop", subject="anna@shop.example")


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = secret(tmp_path / "canary.token")
    assert secret(tmp_path / "canary.token") == made
    assert secret(tmp_path / "another.token") != made
    assert (tmp_path / "canary.token").stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "canary.token").touch()
    assert secret(tmp_path / "canary.token") != ""


def test_a_node_has_the_same_name_after_a_restart(tmp_path: Path) -> None:
    name = node_name(tmp_path)
    assert name.startswith("nd_")
    assert node_name(tmp_path) == name


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "node.id").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match="not text") as refused:
        node_name(tmp_path)
    assert refused.value.code == "data_dir"
    assert str(tmp_path / "node.id") in refused.value.detail


def test_nodes_with_one_secret_in_their_settings_know_the_same_customers(tmp_path: Path) -> None:
    shared = Settings.model_validate({"crm": {"key_secret": "a secret of the house"}})
    one, other = customer_keys(shared, tmp_path / "one"), customer_keys(shared, tmp_path / "other")
    assert one.of_identity(ANNA) == other.of_identity(ANNA)
    assert list(tmp_path.iterdir()) == []


def test_without_it_a_nodes_own_secret_is_kept(tmp_path: Path) -> None:
    first = customer_keys(Settings(), tmp_path).of_identity(ANNA)
    assert customer_keys(Settings(), tmp_path).of_identity(ANNA) == first
    assert (tmp_path / "crm.key").exists()
