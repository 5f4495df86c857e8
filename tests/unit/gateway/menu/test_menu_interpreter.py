"""The walk of a customer through a menu."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import BadInput, GatewayError, StateConflict
from gateway.menu.checker import MenuErrors, check_menu
from gateway.menu.interpreter import (
    MAX_STEPS,
    AnswerAndEnd,
    EnterQueue,
    MenuRun,
    ShowNode,
    Unanswered,
)

MENU = """\
languages: [en, es]
start: hello
nodes:
  hello: {kind: prompt, prompt: hi, seconds: 3, text: {en: Welcome, es: Bienvenido}, next: main}
  main:
    kind: choices
    text: {en: "What is it?", es: "¿Qué es?"}
    options:
      1: {go: people, label: {en: Buy, es: Comprar}}
      2: {go: more, label: {en: More, es: Más}}
  more:
    kind: choices
    text: {en: "And?", es: "¿Y?"}
    on_idle: people
    options:
      1: {go: hours, label: {en: Hours, es: Horario}}
      2: {go: main, label: {en: Again, es: Otra vez}}
      3: {go: wait, label: {en: A person, es: Una persona}}
      0: {go: back, label: {en: Back, es: Atrás}}
  wait: {kind: prompt, text: {en: One moment, es: Un momento}, next: people}
  people: {kind: queue, queue: sales, priority: 2}
  hours: {kind: answer_and_end, prompt: hours, text: {en: Nine to five, es: De nueve a cinco}}
"""


def run(language="en") -> MenuRun:
    return MenuRun(check_menu(MENU, ["sales"]), language)


def at_main(language="en") -> MenuRun:
    walk = run(language)
    walk.start()
    walk.idle()
    return walk


def test_a_prompt_is_shown_for_its_time_then_the_choices():
    walk = run()
    shown = walk.start()
    assert isinstance(shown, ShowNode)
    assert (shown.node_id, shown.text, shown.options, shown.prompt_clip, shown.idle_s, shown.can_go_back) == (
        "hello", "Welcome", (), "hi", 3.0, False,
    )  # fmt: skip
    main = walk.idle()
    assert isinstance(main, ShowNode)
    assert (main.node_id, main.idle_s, main.can_go_back) == ("main", None, False)
    assert [(option.key, option.label) for option in main.options] == [("1", "Buy"), ("2", "More")]


def test_a_choice_leads_to_the_queue_with_the_way_there():
    walk = at_main("es")
    walk.choose("main", "2")
    assert isinstance(walk.choose("more", "3"), ShowNode)
    assert walk.idle() == EnterQueue(queue="sales", priority=2, language="es", path=("Más", "Una persona"))


def test_an_answer_ends_the_walk():
    walk = at_main()
    walk.choose("main", "2")
    assert walk.choose("more", "1") == AnswerAndEnd(
        node_id="hours", text="Nine to five", prompt_clip="hours", path=("More", "Hours")
    )
    with pytest.raises(StateConflict) as caught:
        walk.choose("more", "1")
    assert caught.value.code == "menu_ended"


def test_another_language_is_served_in_the_first_one():
    assert run("fr").language == "en"


@pytest.mark.parametrize("way_back", ["0", "back"])
def test_back_returns_to_the_choices_before_and_forgets_the_label(way_back):
    walk = at_main()
    walk.choose("main", "2")
    shown = walk.choose("more", way_back)
    assert isinstance(shown, ShowNode)
    assert (shown.node_id, shown.can_go_back) == ("main", False)
    assert walk.path == ()


def test_way_back_is_offered_once():
    walk = at_main()
    more = walk.choose("main", "2")
    assert isinstance(more, ShowNode)
    assert ("0", "Back") in [(option.key, option.label) for option in more.options]
    assert not more.can_go_back, "the menu has an option of its own for it"
    wait = walk.choose("more", "3")
    assert isinstance(wait, ShowNode)
    assert wait.can_go_back


def test_back_from_a_prompt_returns_to_the_choices_before_it():
    walk = at_main()
    walk.choose("main", "2")
    walk.choose("more", "3")
    shown = walk.choose("wait", "back")
    assert isinstance(shown, ShowNode)
    assert shown.node_id == "more"


def test_coming_round_to_a_node_cuts_the_way_there():
    walk = at_main()
    walk.choose("main", "2")
    shown = walk.choose("more", "2")
    assert isinstance(shown, ShowNode)
    assert (shown.node_id, shown.can_go_back, walk.path) == ("main", False, ())


def test_a_stale_node_is_refused_and_changes_nothing():
    walk = at_main()
    before = walk.start()
    with pytest.raises(StateConflict) as caught:
        walk.choose("hello", "1")
    assert caught.value.code == "menu_stale"
    assert walk.start() == before


@pytest.mark.parametrize("key", ["9", "#", "*", "back", "", "11", "1 "])
def test_a_key_that_does_nothing_is_refused_and_changes_nothing(key):
    walk = at_main()
    before = walk.start()
    with pytest.raises(BadInput) as caught:
        walk.choose("main", key)
    assert caught.value.code == "menu_no_such_key"
    assert walk.start() == before


def test_silence_is_asked_once_more_then_left():
    walk = at_main()
    again = walk.idle()
    assert isinstance(again, ShowNode)
    assert again.node_id == "main"
    assert walk.idle() == Unanswered(node_id="main")
    with pytest.raises(StateConflict):
        walk.idle()


def test_silence_follows_on_idle_where_the_menu_says_so():
    walk = at_main()
    walk.choose("main", "2")
    walk.idle()
    assert walk.idle() == EnterQueue(queue="sales", priority=2, language="en", path=("More",))


def test_a_key_starts_the_patience_anew():
    walk = at_main()
    walk.idle()
    walk.choose("main", "2")
    walk.choose("more", "0")
    assert isinstance(walk.idle(), ShowNode)


def test_a_customer_who_goes_round_and_round_is_taken_to_the_nearest_queue():
    walk = at_main()
    outcome = walk.start()
    presses = 0
    while isinstance(outcome, ShowNode):
        outcome = walk.choose(outcome.node_id, "2" if outcome.node_id == "main" else "0")
        presses += 1
    assert isinstance(outcome, EnterQueue)
    assert presses <= MAX_STEPS


# ---------------------------------------------------------------- any accepted document

_NAMES = ("a", "b", "c", "d", "e", "q", "z")
_target = st.sampled_from(_NAMES)


@st.composite
def menu_texts(draw):
    """Menus over a few names with any edges; most are refused, which is the checker's work."""
    lines = ["languages: [en]", f"start: {draw(st.sampled_from('abc'))}", "nodes:"]
    for name in _NAMES:
        kind = draw(st.sampled_from(["choices", "choices", "prompt", "queue", "answer_and_end", "absent"]))
        if kind == "choices":
            keys = draw(st.lists(st.sampled_from("1234567890"), min_size=1, max_size=3, unique=True))
            options = ", ".join(
                f"{key}: {{go: {draw(st.one_of(_target, st.just('back')))}, label: {{en: {key}{name}}}}}"
                for key in keys
            )
            idle = draw(st.one_of(st.just(""), _target.map(lambda target: f"on_idle: {target}, ")))
            lines.append(f"  {name}: {{kind: choices, text: {{en: T}}, {idle}options: {{{options}}}}}")
        elif kind == "prompt":
            lines.append(f"  {name}: {{kind: prompt, text: {{en: T}}, next: {draw(_target)}}}")
        elif kind == "queue":
            lines.append(f"  {name}: {{kind: queue, queue: sales}}")
        elif kind == "answer_and_end":
            lines.append(f"  {name}: {{kind: answer_and_end, text: {{en: T}}}}")
    return "\n".join(lines)


def pruned(text: str):
    """The menu of `text` with what the checker refuses cut away where that is easy: broken and unreachable nodes."""
    for _ in range(len(_NAMES) + 1):
        try:
            return check_menu(text, ["sales"])
        except MenuErrors as error:
            gone = {problem.line for problem in error.problems if problem.code == "unreachable_node"}
            if not gone or len(gone) != len(error.problems):
                return None
            text = "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in gone)
    return None


@given(menu_texts(), st.lists(st.sampled_from([*"1234567890", "back", "idle", "idle"]), min_size=1, max_size=50))
def test_every_walk_through_an_accepted_menu_ends(text, moves):
    document = pruned(text)
    if document is None:
        return
    walk = MenuRun(document, "en")
    outcome = walk.start()
    for step in range(100_000):
        if not isinstance(outcome, ShowNode):
            break
        move = moves[step % len(moves)]
        try:
            outcome = walk.idle() if move == "idle" else walk.choose(outcome.node_id, move)
        except GatewayError:  # a key that does nothing: the customer hesitates instead
            outcome = walk.idle()
        assert len(walk.path) <= len(document.nodes)
    assert isinstance(outcome, EnterQueue | AnswerAndEnd | Unanswered)


@given(menu_texts())
def test_from_every_node_of_an_accepted_menu_silence_or_keys_reach_an_end(text):
    document = pruned(text)
    if document is None:
        return
    walk = MenuRun(document, "en")
    outcome = walk.start()
    silences = 0
    while isinstance(outcome, ShowNode):
        outcome = walk.idle()
        silences += 1
    assert silences <= 2 * len(document.nodes) + 1
