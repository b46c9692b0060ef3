"""Words that break off, words that may be all, and what stands between them."""

from __future__ import annotations

import pytest

from moksori.conversation.finished import Ending, ending, more_coming


@pytest.mark.parametrize(
    "text",
    [
        "I want to return the", "My order number is.", "Can you send the package to", "I bought a jacket and",
        "Well, I was wondering...", "Could you tell me if the", "I called yesterday because", "How do I?", "What happens if?",
        "Which size should I", "The coupon does not.", "Can you check whether?", "I would like another.", "지난주에 산 신발을",
        "주문을 취소하고", "배송지는", "그런데", "이 셔츠를 더",
    ],
)  # fmt: skip
def test_broken_off(text: str) -> None:
    assert ending(text) is Ending.BROKEN
    assert more_coming(text) > 0.5
    assert more_coming(text, closes=0.99) > 0.5, "whatever the recogniser makes of it"


@pytest.mark.parametrize(
    "text",
    [
        "My zip code.", "Is the warranty?", "Do these shoes run?", "I need.", "Sorry.", "I'm sorry.", "four seven one nine",
        "My order number is 47", "I would like to send back", "After the tone.", "노란 텀블러", "반품하고 싶은데",
    ],
)  # fmt: skip
def test_open(text: str) -> None:
    assert ending(text) is Ending.OPEN
    assert (
        more_coming("I want to return the shoes.") < more_coming(text) < more_coming("I want to return the")
    )


@pytest.mark.parametrize(
    "text",
    [
        "Where is my order?", "Yes, I do.", "I want to return the shoes.", "Is it?", "What for?", "", "No.", "Cancel.",
        "I'd like to know where my parcel is.", "Can you tell me what the price was?",
        "Some of it came.", "Which shop is it from?", "Did it go through?", "Which size should I take?", "Your password has been changed.",
        "배송은 얼마나 걸리나요?", "반품하고 싶습니다.", "네", "환불해 주세요",
    ],
)  # fmt: skip
def test_it_may_be_all(text: str) -> None:
    assert ending(text) is Ending.WHOLE
    assert more_coming(text, closes=0.97) < 0.2


def test_an_unsure_recogniser_closes_nothing() -> None:
    assert ending("The blue mud drive.", confidence=0.4) is Ending.OPEN
    doubts = [more_coming("I want to swap it.", closes=c / 10) for c in range(11)]
    assert doubts == sorted(doubts, reverse=True), "the surer of the end, the less is expected"


def test_a_question_that_begins_with_its_word_is_seldom_gone_on_with() -> None:
    asked = more_coming("When does my delivery get here?", closes=0.9, goes_on=0.005)
    assert asked < more_coming("My delivery gets here.", closes=0.9, goes_on=0.005) / 3
    assert more_coming("And where is my order?", closes=0.9, goes_on=0.005) < 0.03
    assert more_coming("Track my order, please.", closes=0.9, goes_on=0.005) == asked
    assert more_coming("Yes, please.", closes=0.9, goes_on=0.005) > asked, "a reply may be gone on with"
    assert more_coming("Where is the", closes=0.9, goes_on=0.005) > 0.5
