"""A mapping is checked as a whole at the start, and each complaint names its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.tasks.document import load_mapping, read_mapping, shipped
from gateway.base.errors import SetupError

GOOD = """\
commands:
  create:
    path: "/tasks"
    json: |
      {"queue": {{ task.queue | to_json }}}
    ref: "{{ reply.id }}"
events:
  contact: "{{ body.contact }}"
  rules:
    - {when: body.e == 'x', event: queued}
"""

VARIABLES = {
    "visavis": {},
    "taskrouter": {"workspace": "WS1", "workflow": "WW1"},
    "genesys": {"queue": "q1"},
}


def complaints(text: str, **variables: str) -> list[str]:
    mapping, problems = read_mapping(text, "mine", variables)
    assert (mapping is None) == bool(problems)
    return [str(problem) for problem in sorted(problems)]


def test_every_shipped_mapping_loads() -> None:
    assert set(shipped()) == set(VARIABLES)
    for name, variables in VARIABLES.items():
        assert load_mapping(name, variables).name == name


def test_a_sound_mapping_has_nothing_to_complain_of() -> None:
    assert complaints(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("task.queue", "task.qeue", 5, "qeue"),
        ("task.queue | to_json", "task.queue", 5, "no JSON"),
        ("task.queue", "nobody", 5, "there is no nobody here"),
        ("to_json", "tojson", 5, "no filter tojson"),
        ('"/tasks"', '"/{{ settings.workspace }}"', 3, "workspace"),
        ("    path:", "    paht:", 3, "no 'paht'"),
        ("  create:", "  crate:", 2, "no 'crate'"),
        ("{{ reply.id }}", "{{ replay.id }}", 6, "there is no replay"),
        ("body.e == 'x'", "body.e ==", 10, "when"),
        ("event: queued", "event: qued", 10, "event is one of"),
        ("event: queued", "event: queued, plaice: 1", 10, "no 'plaice'"),
        ("  contact:", "  kontakt:", 8, "no 'kontakt'"),
        ("commands:", "commands: &anchor", 1, "anchors"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    found = complaints(GOOD.replace(old, new, 1))
    assert any(f"line {line}," in complaint and words in complaint for complaint in found), found


def test_a_variable_that_nobody_set_is_found_at_the_start() -> None:
    with pytest.raises(SetupError, match=r"taskrouter: line \d+.*workspace"):
        load_mapping("taskrouter", {"workflow": "WW1"})


def test_a_file_that_is_not_there_says_what_is_shipped(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="genesys, taskrouter, visavis"):
        load_mapping(str(tmp_path / "mine.yaml"), {})


def test_a_mapping_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    assert load_mapping(str(tmp_path / "mine.yaml"), {}).name == "mine"


@given(st.text(alphabet="abcdefg:-{}[]%'\"| \n", max_size=120))
def test_no_text_raises(text: str) -> None:
    complaints(text)
