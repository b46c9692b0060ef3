"""One conversation of the browser tests' server: turns by the energy of the sound, answers by a script, a log to resume from."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from tests.browser.peer import Peer

RATE = 24_000
VOICED = 0.02
SILENCE_MS = 500

Event = dict[str, Any]


@dataclass
class Answer:
    """What the peer says: words, and the sound of them. Without samples a tone is made."""

    text: str
    samples: np.ndarray | None = None
    tool: tuple[str, str] | None = None
    """(name, output as JSON): a tool that ran before the words."""
    hold: float = 0.0
    """Seconds of thinking before the first event of the answer."""
    pace: float = 0.08
    """Seconds of tone a character."""

    def pcm(self) -> np.ndarray:
        if self.samples is not None:
            return self.samples
        n = int(RATE * self.pace * max(4, len(self.text)))
        return (np.sin(np.arange(n) * 2 * np.pi * 330 / RATE) * 8000).astype(np.int16)


@dataclass
class Session:
    id: str
    log: list[Event] = field(default_factory=list)
    samples: int = 0
    heard: list[np.ndarray] = field(default_factory=list)
    settings: Event = field(default_factory=dict)
    speaking_item: str | None = None
    voiced_at: int = 0
    last_item: str | None = None
    item_ids: set[str] = field(default_factory=set)


class Call:
    """One conversation, whatever socket it is on: an answer goes on into the log while the line is down."""

    def __init__(self, peer: Peer, ws: WebSocket, session: Session) -> None:
        self.peer = peer
        self.ws = ws
        self.session = session
        self.answering: asyncio.Task[None] | None = None
        self.response: str | None = None
        self.open: list[Event] = []
        self.replaying = False

    async def send(self, event: Event, *, durable: bool = True) -> None:
        event = {"event_id": self.peer.new_id("event"), **event}
        if durable:
            self.session.log.append(event)
        if not self.replaying:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.ws.send_text(json.dumps(event, ensure_ascii=False))

    def described(self) -> Event:
        base: Event = {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.session.id,
            "model": "peer",
            "expires_at": int(time.time()) + 3600,
            "audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": True}}},
        }
        return {**base, **self.session.settings}

    async def run(self, ws: WebSocket, after: str, *, resumed: bool) -> None:
        self.ws = ws
        created: Event = {"type": "session.created", "session": self.described()}
        if resumed:
            created["resume"] = {
                "ok": True,
                "input_audio_ms": self.session.samples * 1000 // RATE,
                "gap": False,
            }
        if resumed:
            self.replaying = True
            await ws.send_text(json.dumps({"event_id": self.peer.new_id("event"), **created}))
            for event in self.session.log:  # Grows while it is read: the answer may still be going on.
                if (
                    event.get("event_id", "") > after
                ):  # Ids ascend; the last one seen may be of a passing event.
                    await ws.send_text(json.dumps(event, ensure_ascii=False))
            self.replaying = False
        else:
            await self.send(created)
        while True:
            event = json.loads(await ws.receive_text())
            self.peer.client_events.append({**event, "at": time.monotonic()})
            if not self.peer.deaf:
                await self.heard(event)

    async def heard(self, event: Event) -> None:
        match event["type"]:
            case "session.update":
                self.session.settings.update(event["session"])
                await self.send(
                    {
                        "type": "session.updated",
                        "session": self.described(),
                        "session_id": self.session.id,
                        "latency": 42,
                    }
                )
            case "input_audio_buffer.append":
                await self.audio(np.frombuffer(base64.b64decode(event["audio"]), dtype="<i2"))
            case "conversation.item.create":
                item = {"status": "completed", **event["item"]}
                item.setdefault("id", self.peer.new_id("item"))
                if item["id"] in self.session.item_ids:
                    await self.send(
                        wire_error(
                            "",
                            "item_create_duplicate_item_id",
                            "There is such an item.",
                            event.get("event_id"),
                        )
                    )
                else:
                    await self.item(item)
            case "conversation.item.truncate":
                await self.send({**event, "type": "conversation.item.truncated"})
            case "response.create":
                if self.response:
                    await self.send(
                        wire_error("", "conversation_already_has_active_response", "One is running.")
                    )
                else:
                    self.answering = asyncio.create_task(self.answer())
            case "response.cancel":
                if self.response:
                    await self.cancel("client_cancelled")
                else:
                    await self.send(
                        wire_error("", "response_cancel_not_active", "Cancellation failed: none is active.")
                    )

    async def item(self, item: Event) -> None:
        self.session.item_ids.add(item["id"])
        previous, self.session.last_item = self.session.last_item, item["id"]
        for kind in ("added", "done"):
            await self.send({"type": f"conversation.item.{kind}", "item": item, "previous_item_id": previous})

    async def audio(self, samples: np.ndarray) -> None:
        session = self.session
        session.samples += len(samples)
        session.heard.append(samples)
        now_ms = session.samples * 1000 // RATE
        voiced = float(np.sqrt(np.mean((samples / 32768.0) ** 2))) > VOICED if len(samples) else False
        if voiced:
            session.voiced_at = now_ms
            if session.speaking_item is None:
                session.speaking_item = self.peer.new_id("item")
                await self.send(
                    {
                        "type": "input_audio_buffer.speech_started",
                        "audio_start_ms": max(0, now_ms - 300),
                        "item_id": session.speaking_item,
                    }
                )
                if self.response:
                    await self.cancel("turn_detected")
        elif session.speaking_item and now_ms - session.voiced_at >= SILENCE_MS:
            await self.turn_ended(now_ms)

    async def turn_ended(self, now_ms: int) -> None:
        item_id = self.session.speaking_item or ""
        self.session.speaking_item = None
        await self.send(
            {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": now_ms, "item_id": item_id}
        )
        await self.send(
            {
                "type": "input_audio_buffer.committed",
                "item_id": item_id,
                "previous_item_id": self.session.last_item,
            }
        )
        content = [{"type": "input_audio", "transcript": None}]
        await self.item(
            {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}
        )
        words = self.peer.transcripts.pop(0) if self.peer.transcripts else "(speech)"
        kind = "conversation.item.input_audio_transcription"
        for i in range(0, len(words), 6):
            await self.send(
                {"type": f"{kind}.delta", "item_id": item_id, "content_index": 0, "delta": words[i : i + 6]}
            )
        await self.send(
            {
                "type": f"{kind}.completed",
                "item_id": item_id,
                "content_index": 0,
                "transcript": words,
                "usage": {"type": "duration", "seconds": 1},
            }
        )
        self.answering = asyncio.create_task(self.answer())

    async def answer(self) -> None:
        peer = self.peer
        answer = peer.answers.pop(0) if peer.answers else Answer("OK.")
        response, item_id = peer.new_id("resp"), peer.new_id("item")
        self.response = response
        await self.send(
            {"type": "response.created", "response": {"id": response, "status": "in_progress", "output": []}}
        )
        if answer.tool:
            await self.tool(response, *answer.tool)
        if answer.hold:
            await asyncio.sleep(answer.hold)
        common = {"response_id": response, "item_id": item_id, "output_index": 0, "content_index": 0}
        started = {
            "id": item_id,
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        previous, self.session.last_item = self.session.last_item, item_id
        await self.send(
            {
                "type": "response.output_item.added",
                "response_id": response,
                "output_index": 0,
                "item": started,
            }
        )
        await self.send({"type": "conversation.item.added", "item": started, "previous_item_id": previous})
        self.open = [common, started]
        part = {"type": "audio", "transcript": ""}
        await self.send({"type": "response.content_part.added", **common, "part": part})
        pcm = answer.pcm()
        clauses = answer.text.split(" ")
        said = ""
        for i, clause in enumerate(clauses):
            delta = clause if i == 0 else f" {clause}"
            said += delta
            await self.send({"type": "response.output_audio_transcript.delta", **common, "delta": delta})
            a, b = len(pcm) * i // len(clauses), len(pcm) * (i + 1) // len(clauses)
            for start in range(a, b, RATE // 10):
                chunk = pcm[start : min(b, start + RATE // 10)]
                audio = base64.b64encode(chunk.astype("<i2").tobytes()).decode()
                await self.send(
                    {"type": "response.output_audio.delta", **common, "delta": audio}, durable=False
                )
                await asyncio.sleep(0)
        await self.close(said, "completed", None)

    async def tool(self, response: str, name: str, output: str) -> None:
        call = {
            "id": self.peer.new_id("item"),
            "type": "function_call",
            "name": name,
            "call_id": self.peer.new_id("call"),
        }
        running = {**call, "status": "in_progress", "arguments": ""}
        await self.send(
            {
                "type": "response.output_item.added",
                "response_id": response,
                "output_index": 0,
                "item": running,
            }
        )
        await self.send({"type": "conversation.item.added", "item": running})
        await asyncio.sleep(0.05)
        done = {**call, "status": "completed", "arguments": "{}"}
        await self.send({"type": "conversation.item.done", "item": done})
        await self.item(
            {
                "id": self.peer.new_id("item"),
                "type": "function_call_output",
                "call_id": call["call_id"],
                "output": output,
            }
        )

    async def cancel(self, reason: str) -> None:
        if self.answering:
            self.answering.cancel()
        await self.close("", "cancelled", {"type": "cancelled", "reason": reason})

    async def close(self, said: str, status: str, details: Event | None) -> None:
        response, self.response = self.response, None
        if self.open:
            common, started = self.open
            self.open = []
            await self.send({"type": "response.output_audio.done", **common})
            await self.send({"type": "response.output_audio_transcript.done", **common, "transcript": said})
            content = [{"type": "output_audio", "transcript": said}]
            done = {
                **started,
                "status": "completed" if status == "completed" else "incomplete",
                "content": content,
            }
            await self.send({"type": "conversation.item.done", "item": done})
            await self.send(
                {
                    "type": "response.output_item.done",
                    "response_id": response,
                    "output_index": 0,
                    "item": done,
                }
            )
        usage = {
            "total_tokens": 0,
            "moksori": {"cost": None, "currency": "USD", "budget_left": None, "latency_ms": 420},
        }
        body: Event = {
            "id": response,
            "status": status,
            "status_details": details,
            "output": [],
            "usage": usage,
        }
        await self.send({"type": "response.done", "response": body})


def wire_error(event_id: str, code: str, message: str, cause: str | None = None) -> Event:
    body = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": None,
        "event_id": cause,
    }
    return {"type": "error", **({"event_id": event_id} if event_id else {}), "error": body}
