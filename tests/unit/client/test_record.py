"""What a session that begins anew is told of the one that was lost."""

from __future__ import annotations

import base64
import json
from typing import Any

from moksori.client.record import Record
from moksori.protocol.server_events import decode_server_event


def record(*events: dict[str, Any]) -> Record:
    kept = Record()
    for event in events:
        kept.feed(decode_server_event(json.dumps({"event_id": "event_1", **event})))
    return kept


def told(kept: Record) -> list[tuple[str, str]]:
    return [(item["role"], item["content"][0]["text"]) for item in kept.items()]


def added(item_id: str, role: str, **content: str) -> dict[str, Any]:
    parts = [content] if content else []
    item = {"id": item_id, "type": "message", "role": role, "status": "completed", "content": parts}
    return {"type": "conversation.item.added", "item": item, "previous_item_id": None}


ANSWER = {"response_id": "resp_1", "item_id": "a", "output_index": 0, "content_index": 0}


def spoken(text: str, ms: int) -> list[dict[str, Any]]:
    audio = base64.b64encode(bytes(ms * 48)).decode()
    return [
        added("a", "assistant"),
        {"type": "response.output_audio_transcript.delta", **ANSWER, "delta": text},
        {"type": "response.output_audio.delta", **ANSWER, "delta": audio},
    ]


def test_typed_and_spoken_turns_are_told_in_their_order() -> None:
    transcribed = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "v",
        "content_index": 0,
        "transcript": " Where is it? ",
        "usage": {"type": "duration", "seconds": 1},
    }
    kept = record(
        added("t", "user", type="input_text", text="Hello"),
        *spoken("Good morning.", 900),
        added("v", "user"),
        transcribed,
        added("n", "user"),
    )
    assert told(kept) == [("user", "Hello"), ("assistant", "Good morning."), ("user", "Where is it?")]


def test_of_an_interrupted_answer_only_what_was_heard() -> None:
    kept = record(*spoken("Once upon a time there lived a bird", 3500))
    kept.cut("a", 1800)
    assert told(kept) == [("assistant", "Once upon a time")]
    kept.cut("a", 0)
    assert told(kept) == []
