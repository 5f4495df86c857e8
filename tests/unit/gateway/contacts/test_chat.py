"""The rules of a line, and the book of lines: what is kept, refused, told once, and told again."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import BadInput, GatewayError
from gateway.base.ids import AgentId
from gateway.contacts.chat import (
    BURST,
    HISTORY_CHARACTERS,
    LINES_LIMIT,
    TEXT_LIMIT,
    Author,
    ChatBook,
    line_text,
)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MARIA = Author(None, "Maria")
ANNA = Author(AgentId("ag_anna0000"), "Anna")
BEN = Author(AgentId("ag_ben00000"), "Ben")


def code_of(book: ChatBook, *what: object, at_s: float = 0.0) -> str | None:
    author, client_id, text = what
    try:
        book.add(author, client_id, text, at=AT, now_s=at_s)  # type: ignore[arg-type]
    except GatewayError as refusal:
        return refusal.code
    return None


def filled(count: int, text: str = "x") -> ChatBook:
    book = ChatBook()
    for number in range(count):
        assert code_of(book, MARIA, f"line-{number:04}", text, at_s=10.0 * number) is None
    return book


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Hello \n", "Hello"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("e\u0301", "é"),
        ("abc\u202etxt.exe\u2066", "abctxt.exe"),
        ("a\tb", "a b"),
        ("a\n\n\n \n\nb", "a\n\nb"),
        ("👩‍👧 ok", "👩‍👧 ok"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("مرحبا", "مرحبا"),
        ("?", "?"),
    ],
)
def test_a_line_is_kept_trimmed_in_nfc_and_without_what_controls(written: str, kept: str) -> None:
    assert line_text(written) == kept


@pytest.mark.parametrize("written", ["", "   ", "\n\n", "\u200b\u200d", "\u202e\u202c", "\x00\x1b", "\u0301", "\ud800"])
def test_a_line_in_which_nothing_is_to_be_seen_is_refused(written: str) -> None:
    with pytest.raises(BadInput) as refusal:
        line_text(written)
    assert refusal.value.code == "chat_empty"


def test_the_longest_line_is_counted_after_trimming() -> None:
    assert len(line_text(" " * 50 + "a" * TEXT_LIMIT + "\n")) == TEXT_LIMIT
    with pytest.raises(BadInput) as refusal:
        line_text("a" * (TEXT_LIMIT + 1))
    assert refusal.value.code == "chat_too_long"


@given(st.text(max_size=1200))
def test_whatever_is_written_what_is_kept_is_clean_and_stays_the_same(written: str) -> None:
    try:
        kept = line_text(written)
    except BadInput:
        return
    assert 1 <= len(kept) <= TEXT_LIMIT
    assert kept == line_text(kept)
    assert unicodedata.is_normalized("NFC", kept)
    assert not {char for char in kept if unicodedata.category(char) in ("Cc", "Cs") and char != "\n"}
    kept.encode()


def test_lines_are_numbered_in_one_order_whoever_writes() -> None:
    book = ChatBook()
    lines = [
        book.add(author, "line-0001", "Hi", at=AT, now_s=0)  # each page has ids of its own
        for author in (MARIA, ANNA)
    ]
    assert [(line.number, line.by, line.name) for line in lines] == [(1, "customer", "Maria"), (2, "agent", "Anna")]


def test_a_line_is_found_by_its_author_and_id_only() -> None:
    book = ChatBook()
    line = book.add(MARIA, "line-0001", "Hi", at=AT, now_s=0)
    assert book.find(MARIA, "line-0001") == line
    assert book.find(ANNA, "line-0001") is None
    assert book.find(MARIA, "line-0002") is None


def test_a_full_book_takes_no_more() -> None:
    book = filled(LINES_LIMIT)
    assert code_of(book, ANNA, "line-9999", "one more", at_s=1e6) == "chat_full"
    assert len(book) == LINES_LIMIT


def test_who_writes_too_fast_waits_and_the_other_does_not() -> None:
    book = ChatBook()
    for number in range(BURST):
        assert code_of(book, MARIA, f"line-{number:04}", "x") is None
    assert code_of(book, MARIA, "line-0099", "x") == "chat_too_fast"
    assert code_of(book, ANNA, "line-0099", "x") is None
    assert code_of(book, MARIA, "line-0099", "x", at_s=0.5) == "chat_too_fast"
    assert code_of(book, MARIA, "line-0099", "x", at_s=1.0) is None
    assert code_of(book, MARIA, "line-0100", "x", at_s=1.0) == "chat_too_fast"


def test_what_is_refused_costs_nothing() -> None:
    book = ChatBook()
    for _ in range(BURST + 5):
        assert code_of(book, MARIA, "line-0001", " ") == "chat_empty"
    assert code_of(book, MARIA, "line-0001", "x") is None
    assert len(book) == 1


def test_a_history_tells_each_reader_which_lines_are_theirs() -> None:
    book = ChatBook()
    book.add(MARIA, "line-0001", "Hi", at=AT, now_s=0)
    book.add(ANNA, "line-0002", "Hello", at=AT, now_s=0)
    for reader, own in ((None, ["line-0001", None]), (ANNA.agent_id, [None, "line-0002"]), (BEN.agent_id, [None] * 2)):
        history = book.history(reader)
        assert history is not None
        assert [line.client_id for line in history.lines] == own
        assert history.earlier == 0


def test_a_history_has_the_newest_lines_as_far_as_there_is_room() -> None:
    book = filled(50, "x" * TEXT_LIMIT)
    history = book.history(None)
    assert history is not None
    room = HISTORY_CHARACTERS // TEXT_LIMIT
    assert [line.number for line in history.lines] == list(range(50 - room + 1, 51))
    assert history.earlier == 50 - room


def test_an_empty_book_has_no_history() -> None:
    assert ChatBook().history(None) is None
