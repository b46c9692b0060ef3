"""Does a server event hold what OpenAI's published types, and the strictest published clients, demand?

`validate_server_event` (GA) and `validate_beta_event` take a decoded event and raise AssertionError naming the event
and the path of what is wrong. Three checks: the `openai` package's pydantic model, validated strictly (no coercion of
"5" or 5.0 to 5); the table of required fields in `openai_required.json`; and what clients demand beyond the schema.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

from openai.types.beta.realtime import realtime_server_event as beta
from openai.types.realtime import realtime_server_event as ga
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

_REQUIRED: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "openai_required.json").read_text("utf-8")
)

GA_EVENTS = frozenset(_REQUIRED["ga"])
BETA_EVENTS = frozenset(_REQUIRED["beta"])

SESSION_KEYS = {
    "realtime": frozenset(
        [
            "type",
            "object",
            "id",
            "model",
            "output_modalities",
            "instructions",
            "tools",
            "tool_choice",
            "max_output_tokens",
            "tracing",
            "truncation",
            "prompt",
            "expires_at",
            "audio",
            "include",
        ]
    ),
    "transcription": frozenset(["type", "object", "id", "expires_at", "audio", "include"]),
}
"""Recorded: every key is there, null or not."""
RESPONSE_KEYS = frozenset(
    [
        "object",
        "id",
        "status",
        "status_details",
        "output",
        "conversation_id",
        "output_modalities",
        "max_output_tokens",
        "audio",
        "usage",
        "metadata",
    ]
)
VAD_KEYS = {
    "server_vad": frozenset(
        [
            "type",
            "threshold",
            "prefix_padding_ms",
            "silence_duration_ms",
            "idle_timeout_ms",
            "create_response",
            "interrupt_response",
        ]
    ),
    "semantic_vad": frozenset(["type", "eagerness", "create_response", "interrupt_response"]),
}
_NEVER_NULL = {
    "item": ["id", "status", "call_id", "name", "arguments", "role", "content", "output"],
    "part": ["type", "text", "audio", "transcript"],
    "error": ["type", "code", "message", "param"],
}
"""Fields whose null a published client refuses where it accepts their absence."""


def validate_schema(event: dict[str, Any]) -> None:
    """Raises AssertionError unless `event` is what OpenAI's own GA types say."""
    kind = _kind(event, GA_EVENTS)
    _check_required(event, kind, "ga")
    _check_model(event, kind, _ga_models()[kind])


def validate_server_event(event: dict[str, Any]) -> None:
    """Raises AssertionError unless every strict GA client would accept `event`."""
    validate_schema(event)
    kind = event["type"]
    assert event.get("event_id") or kind.endswith("dtmf_event_received"), f"{kind}: event_id: is empty"
    if kind.startswith("session."):
        _check_session(event["session"], kind)
    if "response" in event:
        _check_response(event["response"], kind)
    if "item" in event:
        _check_item(event["item"], kind, "item")
    if "part" in event:
        _refuse_nulls(event["part"], _NEVER_NULL["part"], kind, "part")
        _require(event["part"], {"type"}, kind, "part")
    if kind.endswith("transcription.failed"):
        _refuse_nulls(event["error"], _NEVER_NULL["error"], kind, "error")
        _require(event["error"], {"type", "message"}, kind, "error")
    if kind.endswith("transcription.delta"):
        _require(event, {"content_index", "delta"}, kind, "")
    if kind.endswith("transcription.completed") and event["usage"]["type"] == "tokens":
        details = event["usage"].get("input_token_details") or {}
        _require(details, {"text_tokens", "audio_tokens"}, kind, "usage.input_token_details")
    if kind == "response.mcp_call_arguments.delta":
        _require(event, {"obfuscation"}, kind, "")
    if kind == "conversation.created":
        _require(event["conversation"], {"id", "object"}, kind, "conversation")
    if kind == "rate_limits.updated":
        for index, limit in enumerate(event["rate_limits"]):
            _require(limit, {"name", "limit", "remaining", "reset_seconds"}, kind, f"rate_limits[{index}]")


def validate_beta_event(event: dict[str, Any]) -> None:
    """The same for the retired dialect, as far as its own published types go."""
    kind = _kind(event, BETA_EVENTS)
    _check_required(event, kind, "beta")
    session = event.get("session")
    # Its types list OpenAI's models; those here have other names.
    if isinstance(session, dict) and "model" in session:
        event = {**event, "session": {**session, "model": "gpt-realtime"}}
    _check_model(event, kind, _beta_models()[kind])
    assert event["event_id"], f"{kind}: event_id: is empty"


def _kind(event: dict[str, Any], known: frozenset[str]) -> str:
    kind = event.get("type")
    assert isinstance(kind, str), f"an event without a type: {sorted(event)}"
    assert kind in known, f"{kind}: not an event of this dialect"
    return kind


def _check_model(event: dict[str, Any], kind: str, model: type[BaseModel]) -> None:
    try:
        _adapter(model).validate_json(json.dumps(event), strict=True)
    except ValidationError as refusal:
        path, message = _nearest(refusal)
        raise AssertionError(f"{kind}: {path}: {message}") from None


def _nearest(refusal: ValidationError) -> tuple[str, str]:
    """Path and message of the error of the union member that `refusal` is nearest to being."""
    groups: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for error in refusal.errors():
        member = next((i for i, step in enumerate(error["loc"]) if str(step)[:1].isupper()), -1)
        groups.setdefault(error["loc"][: member + 1], []).append(error)

    def distance(member: tuple[int | str, ...]) -> tuple[int, int]:
        other = [e for e in groups[member] if e["loc"] in ((*member, "type"), (*member, "role"))]
        return len(other), len(groups[member])

    nearest = groups[min(groups, key=distance)][0]
    path = ".".join(str(step) for step in nearest["loc"] if not str(step)[:1].isupper())
    return path, nearest["msg"]


def _check_required(event: dict[str, Any], kind: str, dialect: str) -> None:
    _require(event, set(_REQUIRED[dialect][kind]), kind, "")
    for key in _REQUIRED[dialect][kind]:
        assert event[key] is not None, f"{kind}: {key}: is null"


def _check_session(session: dict[str, Any], kind: str) -> None:
    _require(session, SESSION_KEYS[session["type"]], kind, "session")
    assert session["id"], f"{kind}: session.id: is empty"
    parts = {"input": {"format", "transcription", "noise_reduction", "turn_detection"}}
    if session["type"] == "realtime":
        parts["output"] = {"format", "voice", "speed"}
        assert session["output_modalities"] in (["audio"], ["text"]), (
            f"{kind}: session.output_modalities: both"
        )
    for part, keys in parts.items():
        _require(session["audio"][part], keys, kind, f"session.audio.{part}")
        audio_format = session["audio"][part]["format"]
        _require(audio_format, {"type"}, kind, f"session.audio.{part}.format")
        if audio_format["type"] == "audio/pcm":
            _require(audio_format, {"rate"}, kind, f"session.audio.{part}.format")
    detection = session["audio"]["input"]["turn_detection"]
    if detection is not None:
        _require(detection, VAD_KEYS[detection["type"]], kind, "session.audio.input.turn_detection")
    transcription = session["audio"]["input"]["transcription"]
    if transcription is not None:
        _require(transcription, {"model", "language", "prompt"}, kind, "session.audio.input.transcription")


def _check_response(response: dict[str, Any], kind: str) -> None:
    _require(response, RESPONSE_KEYS, kind, "response")
    assert response["id"], f"{kind}: response.id: is empty"
    output = (response["audio"] or {}).get("output")
    assert output is None or isinstance(output.get("voice", ""), str), f"{kind}: response.audio.output.voice"
    for index, item in enumerate(response["output"]):
        _check_item(item, kind, f"response.output[{index}]")
        for part in item.get("content", ()):
            assert "audio" not in part, f"{kind}: response.output[{index}]: carries audio"
    done = kind == "response.done"
    assert (response["status"] == "in_progress") != done, f"{kind}: response.status: {response['status']}"
    if response["status"] in ("failed", "incomplete", "cancelled"):
        details = response["status_details"]
        assert details is not None, f"{kind}: response.status_details: is null"
        assert details["type"] == response["status"], (
            f"{kind}: response.status_details.type: {details['type']}"
        )


def _check_item(item: dict[str, Any], kind: str, path: str) -> None:
    _require(item, {"id"}, kind, path)
    assert item["id"], f"{kind}: {path}.id: is empty"
    _refuse_nulls(item, _NEVER_NULL["item"], kind, path)
    if item["type"] == "function_call":
        assert item.get("call_id"), f"{kind}: {path}.call_id: is missing"
        if kind == "response.output_item.added":
            assert item.get("status") == "in_progress", f"{kind}: {path}.status: a call begins in progress"
    for index, part in enumerate(item.get("content", ())):
        _require(part, {"type"}, kind, f"{path}.content[{index}]")
        fields = ["text", "audio"] if part["type"] == "input_audio" else _NEVER_NULL["part"]
        _refuse_nulls(part, fields, kind, f"{path}.content[{index}]")


def _require(table: dict[str, Any], keys: set[str] | frozenset[str], kind: str, path: str) -> None:
    for key in sorted(keys):
        assert key in table, f"{kind}: {path + '.' if path else ''}{key}: is missing"


def _refuse_nulls(table: dict[str, Any], keys: list[str], kind: str, path: str) -> None:
    for key in keys:
        assert key not in table or table[key] is not None, f"{kind}: {path}.{key}: is null"


@cache
def _adapter(model: type[BaseModel]) -> TypeAdapter[BaseModel]:
    return TypeAdapter(model)


@cache
def _ga_models() -> dict[str, type[BaseModel]]:
    return _models(ga.RealtimeServerEvent)


@cache
def _beta_models() -> dict[str, type[BaseModel]]:
    return _models(beta.RealtimeServerEvent)


def _models(union: Any) -> dict[str, type[BaseModel]]:
    members: tuple[type[BaseModel], ...] = get_args(get_args(union)[0])
    return {kind: model for model in members for kind in get_args(model.model_fields["type"].annotation)}
