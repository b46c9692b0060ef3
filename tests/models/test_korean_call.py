"""Korean over the socket: a spoken call that changes its language twice, and Korean spoken by another server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm
from moksori.audio.resample import resample
from moksori.bench.normalise import compare
from moksori.bench.voice.speakers import say
from moksori.engine import weights
from moksori.engine.whisper import Whisper
from tests.support.real_server import real_server
from tests.support.speech import needs

pytestmark = pytest.mark.models

BYTES_PER_S = SPEAKING_RATE * 2
FRAME = BYTES_PER_S // 50
PATIENCE_S = 60
AFTER_S = 1.0
"""Silence between the end of an answer and the caller's next word, so that it is no acknowledgement of it."""
HANGUL = re.compile("[가-힣]")

CALL = (
    ("kokoro:jf_alpha", "상담원과 통화할 수 있을까요?", "ko"),
    ("flite:slt", "Yes.", "ko"),  # a short word in another language is not believed at once
    ("flite:slt", "I want to return the shoes I bought last week.", "en"),
    ("kokoro:jf_alpha", "네.", "en"),
    ("kokoro:jf_alpha", "이 셔츠를 더 큰 사이즈로 교환할 수 있나요?", "ko"),
)
"""Who speaks, what, and the language of the answer."""


async def test_the_answers_follow_the_caller_but_not_one_short_word(tmp_path: Path) -> None:
    needs("flite")
    with real_server(tmp_path) as server:
        async with asyncio.timeout(PATIENCE_S * len(CALL)), connect(server.ws, max_size=None) as socket:
            events = heard(socket)
            await send(
                socket,
                {
                    "type": "session.update",
                    "session": {
                        "type": "realtime",
                        "audio": {"input": {"transcription": {"model": "whisper-1"}}},
                    },
                },
            )
            async with microphone(socket) as speak:
                for voice, text, language in CALL:
                    speak(pcm.from_float(say(text, voice)))
                    asked, said, sound = await answered(events)
                    print(f"{text!r} -> {asked!r} -> {said!r}")
                    assert bool(HANGUL.search(said)) == (language == "ko"), (text, asked, said)
                    assert len(sound) > FRAME
                    await asyncio.sleep(len(sound) / BYTES_PER_S + AFTER_S)


@pytest.mark.slow
async def test_korean_at_an_endpoint_while_english_stays_here(tmp_path: Path) -> None:
    """Given another server's `/audio/speech` for Korean alone, the Korean answer is its voice; without its key only
    English is spoken.
    """
    (tmp_path / "here").mkdir()
    endpoint = ["version = 1", "[engine]", 'profile = "lite"', "[engine.tts]", 'kind = "openai"']
    endpoint += ['model = "moksori-local"', 'languages = ["ko"]', 'api_key = { env = "ITS_KEY" }']
    with real_server(tmp_path, MOKSORI_API_KEY="between-us") as there:
        (tmp_path / "here" / "moksori.toml").write_text(
            "\n".join([*endpoint, f'base_url = "{there.http}/v1"']), "utf-8"
        )
        with real_server(tmp_path / "here", ITS_KEY="between-us") as here:
            said, sound, error = await typed(here.ws, "안녕하세요, 반갑습니다.")
        with real_server(tmp_path / "here", ITS_KEY="wrong") as here:
            korean = await typed(here.ws, "안녕하세요, 반갑습니다.")
            english = await typed(here.ws, "Hello, how are you today?")
    samples = pcm.to_float(resample(sound, SPEAKING_RATE, HEARING_RATE))
    understood = Whisper(weights.path("whisper-base")).decode(samples, language="ko").text
    assert said == "안녕하세요. 무엇을 도와드릴까요?" and not error
    assert compare(said, understood, "ko").rate < 0.5, understood
    assert not korean[1] and "refused the API key" in korean[2]
    assert english[1] and not english[2]


async def typed(ws: str, text: str) -> tuple[str, bytes, str]:
    """Type something on a call of its own; the answer's words, its sound, and what went wrong."""
    said, sound = "", b""
    content = [{"type": "input_text", "text": text}]
    async with asyncio.timeout(PATIENCE_S), connect(ws, max_size=None) as socket:
        await send(
            socket,
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": content},
            },
        )
        await send(socket, {"type": "response.create"})
        async for event in heard(socket):
            match event["type"]:
                case "response.output_audio_transcript.done":
                    said = event["transcript"]
                case "response.output_audio.delta":
                    sound += base64.b64decode(event["delta"])
                case "response.done":
                    details = event["response"].get("status_details") or {}
                    return said, sound, ((details.get("error") or {}).get("message")) or ""
    raise AssertionError("the call ended without an answer")


async def answered(events: AsyncIterator[dict[str, Any]]) -> tuple[str, str, bytes]:
    """What was understood of the caller's words, the answer's words and its sound."""
    asked, said, answer = "", "", b""
    async for event in events:
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                asked = event["transcript"]
            case "response.output_audio_transcript.done":
                said = event["transcript"]
            case "response.output_audio.delta":
                answer += base64.b64decode(event["delta"])
            case "response.done":
                return asked, said, answer
            case "error":
                raise AssertionError(event["error"]["message"])
    raise AssertionError("the call ended without an answer")


@contextlib.asynccontextmanager
async def microphone(socket: ClientConnection) -> AsyncIterator[Callable[[bytes], None]]:
    """A microphone that is open for as long as this is: silence, unless it was given something to say.

    The server's clock is the caller's audio; without any, an answer would sound for ever.
    """
    waiting = bytearray()

    async def run() -> None:
        began, sent = asyncio.get_running_loop().time(), 0
        while True:
            frame = bytes(waiting[:FRAME]).ljust(FRAME, b"\0")
            del waiting[:FRAME]
            audio = base64.b64encode(frame).decode()
            await send(socket, {"type": "input_audio_buffer.append", "audio": audio})
            sent += FRAME
            await asyncio.sleep(max(0.0, began + sent / BYTES_PER_S - asyncio.get_running_loop().time()))

    running = asyncio.create_task(run())
    try:
        yield waiting.extend
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def send(socket: ClientConnection, event: dict[str, Any]) -> None:
    await socket.send(json.dumps(event))


async def heard(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        yield json.loads(message)
