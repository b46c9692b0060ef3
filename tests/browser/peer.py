"""A small Realtime server for the browser tests, written from OpenAI's documents.

It serves the built page, makes client secrets, and speaks enough of the GA protocol for typed and spoken turns,
barge-in, truncation and resume. What it "understands" and answers is a script; what it *hears* is real: turns begin
and end by the energy of the audio that the page sends. Every client event is kept for the tests to look at.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
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


class Peer:
    """One server for one test. `port` stays the same over `stop` and `start`, so that it can be restarted."""

    def __init__(self) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port: int = s.getsockname()[1]
        self.required_key: str | None = None
        self.allowed_origins: set[str] | None = None
        self.refuse_socket: tuple[str, str, int] | None = None
        """(code, message, close code): what every new socket is answered."""
        self.secret_seconds = 600
        self.expired_secrets = 0
        """So many sockets from now on are told that their secret has expired."""
        self.transcripts: list[str] = []
        self.answers: list[Answer] = []
        self.resumes = True
        self.deaf = False
        """Take everything and answer nothing, as a socket that is open and dead."""
        self.csp: str | None = None
        self.prompt: str | None = None
        """What the page is told to ask for."""
        self.extra: dict[str, str] = {}
        """Other pages served, by path."""
        self.client_events: list[Event] = []
        self.secrets_made: list[Event] = []
        self.http_seen: list[tuple[str, str, str | None]] = []
        self.sockets_opened: list[str] = []
        self.sessions: dict[str, Session] = {}
        self._secrets: dict[str, float] = {}
        self._ids = itertools.count(1)
        self._live: set[WebSocket] = set()
        self._calls: dict[str, Call] = {}
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # ---- life ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self._app(),
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            ws="websockets-sansio",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        self._server = server

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("The peer did not start.")
            threading.Event().wait(0.01)

    def stop(self) -> None:
        """As a killed server: sockets end without a goodbye, the port refuses."""
        if self._server is None or self._thread is None:
            return
        self._server.force_exit = True
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._live.clear()

    def close_sockets(self, code: int) -> None:
        assert self._loop is not None
        for socket_ in list(self._live):
            asyncio.run_coroutine_threadsafe(socket_.close(code), self._loop).result(5)

    def say(self, event: Event) -> None:
        """Send an event of one's own to everybody."""
        assert self._loop is not None
        for socket_ in list(self._live):
            asyncio.run_coroutine_threadsafe(socket_.send_text(json.dumps(event)), self._loop).result(5)

    def of_type(self, kind: str) -> list[Event]:
        return [e for e in self.client_events if e["type"] == kind]

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):021d}"

    # ---- HTTP ------------------------------------------------------------------------------------------------

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def headers(request: Request, call_next: Any) -> Response:
            origin = request.headers.get("origin")
            own = origin is None or origin == self.url
            allowed = own or (self.allowed_origins is not None and origin in self.allowed_origins)
            if request.method == "OPTIONS":
                response: Response = Response(status_code=204 if allowed else 403)
            else:
                response = await call_next(request)
            self.http_seen.append((request.method, request.url.path, origin))
            if self.csp and not request.url.path.startswith("/v1/"):
                response.headers["content-security-policy"] = self.csp
            # The scripts are public; what may be opened with them is decided by the secrets endpoint.
            scripts = request.method == "GET" and request.url.path.endswith((".js", ".css"))
            if origin and (allowed or scripts):
                response.headers["access-control-allow-origin"] = origin
                response.headers["access-control-allow-headers"] = "authorization, content-type"
            return response

        @app.post("/v1/realtime/client_secrets")
        async def client_secrets(request: Request) -> JSONResponse:
            body = await request.json()
            self.secrets_made.append(body)
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            origin = request.headers.get("origin")
            if self.allowed_origins is not None and origin not in {None, self.url, *self.allowed_origins}:
                return error(403, "origin_not_allowed", f"The origin {origin} is not in allowed_origins.")
            if self.required_key is not None and given != self.required_key:
                return error(401, "invalid_api_key", "The API key is missing or wrong.")
            value = self._id("ek")
            expires = time.time() + self.secret_seconds
            self._secrets[value] = expires
            return JSONResponse(
                {"value": value, "expires_at": int(expires), "session": {"id": "", **body["session"]}}
            )

        @app.get("/page.json")
        async def page_defaults() -> JSONResponse:
            return JSONResponse({"model": None, "prompt": self.prompt})

        @app.get("/extra/{name}")
        async def extra(name: str) -> Response:
            return Response(
                self.extra[name], media_type="text/javascript" if name.endswith(".js") else "text/html"
            )

        @app.websocket("/v1/realtime")
        async def realtime(ws: WebSocket) -> None:
            await self._talk(ws)

        app.mount("/", StaticFiles(directory=DIST, html=True))
        return app

    # ---- the conversation ------------------------------------------------------------------------------------

    async def _talk(self, ws: WebSocket) -> None:
        offered = ws.scope.get("subprotocols", [])
        await ws.accept(subprotocol="realtime" if "realtime" in offered else None)
        self.sockets_opened.append(str(ws.url))
        key = next((p.removeprefix("openai-insecure-api-key.") for p in offered if "api-key" in p), "")
        refusal = self.refuse_socket
        if self.expired_secrets > 0:
            self.expired_secrets -= 1
            refusal = ("invalid_api_key", "The client secret has expired.", 1008)
        elif refusal is None and key not in self._secrets:
            refusal = ("invalid_api_key", "The client secret is not known.", 1008)
        if refusal:
            code, message, close = refusal
            await ws.send_text(json.dumps(wire_error(self._id("event"), code, message)))
            await ws.close(close)
            return
        wanted = ws.query_params.get("session_id")
        session = self.sessions.get(wanted or "") if self.resumes else None
        if wanted and session is None:
            await ws.send_text(
                json.dumps(wire_error(self._id("event"), "session_not_found", "No such session."))
            )
            await ws.close(4404)
            return
        call = self._calls.get(session.id) if session else None
        if call is None:
            call = Call(self, ws, session or Session(self._id("sess")))
        self.sessions[call.session.id] = call.session
        self._calls[call.session.id] = call
        self._live.add(ws)
        try:
            await call.run(ws, ws.query_params.get("last_event_id", ""), resumed=session is not None)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._live.discard(ws)


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
        event = {"event_id": self.peer._id("event"), **event}
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
            await ws.send_text(json.dumps({"event_id": self.peer._id("event"), **created}))
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
                item.setdefault("id", self.peer._id("item"))
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
                session.speaking_item = self.peer._id("item")
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
        response, item_id = peer._id("resp"), peer._id("item")
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
            "id": self.peer._id("item"),
            "type": "function_call",
            "name": name,
            "call_id": self.peer._id("call"),
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
                "id": self.peer._id("item"),
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
        body = {"id": response, "status": status, "status_details": details, "output": [], "usage": usage}
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


def error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(wire_error("", code, message), status_code=status)


@contextlib.contextmanager
def running_peer() -> Iterator[Peer]:
    peer = Peer()
    peer.start()
    try:
        yield peer
    finally:
        peer.stop()
