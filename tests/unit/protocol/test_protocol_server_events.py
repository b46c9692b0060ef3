"""Every server event: its bytes, what OpenAI's types say of them, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protocol_samples import EVENTS, EXTENDED, FULL_SESSION, HEARD, RUNNING, SESSION

from moksori.protocol.errors import ProtocolError
from moksori.protocol.records import Tagged
from moksori.protocol.server_events import (
    EXTENDED_EVENTS,
    SERVER_EVENTS,
    ConversationItemAdded,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    UnknownEvent,
    decode_server_event,
    encode_event,
)
from moksori.protocol.session import McpTool, RealtimeSession, without_secrets
from support.openai_schema import GA_EVENTS, validate_schema, validate_server_event
from support.wire_values import records


def wire(event: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode_event(event))
    return decoded


def test_there_is_a_record_for_each_of_the_46_events_of_the_schema_and_two_more() -> None:
    assert len(GA_EVENTS) == 46
    assert set(SERVER_EVENTS) == GA_EVENTS - {"conversation.item.created"}
    assert set(EXTENDED_EVENTS) == {
        "conversation.item.created",
        "conversation.item.completed",
        "session.expired",
        "moksori.output_audio.held",
        "moksori.output_audio.released",
        "moksori.tool.started",
        "moksori.tool.done",
        "moksori.proposal.ended",
    }


def test_every_event_type_has_a_sample() -> None:
    assert {event.type for event in EVENTS} == set(SERVER_EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_a_lifelike_event_satisfies_every_strict_client_and_survives_the_wire(event: Any) -> None:
    validate_server_event(wire(event))
    assert decode_server_event(encode_event(event)) == event


@pytest.mark.parametrize("event", EXTENDED, ids=lambda event: event.type)
def test_an_extended_event_survives_the_wire(event: Any) -> None:
    assert decode_server_event(encode_event(event)) == event
    if event.type in GA_EVENTS:
        validate_server_event(wire(event))


@pytest.mark.parametrize("kind", sorted({**SERVER_EVENTS, **EXTENDED_EVENTS}))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_legal_event_survives_the_wire_and_fits_the_schema(kind: str, data: st.DataObject) -> None:
    event: Tagged = data.draw(records({**SERVER_EVENTS, **EXTENDED_EVENTS}[kind]))
    assert decode_server_event(encode_event(event)) == event  # type: ignore[arg-type]
    if kind in GA_EVENTS:
        validate_schema(wire(event))


# What the recordings show


def test_session_created_shows_every_key_with_explicit_nulls() -> None:
    assert wire(SessionCreated("event_1", SESSION)) == {
        "type": "session.created",
        "event_id": "event_1",
        "session": {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_1",
            "model": "moksori-local",
            "output_modalities": ["audio"],
            "instructions": "Be brief.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": 1_800_000_000,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                        "idle_timeout_ms": None,
                        "create_response": True,
                        "interrupt_response": True,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
            },
            "include": None,
        },
    }


def test_transcription_is_echoed_with_null_language_and_prompt_and_no_more() -> None:
    session = json.loads(
        b'{"type":"session.updated","event_id":"e","session":{"type":"realtime","id":"s",'
        b'"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}'
    )
    event = decode_server_event(json.dumps(session))
    assert wire(event)["session"]["audio"]["input"]["transcription"] == {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }


def test_user_audio_is_announced_with_a_null_transcript_no_audio_and_no_object() -> None:
    assert wire(ConversationItemAdded("event_1", HEARD)) == {
        "type": "conversation.item.added",
        "event_id": "event_1",
        "previous_item_id": None,
        "item": {
            "type": "message",
            "id": "item_1",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        },
    }


def test_a_running_response_shows_every_key() -> None:
    assert wire(ResponseCreated("event_1", RUNNING))["response"] == {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": None,
        "usage": None,
        "metadata": {"k": "v"},
    }


def test_usage_counts_are_written_even_when_zero_and_the_extra_only_when_there() -> None:
    done = next(e for e in EVENTS if isinstance(e, ResponseDone))
    usage = wire(done)["response"]["usage"]
    assert usage["input_token_details"]["image_tokens"] == 0
    assert usage["output_token_details"] == {"text_tokens": 30, "audio_tokens": 91, "reasoning_tokens": 8}
    assert usage["moksori"]["latency_ms"] == 420


def test_session_updated_carries_our_extras_only_when_given() -> None:
    assert wire(SessionUpdated("event_1", SESSION, "sess_1", 431))["latency"] == 431
    assert set(wire(SessionUpdated("event_1", SESSION))) == {"type", "event_id", "session"}


def test_the_secrets_of_a_tool_server_can_be_left_out() -> None:
    tool = McpTool(
        "shop", server_url="https://shop.example", authorization="s3cret", headers={"X-Key": "s3cret"}
    )
    session = RealtimeSession(id="sess_1", tools=(tool,))
    assert b"s3cret" in encode_event(SessionUpdated("event_1", session))
    assert b"s3cret" not in encode_event(SessionUpdated("event_1", without_secrets(session)))
    assert without_secrets(FULL_SESSION) == FULL_SESSION


# Reading other servers


def test_an_unknown_type_is_kept_as_it_came() -> None:
    raw = b'{"type":"conversation.item.sung","event_id":"e","note":1}'
    event = decode_server_event(raw)
    assert event == UnknownEvent("conversation.item.sung", raw)
    assert encode_event(event) == raw
    assert decode_server_event(raw.decode()) == event


def test_unknown_keys_are_ignored() -> None:
    event = decode_server_event(
        b'{"type":"response.output_text.delta","event_id":"e","response_id":"r","item_id":"i","output_index":0,'
        b'"content_index":0,"delta":"Hi","obfuscation":"x8sd"}'
    )
    assert wire(event)["delta"] == "Hi"


def test_nulls_for_absent_fields_and_a_voice_object_are_understood() -> None:
    event = decode_server_event(
        b'{"type":"session.updated","event_id":"e","session":{"type":"realtime","id":"s","tools":null,'
        b'"audio":{"input":null,"output":{"voice":{"id":"voice_7"},"speed":null}}}}'
    )
    assert isinstance(event, SessionUpdated)
    assert isinstance(event.session, RealtimeSession)
    assert event.session.audio.output.voice == "voice_7"
    assert event.session.audio.output.speed == 1.0
    assert event.session.tools == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"x"',
        b"{}",
        b'{"type":7}',
        b"\xff\xfe",
        b'{"type":"session.created"}',
        b'{"type":"response.done","event_id":"e","response":{"id":"r","status":"exploded"}}',
        b'{"type":"input_audio_buffer.speech_started","event_id":"e","audio_start_ms":1.5,"item_id":"i"}',
        b'{"type":"response.done","event_id":"e","response":' + b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_refused_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(ProtocolError) as refusal:
        decode_server_event(raw)
    assert refusal.value.code == "invalid_event"
    assert refusal.value.type == "server_error"
    assert refusal.value.message.endswith(".")
