"""Brains without a model: fixed answers, and the echo that proves what a history holds."""

from __future__ import annotations

import pytest

from moksori.agent.brain import Brain, Finished, Said, Thought
from moksori.engine.lite import EchoBrain, LiteBrain, fixed_sentences, language_of
from moksori.protocol.items import Content, InputAudio, InputText, Item, Message, OutputAudio, Role


def said(role: Role, content: Content) -> Message:
    return Message(role=role, content=(content,), id="item_1", status="completed")


async def answer(brain: Brain, *history: Item, language: str | None = None) -> str:
    thought = Thought("conv", "resp", history, "", (), "auto", None, language, False)
    events = [event async for event in brain.think(thought)]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, Said))


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ("Hello!", "Hello, thank you for calling."),
        ("Hi, who are you?", "I'm moksori"),  # the longer phrase, not the greeting
        ("Which one?", "I understood you, but I have no answer"),  # no "hi" inside a word
        ("주문한 옷이 안 왔어요", "아직 연결된 쇼핑몰이 없어서"),
        ("제 말 들리세요?", "네, 잘 들립니다."),
        ("음 글쎄요", "말씀은 알아들었지만"),
    ],
)
async def test_a_fixed_answer_in_the_callers_language(asked: str, begins: str) -> None:
    spoken = said("user", InputAudio(transcript=asked))
    assert (await answer(LiteBrain(), spoken)).startswith(begins)


async def test_every_fixed_answer_can_be_rendered_ahead() -> None:
    assert await answer(LiteBrain(), said("user", InputText(text="Thanks"))) in fixed_sentences("en")
    assert all(len(sentence) < 140 for language in ("en", "ko") for sentence in fixed_sentences(language))


async def test_the_echo_has_only_what_was_heard() -> None:
    """Given an answer cut to the words that were heard, asked what it said, it knows no others."""
    history = (
        said("user", InputText(text="Tell me a story.")),
        said("assistant", OutputAudio(transcript="Once upon a time")),
        said("user", InputAudio(transcript="Wait. What did you say?")),
    )
    assert await answer(EchoBrain(), *history) == "I said: Once upon a time"
    assert await answer(EchoBrain(), history[0]) == "You said: Tell me a story."
    assert (
        await answer(EchoBrain(), said("user", InputText(text="뭐라고 하셨죠?")))
        == "아직 아무 말도 하지 않았습니다."
    )
    assert await answer(EchoBrain(), language="ko") == "아직 아무 말씀도 하지 않으셨습니다."


@pytest.mark.parametrize(
    ("words", "call", "expected"),
    [
        ("Nay.", "ko", "ko"),
        ("네.", "en", "en"),
        ("Where is the order I made last week?", "ko", "en"),
        ("지난주에 주문한 신발이 아직 안 왔어요.", "en", "ko"),
        ("안녕하세요", None, "ko"),
        ("Hello", None, "en"),
        ("", None, "en"),
    ],
)
def test_one_short_word_does_not_change_the_language_of_a_call(
    words: str, call: str | None, expected: str
) -> None:
    assert language_of(words, call) == expected
