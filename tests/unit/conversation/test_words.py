"""What of an item was heard after so many samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moksori.conversation.words import MAX_MARKS, WordMap
from moksori.protocol.internal import Word


def timed(text: str, *ends: int) -> list[Word]:
    words = text.split()
    starts = [0, *ends[:-1]]
    return [Word(w, s, e) for w, s, e in zip(words, starts, ends, strict=True)]


def test_a_word_is_heard_when_its_last_sample_has_played() -> None:
    text = "Your order shipped."
    spoken = WordMap().clause(text).piece(timed(text, 4800, 9600, 16800), 19200)

    assert spoken.samples == 19200
    assert spoken.heard(0) == ""
    assert spoken.heard(4799) == ""
    assert spoken.heard(4800) == "Your"
    assert spoken.heard(16799) == "Your order"
    assert spoken.heard(16800) == "Your order shipped."
    assert spoken.heard(10**9) == "Your order shipped."


def test_korean_is_cut_after_an_eojeol_never_inside_it() -> None:
    text = "네, 주문하신 셔츠는 오늘 출발했습니다."
    spoken = WordMap().clause(text).piece(timed(text, 3000, 9000, 15000, 20000, 33000), 36000)

    assert spoken.heard(14999) == "네, 주문하신"
    assert spoken.heard(32999) == "네, 주문하신 셔츠는 오늘"


def test_the_second_clause_counts_from_the_end_of_the_first_ones_audio() -> None:
    first, second = "Sure,", " let me check."
    spoken = WordMap().clause(first).piece(timed(first, 6000), 9600)
    spoken = spoken.clause(second).piece(timed(second, 2400, 4800, 12000), 14400)

    assert spoken.text == "Sure, let me check."
    assert spoken.samples == 24000
    assert spoken.heard(9600 + 2399) == "Sure,"
    assert spoken.heard(9600 + 2400) == "Sure, let"
    assert spoken.heard(24000) == "Sure, let me check."


def test_words_come_with_the_piece_they_begin_in() -> None:
    spoken = WordMap().clause("one two three").piece([Word("one", 0, 3000)], 4800)
    assert spoken.heard(4800) == "one"
    spoken = spoken.piece([Word("two", 4000, 8000), Word("three", 8000, 9000)], 4800)
    assert spoken.heard(8000) == "one two"


def test_white_space_and_punctuation_stay_as_written() -> None:
    spoken = WordMap().clause("A  line\n— and").piece(timed("A line — and", 1, 2, 2, 4), 10)
    assert spoken.heard(2) == "A  line\n—"
    assert spoken.heard(4) == "A  line\n— and"


def test_an_unsounded_word_is_heard_with_the_one_before_it() -> None:
    spoken = (
        WordMap()
        .clause("Done 👍 bye")
        .piece([Word("Done", 0, 500), Word("👍", 0, 0), Word("bye", 600, 900)], 1000)
    )
    assert spoken.heard(499) == ""
    assert spoken.heard(500) == "Done 👍"


def test_without_timing_a_clause_is_heard_at_its_end() -> None:
    spoken = WordMap().clause("Hello there.").piece((), 4800).end_clause().clause(" Bye.").piece((), 2400)
    assert spoken.heard(4799) == ""
    assert spoken.heard(4800) == "Hello there."
    assert spoken.end_clause().heard(7200) == "Hello there. Bye."


def test_a_long_item_keeps_a_bounded_number_of_marks_and_never_reports_an_unheard_word() -> None:
    n = MAX_MARKS * 3
    spoken = WordMap()
    for i in range(n):
        word = f"w{i}"
        spoken = spoken.clause(word if i == 0 else " " + word).piece([Word(word, 0, 10)], 10)
    assert len(spoken.marks) <= MAX_MARKS
    for probe in (0, 5, 10_000, 60_000, 10 * n - 1, 10 * n):
        heard = spoken.heard(probe)
        assert len(heard.split()) <= probe // 10
    assert len(spoken.heard(10 * n).split()) == n
    assert len(spoken.heard(10 * n - 1).split()) == n - 1


@given(
    st.lists(
        st.lists(
            st.tuples(st.text("ab가나.,", min_size=1, max_size=4), st.integers(0, 500)),
            min_size=1,
            max_size=6,
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 20_000),
)
def test_heard_is_exactly_the_words_that_ended(clauses: list[list[tuple[str, int]]], probe: int) -> None:
    spoken, total, expected, written = WordMap(), 0, [], []
    for n, clause in enumerate(clauses):
        text = (" " if n else "") + " ".join(word for word, _ in clause)
        at, timings = 0, []
        for word, length in clause:
            timings.append(Word(word, at, at + length))
            at += length
            written.append(word)
            if total + at <= probe:
                expected.append(word)
        spoken = spoken.clause(text).piece(timings, at + 100)
        total += at + 100
    assert spoken.text.split() == written
    assert spoken.heard(probe) == " ".join(expected)
