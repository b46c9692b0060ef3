"""Every documented misuse, in strict mode, is answered with its type, code and param, and names the event at fault."""

from __future__ import annotations

from typing import Any

import pytest

from .server import Talk, served

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
    (update(id="sess_mine"), "unknown_parameter", "session.id"),
    (update(object="realtime.session"), "unknown_parameter", "session.object"),
    (update(expires_at=1), "unknown_parameter", "session.expires_at"),
    (update(temperature=0.8), "unknown_parameter", "session.temperature"),
    (update(type="translation"), "invalid_value", "session.type"),
    (update(output_modalities=[]), "invalid_value", "session.output_modalities"),
    (update(max_output_tokens=4097), "invalid_value", "session.max_output_tokens"),
    (update(max_output_tokens="all"), "invalid_value", "session.max_output_tokens"),
    (update(truncation="sometimes"), "invalid_value", "session.truncation"),
    (update(truncation={"type": "retention_ratio"}), "missing_required_parameter", "session.truncation.retention_ratio"),
    (update(truncation={"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": -1}}), "invalid_value", "session.truncation.token_limits.post_instructions"),
    (update(tool_choice="always"), "invalid_value", "session.tool_choice"),
    (update(tools=[{"type": "function", "function": {"name": "nested"}}]), "missing_required_parameter", "session.tools[0].name"),
    (update(tools=[{"type": "web_search"}]), "invalid_value", "session.tools[0].type"),
    (update(tools={"type": "function"}), "invalid_type", "session.tools"),
    (update(prompt={"id": "pmpt_1"}), "invalid_value", "session.prompt"),
    (update(prompt={"version": "1"}), "invalid_value", "session.prompt"),
    (update(reasoning={"effort": "low"}), "invalid_value", "session.reasoning"),
    (update(parallel_tool_calls="no"), "invalid_type", "session.parallel_tool_calls"),
    (update(audio=[]), "invalid_type", "session.audio"),
    (heard(format={"type": "audio/pcm", "rate": 16000}), "invalid_value", "session.audio.input.format.rate"),
    (heard(format="pcm16"), "invalid_type", "session.audio.input.format"),
    (heard(turn_detection={"threshold": 0.5}), "missing_required_parameter", "session.audio.input.turn_detection.type"),
    (heard(turn_detection={"type": "none"}), "invalid_value", "session.audio.input.turn_detection.type"),
    (heard(turn_detection={"type": "server_vad", "silence_duration_ms": -1}), "invalid_value", "session.audio.input.turn_detection.silence_duration_ms"),
    (heard(turn_detection={"type": "server_vad", "prefix_padding_ms": 1.5}), "invalid_type", "session.audio.input.turn_detection.prefix_padding_ms"),
    (heard(turn_detection={"type": "semantic_vad", "eagerness": "extreme"}), "invalid_value", "session.audio.input.turn_detection.eagerness"),
    (heard(turn_detection={"type": "semantic_vad", "idle_timeout_ms": 5000}), "unknown_parameter", "session.audio.input.turn_detection.idle_timeout_ms"),
    (heard(transcription={"model": "whisper-1", "delay": "low"}), "invalid_value", "session.audio.input.transcription.delay"),
    (heard(transcription={"model": 1}), "invalid_type", "session.audio.input.transcription.model"),
    (spoken(speed=0.1), "invalid_value", "session.audio.output.speed"),
    (spoken(format={"type": "audio/mp3"}), "invalid_value", "session.audio.output.format.type"),
    ({"type": "session.update", "session": "realtime"}, "invalid_type", "session"),
    ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio"),
    ({"type": "input_audio_buffer.clear", "audio": ""}, "unknown_parameter", "audio"),
    ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
    ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
    ({"type": "conversation.item.create", "item": {}}, "missing_required_parameter", "item.type"),
    ({"type": "conversation.item.create", "item": {"type": "poem"}}, "invalid_value", "item.type"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "tool", "content": []}}, "invalid_value", "item.role"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}, "missing_required_parameter", "item.content"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]}}, "invalid_value", "item.content[0].type"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "***"}]}}, "invalid_value", "item.content[0].audio"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "https://a.example/b.png"}]}}, "invalid_value", "item.content[0].image_url"),
    ({"type": "conversation.item.create", "item": {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": ""}]}}, "invalid_value", "item.content[0].type"),
    ({"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "x"}}, "missing_required_parameter", "item.call_id"),
    ({"type": "conversation.item.create", "item": {"type": "function_call", "arguments": "{}"}}, "missing_required_parameter", "item.name"),
    ({"type": "conversation.item.retrieve"}, "missing_required_parameter", "item_id"),
    ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
    ({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0}, "missing_required_parameter", "audio_end_ms"),
    ({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 10.5}, "invalid_type", "audio_end_ms"),
    ({"type": "conversation.item.truncate", "item_id": "x", "content_index": 1, "audio_end_ms": 10}, "invalid_value", "content_index"),
    ({"type": "response.cancel", "response_id": "resp_none"}, "response_cancel_not_active", None),
    ({"type": "response.create", "response": []}, "invalid_type", "response"),
    (create(metadata={"k" * 65: ""}), "invalid_value", "response.metadata"),
    (create(metadata={"a": "v" * 513}), "invalid_value", "response.metadata.a"),
    (create(modalities=["text"]), "unknown_parameter", "response.modalities"),
    (create(output_modalities=["text", "audio"]), "invalid_value", "response.output_modalities"),
    (create(max_output_tokens=0), "invalid_value", "response.max_output_tokens"),
    (create(audio={"output": {"voice": "nobody"}}), "invalid_value", "response.audio.output.voice"),
    (create(audio={"output": {"speed": 1.2}}), "unknown_parameter", "response.audio.output.speed"),
    (create(tools=[{"type": "function"}]), "missing_required_parameter", "response.tools[0].name"),
    (create(input={"type": "message"}), "invalid_type", "response.input"),
    (create(input=[{"type": "message", "role": "user"}]), "missing_required_parameter", "response.input[0].content"),
    (create(prompt={"id": "pmpt_1"}), "invalid_value", "response.prompt"),
    (create(reasoning={"effort": "low"}), "invalid_value", "response.reasoning"),
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


async def refused(talk: Talk, type: str, **fields: Any) -> dict[str, Any]:
    """The error that one event is answered with."""
    await talk.send(type, event_id="mine", **fields)
    error = (await talk.until("error"))["error"]
    assert (error["type"], error["event_id"]) == ("invalid_request_error", "mine")
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("raw", "said"),
    [("{", "not valid JSON"), ("[]", "must be a JSON object"), ('"x"', "must be a JSON object")],
)
async def test_what_is_no_event_is_refused_and_the_session_lives_on(raw: str, said: str) -> None:
    async with served() as server, server.talk() as talk:
        await talk.socket.send(raw)
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_event", None)
        assert said in error["message"]
        await talk.configure()


async def test_items_are_misused_in_a_conversation_that_has_some() -> None:
    async with served() as server, server.talk() as talk:
        await talk.configure()
        item = {**USER, "id": "item_mine"}
        await talk.send("conversation.item.create", item=item)
        error = await refused(talk, "conversation.item.create", item=item)
        assert (error["code"], error["param"]) == ("item_create_duplicate_item_id", "item.id")
        # Only the sound of an answer can be cut, and not behind its end.
        cut = {"content_index": 0, "audio_end_ms": 0}
        error = await refused(talk, "conversation.item.truncate", item_id="item_mine", **cut)
        assert error["code"] == "unsupported_content_type"
        assert error["message"] == "Only model output audio messages can be truncated"
        await talk.send("response.create")
        answer = (await talk.until("response.done"))["response"]["output"][0]["id"]
        cut["audio_end_ms"] = 60_000
        error = await refused(talk, "conversation.item.truncate", item_id=answer, **cut)
        assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")
        assert "is already shorter than 60000ms" in error["message"]
        # And the voice stays what it was.
        error = await refused(talk, **spoken(voice="marin"))
        assert error["code"] == "cannot_update_voice"
        assert error["message"] == "Cannot update a conversation's voice if assistant audio is present."


async def test_less_than_a_tenth_of_a_second_is_not_committed() -> None:
    async with served() as server, server.talk() as talk:
        await talk.configure()
        await talk.sound(speech_ms=80, silence_ms=0)
        error = await refused(talk, "input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert "at least 100ms" in error["message"]


async def test_more_than_15_mib_in_one_append_is_refused() -> None:
    async with served() as server, server.talk() as talk:
        await talk.configure()
        error = await refused(talk, "input_audio_buffer.append", audio="A" * (21 * 1024 * 1024))
        assert (error["code"], error["param"]) == ("invalid_value", "audio")
        await talk.send("input_audio_buffer.append", audio="A" * (20 * 1024 * 1024 - 4))
        await talk.send("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")


async def test_what_a_transcription_session_refuses() -> None:
    async with served() as server, server.talk("intent=transcription&strict=1") as talk:
        await talk.until("session.created")
        semantic = {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}
        for session, code, param in (
            (
                {"type": "transcription", **semantic},
                "invalid_value",
                "session.audio.input.turn_detection.type",
            ),
            ({"type": "transcription", "instructions": "x"}, "unknown_parameter", "session.instructions"),
            ({"type": "realtime"}, "invalid_value", "session.type"),
        ):
            error = await refused(talk, "session.update", session=session)
            assert (error["code"], error["param"]) == (code, param)
        error = await refused(talk, "response.create")
        assert (error["code"], error["param"]) == ("invalid_value", "type")


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
