"""Chapters: one after the other without holes, whatever the marks say and in whatever order."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from media.recording.chapters import MAX_CHAPTERS, Chapter, Event, chapters, iso_639_2

_names = st.sampled_from(
    ["hold", "retrieve", "pause", "resume", "transfer", "customer_back", "interrupted", "continued", "consent", "?"]
)


def test_a_call_with_a_hold_a_pause_and_a_loss() -> None:
    events = [
        Event(10.0, "hold"),
        Event(20.0, "retrieve"),
        Event(30.0, "pause", "card"),
        Event(40.0, "resume"),
        Event(50.0, "customer_back"),
        Event(60.0, "pause", "agent_lost"),
        Event(70.0, "resume"),
    ]
    assert chapters(events, 80.0) == [
        Chapter(0.0, 10.0, "conversation", "Conversation"),
        Chapter(10.0, 20.0, "hold", "On hold"),
        Chapter(20.0, 30.0, "conversation", "Conversation"),
        Chapter(30.0, 40.0, "pause", "Recording paused"),
        Chapter(40.0, 50.0, "conversation", "Conversation"),
        Chapter(50.0, 60.0, "customer_back", "Customer reconnected"),
        Chapter(60.0, 70.0, "agent_lost", "Agent away"),
        Chapter(70.0, 80.0, "conversation", "Conversation"),
    ]


def test_a_pause_within_a_hold_is_told_and_the_hold_again_after_it() -> None:
    events = [Event(1.0, "hold"), Event(2.0, "pause"), Event(3.0, "resume"), Event(4.0, "retrieve")]
    titles = [chapter.title for chapter in chapters(events, 5.0, "fr-CA")]
    assert titles == ["Conversation", "En attente", "Enregistrement en pause", "En attente", "Conversation"]


def test_a_call_in_which_nothing_happened_has_no_chapters() -> None:
    assert chapters([Event(0.0, "consent")], 60.0) == []


@given(
    events=st.lists(st.builds(Event, st.floats(-5, 100), _names, st.text(max_size=3)), max_size=40),
    end_s=st.floats(0.1, 90),
    language=st.sampled_from(["en", "fr", "es", "xx", ""]),
)
def test_chapters_follow_one_another_from_the_beginning_to_the_end(
    events: list[Event], end_s: float, language: str
) -> None:
    found = chapters(events, end_s, language)
    if found:
        assert found[0].start_s == 0.0
        assert end_s - 0.01 < found[-1].end_s <= end_s
    assert all(chapter.end_s > chapter.start_s and chapter.title for chapter in found)
    assert all(after.start_s == before.end_s for before, after in itertools.pairwise(found))


def test_somebody_who_changes_their_mind_all_day_makes_no_endless_list() -> None:
    events = [Event(float(at_s), ("hold", "retrieve")[at_s % 2]) for at_s in range(3 * MAX_CHAPTERS)]
    found = chapters(events, 3.0 * MAX_CHAPTERS)
    assert (len(found), found[-1].end_s) == (MAX_CHAPTERS, 3.0 * MAX_CHAPTERS)


def test_languages_in_three_letters() -> None:
    assert [iso_639_2(language) for language in ("fr-CA", "EN", "xx", "")] == ["fre", "eng", "und", "und"]
