"""The unmodified `openai` package holds whole conversations; every event is what its own types say."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.websocket_reconnection import ReconnectingEvent

from moksori.audio.pcm import from_float
from moksori.audio.resample import resample
from moksori.bench.normalise import words
from tests.support.chat_stub import STORY
from tests.support.cuttable import cuttable
from tests.support.openai_schema import validate_server_event
from tests.support.pipecat_parser import validate_with_pipecat
from tests.support.real_server import RealServer
from tests.support.speech import Clip, spoken

pytestmark = pytest.mark.models

FRAME_S = 0.02
PATIENCE_S = 60.0
TOOL = {
    "type": "function",
    "name": "find_order",
    "description": "Find the caller's order.",
    "parameters": {"type": "object", "properties": {"question": {"type": "string"}}},
}


class Conversation:
    """An openai connection, with a log of all that came in."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.log: list[dict[str, Any]] = []

    async def until(
        self, type: str, check: Callable[[dict[str, Any]], bool] = lambda e: True
    ) -> dict[str, Any]:
        """Read until an event of this type; every event on the way is validated."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                raw = json.loads(await self.connection.recv_bytes())
                validate_server_event(raw)
                validate_with_pipecat(raw)
                self.log.append(raw)
                assert raw["type"] != "error" or type == "error", raw
                if raw["type"] == type and check(raw):
                    return raw

    async def configure(self, turn_detection: dict[str, Any] | None, **session: Any) -> None:
        audio = {"input": {"turn_detection": turn_detection, "transcription": {"model": "whisper-1"}}}
        await self.connection.session.update(session={"type": "realtime", "audio": audio, **session})
        await self.until("session.updated")

    async def say(self, text: str) -> None:
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        await self.connection.response.create()

    async def append(self, pcm: bytes) -> None:
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    async def stream(self, pcm: bytes) -> None:
        """Send as a microphone does: 20 ms at a time, in real time."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(pcm), 960):
            await self.append(pcm[at : at + 960])
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    @contextlib.asynccontextmanager
    async def microphone(self, *clips: Clip) -> AsyncIterator[None]:
        """The clips one after another with silence between them and for ever after."""

        async def run() -> None:
            for clip in clips:
                await self.stream(pcm24(clip) + bytes(48_000))
            while True:
                await self.stream(bytes(4_800))

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def types(self) -> list[str]:
        return [e["type"] for e in self.log]


def pcm24(clip: Clip) -> bytes:
    return resample(from_float(clip.samples), 16_000, 24_000)


async def conversation(server: RealServer, act: Callable[[Conversation], Awaitable[None]]) -> Conversation:
    client = AsyncOpenAI(base_url=f"{server.http}/v1", api_key="no key is needed on loopback")
    async with client.realtime.connect(model="moksori-local") as connection:
        held = Conversation(connection)
        await held.until("session.created")
        await act(held)
        return held


async def test_a_typed_turn(server: RealServer) -> None:
    async def act(c: Conversation) -> None:
        await c.configure(None)
        await c.say("Hello there")
        done = await c.until("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: Hello there"

    held = await conversation(server, act)
    audio = b"".join(
        base64.b64decode(e["delta"]) for e in held.log if e["type"] == "response.output_audio.delta"
    )
    assert len(audio) > 24_000, "at least half a second was spoken"


async def test_a_typed_turn_answered_in_text(server: RealServer) -> None:
    async def act(c: Conversation) -> None:
        await c.configure(None, output_modalities=["text"])
        await c.say("Hello there")
        done = await c.until("response.done")
        assert (
            done["response"]["output"][0]["content"]
            == [{"type": "output_text", "text": "You said: Hello there "}]
            or done["response"]["output"][0]["content"][0]["text"].strip() == "You said: Hello there"
        )

    held = await conversation(server, act)
    assert "response.output_audio.delta" not in held.types()


async def test_a_spoken_turn_under_server_vad(server: RealServer) -> None:
    clip = spoken("Can you tell me about your return policy?", "flite:slt")

    async def act(c: Conversation) -> None:
        await c.configure({"type": "server_vad", "silence_duration_ms": 500})
        async with c.microphone(clip):
            started = await c.until("input_audio_buffer.speech_started")
            stopped = await c.until("input_audio_buffer.speech_stopped")
            committed = await c.until("input_audio_buffer.committed")
            assert started["item_id"] == stopped["item_id"] == committed["item_id"]
            assert stopped["audio_end_ms"] > started["audio_start_ms"]
            done = await c.until("response.done")
        assert done["response"]["status"] == "completed"
        heard = next(e for e in c.log if e["type"] == "conversation.item.input_audio_transcription.completed")
        assert "return policy" in " ".join(words(heard["transcript"]))
        assert "return policy" in " ".join(words(done["response"]["output"][0]["content"][0]["transcript"]))

    held = await conversation(server, act)
    assert held.types().count("response.created") == 1


async def test_words_are_shown_while_they_are_spoken(server: RealServer) -> None:
    """A transcription model that streams, by its name: real words come before the caller has finished."""
    clip = spoken(
        "I ordered a pair of blue running shoes last week and they still have not arrived at my house.",
        "flite:slt",
    )
    audio = {
        "input": {"turn_detection": {"type": "server_vad"}, "transcription": {"model": "gpt-4o-transcribe"}}
    }

    async def act(c: Conversation) -> None:
        await c.connection.session.update(session={"type": "realtime", "audio": audio})
        await c.until("session.updated")
        async with c.microphone(clip):
            await c.until("conversation.item.input_audio_transcription.completed")

    held = await conversation(server, act)
    kind = "conversation.item.input_audio_transcription"
    deltas = [e["delta"] for e in held.log if e["type"] == f"{kind}.delta"]
    types = held.types()
    assert types.index(f"{kind}.delta") < types.index("input_audio_buffer.speech_stopped")
    shown = " ".join(words("".join(deltas)))
    assert "i ordered a pair of blue" in shown and "not arrived at my house" in shown, (
        "no word lost or taken back"
    )


async def test_a_manual_commit(server: RealServer) -> None:
    clip = spoken("I would like to cancel my subscription.", "flite:rms")

    async def act(c: Conversation) -> None:
        await c.configure(None)
        await c.append(pcm24(clip))
        await c.connection.input_audio_buffer.commit()
        await c.until("input_audio_buffer.committed")
        await c.connection.response.create()
        done = await c.until("response.done")
        assert "cancel" in words(done["response"]["output"][0]["content"][0]["transcript"])

    held = await conversation(server, act)
    assert "input_audio_buffer.speech_started" not in held.types()


async def test_a_function_call_round_trip(server: RealServer) -> None:
    async def act(c: Conversation) -> None:
        await c.configure(None, tools=[TOOL])
        await c.say("Where is my order?")
        arguments = await c.until("response.function_call_arguments.done")
        assert arguments["name"] == "find_order"
        assert json.loads(arguments["arguments"]) == {"question": "where is my order?"}
        await c.until("response.done")
        await c.connection.conversation.item.create(
            item={
                "type": "function_call_output",
                "call_id": arguments["call_id"],
                "output": json.dumps({"status": "shipped yesterday"}),
            }
        )
        await c.connection.response.create()
        done = await c.until("response.done")
        assert "shipped yesterday" in done["response"]["output"][0]["content"][0]["transcript"]

    await conversation(server, act)


async def test_an_interruption_is_truncated_where_the_client_says(server: RealServer) -> None:
    clip = spoken("Wait a moment, please stop.", "flite:slt")

    async def act(c: Conversation) -> None:
        await c.configure({"type": "server_vad", "create_response": False, "interrupt_response": True})
        await c.say("Tell me a story")
        received = 0
        while received < 3 * 48_000:  # three seconds of it are at the client
            first = await c.until("response.output_audio.delta")
            received += len(base64.b64decode(first["delta"]))
        async with c.microphone(clip):
            await c.until("input_audio_buffer.speech_started")
            await c.until("input_audio_buffer.speech_stopped")
        await c.connection.conversation.item.truncate(
            item_id=first["item_id"], content_index=0, audio_end_ms=2_000
        )
        truncated = await c.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] == 2_000
        await c.connection.conversation.item.retrieve(item_id=first["item_id"])
        kept = (await c.until("conversation.item.retrieved"))["item"]["content"][0]["transcript"]
        assert kept
        assert STORY.startswith(kept)
        assert 3 <= len(kept.split()) <= 9, f"two seconds of speech are not {kept!r}"
        await c.say("What did you say?")
        done = await c.until("response.done", lambda e: e["response"]["status"] == "completed")
        assert done["response"]["output"][0]["content"][0]["transcript"] == f"I said: {kept}"

    await conversation(server, act)


async def test_a_lost_connection_is_made_again(server: RealServer) -> None:
    """The package connects anew by itself when it is allowed to, and finds a session that works."""
    port = int(server.http.rsplit(":", 1)[1])
    codes: list[int] = []
    greeted = 0
    async with cuttable(port) as line, asyncio.timeout(PATIENCE_S):
        client = AsyncOpenAI(
            base_url=f"http://127.0.0.1:{line.port}/v1", api_key="no key is needed on loopback"
        )

        def again(event: ReconnectingEvent) -> None:
            codes.append(event.close_code)

        async with client.realtime.connect(model="moksori-local", on_reconnecting=again) as connection:
            async for event in connection:
                if event.type == "session.created":
                    greeted += 1
                    await Conversation(connection).say("Hello there")
                elif event.type == "response.done":
                    assert event.response.output is not None
                    assert "You said: Hello there" in event.response.output[0].to_json()
                    if greeted == 2:
                        break
                    line.cut()
    assert codes == [1006]


async def test_a_pause_inside_a_question_is_answered_once_and_whole(server: RealServer) -> None:
    halves = [spoken("I would like to return", "flite:slt"), spoken("the blue shoes I bought.", "flite:slt")]

    async def act(c: Conversation) -> None:
        await c.configure({"type": "semantic_vad", "eagerness": "low"})
        pause = bytes(48 * 500)
        speech = [resample(from_float(h.speech), 16_000, 24_000) for h in halves]
        await c.stream(speech[0] + pause + speech[1])
        async with c.microphone():
            done = await c.until("response.done")
        said = words(done["response"]["output"][0]["content"][0]["transcript"])
        assert "return" in said and "shoes" in said, " ".join(said)

    held = await conversation(server, act)
    assert held.types().count("input_audio_buffer.committed") == 1
    assert held.types().count("response.created") == 1
