"""The engine's parts over HTTP, judged by the unmodified openai package; the models are scripted ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.agent.speech import Priority, Samples, SpeechFailed, Spoken, Transcript, Word
from moksori.audio import wav
from moksori.server import openai_audio
from moksori.server.engine_parts import MOST_AT_ONCE, Places

from .conftest import Running, Start

MODEL = "moksori-local"
SECOND = b"\x00\x10" * 24_000
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "find_order",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    },
}


@dataclass
class Parts:
    """Ears, mind and voice that say what they were given, or fail as told."""

    thoughts: list[Thought] = field(default_factory=list)
    spoken: list[tuple[str, str, str, float]] = field(default_factory=list)
    heard: list[tuple[int, str | None, str | None]] = field(default_factory=list)
    fails: Exception | None = None
    forever: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def recogniser(self) -> Parts:
        return self

    @property
    def voice(self) -> Parts:
        return self

    @property
    def brain(self) -> Parts:
        return self

    def language_of(self, text: str, heard: str | None) -> str:
        return "ko" if any("가" <= c <= "힣" for c in text) else "en"

    async def transcribe(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
        priority: Priority = Priority.WAITED_FOR,
    ) -> Transcript:
        if self.fails:
            raise self.fails
        self.heard.append((len(samples), language, prompt))
        return Transcript("Hello there.", language or "en", 0.9, len(samples) // 16, 1)

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        if self.fails:
            raise self.fails
        self.spoken.append((text, voice, language, speed))
        yield Spoken(SECOND, (Word(text, 0, 24_000),))

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        self.thoughts.append(thought)
        self.began.set()
        try:
            if self.forever is not None:
                await self.forever.wait()
            if thought.tools:
                yield Called("call_1", thought.tools[0].name, '{"order_id": "W1"}')  # type: ignore[union-attr]
            else:
                yield Said("You said ")
                if self.fails:
                    raise self.fails
                yield Said("it.")
            yield Finished("stop", 10, 4, 3)
        finally:
            self.stopped.set()


@pytest.fixture
async def parts(start: Start) -> AsyncIterator[tuple[Parts, AsyncOpenAI, Running]]:
    server = await start()
    scripted = Parts()
    server.house.speech = scripted
    client = AsyncOpenAI(
        base_url=f"{server.client.base_url}/v1".replace("//v1", "/v1"), api_key="none", max_retries=0
    )
    async with client:
        yield scripted, client, server


Given = tuple[Parts, AsyncOpenAI, Running]


async def test_a_wav_file_is_transcribed_in_every_text_format(parts: Given) -> None:
    scripted, client, _ = parts
    file = ("q.wav", wav.write(SECOND, 24_000), "audio/wav")
    plain = await client.audio.transcriptions.create(file=file, model=MODEL, language="en", prompt="shop")
    assert plain.text == "Hello there."
    assert plain.usage is not None and plain.usage.type == "duration"
    assert scripted.heard == [(16_000, "en", "shop")]
    verbose = await client.audio.transcriptions.create(file=file, model=MODEL, response_format="verbose_json")
    assert (verbose.language, verbose.duration) == ("english", 1.0)
    text = await client.audio.transcriptions.create(file=file, model=MODEL, response_format="text")
    assert text.strip() == "Hello there."


async def test_what_is_no_wav_is_told_so(parts: Given) -> None:
    _, client, _ = parts
    with pytest.raises(openai.BadRequestError, match="hears WAV files of PCM16") as refused:
        await client.audio.transcriptions.create(file=("q.mp3", b"ID3 and so on"), model=MODEL)
    assert refused.value.param == "file"


@pytest.mark.parametrize("form", ["pcm", "wav"])
async def test_a_text_is_spoken_clause_by_clause(parts: Given, form: Any) -> None:
    scripted, client, _ = parts
    text = "Hello, thank you for calling the shop today. 주문하신 상품이 오늘 도착합니다."
    async with client.audio.speech.with_streaming_response.create(
        input=text, model=MODEL, voice="alloy", response_format=form, speed=1.25
    ) as response:
        sound = b"".join([piece async for piece in response.iter_bytes()])
    said = "".join(clause for clause, *_ in scripted.spoken)
    assert said == text
    assert {(voice, speed) for _, voice, _, speed in scripted.spoken} == {("alloy", 1.25)}
    assert {language for _, _, language, _ in scripted.spoken} == {"en", "ko"}
    samples = sound if form == "pcm" else wav.read(sound).pcm
    assert samples == SECOND * len(scripted.spoken)


async def test_speech_as_events(parts: Given) -> None:
    _, _, server = parts
    asked = {"input": "Hi.", "model": MODEL, "voice": {"id": "alloy"}, "stream_format": "sse"}
    answer = await server.client.post("/v1/audio/speech", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.splitlines() if line]
    assert '"speech.audio.delta"' in lines[0] and '"speech.audio.done"' in lines[-1]


@pytest.mark.parametrize(
    ("more", "param"),
    [({"response_format": "mp3"}, "response_format"), ({"instructions": "Whisper."}, "instructions")],
)
async def test_what_the_voice_cannot_do_is_refused(parts: Given, more: Any, param: str) -> None:
    _, client, _ = parts
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.speech.create(input="Hi.", model=MODEL, voice="alloy", **more)
    assert refused.value.param == param


async def test_an_answer_whole_and_streamed(parts: Given) -> None:
    scripted, client, _ = parts
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    whole = await client.chat.completions.create(model=MODEL, messages=messages, max_tokens=50)
    assert whole.choices[0].message.content == "You said it."
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None and whole.usage.total_tokens == 13
    thought = scripted.thoughts[0]
    assert (thought.instructions, thought.max_tokens, len(thought.history)) == ("Be brief.", 50, 1)
    stream = await client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said it."
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None and chunks[-1].usage.prompt_tokens == 10
    assert len({c.id for c in chunks}) == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_round_trip(parts: Given, streamed: bool) -> None:
    scripted, client, _ = parts
    messages: Any = [{"role": "user", "content": "Where is my order?"}]
    call: Any
    if streamed:
        stream = await client.chat.completions.create(
            model=MODEL, messages=messages, tools=[TOOL], stream=True
        )
        chunks = [chunk async for chunk in stream]
        call = next(c.choices[0].delta.tool_calls for c in chunks if c.choices[0].delta.tool_calls)[0]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
    else:
        whole = await client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
        assert whole.choices[0].finish_reason == "tool_calls"
        assert whole.choices[0].message.tool_calls is not None
        call = whole.choices[0].message.tool_calls[0]
    function = {"name": call.function.name, "arguments": call.function.arguments}
    messages += [
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call.id, "content": '{"status": "sent"}'},
    ]
    await client.chat.completions.create(model=MODEL, messages=messages)
    assert [item.__struct_config__.tag for item in scripted.thoughts[-1].history] == [
        "message",
        "function_call",
        "function_call_output",
    ]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"stop": ["."]}, "stop"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 2}, "n"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ],
)
async def test_what_the_mind_cannot_do_is_refused(parts: Given, more: Any, param: str) -> None:
    _, client, _ = parts
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **more}
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(**asked)
    assert refused.value.param == param


async def test_failures_are_sentences_before_and_in_an_answer(parts: Given) -> None:
    scripted, client, _ = parts
    messages: Any = [{"role": "user", "content": "Hi"}]
    scripted.fails = BrainFailed("The language model is still loading.", code="server_warming_up")
    with pytest.raises(openai.InternalServerError, match="still loading") as refused:
        await client.chat.completions.create(model=MODEL, messages=messages)
    assert refused.value.status_code == 503
    stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
    with pytest.raises(openai.APIError, match="still loading"):
        [chunk async for chunk in stream]
    scripted.fails = SpeechFailed("The voice broke.")
    with pytest.raises(openai.InternalServerError, match="The voice broke"):
        await client.audio.speech.create(input="Hi.", model=MODEL, voice="alloy", response_format="pcm")


async def test_a_busy_server_says_when_to_come_back(parts: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client, _ = parts
    monkeypatch.setattr(openai_audio, "_places", Places(most=0))
    with pytest.raises(openai.InternalServerError) as refused:
        await client.audio.speech.create(input="Hi.", model=MODEL, voice="alloy", response_format="pcm")
    assert (refused.value.status_code, refused.value.code) == (503, "server_overloaded")
    assert refused.value.response.headers["retry-after"] == "2"


async def test_who_hangs_up_is_not_thought_for(parts: Given) -> None:
    """Given a mind that never ends, when the client goes, the work stops and its place is free."""
    scripted, _, server = parts
    scripted.forever = asyncio.Event()
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(MOST_AT_ONCE + 1):
        scripted.began.clear()
        scripted.stopped.clear()
        call = asyncio.create_task(server.client.post("/v1/chat/completions", json=asked))
        async with asyncio.timeout(10):
            await scripted.began.wait()
            call.cancel()
            await scripted.stopped.wait()


async def test_without_an_engine_there_is_no_such_model(start: Start) -> None:
    server = await start()
    answer = await server.client.post(
        "/v1/audio/speech", json={"input": "Hi.", "model": MODEL, "voice": "alloy"}
    )
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


async def test_with_a_key_configured_these_routes_need_it(start: Start) -> None:
    server = await start(key=True)
    server.house.speech = Parts()
    for path in ("/v1/audio/speech", "/v1/audio/transcriptions", "/v1/chat/completions"):
        answer: httpx.Response = await server.client.post(path, json={})
        assert answer.status_code == 401, path
