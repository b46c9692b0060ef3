"""Text as it streams from a model, cut into clauses and made fit to be spoken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.conversation.clauses import MAX_CHARS, Chunker, clauses, speakable


def streamed(*pieces: str) -> list[list[str]]:
    """What each piece, and then the end of the text, gave out."""
    chunker = Chunker()
    return [*[list(chunker.push(piece)) for piece in pieces], list(chunker.flush())]


# ---------------------------------------------------------------- when a clause is given out


def test_a_first_clause_goes_out_at_its_comma_before_the_next_token_came() -> None:
    assert streamed("Your", " order", " shipped,", " and") == [[], [], ["Your order shipped,"], [], [" and"]]


def test_a_short_opening_waits_for_more_because_one_word_sounds_chopped() -> None:
    assert streamed("Sure,", " let me look", " it up,") == [[], [], ["Sure, let me look it up,"], []]


def test_one_whole_sentence_is_enough_however_short() -> None:
    assert streamed("Yes!", " It") == [["Yes!"], [], [" It"]]


def test_six_hangul_syllables_are_a_first_clause_and_a_lone_ne_is_not() -> None:
    assert streamed("네,", " 확인해", " 보겠습니다.", " 네") == [
        [],
        [],
        ["네, 확인해 보겠습니다."],
        [],
        [" 네"],
    ]
    assert streamed("주문하신 셔츠는,", " 오늘")[0] == ["주문하신 셔츠는,"]


def test_hangul_before_a_full_stop_needs_no_look_ahead_but_latin_does() -> None:
    assert streamed("안녕하세요.", " 반갑")[:2] == [["안녕하세요."], []]
    assert streamed("Good morning.", " How")[:2] == [[], ["Good morning."]]


def test_where_text_comes_slowly_the_first_clause_is_six_words_and_the_second_no_longer_than_a_first() -> (
    None
):
    text = (
        "Our return policy is 30 days from the date of purchase and you can bring back whatever you bought in any of "
        "our stores or send it to us at no cost with the label that came in the parcel"
    )
    words = re.findall(r"\S+\s*", text)
    chunker = Chunker()
    slow = [clause for at, word in enumerate(words) for clause in chunker.push(word, slow=at > 3)]
    slow += chunker.flush()
    assert slow[:2] == ["Our return policy is 30 days", " from the date of purchase"]
    assert clauses(text)[0] == "Our return policy is 30 days from the date of purchase"
    assert "".join(slow) == text
    assert chunker.push("Our return policy is 30 days from the day ") == ()  # as new


def test_a_clause_that_was_whole_in_time_is_not_cut_again_because_what_follows_is_slow() -> None:
    chunker = Chunker()
    assert chunker.push("Yes, we do. ") == ("Yes, we do.",)
    assert chunker.push("We ship to the islands every other Monday and ", slow=True) == ()


def test_later_clauses_are_longer() -> None:
    text = "It shipped today. Yes, by air. It will be there on Monday, in the morning, I think."
    assert list(clauses(text)) == [
        "It shipped today.",
        " Yes, by air.",
        " It will be there on Monday, in the morning,",
        " I think.",
    ]


def test_a_new_line_ends_a_clause() -> None:
    assert list(clauses("Two kinds\n- blue shirts\n- red shirts")) == [
        "Two kinds",
        " - blue shirts",
        " - red shirts",
    ]


def test_long_speech_without_punctuation_is_cut_before_a_conjunction() -> None:
    text = (
        "Of course. You can bring the shirt back to any of our stores within thirty days of the day "
        "it came to you and we will give you the money back at once"
    )
    assert [c.split()[0] for c in clauses(text)] == ["Of", "You", "and"]


def test_long_korean_is_cut_after_a_connective_and_never_before_a_dependent_noun() -> None:
    text = (
        "고객님께서 주문하신 셔츠는 현재 재고가 부족해서 출고가 조금 늦어지고 있는데 "
        "내일까지는 받아 보실 수 있을 것으로 예상되며 자세한 내용은 문자로 안내해 드리겠습니다"
    )
    cut = clauses(text)
    assert cut[0] == "고객님께서 주문하신 셔츠는 현재 재고가 부족해서"
    assert not any(c.strip().startswith(("수 ", "것", "있")) for c in cut)


# ---------------------------------------------------------------- what stays whole


@pytest.mark.parametrize(
    "whole",
    [
        "1,250.50",
        "3.5",
        "$1,250.50",
        "3,000원",
        "No. 5",
        "Dr. Kim",
        "J. K. Rowling",
        "e.g. blue",
        "10:30 a.m. sharp",
        "https://shop.example.com/a,b.html?x=1,2",
        "help@shop.example.com",
        "W-1234,567.A",
        "2026.11.22",
        "v2.5.1",
        '"Stop! Wait, please."',
        "“잠깐만요, 네.”",
        "(see page 3, line 5.)",
    ],
)
def test_never_cut_inside(whole: str) -> None:
    text = f"The thing that you were asking me about is {whole} and this is the rest of what I wanted to say."
    for pieces in ([text], re.findall(r".{1,3}", text)):
        chunker = Chunker()
        cut = [*[c for piece in pieces for c in chunker.push(piece)], *chunker.flush()]
        assert "".join(cut) == text
        assert any(whole in c for c in cut), cut


def test_no_is_a_word_before_a_word_and_a_number_sign_before_a_digit() -> None:
    assert list(clauses("No. I cannot do that.")) == ["No.", " I cannot do that."]
    assert list(clauses("It is No. 7 of them.")) == ["It is No. 7 of them."]
    assert streamed("No.", " ", "7 is fine.")[:2] == [[], []]


def test_an_abbreviation_at_the_end_of_a_sentence_ends_it() -> None:
    assert list(clauses("We close at 5 p.m. Please come.")) == ["We close at 5 p.m.", " Please come."]
    assert list(clauses("We close at 5 p.m. on Mondays.")) == ["We close at 5 p.m. on Mondays."]


def test_a_quotation_that_is_never_closed_does_not_stop_the_speech() -> None:
    text = 'He is 5" tall. ' + "That is what I was told by the people there. " * 4
    assert len(clauses(text)) >= 3


def test_a_stream_without_white_space_is_given_out_in_bounded_parts() -> None:
    chunker = Chunker()
    out = [c for _ in range(100) for c in chunker.push("x" * 100)]
    assert "".join([*out, *chunker.flush()]) == "x" * 10_000
    assert max(map(len, out)) <= MAX_CHARS + 100


def test_chinese_and_japanese_are_cut_without_spaces() -> None:
    assert list(clauses("您的订单已经发货。明天会到达。")) == ["您的订单已经发货。", "明天会到达。"]


def test_after_flush_the_next_text_begins_with_a_first_clause_again() -> None:
    chunker = Chunker()
    assert [*chunker.push("One two three, four."), *chunker.flush()] == ["One two three,", " four."]
    assert [*chunker.push("One two three, four."), *chunker.flush()] == ["One two three,", " four."]


SNIPPETS = (
    'Sure, let me check. 네, 확인해 보겠습니다. 1,250.50 No. 5 Dr. Kim "Stop!" (no, yes) 그래서 '
    "and 수 있습니다 https://a.b/c,d. W1234567 ... — ? ! 👍 **bold** “네” ’tis can't\n \t 。，你好 "
    "a.m. p.m. Wow!!! 3/14"
)
WORDS = st.sampled_from(re.split(" ", SNIPPETS))
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=60).map(" ".join)


@given(TEXTS, st.lists(st.integers(1, 30), min_size=1, max_size=50))
def test_the_clauses_joined_are_the_text_with_white_space_folded(text: str, lengths: list[int]) -> None:
    chunker, out, at, n = Chunker(), [], 0, 0
    while at < len(text):
        length = lengths[n % len(lengths)]
        out += chunker.push(text[at : at + length])
        at, n = at + length, n + 1
    out += chunker.flush()

    assert "".join(out) == " ".join(text.split())
    assert all(c.strip() for c in out)
    assert not any(c.endswith(" ") for c in out)


@given(st.lists(WORDS.map(str.strip).filter(bool), max_size=60))
def test_words_pushed_one_by_one_give_the_same_clauses_as_the_whole_text(words: list[str]) -> None:
    text = " ".join(words)
    chunker = Chunker()
    by_word = [c for n, w in enumerate(text.split()) for c in chunker.push(" " + w if n else w)]
    assert [*by_word, *chunker.flush()] == list(clauses(text))


# ---------------------------------------------------------------- fit to be spoken


def said(text: str, language: str = "en") -> str:
    return " ".join(s.spoken for s in speakable(text, language) if s.spoken)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Great!** That is _really_ good.", "Great! That is really good."),
        ("See [our return policy](https://x.com/p?q=1), please.", "See our return policy, please."),
        ("![a shirt](https://x.com/s.png) here", "a shirt here"),
        ("Go to https://www.example.com/a/b?c=d.", "Go to example dot com."),
        ("Mail help@shop.co.kr.", "Mail help at shop dot co dot kr."),
        ("Done 👍🏽 now ✅", "Done now"),
        ("## Heading\n- one\n* two", "Heading one two"),
        ("Use `W123` <br> ok ```json", "Use W123 ok"),
        ("| blue | 3 |", "blue 3"),
        ("Order #1234 is 50% off: $5 & up", "Order #1234 is 50% off: $5 & up"),
        ("2*3 is snake_case", "2*3 is snake_case"),
        ("Dr. Kim, 1,250.50", "Dr. Kim, 1,250.50"),
        ("wait ... — what?", "wait what?"),
    ],
)
def test_markup_emoji_and_addresses_are_said_as_a_person_would(written: str, spoken: str) -> None:
    assert said(written) == spoken


def test_korean_addresses_use_korean_words() -> None:
    assert said("shop.kr로 가지 말고 help@shop.kr 로 보내 주세요~", "ko") == (
        "shop.kr로 가지 말고 help 골뱅이 shop 점 kr 로 보내 주세요"
    )


@given(st.one_of(TEXTS, st.text("[](){}*_`~#|<>/ab 가.@:!👍\n", max_size=80)))
def test_every_written_word_has_one_saying_in_order(text: str) -> None:
    assert [s.written for s in speakable(text)] == text.split()
