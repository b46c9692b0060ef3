"""The whole server on a free port with an engine whose models are rules: what a conversation says without weights.

Sound above a whisper is speech, whatever was said is "What is your return policy?", a word takes 100 ms to speak, and
the mind is that of `tests.support.chat_stub`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from moksori.agent.brain import Brain, BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.agent.speech import Priority, Samples, SpeechFailed, Spoken, Transcript, Voice
from moksori.engine.chat import to_messages, to_tools
from moksori.engine.engine import Engine
from moksori.protocol.ids import random_id
from moksori.protocol.internal import Word
from moksori.server.house import House
from moksori.server.run import listen, running
from moksori.sessions.registry import Sessions
from moksori.settings import Accounts, ApiKey, Auth, Limits, Llm, Mcp, Settings, hash_key
from moksori.settings import Engine as EngineSettings
from moksori.telemetry import Telemetry
from tests.support.chat_stub import answer
from tests.support.openai_schema import validate_beta_event, validate_server_event
from tests.support.pipecat_parser import validate_with_pipecat

from .seen import saw

WORD_SAMPLES = 2_400
SAID = "What is your return policy?"
PATIENCE_S = 20.0
KEY = "sk-conformance"
LOUD = (b"\x00\x20" * 480, b"\x00\x00" * 480)
"""20 ms of speech and of silence, PCM16 at 24 kHz."""


class Whisperless:
    def step(self, frame: Samples) -> float:
        return 0.97 if np.abs(frame).max() > 0.01 else 0.02

    def reset(self) -> None: ...


class Judge:
    async def probability(self, samples: Samples, priority: Priority = Priority.WAITED_FOR) -> float:
        return 0.99


class Hearing:
    """Told what to expect (a transcription's prompt), it says how it was told; `fail now` in that fails it."""

    async def transcribe(
        self, samples: Samples, *, language: str | None = None, prompt: str | None = None, **_: Any
    ) -> Transcript:
        if prompt is not None and "fail now" in prompt:
            raise SpeechFailed("The recogniser was told to fail.")
        said = SAID if prompt is None else f"in {language} expecting {prompt}"
        return Transcript(said, language or "en", 1.0, len(samples) // 16, 1)


class Speaking:
    """Every voice has a loudness of its own."""

    async def synthesise(
        self, text: str, *, speed: float = 1.0, voice: str = "alloy", **_: Any
    ) -> AsyncIterator[Spoken]:
        n = round(WORD_SAMPLES / speed)
        sound = b"\x10\x20" if voice == "alloy" else b"\x10\x10"
        for at, word in enumerate(text.split()):
            yield Spoken(sound * n, (Word(word, at * n, (at + 1) * n),))
            await asyncio.sleep(0)


class Thinking:
    """`limit` in the question ends the answer at its limit, `fail now` fails it, `both` calls a tool twice, and asked
    for its instructions it reads them out."""

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        messages = to_messages(thought.history, thought.instructions)
        question = json.dumps(messages[-1] if messages else "", ensure_ascii=False).lower()
        if "fail now" in question:
            raise BrainFailed("The mind was told to fail.", code="model_not_found")
        if "your instructions" in question:
            yield Said(thought.instructions)
            yield Finished()
            return
        if "both" in question:
            for _ in range(2):
                yield Called(random_id("call"), thought.tools[0].name, "{}")  # type: ignore[union-attr]
            yield Finished()
            return
        given = answer(messages or [{"role": "user", "content": ""}], to_tools(thought.tools))
        if "call" in given:
            yield Called(random_id("call"), *given["call"])
        else:
            for word in given["text"].split():
                yield Said(word + " ")
        yield Finished("length" if "limit" in question else "stop", 40, 8, 12)


def engine(
    brain: Brain | None = None,
    voice: Voice | None = None,
    *,
    judged: bool = True,
    context_tokens: int = 32_768,
) -> Engine:
    made = Engine.create(EngineSettings(profile="lite", llm=Llm(kind="lite", context_tokens=context_tokens)))
    made._activity, made._end_of_turn = Whisperless, Judge() if judged else None
    made._recogniser, made._voice, made._brain = Hearing(), voice or Speaking(), brain or Thinking()
    made._parts = dict.fromkeys(made._parts, "ready")
    return made


@dataclass
class Talk:
    """One client's connection; every event that comes is checked against what clients demand."""

    socket: ClientConnection
    beta: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        (validate_beta_event if self.beta else validate_server_event)(event)
        if not self.beta:
            validate_with_pipecat(event)
            saw(event["type"])
        self.log.append(event)
        return event

    async def until(
        self, type: str, check: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        while True:
            event = await self.next()
            if event["type"] == type and check(event):
                return event
            assert event["type"] != "error" or type == "error", event

    async def configure(
        self, *, detection: dict[str, Any] | None = None, input: Any = None, **session: Any
    ) -> Any:
        audio = {"input": {"turn_detection": detection, **(input or {})}}
        session["audio"] = {**audio, **session.get("audio", {})}
        await self.send("session.update", session={"type": "realtime", **session})
        return (await self.until("session.updated"))["session"]

    async def say(self, text: str, **response: Any) -> None:
        part = {"type": "input_text", "text": text}
        await self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": [part]}
        )
        await self.send("response.create", **({"response": response} if response else {}))

    async def sound(self, *, speech_ms: int, silence_ms: int) -> None:
        for piece, ms in zip(LOUD, (speech_ms, silence_ms), strict=True):
            for _ in range(ms // 20):
                await self.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())

    def types(self) -> list[str]:
        """What came, runs of one type folded, deltas of sound and words interleaving as they may."""
        folded: list[str] = []
        for event in self.log:
            kind = event["type"]
            if kind.endswith(".delta") and kind in folded[-2:]:
                continue
            if not folded or folded[-1] != kind or not kind.endswith(".delta"):
                folded.append(kind)
        return folded


@dataclass(frozen=True)
class Served:
    ws: str
    http: str

    @contextlib.asynccontextmanager
    async def talk(
        self, query: str = "model=moksori-local&strict=1", *, beta: bool = False
    ) -> AsyncIterator[Talk]:
        headers = {"Authorization": f"Bearer {KEY}"} | ({"OpenAI-Beta": "realtime=v1"} if beta else {})
        async with connect(f"{self.ws}?{query}", additional_headers=headers, max_size=None) as socket:
            yield Talk(socket, beta)


@contextlib.asynccontextmanager
async def served(
    *, mcp_hosts: tuple[str, ...] = (), with_engine: Engine | None = None, **limits: Any
) -> AsyncIterator[Served]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            auth=Auth(keys=(ApiKey(name="test", sha256=hash_key(KEY)),)),
            limits=Limits(**limits),
            mcp=Mcp(allowed_hosts=mcp_hosts),
            accounts=Accounts(database=f"{folder}/accounts.db"),
        )
        made, telemetry = with_engine or engine(), Telemetry()
        house = House.build(settings, Sessions(settings, made, telemetry), made, telemetry)
        with contextlib.closing(listen("127.0.0.1", 0)) as listener:
            async with running(house, listener) as (address, _):
                yield Served(address.ws, address.http)
