"""Words that break off, and words that may be all."""

from __future__ import annotations

import pytest

from moksori.conversation.finished import sounds_finished


@pytest.mark.parametrize(
    "text",
    [
        "I want to return the", "My order number is.", "Can you send the package to", "I bought a jacket and",
        "Well, I was wondering...", "Could you tell me if the", "I called yesterday because", "지난주에 산 신발을",
        "주문을 취소하고", "배송지는", "그런데",
    ],
)  # fmt: skip
def test_more_is_coming(text: str) -> None:
    assert not sounds_finished(text)


@pytest.mark.parametrize(
    "text",
    [
        "Where is my order?", "Yes, I do.", "I want to return the shoes.", "Is it?", "What for?", "", "No.",
        "four seven one nine", "배송은 얼마나 걸리나요?", "반품하고 싶습니다.", "네", "환불해 주세요",
    ],
)  # fmt: skip
def test_it_may_be_all(text: str) -> None:
    assert sounds_finished(text)
