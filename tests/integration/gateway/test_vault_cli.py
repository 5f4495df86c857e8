"""`visavis recording …` as it is typed: what it prints, what it leaves behind, and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.base.errors import BadInput, NotFound, SetupError
from gateway.cli import app
from tests.support.vault_rig import FILM, vault_rig


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two recordings in the store, and nobody running."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAVIS_DATA_DIR", str(tmp_path / "data"))
    async with vault_rig(tmp_path / "data") as rig:
        await rig.kept("one")
        await rig.kept("two")
    return tmp_path


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["recording", *words], catch_exceptions=True)


def test_recordings_are_listed_verified_exported_held_and_erased(folder: Path) -> None:
    assert [row["recording_id"] for row in json.loads(typed("list", "--json").stdout)["recordings"]] == [
        "rc_two00000",
        "rc_one00000",
    ]
    verified = typed("verify", "--all")
    assert (verified.exit_code, verified.stdout.splitlines()[-1]) == (0, "2 recordings, 0 bad")

    assert typed("export", "rc_one00000", "--to", "film.webm").exit_code == 0
    assert (folder / "film.webm").read_bytes() == FILM
    assert isinstance(typed("export", "rc_one00000", "--to", "film.webm").exception, SetupError)

    held = typed("hold", "rc_one00000", "--reason", "case 7")
    refused = typed("erase", "rc_one00000", "--reason", "asked", "--yes")
    assert refused.exit_code == 1
    assert "case 7" in refused.stderr
    assert typed("lift", held.stdout.strip(), "--reason", "closed").exit_code == 0
    done = typed("erase", "ct_one00000", "--reason", "asked", "--yes", "--receipt", "receipt.json")
    assert done.exit_code == 0
    assert json.loads((folder / "receipt.json").read_text())["receipt"]["erased"][0]["key_destroyed"]
    assert isinstance(typed("export", "rc_one00000", "--to", "again.webm").exception, NotFound)
    assert "rc_one00000: erased" in typed("verify", "--all").stdout


def test_a_flipped_bit_is_an_exit_code_and_a_line(folder: Path) -> None:
    part = folder / "data/vault/rc_two00000/recording.webm/000000"
    data = bytearray(part.read_bytes())
    data[1000] ^= 1
    part.write_bytes(data)
    found = typed("verify", "rc_two00000")
    assert (found.exit_code, found.stderr) == (
        1,
        "rc_two00000: recording.webm: what is stored is not what was stored then\n",
    )
    assert json.loads(typed("verify", "--all", "--json").stdout)["ok"] is False


def test_keys_are_wrapped_anew(folder: Path) -> None:
    keys = folder / "data/recording.keys"
    keys.write_text("k2 " + "A" * 43 + "=\n" + keys.read_text())
    assert typed("rewrap").stdout == "2 keys are under k2 now; recordings need no other master key\n"
    keys.write_text("k2 " + "A" * 43 + "=\n")
    assert typed("verify", "--all").exit_code == 0


def test_nothing_is_erased_without_a_word(folder: Path) -> None:
    assert CliRunner().invoke(app, ["recording", "erase", "rc_one00000", "--reason", "x"], input="n\n").exit_code == 1
    assert typed("verify", "rc_one00000").exit_code == 0


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("verify", "../secret"), BadInput),
        (("verify", "rc_nobody000"), NotFound),
        (("erase", "rc_nobody000", "--reason", "x", "--yes"), NotFound),
        (("lift", "hd_nobody000", "--reason", "x"), NotFound),
    ],
)
def test_what_is_not_there_is_one_sentence(folder: Path, words: tuple[str, ...], kind: type[Exception]) -> None:
    assert isinstance(typed(*words).exception, kind)


def test_a_token_is_printed_once_with_its_settings() -> None:
    made = CliRunner().invoke(app, ["token", "crm", "--scope", "recording.control"])
    secret = made.stderr.split()[-1]
    assert secret not in made.stdout
    assert 'name = "crm"' in made.stdout
    refused = CliRunner().invoke(app, ["token", "crm", "--scope", "everything"])
    assert isinstance(refused.exception, SetupError)
