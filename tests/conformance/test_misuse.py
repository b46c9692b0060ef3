"""Every documented misuse, in strict mode, is answered with its type, code and param, and names the event at fault."""

from __future__ import annotations

from typing import Any

import pytest

from .server import served

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def heard(**audio: Any) -> dict[str, Any]:
    return update(audio={"input": audio})


def spoken(**audio: Any) -> dict[str, Any]:
    return update(audio={"output": audio})


def create(**response: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": response}


MISUSES: list[tuple[dict[str, Any], str, str | None]] = [
    ({"type": "no.such.event"}, "invalid_value", "type"),
    ({}, "invalid_event", None),
    ({"type": "session.update"}, "missing_required_parameter", "session"),
    ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    (update(voice="alloy"), "unknown_parameter", "session.voice"),
    (update(model="another"), "invalid_value", "session.model"),
    (update(type="transcription"), "invalid_value", "session.type"),
    (update(output_modalities=["audio", "text"]), "invalid_value", "session.output_modalities"),
    (update(max_output_tokens=0), "invalid_value", "session.max_output_tokens"),
    (update(instructions=7), "invalid_type", "session.instructions"),
    (update(truncation={"type": "retention_ratio", "retention_ratio": 2}), "invalid_value", "session.truncation.retention_ratio"),
    (update(tools=[{"type": "function"}]), "missing_required_parameter", "session.tools[0].name"),
    (update(include=["item.input_audio_transcription.logprobs"]), "invalid_value", "session.include"),
    (update(tracing="auto"), "invalid_value", "session.tracing"),
    (heard(format={"type": "audio/opus"}), "invalid_value", "session.audio.input.format.type"),
    (heard(noise_reduction={"type": "near_field"}), "invalid_value", "session.audio.input.noise_reduction"),
    (heard(turn_detection={"type": "server_vad", "threshold": 2}), "invalid_value", "session.audio.input.turn_detection.threshold"),
    (heard(transcription={"model": "nobody"}), "invalid_value", "session.audio.input.transcription.model"),
    (spoken(speed=9), "invalid_value", "session.audio.output.speed"),
    (spoken(voice="nobody"), "invalid_value", "session.audio.output.voice"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "***"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    ({"type": "conversation.item.create", "item": {"type": "message"}}, "missing_required_parameter", "item.role"),
    ({"type": "conversation.item.create", "item": USER, "previous_item_id": "item_none"}, "item_create_invalid_previous_item_id", "previous_item_id"),
    ({"type": "conversation.item.retrieve", "item_id": "item_none"}, "item_retrieve_invalid_item_id", "item_id"),
    ({"type": "conversation.item.delete", "item_id": "item_none"}, "item_delete_invalid_item_id", "item_id"),
    ({"type": "conversation.item.truncate", "item_id": "item_none", "content_index": 0, "audio_end_ms": 0}, "item_truncate_invalid_item_id", "item_id"),
    ({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": -1}, "invalid_value", "audio_end_ms"),
    ({"type": "response.cancel"}, "response_cancel_not_active", None),
    (create(metadata={"a": 1}), "invalid_type", "response.metadata.a"),
    (create(metadata={str(n): "" for n in range(17)}), "invalid_value", "response.metadata"),
    (create(conversation="other"), "invalid_value", "response.conversation"),
    (create(input=[{"type": "item_reference", "id": "item_none"}]), "invalid_value", "response.input[0].id"),
    (create(temperature=1), "unknown_parameter", "response.temperature"),
]  # fmt: skip


async def test_every_misuse_is_answered_precisely() -> None:
    async with served() as server, server.talk() as talk:
        await talk.until("session.created")
        for number, (event, code, param) in enumerate(MISUSES):
            mine = f"mine_{number}"
            await talk.send(
                **{"type": "", **event, "event_id": mine}
                if "type" in event
                else {"type": None, "event_id": mine}
            )
            error = (await talk.until("error"))["error"]
            assert (error["type"], error["code"], error["param"], error["event_id"]) == (
                "invalid_request_error", code, param, mine,
            ), (event, error)  # fmt: skip
        await talk.configure(output_modalities=["text"])
        await talk.say("The session lives on")
        await talk.until("response.done")


@pytest.mark.parametrize("again", [True, False])
async def test_two_answers_at_once_are_refused(again: bool) -> None:
    async with served() as server, server.talk() as talk:
        await talk.configure()
        await talk.say("Tell me a story")
        if again:
            await talk.send("response.create", event_id="second")
            error = (await talk.until("error"))["error"]
            assert error["code"] == "conversation_already_has_active_response"
            assert error["event_id"] == "second"
        await talk.until("response.done")
