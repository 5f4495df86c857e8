"""What is shipped agrees with what is written: locks, image, documents, tools."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-sip.lock")


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return match.group().lower().replace("_", "-").replace(".", "-")


def locked(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pins = [line.split() for line in lines if line and not line.startswith((" ", "#"))]
    return {name_of(words[0]): words[0].partition("==")[2] for words in pins}


def direct() -> list[str]:
    return [name_of(requirement) for requirement in PROJECT["project"]["dependencies"]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_lock_names_an_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links)", text, re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_locks_hold_every_direct_dependency() -> None:
    """A dependency that was added without `make lock` would only be missed on a clean machine."""
    core, development = locked("requirements.lock"), locked("requirements-dev.lock")
    groups = PROJECT["dependency-groups"]
    wanted = [*direct(), *map(name_of, groups["build"])]
    assert not [name for name in wanted if name not in core]
    named = [name_of(entry) for entry in groups["dev"] if isinstance(entry, str)]
    assert not [name for name in [*wanted, *named] if name not in development]


def test_the_development_lock_agrees_with_the_core_lock() -> None:
    core, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in core.items() if development.get(name) != version} == {}


def test_the_lock_of_the_extra_sip_holds_it_and_agrees_with_the_others() -> None:
    extra, group = PROJECT["project"]["optional-dependencies"]["sip"], PROJECT["dependency-groups"]["sip"]
    assert extra == group
    sip, development = locked("requirements-sip.lock"), locked("requirements-dev.lock")
    assert not [name for name in map(name_of, extra) if name not in sip]
    assert {name: version for name, version in sip.items() if development.get(name) != version} == {}


def test_building_needs_what_the_lock_installs() -> None:
    """`pip install --no-build-isolation` uses the environment's backend: both lists must name the same."""
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]


def test_every_direct_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert not [name for name in direct() if name not in text]


def test_the_image_is_small_unprivileged_and_watched() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all("-slim" in stage for stage in stages)
    final = lines[lines.index(stages[1]) :]
    user = next(line.split()[1] for line in final if line.startswith("USER "))
    assert user not in ("root", "0")
    assert any(line.startswith("HEALTHCHECK ") for line in final)
    assert any("MALLOC_ARENA_MAX=2" in line for line in final)
    assert {"EXPOSE 8080/tcp 5000/udp", "STOPSIGNAL SIGTERM"} <= set(final)
    assert any(line.startswith("VOLUME ") for line in final)


def test_everything_the_image_copies_exists_and_is_let_in() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [
        line.split()[1:-1]
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from=" not in line
    ]
    for source in [path for paths in copies for path in paths]:
        assert (ROOT / source).exists(), source
        assert f"!{source.removeprefix('./')}" in ignore, source


def test_the_image_has_what_both_locks_name_and_every_package_of_the_wheel() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for lock in ("requirements.lock", "requirements-sip.lock"):
        assert f"--require-hashes --only-binary :all: -r {lock}" in text
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY {package} " in text


def test_ci_runs_what_the_readme_tells_everybody_to_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Test it", 1)[1]
    command = section.split("```", 2)[1].strip()
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(f"exec {command}")


@pytest.mark.parametrize("document", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")))
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{document} → {target}"


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        if "://" not in target:
            assert (ROOT / target).exists(), target


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "deploy").iterdir() if path.suffix == ""))
def test_scripts_are_sound_shell_and_executable(script: str) -> None:
    path = ROOT / "deploy" / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(path)], check=False, capture_output=True).returncode == 0
