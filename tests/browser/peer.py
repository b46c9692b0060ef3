"""A small Realtime server for the browser tests, written from OpenAI's documents.

It serves the built page, makes client secrets, and speaks enough of the GA protocol for typed and spoken turns,
barge-in, truncation and resume. What it "understands" and answers is a script; what it *hears* is real: turns begin
and end by the energy of the audio that the page sends. Every client event is kept for the tests to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from tests.browser.peer_call import Answer, Call, Event, Session, wire_error

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"


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

    def new_id(self, prefix: str) -> str:
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
            value = self.new_id("ek")
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
            await ws.send_text(json.dumps(wire_error(self.new_id("event"), code, message)))
            await ws.close(close)
            return
        wanted = ws.query_params.get("session_id")
        session = self.sessions.get(wanted or "") if self.resumes else None
        if wanted and session is None:
            await ws.send_text(
                json.dumps(wire_error(self.new_id("event"), "session_not_found", "No such session."))
            )
            await ws.close(4404)
            return
        call = self._calls.get(session.id) if session else None
        if call is None:
            call = Call(self, ws, session or Session(self.new_id("sess")))
        self.sessions[call.session.id] = call.session
        self._calls[call.session.id] = call
        self._live.add(ws)
        try:
            await call.run(ws, ws.query_params.get("last_event_id", ""), resumed=session is not None)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._live.discard(ws)


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
