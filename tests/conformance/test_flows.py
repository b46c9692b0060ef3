"""Golden transcripts: what the server says in each flow, in order, every event valid."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from .server import Served, served

SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
ITEM = ["conversation.item.added", "conversation.item.done"]
START = ["session.created", "session.updated"]
VAD = {"type": "server_vad", "silence_duration_ms": 300}
TOOL = {"type": "function", "name": "find_order", "description": "Find it.", "parameters": {"type": "object"}}


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


async def test_a_typed_turn_answered_in_sound(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure()
        await talk.say("Hello there", metadata={"topic": "greeting"})
        created = await talk.until("response.created")
        done = await talk.until("response.done")
        await talk.until("rate_limits.updated")
        assert created["response"]["metadata"] == done["response"]["metadata"] == {"topic": "greeting"}
        assert created["response"]["usage"] is None
        usage = done["response"]["usage"]
        assert usage["input_tokens"] == 40 and usage["input_token_details"]["cached_tokens"] == 8
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["output_token_details"]["audio_tokens"] == 8  # 4 words, 100 ms each, 50 ms a token
        assert talk.types() == [*START, *ITEM, *SPOKEN]


async def test_a_typed_turn_answered_in_text(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"])
        await talk.say("Hello there")
        await talk.until("rate_limits.updated")
        assert talk.types() == [
            *START, *ITEM,
            "response.created", "response.output_item.added", "conversation.item.added",
            "response.content_part.added", "response.output_text.delta", "response.output_text.done",
            "response.content_part.done", "conversation.item.done", "response.output_item.done",
            "response.done", "rate_limits.updated",
        ]  # fmt: skip


async def test_a_spoken_turn(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(detection=VAD, input={"transcription": {"model": "whisper-1"}})
        await talk.sound(speech_ms=800, silence_ms=800)
        await talk.until("rate_limits.updated")
        heard = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            *ITEM,
            "conversation.item.input_audio_transcription.completed",
        ]
        # The words as they are being heard may come at any time, and are told apart by their item.
        types = [t for t in talk.types() if not t.endswith("input_audio_transcription.delta")]
        assert types == [*START, *heard, *SPOKEN]
        ids = {e["item_id"] for e in talk.log if e["type"].startswith("input_audio_buffer.")}
        assert len(ids) == 1


async def test_a_call_and_its_answer(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(tools=[TOOL])
        await talk.say("Where is my order?")
        call = await talk.until("response.function_call_arguments.done")
        await talk.until("rate_limits.updated")
        assert talk.types() == [
            *START, *ITEM,
            "response.created", "response.output_item.added", "conversation.item.added",
            "response.function_call_arguments.delta", "response.function_call_arguments.done",
            "conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated",
        ]  # fmt: skip
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"status": "here"}'}
        await talk.send("conversation.item.create", item=output)
        await talk.send("response.create")
        done = await talk.until("response.done")
        assert "It says here." in done["response"]["output"][0]["content"][0]["transcript"]


async def test_barge_in_closes_what_is_open_and_then_the_client_truncates(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(detection={**VAD, "create_response": False})
        await talk.say("Tell me a story")
        delta = await talk.until("response.output_audio.delta")
        await talk.sound(speech_ms=400, silence_ms=600)
        done = await talk.until("response.done")
        await talk.until("input_audio_buffer.committed")
        if done["response"]["status"] == "cancelled":
            assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await talk.send(
            "conversation.item.truncate", item_id=delta["item_id"], content_index=0, audio_end_ms=250
        )
        truncated = await talk.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] == 250
        await talk.send("conversation.item.retrieve", item_id=delta["item_id"])
        kept = (await talk.until("conversation.item.retrieved"))["item"]
        assert kept["content"][0]["transcript"] == "Once upon"  # words of 100 ms: two had ended
        audio = base64.b64decode(kept["content"][0]["audio"])
        assert len(audio) == 250 * 48
        closing = [t for t in talk.types() if t.startswith(("response.", "conversation.item.done"))]
        assert closing[closing.index("response.output_audio.done") :][:6] == SPOKEN[6:12]


async def test_nothing_is_said_outside_a_response_out_of_band(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"])
        part = {"type": "input_text", "text": "Classify this"}
        item = {"type": "message", "role": "user", "content": [part]}
        await talk.send(
            "response.create", response={"conversation": "none", "input": [item], "metadata": {"for": "me"}}
        )
        done = await talk.until("response.done")
        assert done["response"]["conversation_id"] is None
        assert done["response"]["metadata"] == {"for": "me"}
        assert not [t for t in talk.types() if t.startswith("conversation.item")]


async def test_input_takes_references_and_nothing_else_of_the_conversation(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"])
        for name, text in (("item_a", "alpha"), ("item_b", "beta")):
            part = {"type": "input_text", "text": text}
            item = {"id": name, "type": "message", "role": "user", "content": [part]}
            await talk.send("conversation.item.create", item=item, previous_item_id="root")
            added = await talk.until("conversation.item.added")
            assert added["item"]["id"] == name and added["previous_item_id"] is None
        await talk.send("response.create", response={"input": [{"type": "item_reference", "id": "item_a"}]})
        done = await talk.until("response.done")
        assert done["response"]["output"][0]["content"][0]["text"].strip() == "You said: alpha"


async def test_a_limit_and_a_failure_end_in_response_done(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"])
        await talk.say("limit")
        done = await talk.until("response.done")
        assert done["response"]["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        await talk.say("fail now")
        done = await talk.until("response.done")
        assert done["response"]["status"] == "failed"
        assert done["response"]["status_details"]["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(("form", "per_ms"), [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8)])
async def test_every_format_goes_both_ways(server: Served, form: str, per_ms: int) -> None:
    shape: dict[str, Any] = {"type": form, **({"rate": 24_000} if form == "audio/pcm" else {})}
    async with server.talk() as talk:
        session = await talk.configure(
            input={"format": shape}, audio={"output": {"format": shape, "speed": 1.0}, "input": {"format": shape, "turn_detection": None}}
        )  # fmt: skip
        assert session["audio"]["input"]["format"] == session["audio"]["output"]["format"] == shape
        await talk.send("input_audio_buffer.append", audio=base64.b64encode(bytes(200 * per_ms)).decode())
        await talk.send("input_audio_buffer.commit")
        await talk.until("input_audio_buffer.committed")
        await talk.send("response.create")
        await talk.until("response.done")
        audio = b"".join(
            base64.b64decode(e["delta"]) for e in talk.log if e["type"] == "response.output_audio.delta"
        )
        words = len(["You", "said:", "What", "is", "your", "return", "policy?"])
        assert abs(len(audio) / per_ms - words * 100) < 60  # the resampler keeps a little


async def test_speed_is_heard(server: Served) -> None:
    lengths = []
    for speed in (1.0, 1.25):
        async with server.talk() as talk:
            await talk.configure(audio={"output": {"speed": speed}, "input": {"turn_detection": None}})
            await talk.say("Hello there")
            await talk.until("response.done")
            lengths.append(sum(len(e["delta"]) for e in talk.log if e["type"].endswith("output_audio.delta")))
    assert lengths[1] == pytest.approx(lengths[0] / 1.25, rel=0.02)


async def test_a_transcription_session_transcribes_and_never_answers(server: Served) -> None:
    async with server.talk("intent=transcription") as talk:
        created = await talk.until("session.created")
        assert created["session"]["type"] == "transcription"
        await talk.send(
            "session.update",
            session={"type": "transcription", "audio": {"input": {"turn_detection": VAD, "transcription": {"model": "whisper-1"}}}},
        )  # fmt: skip
        await talk.until("session.updated")
        await talk.sound(speech_ms=600, silence_ms=800)
        await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.send("response.create", event_id="mine")
        refused = await talk.until("error")
        assert refused["error"]["event_id"] == "mine"
        assert not [t for t in talk.types() if t.startswith("response.")]


async def test_nobody_speaks(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(detection={**VAD, "idle_timeout_ms": 5000})
        await talk.sound(speech_ms=0, silence_ms=5200)
        await talk.until("response.done")
        order = [
            "input_audio_buffer.timeout_triggered", *ITEM, "input_audio_buffer.committed", *ITEM, "response.created",
        ]  # fmt: skip
        assert talk.types()[2 : 2 + len(order)] == order


async def test_the_session_ends_with_the_documented_pair() -> None:
    async with served(max_session_s=1) as server, server.talk() as talk:
        error = await talk.until("error")
        assert error["error"] == {
            "type": "invalid_request_error",
            "code": "session_expired",
            "message": "Your session hit the maximum duration of 1 seconds.",
            "param": None,
            "event_id": None,
        }
        async with asyncio.timeout(10):
            await talk.socket.wait_closed()
        assert talk.socket.close_code == 1001


async def test_clear_delete_and_the_rest(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"])
        await talk.sound(speech_ms=100, silence_ms=0)
        await talk.send("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
        await talk.say("Hello")
        done = await talk.until("response.done")
        item = done["response"]["output"][0]["id"]
        await talk.send("conversation.item.delete", item_id=item)
        assert (await talk.until("conversation.item.deleted"))["item_id"] == item


async def test_a_beta_client_hears_beta(server: Served) -> None:
    async with server.talk("model=moksori-local", beta=True) as talk:
        created = await talk.until("session.created")
        assert created["session"]["input_audio_format"] == "pcm16"
        await talk.until("conversation.created")
        await talk.send("session.update", session={"modalities": ["text", "audio"], "turn_detection": None})
        await talk.until("session.updated")
        await talk.say("Hello there")
        await talk.until("response.done")
        assert [t for t in talk.types() if t.startswith(("response.", "conversation.item"))] == [
            "conversation.item.created", "response.created", "response.output_item.added",
            "conversation.item.created", "response.content_part.added", "response.audio_transcript.delta",
            "response.audio.delta", "response.audio.done", "response.audio_transcript.done",
            "response.content_part.done", "response.output_item.done", "response.done",
        ]  # fmt: skip
