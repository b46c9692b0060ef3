"""The seconds before the local language model is there: callers are told the truth, and a shop's flows answer."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from moksori.agent.brain import Brain, BrainFailed, Finished, Said, Thought
from moksori.engine.engine import Engine
from moksori.engine.lite import LiteBrain, _catalogue
from moksori.engine.standin import CATALOGUE, AbsentBrain, LoadingBrain, answering
from moksori.protocol.items import InputText, Message
from moksori.protocol.session import ToolChoice
from moksori.settings import Engine as EngineSettings
from moksori.shop.flows.brain import FlowsBrain


async def answer(brain: Brain, words: str, choice: ToolChoice = "auto", language: str | None = None) -> str:
    said = Message(role="user", content=(InputText(text=words),), id="item_1", status="completed")
    thought = Thought("conv", "resp", (said,), "", (), choice, None, language, False)
    events = [event async for event in brain.think(thought)]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, Said))


async def test_a_question_is_told_that_the_answer_comes_later() -> None:
    assert (await answer(LoadingBrain(), "Where is my order?")).endswith("ask me again in a few seconds.")
    assert (await answer(LoadingBrain(), "주문한 옷이 안 왔어요")).endswith("몇 초 뒤에 다시 말씀해 주세요.")


async def test_what_needs_no_model_is_answered() -> None:
    assert await answer(LoadingBrain(), "Can you hear me?") == "Yes, I can hear you well."
    assert (await answer(LoadingBrain(), "Hello!")).startswith("Hello, thank you for calling.")


def test_nothing_is_said_that_is_untrue_of_a_server_with_a_model_or_a_shop() -> None:
    for language in ("en", "ko"):
        said = " ".join(entry["say"] for entry in _catalogue(CATALOGUE)[language])
        for untrue in ("without a language model", "No shop", "언어 모델 없이", "연결된 쇼핑몰이 없어"):
            assert untrue not in said


async def test_where_only_a_call_would_be_an_answer_there_is_none_yet() -> None:
    with pytest.raises(BrainFailed) as failed:
        await answer(LoadingBrain(), "Where is my order?", "required")
    assert failed.value.code == "server_warming_up"


async def test_who_answers_when() -> None:
    model, flows = LiteBrain(), FlowsBrain(otherwise=LoadingBrain())
    assert answering(model, "ready", flows) is model
    assert answering(None, "warming", flows) is flows
    assert isinstance(answering(None, "warming", None), LoadingBrain)
    failed = answering(None, "failed: The file is damaged.", flows)
    assert isinstance(failed, AbsentBrain)
    with pytest.raises(BrainFailed, match=r"could not be loaded: The file is damaged\."):
        await answer(failed, "Hello")


async def test_an_engine_that_is_closed_while_it_loads_waits_for_the_thread_and_loads_no_more() -> None:
    engine: Any = Engine.create(EngineSettings())
    loading, go_on, loaded = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def slowly() -> None:
        loop.call_soon_threadsafe(loading.set)
        assert go_on.wait(30)
        loaded.append("vad")

    engine._load_activity = slowly
    engine._load_end_of_turn = lambda: loaded.append("end of turn")
    starting = asyncio.create_task(engine.start())
    await loading.wait()
    starting.cancel()
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    assert loaded == ["vad"]
    with pytest.raises(asyncio.CancelledError):
        await starting
