"""The language of an answer: the caller's, but one misheard word does not change it."""

from __future__ import annotations

import pytest

from moksori.conversation.language import Followed, follow, spoken_in

KOREAN = "배송이 언제 오는지 궁금해서 전화했어요."
ENGLISH = "Could you please speak English with me?"


def after(*heard: tuple[str, str]) -> str | None:
    call = Followed()
    for text, language in heard:
        call = follow(call, text, language)
    return call.language


@pytest.mark.parametrize(
    ("heard", "language"),
    [
        ([("네", "ko")], "ko"),
        ([(KOREAN, "ko"), ("Nay.", "en")], "ko"),
        ([(KOREAN, "ko"), ("Nay.", "en"), ("네", "ko"), ("Nay.", "en")], "ko"),
        ([(KOREAN, "ko"), ("Hello?", "en"), ("Yes.", "en")], "en"),
        ([(KOREAN, "ko"), (ENGLISH, "en")], "en"),
        ([(ENGLISH, "en"), (KOREAN, "ko")], "ko"),
        # The recogniser says English, the script says Korean: not believed at once.
        ([(KOREAN, "ko"), (KOREAN, "en")], "ko"),
        # Nothing was heard, or nothing is known of its language.
        ([(KOREAN, "ko"), ("", "en"), ("Uh", "")], "ko"),
        ([], None),
    ],
)
def test_the_language_follows_the_caller(heard: list[tuple[str, str]], language: str | None) -> None:
    assert after(*heard) == language


@pytest.mark.parametrize(
    ("clause", "call", "language"),
    [
        ("네, 확인했습니다.", "en", "ko"),
        ("Your order has shipped.", "en", "en"),
        ("Your order has shipped today.", "ko", "en"),
        ("W1234567.", "ko", "ko"),
        ("12,300", "ko", "ko"),
        ("Galaxy S24", "ko", "ko"),
        ("12,300", "en", "en"),
        ("OK.", None, "en"),
    ],
)
def test_a_clause_is_spoken_in_its_script_and_names_in_the_call_s_language(
    clause: str, call: str | None, language: str
) -> None:
    assert spoken_in(clause, call) == language
