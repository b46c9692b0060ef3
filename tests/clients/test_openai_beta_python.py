"""The `openai` package's retired beta resources, unmodified; every event is what its own beta types say."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from openai import AsyncOpenAI

from moksori.audio.pcm import from_float
from moksori.audio.resample import resample
from tests.support.openai_schema import validate_beta_event
from tests.support.real_server import RealServer
from tests.support.speech import spoken

from .report import note

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

PATIENCE_S = 60.0
FRAME = 960
TOOL = {"type": "function", "name": "find_order", "description": "Find it.", "parameters": {"type": "object"}}


async def test_the_beta_resources_hold_every_flow(server: RealServer) -> None:
    note("openai (PyPI), beta resources", "beta", await held(server))


async def held(server: RealServer) -> dict[str, bool]:  # noqa: PLR0915 - one call, in order
    """Every flow in one conversation."""
    client = AsyncOpenAI(
        api_key="none is needed on loopback", websocket_base_url=server.ws.removesuffix("/realtime")
    )
    flows: dict[str, bool] = {}
    async with client.beta.realtime.connect(model="moksori-local") as connection:

        async def until(type: str) -> dict[str, Any]:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    event: dict[str, Any] = json.loads(await connection.recv_bytes())
                    validate_beta_event(event)
                    assert event["type"] != "error", event
                    if event["type"] == type:
                        return event

        async def say(text: str) -> None:
            part: Any = {"type": "input_text", "text": text}
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [part]}
            )
            await connection.response.create()

        async def speak(text: str) -> None:
            clip = spoken(text, "flite:slt")
            pcm = resample(from_float(clip.samples), 16_000, 24_000) + bytes(48_000)
            for at in range(0, len(pcm), FRAME):
                await connection.input_audio_buffer.append(
                    audio=base64.b64encode(pcm[at : at + FRAME]).decode()
                )
                await asyncio.sleep(0.02)

        created = await until("session.created")
        assert created["session"]["modalities"] == ["audio", "text"]
        assert (await until("conversation.created"))["conversation"]["id"]
        vad: Any = {"type": "server_vad", "silence_duration_ms": 400}
        tool: Any = TOOL
        await connection.session.update(
            session={
                "modalities": ["text", "audio"],
                "voice": "alloy",
                "turn_detection": vad,
                "tools": [tool],
            }
        )
        updated = await until("session.updated")
        assert updated["session"]["tools"][0]["name"] == "find_order"

        await say("Hello there")
        await until("conversation.item.created")
        await until("response.audio.delta")
        done = await until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: Hello there"
        assert done["response"]["output"][0]["content"][0]["type"] == "audio"
        flows["typed"] = True

        await say("Where is my order?")
        call = await until("response.function_call_arguments.done")
        await until("response.done")
        await connection.conversation.item.create(
            item={
                "type": "function_call_output",
                "call_id": call["call_id"],
                "output": json.dumps({"status": "shipped yesterday"}),
            }
        )
        await connection.response.create()
        done = await until("response.done")
        assert "shipped yesterday" in done["response"]["output"][0]["content"][0]["transcript"]
        flows["tool"] = True

        speaking = asyncio.create_task(speak("Can you tell me about your return policy?"))
        await until("input_audio_buffer.speech_started")
        done = await until("response.done")
        await speaking
        assert "return policy" in done["response"]["output"][0]["content"][0]["transcript"].lower()
        flows["spoken"] = True

        await say("Tell me a story")
        delta = await until("response.audio.delta")
        speaking = asyncio.create_task(speak("Wait a moment, please stop."))
        await until("input_audio_buffer.speech_started")
        await connection.conversation.item.truncate(
            item_id=delta["item_id"], content_index=0, audio_end_ms=200
        )
        await until("conversation.item.truncated")
        await until("response.done")
        await speaking
        flows["interruption"] = True
    return flows
