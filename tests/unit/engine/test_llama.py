"""The local mind without its model: what it is asked, what its grammar allows, whose turn it is, how it stops."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.agent.speech import Priority
from moksori.engine.llama import LlamaBrain
from moksori.engine.llama_prompt import PROMPT_TOKENS, grammar, identifiers, prompt, tokens
from moksori.protocol.items import FunctionCall, FunctionCallOutput, InputText, Item, Message, OutputText
from moksori.protocol.session import FunctionTool, Tool, ToolChoiceFunction

ORDER = FunctionTool(
    name="get_order",
    description="Look up an order.",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "detail": {"enum": ["short", "long"]}},
        "required": ["order_id"],
    },
)
HOURS = FunctionTool(name="opening_hours", parameters={"type": "object", "properties": {}})


def user(text: str) -> Message:
    return Message(role="user", content=(InputText(text=text),), id="item_1", status="completed")


def assistant(text: str) -> Message:
    return Message(role="assistant", content=(OutputText(text=text),), id="item_2", status="completed")


def thought(*history: Item, conversation: str = "c", tools: tuple[Tool, ...] = (), **more: Any) -> Thought:
    return Thought(conversation, "resp_1", history, "Be kind.", tools, "auto", None, "en", False, **more)


class Scripted:
    """Stands where llama.cpp is: puts chunks as that does, on the calling thread."""

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.requests: list[dict[str, Any]] = []
        self.says: list[str] = ["Hello", " there."]
        self.reason = "stop"
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.stopped = threading.Event()
        self.saved: dict[str, int] = {}

    def chat(self, request: dict[str, Any], on_chunk: Callable[[dict[str, Any]], bool], /) -> None:
        self.requests.append(request)
        self.began.set()
        for text in self.says:
            assert self.go_on.wait(10)
            if on_chunk({"choices": [{"delta": {"content": text}, "finish_reason": None}]}):
                self.stopped.set()
                return
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}}
        on_chunk({"choices": [{"delta": {}, "finish_reason": self.reason}], "usage": usage})

    def save(self, slot: int, name: str, /) -> bool:
        self.saved[name] = slot
        return True

    def restore(self, slot: int, name: str, /) -> bool:
        return name in self.saved

    def close(self) -> None: ...


async def think(brain: LlamaBrain, asked: Thought) -> list[BrainEvent]:
    return [event async for event in brain.think(asked)]


# ------------------------------------------------------------------------------------------------- the prompt


def test_a_long_history_is_bounded_and_begins_the_same_for_several_turns() -> None:
    """Old turns leave in steps: what the model has read of the beginning stays good for the turns between."""
    history: list[Item] = []
    firsts = []
    for turn in range(60):
        history += [user(f"Question number {turn}, and some more words."), assistant("A short answer to it.")]
        asked = prompt(history, "Be kind.", PROMPT_TOKENS)
        assert sum(tokens(message["content"]) for message in asked) <= PROMPT_TOKENS
        assert asked[-2]["content"].startswith(f"Question number {turn},")
        firsts.append(asked[1]["content"])
    changes = sum(one != other for one, other in itertools.pairwise(firsts))
    assert 1 <= changes <= 8


def test_identifiers_are_those_that_were_said_or_looked_up() -> None:
    history = (
        user("My order is #W4817562, and my mail is kim@example.com. No, the number is 4 8 1 7."),
        FunctionCallOutput(call_id="c", output='{"orders": [{"order_id": "W9", "total": 12}]}', id="i"),
    )
    found = identifiers(history)
    assert {"#W4817562", "kim@example.com", "4817", "W9"} <= set(found)
    assert "12" not in found


def test_without_a_known_identifier_a_tool_that_needs_one_cannot_be_called() -> None:
    assert "call0" not in grammar((ORDER,), "auto", ())
    rules = grammar((ORDER, HOURS), "auto", ("W9",))
    assert r"\"W9\"" in rules and "call1" in rules
    assert grammar((ORDER,), "none", ("W9",)).startswith("root ::= text\n")
    only = grammar((ORDER, HOURS), ToolChoiceFunction(name="opening_hours"), ())
    assert only.startswith("root ::= call0") and "get_order" not in only


# ------------------------------------------------------------------------------------------------- answers


async def test_text_is_streamed_and_counted() -> None:
    brain = LlamaBrain(Scripted())
    events = await think(brain, thought(user("Hi")))
    assert events == [Said("Hello"), Said(" there."), Finished("stop", 9, 7, 2)]
    brain.close()


async def test_a_call_is_one_whole_event() -> None:
    server = Scripted()
    server.says = ['{"name": "get_order", ', '"arguments": {"order_id": "W9"}}']
    brain = LlamaBrain(server)
    called, finished = await think(brain, thought(user("Order W9, please"), tools=(ORDER,)))
    assert isinstance(called, Called) and isinstance(finished, Finished)
    assert (called.name, json.loads(called.arguments)) == ("get_order", {"order_id": "W9"})
    assert "grammar" in server.requests[0]
    brain.close()


async def test_the_models_own_calls_are_shown_to_it_as_it_wrote_them() -> None:
    server = Scripted()
    brain = LlamaBrain(server)
    call = FunctionCall(name="get_order", arguments='{"order_id": "W9"}', call_id="c1", id="i1")
    output = FunctionCallOutput(call_id="c1", output='{"status": "sent"}', id="i2")
    await think(brain, thought(user("W9"), call, output))
    roles = [message["role"] for message in server.requests[0]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert (
        server.requests[0]["messages"][2]["content"]
        == '{"name": "get_order", "arguments": {"order_id": "W9"}}'
    )
    brain.close()


async def test_closing_an_answer_stops_the_model_at_its_next_token() -> None:
    server = Scripted()
    server.says = ["one "] * 1000
    brain = LlamaBrain(server)
    answer = brain.think(thought(user("Count")))
    assert await anext(answer) == Said("one ")
    await answer.aclose()  # type: ignore[attr-defined]
    assert await asyncio.to_thread(server.stopped.wait, 10)
    # … and the slot is free again.
    server.says = ["Hello"]
    async with asyncio.timeout(10):
        await think(brain, thought(user("Hi")))
    brain.close()


async def test_a_conversation_keeps_its_slot_and_the_waited_for_goes_first() -> None:
    """Given one slot that is taken, a speculative and an urgent thought wait: the urgent one is answered first."""
    server = Scripted(slots=1)
    server.go_on.clear()
    brain = LlamaBrain(server)
    first = asyncio.create_task(think(brain, thought(user("first"), conversation="a")))
    assert await asyncio.to_thread(server.began.wait, 10)
    guess = thought(user("guess"), conversation="b", priority=Priority.SPECULATIVE)
    urgent = thought(user("urgent"), conversation="c", priority=Priority.WAITED_FOR)
    waiting = [asyncio.create_task(think(brain, asked)) for asked in (guess, urgent)]
    await asyncio.sleep(0)
    server.go_on.set()
    await asyncio.gather(first, *waiting)
    assert [r["messages"][-1]["content"] for r in server.requests] == ["first", "urgent", "guess"]
    assert {r["id_slot"] for r in server.requests} == {0}
    brain.close()


async def test_what_was_read_of_the_prompt_is_kept_and_put_back() -> None:
    server = Scripted()
    LlamaBrain(server).warm("Be kind.")
    read = len(server.requests)
    assert read >= 1 and len(server.saved) == 1
    LlamaBrain(server).warm("Be kind.")
    assert len(server.requests) == read
    LlamaBrain(server).warm("Be brief.")
    assert len(server.requests) > read


async def test_what_goes_wrong_is_a_sentence() -> None:
    server = Scripted()
    brain = LlamaBrain(server)
    with pytest.raises(BrainFailed, match="too long for the local language model"):
        await think(brain, thought(user("word " * 4000)))
    server.says, server.reason = ["Hel"], ""
    with pytest.raises(BrainFailed, match="stopped in mid-answer"):
        await think(brain, thought(user("Hi")))
    brain.close()
    with pytest.raises(BrainFailed, match="was closed"):
        await think(brain, thought(user("Hi")))


async def test_only_a_conversations_own_reading_is_moved_forward() -> None:
    """What a slot read of one caller is not reused for the next, also when the next was stopped before it read."""
    server = Scripted(slots=1)
    brain = LlamaBrain(server)

    async def moves(conversation: str) -> bool:
        await think(brain, thought(user("Hi"), conversation=conversation))
        return bool(server.requests[-1]["n_cache_reuse"])

    assert [await moves(c) for c in ("a", "a", "b", "b", "a")] == [False, True, False, True, False]
    stopped = brain.think(thought(user("Hi"), conversation="b"))
    server.go_on.clear()
    server.began.clear()
    asking = asyncio.create_task(anext(aiter(stopped)))
    assert await asyncio.to_thread(server.began.wait, 10)
    asking.cancel()  # the model has not yet begun to read
    await asyncio.gather(asking, return_exceptions=True)
    server.go_on.set()
    assert not await moves("b")
    brain.close()
