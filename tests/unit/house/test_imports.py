"""The import rules name every room, and each of them fails when it is broken."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
PACKAGES = ("gateway", "signaling", "media", "web")

VIOLATIONS = {
    "Imports point down only": ("gateway/menu/document.py", "import gateway.contacts.model"),
    "Inside media too": ("media/sdp/description.py", "import media.engine"),
    "media knows no contact center": ("media/transport/timers.py", "import gateway.parties"),
    "the rooms of the gateway know packets": ("gateway/agents/states.py", "import aiohttp"),
    "signaling moves no packet": ("signaling/session.py", "import media.port"),
    "A contract of several modules": ("signaling/presenter.py", "import gateway.parties.board"),
    "Inside the wiring too": ("gateway/wiring/links.py", "import gateway.wiring.accounts"),
}


def rooms(package: str) -> set[str]:
    """The modules and packages directly below, the folders of several rooms opened."""
    found = set()
    for path in (ROOT / package).iterdir():
        if path.name.startswith("_") or (path.is_dir() and not (path / "__init__.py").exists()):
            continue
        if path.is_dir() or path.suffix == ".py":
            found.add(f"{package}.{path.stem}")
    return found


def named(contract: dict[str, list[str]]) -> set[str]:
    words = [word.strip() for layer in contract["layers"] for word in layer.split("|")]
    return {".".join(word.split(".")[:2]) for word in words}


@pytest.mark.parametrize(("package", "contract"), [("gateway", CONTRACTS[0]), ("media", CONTRACTS[1])])
def test_every_room_has_its_place(package: str, contract: dict[str, list[str]]) -> None:
    assert rooms(package) - named(contract) == set()


def test_media_may_import_nothing_of_the_gateway_but_its_ground_floor() -> None:
    forbidden = set(CONTRACTS[2]["forbidden_modules"])
    assert rooms("gateway") - {"gateway.base"} - forbidden == set()


def test_every_rule_fails_when_it_is_broken(tmp_path: Path) -> None:
    """A copy of the house with one wrong import for each rule."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("node_modules", "static", "*.clip")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in VIOLATIONS.values():
        path = tmp_path / file
        path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode != 0
    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    for name in VIOLATIONS:
        assert any(line.startswith(name) for line in broken), (name, result.stdout)
