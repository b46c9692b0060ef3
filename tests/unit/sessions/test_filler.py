"""A tool that takes long: the caller hears that somebody is at work, and hears the answer when it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from moksori.agent.brain import Brain
from moksori.agent.speech import Spoken
from moksori.engine.lite import LiteBrain
from moksori.protocol.internal import Word
from moksori.protocol.response import FILLER
from moksori.sessions import filler
from moksori.sessions.filler import AGAIN_MS, FIRST_MS, Patience, texts
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.shop.guard.coverage import Facts, uncovered
from tests.unit.sessions import shop_line
from tests.unit.sessions.shop_line import Line
from tests.unit.shop.guard_kit import SETTINGS
from tests.unit.shop.little import NOW

LATER = 10.0**9


class Tone:
    """A voice: 40 ms of sound for any clause."""

    async def synthesise(self, text: str, **_: Any) -> AsyncIterator[Spoken]:
        yield Spoken(b"\1\1" * 960, tuple(Word(word, 0, 960) for word in text.split()))


class Speaking(shop_line.MindOnly):
    def __init__(self, brain: Brain) -> None:
        super().__init__(brain)
        self._voice = Tone()  # type: ignore[assignment]


class SlowDesk(ShopDesk):
    """Its reads come back when they are let."""

    def __init__(self, database: str) -> None:
        super().__init__(database, settings=SETTINGS, clock=lambda: NOW)
        self.let = asyncio.Event()

    async def start(self) -> None:
        await super().start()
        assert self.tools is not None
        read = self.tools.read

        async def slowly(*given: Any, **named: Any) -> Any:
            await self.let.wait()
            return await read(*given, **named)

        self.tools.read = slowly  # type: ignore[method-assign]


@pytest.fixture
async def desk(little_file: Path, fresh: Callable[[Path], str]) -> AsyncIterator[SlowDesk]:
    shop = SlowDesk(fresh(little_file))
    await shop.start()
    yield shop
    await shop.close()


async def a_spoken_call(desk: SlowDesk, monkeypatch: pytest.MonkeyPatch, language: str) -> Line:
    monkeypatch.setattr(shop_line, "MindOnly", Speaking)
    brain = FlowsBrain(otherwise=LiteBrain(), clock=lambda: NOW)
    line = await shop_line.connect(desk, brain, caller="C1")
    prompt = {"id": "shop", "variables": {"language": language}}
    await line.configure(prompt=prompt, output_modalities=["audio"])
    return line


def ask(line: Line, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    line.says("conversation.item.create", item=item)
    line.says("response.create")


def done(line: Line) -> list[tuple[bool, str]]:
    """Finished responses: whether each only bridges, and what it said."""
    return [
        (
            FILLER in (e["response"]["metadata"] or {}),
            e["response"]["output"][0]["content"][0]["transcript"],
        )
        for e in line.events
        if e["type"] == "response.done"
    ]


@pytest.mark.parametrize(
    ("language", "said", "answer"),
    [
        ("ko", "1003번 주문 어디까지 왔어요?", "261116-1003"),
        ("en", "Where is order 1003 please?", "261116-1003"),
    ],
)
async def test_a_slow_tool_is_bridged_again_and_again_and_then_answered(
    desk: SlowDesk, monkeypatch: pytest.MonkeyPatch, language: str, said: str, answer: str
) -> None:
    monkeypatch.setattr(filler, "FIRST_MS", 1.0)
    monkeypatch.setattr(filler, "AGAIN_MS", 1.0)
    line = await a_spoken_call(desk, monkeypatch, language)
    ask(line, said)
    await line.until(lambda _: len(done(line)) == 3)
    assert done(line) == [(True, each) for each in [*texts()[language], texts()[language][1]]]  # type: ignore[index]
    desk.let.set()
    await line.until(lambda _: any(not bridges for bridges, _ in done(line)))
    *bridged, (bridges, text) = done(line)
    assert all(only for only, _ in bridged) and not bridges and answer in text
    # every response that began has ended, nothing was refused, and the words were heard as sound
    assert line.types().count("response.created") == line.types().count("response.done")
    assert "error" not in line.types()
    assert line.types().count("response.output_audio.done") == line.types().count("response.done")


async def test_a_quick_tool_is_not_bridged(desk: SlowDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filler, "FIRST_MS", LATER)
    desk.let.set()
    line = await a_spoken_call(desk, monkeypatch, "ko")
    ask(line, "1003번 주문 어디까지 왔어요?")
    await line.until(lambda _: bool(done(line)))
    assert [bridges for bridges, _ in done(line)] == [False]


async def test_a_written_conversation_is_not_bridged(desk: SlowDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filler, "FIRST_MS", 1.0)
    line = await a_spoken_call(desk, monkeypatch, "ko")
    await line.configure()
    since = len(line.events)
    ask(line, "1003번 주문 어디까지 왔어요?")
    await line.until(lambda e: e["type"] == "conversation.item.done", since)
    await asyncio.sleep(0.2)  # long past the first sentence, if there were one
    assert "response.done" not in line.types()[since:]
    desk.let.set()
    await line.until(lambda e: e["type"] == "response.done", since)


async def test_a_client_cannot_pass_its_own_words_off(
    desk: SlowDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.let.set()
    line = await a_spoken_call(desk, monkeypatch, "ko")
    line.says("response.create", response={"metadata": {FILLER: "주문을 취소했습니다.", "mine": "1"}})
    await line.until(lambda e: e["type"] == "response.done")
    ((bridges, text),) = done(line)
    assert not bridges and "취소했습니다" not in text


def test_no_silence_lasts_two_seconds() -> None:
    """Given a tool that never comes back and a voice that begins after 400 ms and speaks for 1.5 s."""
    now, until, patience = 0.0, 0.0, Patience(0.0)
    silences = []
    for _ in range(20):
        now += patience.due_in(now, until)
        patience.next("ko")
        begins = now + 400
        silences.append(begins - until)
        now, until = begins, begins + 1500
    assert max(silences) < 2000 and silences[0] <= FIRST_MS + 400 < AGAIN_MS


@pytest.mark.parametrize("sentence", [each for said in texts().values() for each in said])
def test_what_bridges_claims_nothing(sentence: str) -> None:
    from moksori.bench.voice.score import filler_length

    assert uncovered(sentence, Facts()) is None
    language = "ko" if sentence[0] > "z" else "en"
    assert filler_length(sentence, language) == len(sentence), "a benchmark would count it as the answer"
