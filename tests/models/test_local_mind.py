"""The language model itself: what it reads again, and what it does not, when a call grows long or another follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moksori.agent.brain import Finished, Said, Thought
from moksori.engine.context import LOCAL_READING, Window
from moksori.engine.llama import LlamaBrain
from moksori.engine.llama_prompt import system_prompt, tokens
from moksori.protocol.items import InputText, Item, Message, OutputText

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

INSTRUCTIONS = "You are a voice assistant for customers. Answer in one short sentence."
GOODS = (
    "shirt",
    "scarf",
    "lamp",
    "kettle",
    "chair",
    "bicycle",
    "tent",
    "camera",
    "violin",
    "carpet",
    "mirror",
    "drill",
)
PLACES = (
    "Busan",
    "Seoul",
    "Daegu",
    "Incheon",
    "Ulsan",
    "Suwon",
    "Gwangju",
    "Daejeon",
    "Jeju",
    "Sejong",
    "Pohang",
    "Jeonju",
)


@pytest.fixture(scope="module")
def mind() -> Iterator[LlamaBrain]:
    brain = LlamaBrain.load()
    yield brain
    brain.close()


def message(role: str, text: str, number: int) -> Message:
    part = InputText(text=text) if role == "user" else OutputText(text=text)
    return Message(role=role, content=(part,), id=f"item_{role}_{number}", status="completed")  # type: ignore[arg-type]


def small_talk() -> list[Item]:
    """Two dozen turns, longer than the model is given at once."""
    said: list[Item] = []
    for n in range(24):
        goods, place = GOODS[n % len(GOODS)], PLACES[(n * 5) % len(PLACES)]
        asked = f"Parcel {n + 1}: I ordered a {goods}, and it should be sent to my sister who lives in {place}. Is that all right?"
        said += [message("user", asked, n)]
        said += [
            message(
                "assistant",
                f"Certainly, the {goods} can be sent to {place} without any extra cost for you.",
                n,
            )
        ]
    return said


async def ask(mind: LlamaBrain, conversation: str, history: tuple[Item, ...]) -> tuple[str, Finished]:
    asked = Thought(conversation, "resp_1", history, INSTRUCTIONS, (), "none", 40, "en", False)
    text, end = "", None
    async for event in mind.think(asked):
        match event:
            case Said():
                text += event.text
            case Finished():
                end = event
            case _:
                raise AssertionError(event)
    assert end is not None
    return text, end


async def test_when_old_turns_leave_a_long_call_the_rest_is_not_read_again(mind: LlamaBrain) -> None:
    window = Window(LOCAL_READING)
    room = window.room(INSTRUCTIONS, (), "en")
    talk, fitting = small_talk(), []
    for n in range(0, len(talk), 2):
        if len(window.fit([*fitting, *talk[n : n + 2]], "auto", room)) < len(fitting):
            break
        fitting += talk[n : n + 2]
    question = message(
        "user", f"To which town does the {GOODS[(len(fitting) // 2 - 1) % len(GOODS)]} go?", 99
    )
    place = PLACES[((len(fitting) // 2 - 1) * 5) % len(PLACES)]
    await ask(mind, "long", (*fitting, question))

    kept = window.fit([*fitting, *talk[len(fitting) : len(fitting) + 2], question], "auto", room)
    assert kept[0] is not fitting[0], "older turns have left"
    text, end = await ask(mind, "long", kept)
    again = end.input_tokens - end.cached_tokens
    print(f"{end.input_tokens} tokens, read {again}: {text}")
    assert end.input_tokens > 500 and again < 120, "the new turn and its joins"
    assert place in text


async def test_what_was_read_for_one_caller_is_never_used_for_another(mind: LlamaBrain) -> None:
    """Two callers say the same; behind different words, the same words have another meaning to the model."""
    common = small_talk()[4:12]
    secret = message("user", "My secret word is pomegranate, keep it for me.", 50)
    for conversation in ("one", "other"):  # both slots hold a conversation with the secret
        await ask(mind, conversation, (secret, *common, message("user", "What is next?", 51)))
    text, end = await ask(mind, "stranger", (*common, message("user", "What was my secret word?", 52)))
    beginning = tokens(system_prompt(INSTRUCTIONS, (), "en"))
    print(
        f"{end.input_tokens} tokens, {end.cached_tokens} known (the beginning is about {beginning}): {text}"
    )
    assert end.cached_tokens < beginning * 1.5
    assert "pomegranate" not in text.lower()
