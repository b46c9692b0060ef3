"""A spoken call that changes its language twice: Korean, English, Korean. The client names none."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from moksori.audio import pcm
from moksori.bench.voice.speakers import say
from tests.support.real_server import real_server
from tests.support.speech import needs

pytestmark = pytest.mark.models

FRAME = 24_000 // 50 * 2
PATIENCE_S = 60
HANGUL = re.compile("[가-힣]")

CALL = (
    ("kokoro:jf_alpha", "상담원과 통화할 수 있을까요?", "ko"),
    ("flite:slt", "Yes.", "ko"),  # a short word in another language is not believed at once
    ("flite:slt", "I want to return the shoes I bought last week.", "en"),
    ("espeak-ng:ko", "네.", "en"),
    ("kokoro:jf_alpha", "이 셔츠를 더 큰 사이즈로 교환할 수 있나요?", "ko"),
)
"""Who speaks, what, and the language of the answer."""


async def test_the_answers_follow_the_caller_but_not_one_short_word(tmp_path: Path) -> None:
    needs("flite", "espeak-ng")
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
            for voice, text, language in CALL:
                asked, said, sound = await turn(socket, events, pcm.from_float(say(text, voice)))
                print(f"{text!r} -> {asked!r} -> {said!r}")
                assert bool(HANGUL.search(said)) == (language == "ko"), (text, asked, said)
                assert len(sound) > FRAME


async def turn(
    socket: ClientConnection, events: AsyncIterator[dict[str, Any]], sound: bytes
) -> tuple[str, str, bytes]:
    """Speak at the pace of a voice, then be silent; what was understood, the answer's words and its sound."""
    microphone = asyncio.create_task(speak(socket, sound))
    asked, said, answer = "", "", b""
    try:
        async for event in events:
            match event["type"]:
                case "conversation.item.input_audio_transcription.completed":
                    asked = event["transcript"]
                case "response.output_audio_transcript.done":
                    said = event["transcript"]
                case "response.output_audio.delta":
                    answer += base64.b64decode(event["delta"])
                case "response.done":
                    break
                case "error":
                    raise AssertionError(event["error"]["message"])
    finally:
        microphone.cancel()
    await asyncio.sleep(len(answer) / 48_000)  # hear it out, so that the next words are no interruption
    return asked, said, answer


async def speak(socket: ClientConnection, sound: bytes) -> None:
    began, sent = asyncio.get_running_loop().time(), 0
    while True:
        frame = sound[sent : sent + FRAME].ljust(FRAME, b"\0")
        await send(socket, {"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()})
        sent += FRAME
        await asyncio.sleep(max(0.0, began + sent / 48_000 - asyncio.get_running_loop().time()))


async def send(socket: ClientConnection, event: dict[str, Any]) -> None:
    await socket.send(json.dumps(event))


async def heard(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        yield json.loads(message)
