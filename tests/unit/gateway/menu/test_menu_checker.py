"""What a menu may not be, and that every fault is named with its line."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import SetupError
from gateway.menu.checker import MenuErrors, check_menu
from gateway.menu.document import ChoicesNode, PromptNode, QueueNode
from gateway.menu.library import load_menu, load_menus
from gateway.menu.source import Problem

QUEUES = ("sales", "support")

SOUND = """\
languages: [en, fr]
start: hello
nodes:
  hello:
    kind: prompt
    prompt: hello-clip
    seconds: 3
    text: {en: Welcome, fr: Bienvenue}
    next: main
  main:
    kind: choices
    text: {en: "How can we help?", fr: "Que puis-je faire ?"}
    on_idle: people
    options:
      1: {go: people, label: {en: Buy, fr: Acheter}}
      2: {go: hours, label: {en: Hours, fr: Horaires}}
      3: {go: more, label: {en: More, fr: Plus}}
  more:
    kind: choices
    text: {en: "And now?", fr: "Et maintenant ?"}
    options:
      1: {go: people, label: {en: A person, fr: Une personne}}
      0: {go: back, label: {en: Back, fr: Retour}}
  people:
    kind: queue
    queue: sales
    priority: 3
  hours:
    kind: answer_and_end
    text: {en: We open at nine, fr: Nous ouvrons à neuf heures}
"""


def problems_of(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(MenuErrors) as caught:
        check_menu(text, QUEUES)
    assert caught.value.problems
    return [(problem.line, problem.column, problem.code) for problem in caught.value.problems]


def swapped(old: str, new: str) -> str:
    assert SOUND.count(old) == 1, f"{old!r} must name one place"
    return SOUND.replace(old, new)


def line_of(piece: str, text: str) -> int:
    return text[: text.index(piece)].count("\n") + 1


def test_a_sound_menu_becomes_a_typed_document():
    menu = check_menu(SOUND, QUEUES)
    assert menu.languages == ("en", "fr")
    assert menu.start == "hello"
    hello, main, people = menu.nodes["hello"], menu.nodes["main"], menu.nodes["people"]
    assert isinstance(hello, PromptNode)
    assert (hello.clip, hello.show_s, hello.next) == ("hello-clip", 3.0, "main")
    assert isinstance(main, ChoicesNode)
    assert [(option.key, option.label["fr"]) for option in main.options] == [
        ("1", "Acheter"),
        ("2", "Horaires"),
        ("3", "Plus"),
    ]
    assert isinstance(people, QueueNode)
    assert (people.queue, people.priority) == ("sales", 3)


@pytest.mark.parametrize(
    ("old", "new", "marker", "code"),
    [
        ("queue: sales", "queue: parts", "queue: parts", "unknown_queue"),
        ("    next: main\n", "", "kind: prompt", "dead_end"),
        ("      2: {go: hours, ", "      2: {", "      2: {label", "dead_end"),
        ("{go: hours, ", "{go: nowhere, ", "{go: nowhere", "unknown_node"),
        ("start: hello", "start: hallo", "start: hallo", "unknown_node"),
        ("on_idle: people", "on_idle: person", "on_idle: person", "unknown_node"),
        ("on_idle: people", "on_idle: back", "on_idle: back", "unknown_node"),
        ("      2: {go: hours", "      1: {go: hours", "      1: {go: hours", "duplicate_key"),
        ("      2: {go: hours", "      '1': {go: hours", "      '1': {go: hours", "duplicate_key"),
        ("      2: {go: hours", "      12: {go: hours", "      12: {go: hours", "bad_key"),
        (', fr: "Et maintenant ?"}', "}", "And now", "missing_language"),
        ("{en: More, fr: Plus}", "{en: More, de: Mehr, fr: Plus}", "de: Mehr", "unknown_field"),
        ("{en: More, fr: Plus}", "{en: '', fr: Plus}", "{en: ''", "empty_text"),
        ("{en: More, fr: Plus}", "{en: " + "x" * 81 + ", fr: Plus}", "x" * 81, "too_long"),
        ("{en: More, fr: Plus}", '{en: "a\\u202eb", fr: Plus}', '{en: "a', "bad_text"),
        ("{en: More, fr: Plus}", "More", "label: More", "wrong_shape"),
        ("kind: answer_and_end", "kind: answer", "kind: answer", "unknown_kind"),
        ("priority: 3", "priority: high", "priority: high", "bad_number"),
        ("priority: 3", "priority: 10", "priority: 10", "bad_number"),
        ("seconds: 3", "seconds: 0", "seconds: 0", "bad_number"),
        ("seconds: 3", "second: 3", "second: 3", "unknown_field"),
        ("languages: [en, fr]", "languages: [en, fr, xx]", "xx]", "unknown_language"),
        ("prompt: hello-clip", "prompt: ../../etc/passwd", "prompt: ..", "bad_name"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(old, new, marker, code):
    text = swapped(old, new)
    assert (line_of(marker, text), code) in [(line, found) for line, _, found in problems_of(text)]


def test_an_unreachable_node_is_named_where_it_stands():
    text = SOUND + "  alone:\n    kind: queue\n    queue: sales\n"
    assert problems_of(text) == [(line_of("  alone:", text), 3, "unreachable_node")]


def test_a_circle_without_an_exit_names_its_nodes():
    text = textwrap.dedent("""\
        languages: [en]
        start: a
        nodes:
          a: {kind: choices, text: {en: A}, options: {1: {go: b, label: {en: b}}, 2: {go: q, label: {en: q}}}}
          b: {kind: choices, text: {en: B}, options: {1: {go: c, label: {en: c}}}}
          c: {kind: prompt, text: {en: C}, next: b}
          q: {kind: queue, queue: sales}
        """)
    assert problems_of(text) == [(5, 3, "no_way_out"), (6, 3, "no_way_out")]


def test_a_circle_of_silence_is_refused_even_with_an_exit_by_key():
    text = textwrap.dedent("""\
        languages: [en]
        start: a
        nodes:
          a: {kind: choices, text: {en: A}, on_idle: b, options: {1: {go: q, label: {en: q}}}}
          b: {kind: prompt, text: {en: B}, next: a}
          q: {kind: queue, queue: sales}
        """)
    assert problems_of(text) == [(4, 3, "silent_circle"), (5, 3, "silent_circle")]


def test_back_in_the_first_choices_is_refused():
    text = swapped("{go: hours, ", "{go: back, ").replace("  hours:", "  more2:")
    codes = [code for _, _, code in problems_of(text)]
    assert "nothing_before" in codes


def test_a_node_named_back_is_refused():
    text = SOUND + "  back:\n    kind: queue\n    queue: sales\n"
    assert problems_of(text) == [(line_of("  back:", text), 3, "bad_name")]


def test_more_options_than_keys_are_refused():
    options = ", ".join(f"{key}: {{go: q, label: {{en: x}}}}" for key in range(11))
    text = (
        f"languages: [en]\nstart: a\nnodes:\n  a: {{kind: choices, text: {{en: A}}, options: {{{options}}}}}\n"
        "  q: {kind: queue, queue: sales}\n"
    )
    assert [(line, code) for line, _, code in problems_of(text)] == [(4, "too_many_options")]


def test_every_fault_is_listed_in_one_run():
    text = swapped("queue: sales", "queue: parts").replace("{en: More, fr: Plus}", "{en: More}")
    assert [code for _, _, code in problems_of(text)] == ["missing_language", "unknown_queue"]


def test_an_unknown_clip_is_named_when_the_clips_are_known():
    assert check_menu(SOUND, QUEUES, ["hello-clip"])
    with pytest.raises(MenuErrors) as caught:
        check_menu(SOUND, QUEUES, ["other"])
    assert [(problem.line, problem.code) for problem in caught.value.problems] == [(6, "unknown_clip")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "menu_empty"),
        ("# only a remark\n", "menu_empty"),
        ("just a text", "wrong_shape"),
        ("- a list", "wrong_shape"),
        ("start: &a x\nnodes: *a", "menu_alias"),
        ("start: !!python/object/apply:os.system ['true']", "menu_tag"),
        ("start: !secret x", "menu_tag"),
        ("start: [", "menu_syntax"),
        ("start: a\n---\nstart: b", "menu_syntax"),
        ("start: \x00", "menu_syntax"),
        ('start: "\\UFFFFFFFF"', "menu_syntax"),
        ("%YAML 1." + "9" * 5000 + "\n---\nstart: a", "menu_syntax"),
        ("start: " + "[" * 1000, "menu_too_deep"),
        ("start: " + "x" * 70_000, "menu_too_large"),
        ("? [a, b]\n: c", "menu_key"),
        ("start: a\nstart: b", "duplicate_key"),
        ("start: \ud800", "menu_syntax"),
    ],
)
def test_hostile_documents_are_refused_cleanly(text, code):
    assert code in [found for _, _, found in problems_of(text)]


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert problems_of(bomb) == [(1, 4, "menu_alias")]


def test_too_many_nodes_are_refused():
    many = "".join(f"  n{index}: {{kind: queue, queue: sales}}\n" for index in range(201))
    assert [code for _, _, code in problems_of(f"start: n0\nnodes:\n{many}")] == ["too_many_nodes"]


_PIECES = st.sampled_from(
    ["start", "nodes", "kind", "choices", "queue", "text", "options", "go", "back", "{", "}", "[", "]", ":", ": ", "\n",
     "  ", "- ", "&a ", "*a", "!x ", "1", "en", "fr", "'", '"', "\\U", "|", ">", "%", "?", "#", "\t", "---\n", "\u2028"]
)  # fmt: skip


def problems_in(text: str) -> tuple[Problem, ...]:
    """What the checker says to any text; anything but a document or MenuErrors is a crash."""
    try:
        check_menu(text, QUEUES)
    except MenuErrors as error:
        return error.problems or (Problem(0, 0, "none", ""),)
    return ()


@given(st.one_of(st.text(max_size=400), st.lists(_PIECES, max_size=120).map("".join)))
def test_the_checker_answers_any_text_with_problems_or_a_document(text):
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems_in(text))


@given(st.data())
def test_the_checker_survives_any_damage_to_a_sound_menu(data):
    text = SOUND
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(st.one_of(st.text(max_size=8), _PIECES)) + text[end:]
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems_in(text))


def test_a_menu_file_is_read_and_its_name_is_its_menu(tmp_path):
    (tmp_path / "main.yaml").write_text(SOUND, encoding="utf-8")
    library = load_menus(tmp_path, QUEUES)
    assert library.names == {"main"}
    assert library.run("main", "fr").language == "fr"
    with pytest.raises(SetupError, match="menu_missing"):
        library.run("other", "en")


def test_a_broken_menu_file_names_file_and_line(tmp_path):
    (tmp_path / "main.yaml").write_text(swapped("queue: sales", "queue: parts"), encoding="utf-8")
    with pytest.raises(SetupError, match=r"main\.yaml.*\n  line 26, column 12: there is no queue 'parts'"):
        load_menus(tmp_path, QUEUES)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"a: \xff\xfe", "menu_unreadable"), (b"a" * 70_000, "menu_too_large"), (None, "menu_unreadable")],
)
def test_an_unreadable_menu_file_is_a_plain_sentence(tmp_path, content, code):
    path = tmp_path / "main.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SetupError) as caught:
        load_menu(path, QUEUES)
    assert caught.value.code == code
    assert str(path) in caught.value.detail
