"""STT, LLM and TTS each at an HTTP endpoint named in `moksori.toml`; the endpoint is a second, real moksori.

The openai package holds the conversation with the first one, and speaks to the parts of the second.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm, wav
from moksori.audio.resample import resample
from moksori.bench.normalise import compare
from tests.support.real_server import RealServer, real_server
from tests.support.speech import spoken

pytestmark = pytest.mark.models

QUESTION = "Where is my order, and can I cancel it?"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server(tmp_path_factory.mktemp("second"), MOKSORI_API_KEY="between-us") as server:
        yield server


def settings(folder: Path, second: RealServer, *parts: str) -> None:
    """A `moksori.toml` in `folder` that puts these parts at the second server."""
    lines = ["version = 1", "[engine]", 'profile = "lite"']
    for part in parts:
        lines += [
            f"[engine.{part}]",
            'kind = "openai"',
            f'base_url = "{second.http}/v1"',
            'model = "moksori-local"',
            'api_key = { env = "SECOND_KEY" }',
        ]
    (folder / "moksori.toml").write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize(
    "parts",
    [
        *(pytest.param((part,), marks=pytest.mark.slow, id=part) for part in ("stt", "llm", "tts")),
        pytest.param(("stt", "llm", "tts"), id="all"),
    ],
)
async def test_a_spoken_turn_through_swapped_parts(
    second: RealServer, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """Given parts elsewhere, client speaks a question, server answers it aloud; what it said is what was heard."""
    settings(tmp_path, second, *parts)
    with real_server(tmp_path, SECOND_KEY="between-us") as server:
        asked, said, sound = await converse(server)
    assert compare(QUESTION, asked).rate <= 0.2
    assert said == "No shop is connected to me yet, so I cannot look up an order."
    async with AsyncOpenAI(base_url=f"{second.http}/v1", api_key="between-us") as client:
        heard = await client.audio.transcriptions.create(
            file=("answer.wav", wav.write(sound, SPEAKING_RATE)), model="moksori-local", language="en"
        )
    assert compare(said, heard.text).rate <= 0.1


async def converse(server: RealServer) -> tuple[str, str, bytes]:
    """One spoken turn with manual commit: what was understood, what was said, and its sound."""
    clip = spoken(QUESTION, "flite:slt")
    audio = resample(pcm.from_float(clip.followed_by_silence(300)), HEARING_RATE, SPEAKING_RATE)
    asked, said, sound = "", "", b""
    client = AsyncOpenAI(base_url=f"{server.http}/v1", api_key="none")
    async with (
        asyncio.timeout(PATIENCE_S),
        client,
        client.realtime.connect(model="moksori-local") as connection,
    ):
        session: Any = {
            "type": "realtime",
            "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
        }
        await connection.session.update(session=session)
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        async for event in connection:
            match event.type:
                case "conversation.item.input_audio_transcription.completed":
                    asked = event.transcript
                case "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                case "response.output_audio_transcript.done":
                    said = event.transcript
                case "response.done":
                    assert event.response.status == "completed", event.response
                    break
                case "error":
                    raise AssertionError(event.error.message)
    return asked, said, sound


async def test_an_endpoint_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    """Given an LLM at a port where nobody listens, client asks, server says which part and which setting."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        mind = {
            "MOKSORI__ENGINE__LLM__KIND": "openai",
            "MOKSORI__ENGINE__LLM__BASE_URL": f"http://127.0.0.1:{port}/v1",
            "MOKSORI__ENGINE__LLM__MODEL": "m",
        }
        with real_server(tmp_path, **mind) as server:
            client = AsyncOpenAI(base_url=f"{server.http}/v1", api_key="none")
            async with (
                asyncio.timeout(PATIENCE_S),
                client,
                client.realtime.connect(model="moksori-local") as connection,
            ):
                item: Any = {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Hello"}],
                }
                await connection.conversation.item.create(item=item)
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        response = event.response
                        break
    details = response.status_details
    assert response.status == "failed" and details is not None and details.error is not None
    assert details.error.code == "llm_unreachable"
