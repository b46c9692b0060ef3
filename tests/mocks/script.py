"""What a mock model does with a session: GA events as the vendors' documents tell them, and its own usage.

No socket here: `MockSession.take` gives the events an event of the client's is answered with at once, `answer` the
steps of one response. The shapes are judged by the `openai` package's own types (tests/support/openai_schema.py).
"""

from __future__ import annotations

import base64
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

LOUD = 500  # of 32767: what counts as speech
SILENCE_MS = 200  # of quiet that ends a turn
FRAME_MS = 20
ANSWER_FRAMES = 10  # pieces of audio in an answer


@dataclass
class MockSession:
    """One session's memory. Ids count from 1, so that a test can foretell them."""

    model: str
    number: int
    beta: bool = False
    voices: tuple[str, ...] = ("alloy",)
    session: Event = field(default_factory=dict)
    items: list[Event] = field(default_factory=list)
    billed: list[Event] = field(default_factory=list)
    heard_ms: int = 0
    speaking: bool = False
    quiet_ms: int = 0
    turn: int = 0
    audio_tokens: int = 0

    def __post_init__(self) -> None:
        self.unbilled: Event = {}
        self.ended = True  # no response is running
        self._ids = itertools.count(1)
        self.session = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_upstream_{self.number}",
            "model": self.model,
            "output_modalities": ["audio"],
            "instructions": "Be helpful.",
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
                        "silence_duration_ms": SILENCE_MS,
                        "idle_timeout_ms": None,
                        "create_response": True,
                        "interrupt_response": True,
                    },
                },
                "output": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "voice": self.voices[0],
                    "speed": 1.0,
                },
            },
            "include": None,
        }

    def event(self, kind: str, **fields: Any) -> Event:
        return {"type": kind, "event_id": f"event_up{self.number}_{next(self._ids)}", **fields}

    def update(self, given: Event) -> list[Event]:
        """`session.update`: the voice must be one of the service's, the type must be there."""
        if given.get("type") not in ("realtime", "transcription"):
            return [
                self.error("missing_required_parameter", "session.type is missing.", param="session.type")
            ]
        voice = given.get("audio", {}).get("output", {}).get("voice")
        if voice is not None and voice not in self.voices:
            return [self.error("invalid_value", f"No voice {voice}.", param="session.audio.output.voice")]
        merge(self.session, {key: value for key, value in given.items() if key != "model"})
        return [self.event("session.updated", session=self.session)]

    def error(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> Event:
        detail = {"type": "invalid_request_error", "code": code, "message": message, "param": param}
        return self.event("error", error={**detail, "event_id": event_id})

    def create_item(self, item: Event) -> list[Event]:
        item = {"id": f"item_up{self.number}_{next(self._ids)}", "object": "realtime.item", **item}
        item.setdefault("status", "completed")
        before = self.items[-1]["id"] if self.items else None
        self.items.append(item)
        return [
            self.event("conversation.item.added", previous_item_id=before, item=item),
            self.event("conversation.item.done", previous_item_id=before, item=item),
        ]

    def append(self, audio: str) -> tuple[list[Event], bool]:
        """Listen; the events of a turn that began or ended, and whether an answer is due."""
        pcm = base64.b64decode(audio)
        ms = len(pcm) // 48
        self.heard_ms += ms
        loud = any(abs(sample) > LOUD for (sample,) in struct.iter_unpack("<h", pcm[: len(pcm) // 2 * 2]))
        if loud:
            self.quiet_ms = 0
            if self.speaking:
                return [], False
            self.speaking = True
            self.turn += 1
            return [
                self.event(
                    "input_audio_buffer.speech_started",
                    audio_start_ms=self.heard_ms - ms,
                    item_id=f"item_up{self.number}_turn{self.turn}",
                )
            ], False
        if not self.speaking:
            return [], False
        self.quiet_ms += ms
        if self.quiet_ms < SILENCE_MS:
            return [], False
        self.speaking = False
        return self.end_turn(), True

    def end_turn(self) -> list[Event]:
        item_id = f"item_up{self.number}_turn{self.turn}"
        before = self.items[-1]["id"] if self.items else None
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        self.items.append(item)
        return [
            self.event("input_audio_buffer.speech_stopped", audio_end_ms=self.heard_ms, item_id=item_id),
            self.event("input_audio_buffer.committed", item_id=item_id, previous_item_id=before),
            self.event("conversation.item.added", previous_item_id=before, item=item),
            self.event("conversation.item.done", previous_item_id=before, item=item),
        ]

    def transcript(self) -> list[Event]:
        """Of the last spoken turn, if the session asked for transcripts."""
        if self.session["audio"]["input"]["transcription"] is None or self.turn == 0:
            return []
        return [
            self.event(
                "conversation.item.input_audio_transcription.completed",
                item_id=f"item_up{self.number}_turn{self.turn}",
                content_index=0,
                transcript="where is my order",
                usage={"type": "duration", "seconds": 1.0},
            )
        ]

    def answer(self, asked: Event | None) -> Iterator[Event]:
        """One response, event by event. Whoever stops in the middle calls `cancelled` for the end."""
        number = next(self._ids)
        response_id = f"resp_up{self.number}_{number}"
        self.running = self._response(response_id, "in_progress", asked)
        self.ended = False
        yield self.event("response.created", response=self.running)
        yield from self._call(response_id) if self._wants_tool() else self._message(response_id)
        yield self._ended("completed", None)

    def cancelled(self, reason: str) -> Event:
        return self._ended("cancelled", {"type": "cancelled", "reason": reason})

    def usage(self) -> Event:
        """What this response cost; the ledger is held against it."""
        n = len(self.billed) + 1
        text_in, audio_in, text_out, audio_out = 100 + n, 10 * n, 20 + n, 5 * n
        cached_text, cached_audio = 64 if n > 1 else 0, 5 * (n - 1)
        usage = {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }
        self.unbilled = usage
        return usage

    def bill(self) -> None:
        """The usage was told, and goes on the invoice."""
        self.billed.append(self.unbilled)

    def _ended(self, status: str, details: Event | None) -> Event:
        self.ended = True
        done = {**self.running, "status": status, "status_details": details, "usage": self.usage()}
        return self.event("response.done", response=done)

    def _response(self, response_id: str, status: str, asked: Event | None) -> Event:
        return {
            "object": "realtime.response",
            "id": response_id,
            "status": status,
            "status_details": None,
            "output": [],
            "conversation_id": f"conv_up_{self.number}",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": self.voices[0]}},
            "usage": None,
            "metadata": (asked or {}).get("metadata"),
        }

    def _wants_tool(self) -> bool:
        if not self.session["tools"] or not self.items:
            return False
        last = self.items[-1]
        text = "".join(part.get("text") or "" for part in last.get("content") or [])
        return last.get("role") == "user" and "order" in text

    def _call(self, response_id: str) -> Iterator[Event]:
        item_id = f"item_{response_id}"
        name, arguments = self.session["tools"][0]["name"], '{"question":"order"}'
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": f"call_{response_id}",
            "name": name,
            "arguments": "",
        }
        place = {"response_id": response_id, "output_index": 0}
        before = self.items[-1]["id"] if self.items else None
        yield self.event("response.output_item.added", item=item, **place)
        yield self.event("conversation.item.added", previous_item_id=before, item=item)
        spot = {**place, "item_id": item_id, "call_id": item["call_id"]}
        yield self.event("response.function_call_arguments.delta", delta=arguments, **spot)
        yield self.event("response.function_call_arguments.done", arguments=arguments, name=name, **spot)
        item = {**item, "status": "completed", "arguments": arguments}
        self.items.append(item)
        yield self.event("response.output_item.done", item=item, **place)
        yield self.event("conversation.item.done", previous_item_id=before, item=item)
        self.running = {**self.running, "output": [item]}

    def _message(self, response_id: str) -> Iterator[Event]:
        item_id = f"item_{response_id}"
        item: Event = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        place = {"response_id": response_id, "output_index": 0}
        spot = {**place, "item_id": item_id, "content_index": 0}
        before = self.items[-1]["id"] if self.items else None
        yield self.event("response.output_item.added", item=item, **place)
        yield self.event("conversation.item.added", previous_item_id=before, item=item)
        yield self.event("response.content_part.added", part={"type": "audio", "transcript": ""}, **spot)
        for n in range(ANSWER_FRAMES):
            yield self.event("response.output_audio_transcript.delta", delta=f"word{n} ", **spot)
            yield self.event("response.output_audio.delta", delta=tone(n), **spot)
        transcript = "".join(f"word{n} " for n in range(ANSWER_FRAMES))
        yield self.event("response.output_audio.done", **spot)
        yield self.event("response.output_audio_transcript.done", transcript=transcript, **spot)
        yield self.event(
            "response.content_part.done", part={"type": "audio", "transcript": transcript}, **spot
        )
        content = [{"type": "output_audio", "transcript": transcript}]
        item = {**item, "status": "completed", "content": content}
        self.items.append(item)
        yield self.event("response.output_item.done", item=item, **place)
        yield self.event("conversation.item.done", previous_item_id=before, item=item)
        self.running = {**self.running, "output": [item]}


def tone(n: int) -> str:
    """20 ms of a different constant each, so that a lost or doubled piece shows."""
    return base64.b64encode(struct.pack("<h", 1000 + n) * (24 * FRAME_MS)).decode()


def merge(session: Event, given: Event) -> None:
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(session.get(key), dict):
            merge(session[key], value)
        else:
            session[key] = value
