"""What a `session.update` does to a session."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moksori.protocol.errors import ProtocolError
from moksori.protocol.merging import Supported
from moksori.protocol.server_events import SessionUpdated, encode_event
from moksori.protocol.session import (
    FunctionTool,
    McpTool,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    RealtimeSession,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    Session,
    ToolChoiceFunction,
    ToolChoiceMcp,
    Tracing,
    TracingConfiguration,
    Transcription,
    TranscriptionSession,
    default_session,
    default_transcription_session,
    merge,
)
from support.openai_schema import validate_server_event
from support.wire_values import json_values, records

START = default_session("sess_1", "moksori-local", 1_800_000_000, instructions="Be brief.")
LISTENING = default_transcription_session("sess_2", 1_800_000_000)


def updated(
    update: dict[str, Any], session: Session = START, *, strict: bool = True, **more: Any
) -> RealtimeSession:
    """The session after an update that every strict client can read."""
    after = merge(session, {"type": "realtime", **update} if strict else update, strict=strict, **more)
    assert isinstance(after, RealtimeSession)
    validate_server_event(json.loads(encode_event(SessionUpdated("event_1", after))))
    return after


def heard_as(update: dict[str, Any], session: Session = START, **more: Any) -> Any:
    return updated({"audio": {"input": update}}, session, **more).audio.input


def refusal(
    update: dict[str, Any], session: Session = START, *, strict: bool = True, **more: Any
) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        merge(session, update, strict=strict, **more)
    return caught.value


# What a session begins as


def test_a_session_begins_with_audio_both_ways_and_server_vad() -> None:
    assert START.audio.input.turn_detection == ServerVad(0.5, 300, 500, None, True, True)
    assert START.output_modalities == ("audio",)
    assert START.audio.input.transcription is None
    assert START.audio.output.voice == "alloy"


def test_a_transcription_session_begins_with_a_transcription_model() -> None:
    assert LISTENING.audio.input.transcription == Transcription("whisper-1")


# Given fields are taken, absent ones keep


@pytest.mark.parametrize("strict", [True, False])
def test_an_empty_update_changes_nothing(strict: bool) -> None:
    assert updated({}, strict=strict) == START


def test_each_field_is_taken_and_the_others_keep() -> None:
    one = updated({"instructions": "Sing.", "max_output_tokens": 200})
    two = updated({"audio": {"output": {"voice": "marin"}}}, one)
    three = updated({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, two)
    four = updated({"output_modalities": ["text"], "tool_choice": "required"}, three)
    assert (four.instructions, four.max_output_tokens) == ("Sing.", 200)
    assert (four.audio.output.voice, four.audio.input.format) == ("marin", PcmuFormat())
    assert four.audio.output.format == PcmFormat()
    assert four.audio.input.turn_detection == ServerVad()
    assert (four.output_modalities, four.tool_choice) == (("text",), "required")
    assert (four.id, four.model, four.expires_at) == ("sess_1", "moksori-local", 1_800_000_000)
    assert START.instructions == "Be brief."


def test_detection_of_the_same_type_keeps_what_is_not_said_and_another_type_starts_anew() -> None:
    one = updated({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}})
    two = updated(
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}}}, one
    )
    assert two.audio.input.turn_detection == ServerVad(threshold=0.7, silence_duration_ms=200)
    three = updated(
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}}, two
    )
    assert three.audio.input.turn_detection == SemanticVad("high")
    four = updated({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}, three)
    assert four.audio.input.turn_detection == ServerVad()


def test_transcription_keeps_its_language_when_only_the_model_changes() -> None:
    one = updated({"audio": {"input": {"transcription": {"model": "whisper-1", "language": "ko"}}}})
    two = updated({"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}, one)
    assert two.audio.input.transcription == Transcription("gpt-4o-transcribe", "ko")


def test_every_field_of_the_schema_is_understood() -> None:
    after = updated(
        {
            "model": "moksori-local",
            "instructions": "Sing.",
            "output_modalities": ["audio"],
            "tools": [
                {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
                {"type": "function", "name": "g"},
                {
                    "type": "mcp",
                    "server_label": "shop",
                    "server_url": "https://shop.example",
                    "allowed_tools": ["find"],
                    "require_approval": {"never": {"tool_names": ["find"]}},
                    "headers": {"a": "b"},
                },
            ],
            "tool_choice": {"type": "function", "name": "f"},
            "parallel_tool_calls": False,
            "reasoning": {"effort": "low"},
            "max_output_tokens": 4096,
            "truncation": {
                "type": "retention_ratio",
                "retention_ratio": 0.5,
                "token_limits": {"post_instructions": 9},
            },
            "tracing": {"workflow_name": "w"},
            "prompt": {
                "id": "pmpt_1",
                "version": "2",
                "variables": {"a": "b", "c": {"type": "input_text", "text": "d"}},
            },
            "include": ["item.input_audio_transcription.logprobs"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": {"type": "far_field", "strength": 0.5},
                    "transcription": {
                        "model": "whisper-1",
                        "keywords": ["a"],
                        "delay": "low",
                        "languages": ["ko"],
                    },
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0,
                        "prefix_padding_ms": 0,
                        "silence_duration_ms": 0,
                        "idle_timeout_ms": 6000,
                        "create_response": False,
                        "interrupt_response": False,
                    },
                },
                "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "cedar"}, "speed": 1.5},
            },
        }
    )
    assert after.tools[0] == FunctionTool("f", "d", {"type": "object"})
    assert isinstance(after.tools[2], McpTool)
    assert after.tool_choice == ToolChoiceFunction("f")
    assert after.truncation == RetentionRatio(0.5, after.truncation.token_limits)  # type: ignore[union-attr]
    assert after.reasoning == Reasoning("low")
    assert after.audio.input.turn_detection == ServerVad(0, 0, 0, 6000, False, False)
    assert after.audio.input.noise_reduction == NoiseReduction("far_field", 0.5)
    assert (after.audio.output.format, after.audio.output.voice) == (PcmaFormat(), "cedar")
    assert (
        updated({}, after),
        updated({"tool_choice": {"type": "mcp", "server_label": "shop"}}, after).tool_choice,
    ) == (
        after,
        ToolChoiceMcp("shop"),
    )


# Null, "" and [] clear


@pytest.mark.parametrize("strict", [True, False])
def test_null_turns_off_what_can_be_off_and_resets_the_rest(strict: bool) -> None:
    full = updated(
        {
            "instructions": "Sing.",
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": "none",
            "max_output_tokens": 5,
            "tracing": "auto",
            "truncation": "disabled",
            "prompt": {"id": "p"},
            "output_modalities": ["text"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "whisper-1", "language": "ko"},
                    "noise_reduction": {"type": "near_field"},
                },
                "output": {"speed": 0.5},
            },
        }
    )
    nulls = dict.fromkeys(("instructions", "tools", "tool_choice", "max_output_tokens", "tracing"))
    nulls |= dict.fromkeys(("truncation", "prompt", "output_modalities", "include", "model"))
    after = updated(
        {**nulls, "audio": {"input": dict.fromkeys(full.audio.input.__struct_fields__)}}, full, strict=strict
    )
    assert after.audio.input.turn_detection is None
    assert after.audio.input.transcription is None
    assert after.audio.input.noise_reduction is None
    assert after.audio.input.format == PcmFormat()
    assert (after.instructions, after.tools, after.tracing, after.prompt) == ("", (), None, None)
    assert (after.tool_choice, after.max_output_tokens, after.truncation) == ("auto", "inf", "auto")
    assert after.output_modalities == ("audio",)
    assert after.audio.output.speed == 0.5
    assert after.model == "moksori-local"


def test_null_inside_detection_and_transcription_resets_that_field() -> None:
    one = heard_as({"turn_detection": {"type": "server_vad", "threshold": 0.9, "idle_timeout_ms": 6000}})
    session = msgspec.structs.replace(START, audio=msgspec.structs.replace(START.audio, input=one))
    two = heard_as(
        {"turn_detection": {"type": "server_vad", "threshold": None, "idle_timeout_ms": None}}, session
    )
    assert two.turn_detection == ServerVad()


def test_empty_clears_instructions_and_tools() -> None:
    full = updated({"tools": [{"type": "function", "name": "f"}]})
    after = updated({"instructions": "", "tools": []}, full)
    assert (after.instructions, after.tools) == ("", ())


def test_null_for_a_group_of_settings_leaves_them() -> None:
    one = updated({"audio": {"output": {"voice": "marin"}}})
    assert updated({"audio": None}, one) == one
    assert updated({"audio": {"output": None, "input": None}}, one) == one


# Strict refuses


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": None}, "missing_required_parameter", "session.type"),
        ({"type": 1}, "invalid_type", "session.type"),
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"mood": "x"}, "unknown_parameter", "session.mood"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({"turn_detection": None}, "unknown_parameter", "session.turn_detection"),
        ({"input_audio_format": "pcm16"}, "unknown_parameter", "session.input_audio_format"),
        ({"id": "sess_9"}, "unknown_parameter", "session.id"),
        ({"expires_at": 1}, "unknown_parameter", "session.expires_at"),
        ({"model": "gpt-realtime"}, "invalid_value", "session.model"),
        ({"model": 1}, "invalid_type", "session.model"),
        ({"instructions": 1}, "invalid_type", "session.instructions"),
        ({"output_modalities": "audio"}, "invalid_type", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 4097}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "invalid_type", "session.max_output_tokens"),
        ({"tool_choice": "maybe"}, "invalid_value", "session.tool_choice"),
        ({"tool_choice": {"name": "f"}}, "missing_required_parameter", "session.tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "session.tool_choice.name"),
        ({"tools": {}}, "invalid_type", "session.tools"),
        ({"tools": ["f"]}, "invalid_type", "session.tools[0]"),
        ({"tools": [{"name": "f"}]}, "missing_required_parameter", "session.tools[0].type"),
        ({"tools": [{"type": "web_search"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [{"type": "function", "name": ""}]}, "invalid_value", "session.tools[0].name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {"tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g", "strict": True}]},
            "unknown_parameter",
            "session.tools[1].strict",
        ),
        (
            {"tools": [{"type": "function", "name": "f", "parameters": "{}"}]},
            "invalid_type",
            "session.tools[0].parameters",
        ),
        (
            {"tools": [{"type": "mcp", "server_url": "u"}]},
            "missing_required_parameter",
            "session.tools[0].server_label",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "s"}]},
            "missing_required_parameter",
            "session.tools[0].server_url",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "s", "server_url": "u", "tunnel_id": "t"}]},
            "invalid_value",
            "session.tools[0]",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "s", "connector_id": "connector_x"}]},
            "invalid_value",
            "session.tools[0].connector_id",
        ),
        ({"truncation": "some"}, "invalid_value", "session.truncation"),
        (
            {"truncation": {"type": "retention_ratio"}},
            "missing_required_parameter",
            "session.truncation.retention_ratio",
        ),
        (
            {"truncation": {"type": "retention_ratio", "retention_ratio": 2}},
            "invalid_value",
            "session.truncation.retention_ratio",
        ),
        ({"tracing": "on"}, "invalid_value", "session.tracing"),
        ({"tracing": {"color": "red"}}, "unknown_parameter", "session.tracing.color"),
        ({"prompt": {}}, "missing_required_parameter", "session.prompt.id"),
        ({"prompt": {"id": "p", "variables": {"a": 1}}}, "invalid_type", "session.prompt.variables.a"),
        ({"include": ["everything"]}, "invalid_value", "session.include[0]"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "session.reasoning.effort"),
        ({"audio": []}, "invalid_type", "session.audio"),
        ({"audio": {"inputs": {}}}, "unknown_parameter", "session.audio.inputs"),
        ({"audio": {"output": {"voice": "morgan"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"voice": 1}}}, "invalid_type", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"speed": 0.1}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"speed": "fast"}}}, "invalid_type", "session.audio.output.speed"),
        ({"audio": {"output": {"format": "pcm16"}}}, "invalid_type", "session.audio.output.format"),
        (
            {"audio": {"output": {"format": {"type": "audio/opus"}}}},
            "invalid_value",
            "session.audio.output.format.type",
        ),
        (
            {"audio": {"output": {"format": {"rate": 24000}}}},
            "missing_required_parameter",
            "session.audio.output.format.type",
        ),
    ],
)
def test_a_strict_refusal_names_the_field(update: dict[str, Any], code: str, param: str) -> None:
    update = update if "type" in update or not update else {"type": "realtime", **update}
    error = refusal(update)
    assert (error.type, error.code, error.param) == ("invalid_request_error", code, param)


@pytest.mark.parametrize(
    ("settings_", "code", "param"),
    [
        ({"format": {"type": "audio/pcm", "rate": 16000}}, "invalid_value", "format.rate"),
        ({"format": {"type": "audio/pcmu", "rate": 8000}}, "unknown_parameter", "format.rate"),
        ({"noise_reduction": {"type": "loud"}}, "invalid_value", "noise_reduction.type"),
        (
            {"noise_reduction": {"type": "near_field", "strength": 2}},
            "invalid_value",
            "noise_reduction.strength",
        ),
        ({"transcription": "whisper-1"}, "invalid_type", "transcription"),
        ({"transcription": {"model": "ears"}}, "invalid_value", "transcription.model"),
        ({"transcription": {"model": "whisper-1", "language": 7}}, "invalid_type", "transcription.language"),
        ({"transcription": {"delay": "long"}}, "invalid_value", "transcription.delay"),
        ({"turn_detection": "server_vad"}, "invalid_type", "turn_detection"),
        ({"turn_detection": {"threshold": 0.5}}, "missing_required_parameter", "turn_detection.type"),
        ({"turn_detection": {"type": "none"}}, "invalid_value", "turn_detection.type"),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 1.5}},
            "invalid_value",
            "turn_detection.threshold",
        ),
        (
            {"turn_detection": {"type": "server_vad", "threshold": "low"}},
            "invalid_type",
            "turn_detection.threshold",
        ),
        (
            {"turn_detection": {"type": "server_vad", "silence_duration_ms": 1.5}},
            "invalid_type",
            "turn_detection.silence_duration_ms",
        ),
        (
            {"turn_detection": {"type": "server_vad", "prefix_padding_ms": -1}},
            "invalid_value",
            "turn_detection.prefix_padding_ms",
        ),
        (
            {"turn_detection": {"type": "server_vad", "eagerness": "low"}},
            "unknown_parameter",
            "turn_detection.eagerness",
        ),
        (
            {"turn_detection": {"type": "semantic_vad", "eagerness": "very"}},
            "invalid_value",
            "turn_detection.eagerness",
        ),
        (
            {"turn_detection": {"type": "semantic_vad", "idle_timeout_ms": 6000}},
            "unknown_parameter",
            "turn_detection.idle_timeout_ms",
        ),
        (
            {"turn_detection": {"type": "server_vad", "create_response": "yes"}},
            "invalid_type",
            "turn_detection.create_response",
        ),
    ],
)
def test_a_strict_refusal_of_input_names_the_field(settings_: dict[str, Any], code: str, param: str) -> None:
    error = refusal({"type": "realtime", "audio": {"input": settings_}})
    assert (error.code, error.param) == (code, f"session.audio.input.{param}")


def test_strict_the_voice_cannot_change_once_it_was_heard() -> None:
    change = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    assert updated(change).audio.output.voice == "marin"
    error = refusal(change, voice_locked=True)
    assert (error.code, error.param) == ("cannot_update_voice", None)
    same = {"type": "realtime", "audio": {"output": {"voice": "alloy", "speed": 1.2}}}
    assert updated(same, voice_locked=True).audio.output.speed == 1.2


def test_strict_tracing_cannot_change_once_it_is_on_but_can_end() -> None:
    traced = updated({"tracing": "auto"})
    assert refusal({"type": "realtime", "tracing": {"group_id": "g"}}, traced).param == "session.tracing"
    assert updated({"tracing": "auto"}, traced) == traced
    assert updated({"tracing": None}, traced).tracing is None


def test_what_nothing_implements_is_refused_strictly_and_visibly_without_effect_otherwise() -> None:
    supported = Supported(refused=frozenset({"audio.input.noise_reduction", "include"}))
    noise = {"type": "realtime", "audio": {"input": {"noise_reduction": {"type": "near_field"}}}}
    logprobs = {"type": "realtime", "include": ["item.input_audio_transcription.logprobs"]}
    assert refusal(noise, supported=supported).param == "session.audio.input.noise_reduction"
    assert refusal(logprobs, supported=supported).param == "session.include"
    assert updated({"audio": {"input": {"noise_reduction": None}}, "include": []}, supported=supported) == (
        msgspec.structs.replace(START, include=())
    )
    assert updated(noise, strict=False, supported=supported) == START
    assert updated(logprobs, strict=False, supported=supported) == START


# Lenient understands


def test_a_lenient_update_needs_no_type() -> None:
    assert updated({"instructions": "Sing."}, strict=False).instructions == "Sing."


def test_a_tutorials_flat_fields_find_their_places() -> None:
    after = updated(
        {
            "modalities": ["text", "audio"],
            "instructions": "Sing.",
            "voice": "coral",
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1"},
            "input_audio_noise_reduction": {"type": "near_field"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.4,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 400,
            },
            "speed": 1.1,
            "max_response_output_tokens": 300,
            "temperature": 0.8,
            "input_audio_buffering": {"committed_samples": 4800},
        },
        strict=False,
    )
    assert after.output_modalities == ("audio",)
    assert (after.audio.output.voice, after.audio.output.speed) == ("coral", 1.1)
    assert (after.audio.input.format, after.audio.output.format) == (PcmuFormat(), PcmaFormat())
    assert after.audio.input.transcription == Transcription("whisper-1")
    assert after.audio.input.noise_reduction == NoiseReduction("near_field")
    assert after.audio.input.turn_detection == ServerVad(0.4, 200, 400)
    assert after.max_output_tokens == 300


def test_where_both_dialects_are_spoken_ga_wins() -> None:
    both = {"voice": "coral", "audio": {"output": {"voice": "sage"}}, "modalities": ["text"], "speed": 1.2}
    after = updated(both, strict=False)
    assert (after.audio.output.voice, after.audio.output.speed, after.output_modalities) == (
        "sage",
        1.2,
        ("text",),
    )
    assert both["audio"] == {"output": {"voice": "sage"}}


def test_a_lenient_session_says_what_it_uses_instead() -> None:
    after = updated(
        {
            "model": "gpt-realtime-2.1",
            "mood": "x",
            "id": "sess_9",
            "audio": {
                "input": {"transcription": {"model": "ears-9", "language": "ko"}, "mood": 1},
                "output": {"voice": "morgan"},
            },
        },
        strict=False,
    )
    assert (after.model, after.id) == ("moksori-local", "sess_1")
    assert after.audio.output.voice == "alloy"
    assert after.audio.input.transcription == Transcription("whisper-1", "ko")


def test_a_lenient_session_keeps_its_voice_and_tracing_when_it_is_too_late() -> None:
    traced = updated({"tracing": "auto"})
    late = {"audio": {"output": {"voice": "marin"}}, "tracing": {"group_id": "g"}, "instructions": "Sing."}
    after = updated(late, traced, strict=False, voice_locked=True)
    assert (after.audio.output.voice, after.tracing, after.instructions) == ("alloy", "auto", "Sing.")


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ({"type": "none"}, None),
        (None, None),
        ({"threshold": 0.9}, ServerVad(0.9)),
        ({"type": "semantic_vad"}, SemanticVad()),
    ],
)
@pytest.mark.parametrize("flat", [True, False])
def test_detection_in_older_clients_words(detection: Any, expected: Any, flat: bool) -> None:
    update = {"turn_detection": detection} if flat else {"audio": {"input": {"turn_detection": detection}}}
    assert updated(update, strict=False).audio.input.turn_detection == expected


def test_detection_without_a_type_turns_on_again_as_server_vad() -> None:
    off = updated({"turn_detection": None}, strict=False)
    assert updated(
        {"turn_detection": {"threshold": 0.9}}, off, strict=False
    ).audio.input.turn_detection == ServerVad(0.9)


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({"input_audio_format": "opus"}, "invalid_value", "session.audio.input.format.type"),
        ({"input_audio_format": 5}, "invalid_type", "session.audio.input.format"),
        ({"speed": "fast"}, "invalid_type", "session.audio.output.speed"),
        ({"modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"audio": 1, "voice": "coral"}, "invalid_type", "session.audio"),
    ],
)
def test_lenient_is_not_careless(update: dict[str, Any], code: str, param: str) -> None:
    error = refusal(update, strict=False)
    assert (error.code, error.param) == (code, param)


# Transcription sessions


def test_a_transcription_session_is_updated_in_its_own_shape() -> None:
    update = {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcma"},
                "transcription": {"model": "gpt-4o-transcribe", "language": "ko"},
                "turn_detection": None,
            }
        },
    }
    after = merge(LISTENING, update, strict=True)
    assert isinstance(after, TranscriptionSession)
    assert after.audio.input.transcription == Transcription("gpt-4o-transcribe", "ko")
    assert after.audio.input.turn_detection is None
    validate_server_event(json.loads(encode_event(SessionUpdated("event_1", after))))
    again = merge(after, {"input_audio_transcription": {"language": "en"}, "voice": "coral"}, strict=False)
    assert again.audio.input.transcription == Transcription("gpt-4o-transcribe", "en")


@pytest.mark.parametrize(
    ("update", "strict", "param"),
    [
        ({"type": "realtime"}, True, "session.type"),
        ({"type": "realtime"}, False, "session.type"),
        ({"type": "transcription", "instructions": "x"}, True, "session.instructions"),
        ({"type": "transcription", "audio": {"output": {}}}, True, "session.audio.output"),
        (
            {"type": "transcription", "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
            True,
            "session.audio.input.turn_detection.type",
        ),
        ({"turn_detection": {"type": "semantic_vad"}}, False, "session.audio.input.turn_detection.type"),
        (
            {"type": "transcription", "audio": {"input": {"transcription": {"model": "ears"}}}},
            True,
            "session.audio.input.transcription.model",
        ),
    ],
)
def test_what_a_transcription_session_refuses(update: dict[str, Any], strict: bool, param: str) -> None:
    assert refusal(update, LISTENING, strict=strict).param == param


# Whatever arrives

_KEYS = [
    *(
        "type",
        "model",
        "instructions",
        "tools",
        "tool_choice",
        "audio",
        "input",
        "output",
        "format",
        "voice",
        "speed",
    ),
    *(
        "turn_detection",
        "transcription",
        "noise_reduction",
        "rate",
        "threshold",
        "modalities",
        "input_audio_format",
    ),
    *("output_modalities", "truncation", "tracing", "prompt", "include", "max_output_tokens", "name", "id"),
]
_VALUES = json_values | st.sampled_from(
    ["realtime", "function", "server_vad", "semantic_vad", "audio/pcm", "alloy"]
)
_UPDATES = st.recursive(
    st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(_KEYS), inner | _VALUES | st.lists(inner, max_size=2), max_size=4
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(_UPDATES, st.booleans(), st.booleans())
def test_whatever_the_update_there_is_a_session_or_a_protocol_error(
    update: dict[str, Any], strict: bool, locked: bool
) -> None:
    before = json.dumps(update)
    try:
        after = merge(START, update, strict=strict, voice_locked=locked)
    except ProtocolError as error:
        assert error.param is None or error.param.startswith("session")
    else:
        validate_server_event(json.loads(encode_event(SessionUpdated("event_1", after))))
    assert json.dumps(update) == before


@settings(max_examples=150, deadline=None)
@given(records(RealtimeSession))
def test_a_session_as_it_was_shown_can_be_sent_back(session: RealtimeSession) -> None:
    """Clients read `session.created`, change a field and send the whole of it."""
    session = msgspec.structs.replace(session, output_modalities=("text",), tools=(), id="sess_1", model="m")
    audio = session.audio
    audio = msgspec.structs.replace(
        audio,
        input=msgspec.structs.replace(audio.input, transcription=None),
        output=msgspec.structs.replace(audio.output, voice="cedar"),
    )
    session = msgspec.structs.replace(session, audio=audio)
    start: Tracing | None = session.tracing
    assert start is None or isinstance(start, str | TracingConfiguration)
    echoed = json.loads(encode_event(SessionUpdated("e", session)))["session"]
    assert merge(session, echoed, strict=False) == session
