"""On a machine that lacks something, one plain line says what to do. Each machine here is a PATH of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("sh", "dirname", "cat", "cksum", "grep", "rm", "env", "ls")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout without `.venv`, and a PATH with the bare tools."""
    (tmp_path / "checkout").mkdir()
    shutil.copytree(ROOT / "deploy", tmp_path / "checkout" / "deploy")
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (path / tool).symlink_to(found)
    return tmp_path


def put(machine: Path, name: str, script: str) -> None:
    file = machine / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def run(machine: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / "checkout" / "deploy" / command[0]), *command[1:]],
        env={"PATH": str(machine / "bin"), "HOME": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def only_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_without_python_the_line_says_what_to_install(machine: Path) -> None:
    line = only_line(run(machine, "venv", "core"))
    assert line.startswith("visavis: Python 3.11 or newer is needed. Install it")


def test_with_an_old_python_the_line_says_which_was_found(machine: Path) -> None:
    put(machine, "python3", 'case "$2" in *version_info*) exit 1 ;; *) echo 3.9.2 ;; esac')
    assert "but python3 is 3.9.2" in only_line(run(machine, "venv", "core"))


def test_a_newer_python_beside_an_old_python3_is_taken(machine: Path) -> None:
    put(machine, "python3", 'case "$2" in *version_info*) exit 1 ;; *) echo 3.9.2 ;; esac')
    put(machine, "python3.12", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    assert "python3.12 has no venv module" in only_line(run(machine, "venv", "core"))


def test_a_second_run_needs_nothing_at_all(machine: Path) -> None:
    """The stamp says that all is there: no pip, no network."""
    (machine / "checkout" / ".venv" / "bin").mkdir(parents=True)
    python = machine / "checkout" / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\ncase "$1" in -m) echo "pip was run" >&2; exit 1 ;; esac\n', encoding="utf-8")
    python.chmod(0o755)
    sums = subprocess.run(
        ["sh", "-c", "cat requirements.lock pyproject.toml deploy/venv | cksum"],
        cwd=machine / "checkout",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (machine / "checkout" / ".venv" / "installed").write_text(f"core {sums}\n", encoding="utf-8")
    assert run(machine, "venv", "core").returncode == 0
    with (machine / "checkout" / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    changed = run(machine, "venv", "core")
    assert (changed.returncode, "pip was run" in changed.stderr) == (2, True)


def test_where_there_is_no_apt_the_missing_programs_are_named(machine: Path) -> None:
    line = only_line(run(machine, "test-tools"))
    assert "named as Debian packages:" in line
    assert "redis-server" in line


def test_without_root_and_sudo_the_command_for_root_is_named(machine: Path) -> None:
    put(machine, "apt-get", "echo apt-get must not be run >&2; exit 1")
    put(machine, "id", "echo 1000")
    assert "As root: apt-get install" in only_line(run(machine, "test-tools"))


def test_what_is_missing_is_installed_through_sudo(machine: Path) -> None:
    put(machine, "apt-get", f'echo "apt-get $*" >> {machine}/log')
    put(machine, "sudo", 'exec "$@"')
    put(machine, "id", "echo 1000")
    assert run(machine, "test-tools").returncode == 0
    update, install = (machine / "log").read_text(encoding="utf-8").splitlines()
    assert update.endswith("update")
    assert " redis-server" in install
    assert os.access(machine / "bin" / "sudo", os.X_OK)


def test_without_npm_the_page_checkers_say_what_they_need(machine: Path) -> None:
    (machine / "checkout" / "web").mkdir()
    assert "nodejs npm" in only_line(run(machine, "js-tools"))
