"""The check that the other rooms' tests rely on can fail, and says where."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from protocol_samples import CALL, EVENTS, HEARD, SESSION

from moksori.protocol.server_events import (
    ConversationItemAdded,
    InputAudioBufferSpeechStarted,
    ResponseDone,
    SessionCreated,
    encode_event,
)
from support.openai_schema import validate_server_event


def wire(event: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode_event(event))
    return decoded


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_no_event_loses_a_required_field_unseen(event: Any) -> None:
    optional = {"resume", "session_id", "latency", "previous_item_id", "languages", "logprobs"}
    whole = wire(event)
    for key in sorted(set(whole) - optional):
        broken = {name: value for name, value in whole.items() if name != key}
        with pytest.raises(AssertionError):
            validate_server_event(broken)


@pytest.mark.parametrize(
    ("event", "path", "value", "said"),
    [
        (SessionCreated("e", SESSION), "session.type", None, "session.created: session"),
        (SessionCreated("e", SESSION), "session.audio.output.format.type", "audio/opus", "format"),
        (SessionCreated("e", SESSION), "session.audio.input.format.rate", 16000, "rate"),
        (
            SessionCreated("e", SESSION),
            "session.output_modalities",
            ["text", "audio"],
            "output_modalities: both",
        ),
        (SessionCreated("e", SESSION), "session.audio.input.turn_detection.type", "none", "turn_detection"),
        (SessionCreated("e", SESSION), "event_id", "", "event_id: is empty"),
        (InputAudioBufferSpeechStarted("e", 1, "item_1"), "audio_start_ms", 1.5, "audio_start_ms"),
        (InputAudioBufferSpeechStarted("e", 1, "item_1"), "audio_start_ms", "1", "audio_start_ms"),
        (ConversationItemAdded("e", HEARD), "item.status", None, "item.status: is null"),
        (ConversationItemAdded("e", HEARD), "item.status", "fine", "item.status"),
        (ConversationItemAdded("e", HEARD), "item.content", None, "item"),
        (ConversationItemAdded("e", CALL), "item.call_id", "", "call_id: is missing"),
        (ConversationItemAdded("e", HEARD), "type", "conversation.item.completed", "not an event"),
        (ConversationItemAdded("e", HEARD), "type", "session.expired", "not an event"),
        (EVENTS[-1], "response_id", None, "response_id: is null"),
    ],
)
def test_what_a_strict_client_refuses_is_found(event: Any, path: str, value: object, said: str) -> None:
    broken = copy.deepcopy(wire(event))
    table = broken
    *way, last = path.split(".")
    for step in way:
        table = table[step]
    table[last] = value
    with pytest.raises(AssertionError, match=said):
        validate_server_event(broken)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "in_progress"),
        ("status", "exploded"),
        ("status_details", {"type": "cancelled", "reason": "caller_hung_up"}),
        ("status_details", None),
        ("metadata", {"turn": 3}),
        ("usage", 7),
    ],
)
def test_a_response_outside_the_closed_enums_is_found(path: str, value: object) -> None:
    cancelled = next(
        event for event in EVENTS if isinstance(event, ResponseDone) and event.response.status == "cancelled"
    )
    broken = wire(cancelled)
    validate_server_event(broken)
    broken["response"][path] = value
    with pytest.raises(AssertionError):
        validate_server_event(broken)
