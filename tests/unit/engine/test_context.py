"""How much of a long conversation a brain is shown."""

from __future__ import annotations

import pytest

from moksori.agent.brain import BrainFailed
from moksori.engine.context import IMAGE_TOKENS, Reading, Window, item_tokens
from moksori.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
)
from moksori.protocol.session import RetentionRatio, TokenLimits

WORDS = (
    "some twenty words that are said on a telephone when somebody asks about an order that has not come yet"
)


def user(name: str, text: str = WORDS) -> Message:
    return Message(role="user", content=(InputText(text),), id=name)


def said(name: str) -> Message:
    return Message(role="assistant", content=(OutputText(WORDS),), id=name)


def called(name: str) -> tuple[Item, Item]:
    call = FunctionCall(name="find_order", arguments='{"id": "W1"}', call_id=name, id=f"{name}_call")
    return call, FunctionCallOutput(call_id=name, output='{"status": "shipped"}', id=f"{name}_output")


def ids(items: tuple[Item, ...]) -> list[str]:
    return [item.id for item in items]


HISTORY = (user("u1"), *called("c1"), said("a1"), user("u2"), said("a2"), user("u3"))


def test_what_fits_is_shown_whole() -> None:
    assert Window(Reading()).fit(HISTORY, "auto", 10_000) == HISTORY


@pytest.mark.parametrize("room", range(0, 240, 5))
def test_the_newest_stay_and_no_output_without_its_call(room: int) -> None:
    shown = Window(Reading()).fit(HISTORY, "auto", room)
    assert shown == HISTORY[len(HISTORY) - len(shown) :]
    assert shown[-1].id == "u3", "the last thing a caller said always stays"
    assert not isinstance(shown[0], FunctionCallOutput)
    assert len(shown) == 1 or sum(map(item_tokens, shown)) <= room


def test_what_was_dropped_does_not_come_back() -> None:
    window = Window(Reading())
    assert "u1" in ids(window.fit(HISTORY, "auto", 10_000))
    assert "u1" not in ids(window.fit(HISTORY, "auto", 100))
    assert "u1" not in ids(window.fit(HISTORY, "auto", 10_000))
    assert "u1" in ids(window.fit(HISTORY, "auto", 10_000, given=True))


def test_thoughts_about_one_pause_after_another_begin_at_the_same_place() -> None:
    """Or the model would have to move, or read again, all of the conversation for each of them."""
    window = Window(Reading(1000, 0.6))
    long = tuple(item for n in range(12) for item in (user(f"u{n}"), said(f"a{n}")))
    room = sum(map(item_tokens, long)) - 1
    first = window.fit((*long, user("try", "I would")), "auto", room)
    assert 3 < len(first) < len(long)
    for more in ("I would like", "I would like to have", WORDS):
        again = window.fit((*long, user("try", more)), "auto", room)
        assert [item.id for item in again] == [item.id for item in first]


def test_retention_drops_further_than_it_must() -> None:
    total = sum(map(item_tokens, HISTORY))
    little = Window(Reading()).fit(HISTORY, "auto", total - 1)
    much = Window(Reading()).fit(HISTORY, RetentionRatio(0.3), total - 1)
    assert len(much) < len(little) < len(HISTORY)
    limits = RetentionRatio(1.0, TokenLimits(post_instructions=60))
    assert sum(map(item_tokens, Window(Reading()).fit(HISTORY, limits, 10_000))) <= 60


def test_disabled_fails_with_what_can_be_done() -> None:
    with pytest.raises(BrainFailed, match=r"delete items, or set session\.truncation") as failed:
        Window(Reading()).fit(HISTORY, "disabled", 50)
    assert failed.value.code == "context_length_exceeded"
    assert Window(Reading()).fit(HISTORY, "disabled", 10_000) == HISTORY


def test_instructions_and_tools_take_room() -> None:
    window = Window(Reading(1000))
    assert window.room(WORDS * 10, (), "en") < window.room("", (), "en") < 1000
    assert window.room(WORDS * 1000, (), "en") == 0


def test_pictures_count_and_long_results_only_as_far_as_they_are_read() -> None:
    picture = Message(role="user", content=(InputImage("data:image/png;base64,AA=="),), id="p")
    assert item_tokens(picture) == IMAGE_TOKENS
    long = FunctionCallOutput(call_id="c", output="x" * 10_000, id="o")
    assert item_tokens(long, 1600) < 500 < item_tokens(long)
