"""A mock realtime service: `python -m tests.mocks.upstream --provider xai --fault sudden_close`.

Each provider is a profile of what its documents say; each fault one way in which services fail their clients.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import functools
import json
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from moksori.protocol.dialects.beta import BetaEdge
from moksori.protocol.frame import Frame
from moksori.server.tls import self_signed
from tests.mocks.script import Event, MockSession

KEY = "sk-upstream-secret-0123456789"
RETRY_AFTER_S = 7


@dataclass(frozen=True)
class Profile:
    """How a service wants to be spoken to."""

    key: str = KEY
    """In the service's own manner: not every key begins with `sk-`."""
    path: str = "/v1/realtime"
    auth: str = "bearer"
    model_in: str = "query"
    beta: bool = False
    voices: tuple[str, ...] = ("alloy", "marin", "cedar")
    greets_with: tuple[str, ...] = ()  # events of its own before session.created
    pings: bool = False


PROFILES = {
    "openai": Profile(),
    "azure": Profile(key="0f1e2d3c4b5a69788796a5b4c3d2e1f0", path="/openai/v1/realtime", auth="api-key"),
    "xai": Profile(key="xai-0f1e2d3c4b5a", voices=("ara", "rex", "sal", "eve", "leo"), pings=True),
    "inworld": Profile(
        key="d29ya3NwYWNlOnNlY3JldA==",
        path="/api/v1/realtime/session",
        auth="basic",
        model_in="session",
        voices=("Clive", "Ashley"),
    ),
    "holysheep": Profile(key="hs-cr_0f1e2d3c4b5a"),
    "compatible": Profile(key="correct horse battery staple"),
    "moksori": Profile(key="mk_0f1e2d3c4b5a69788796"),
    "beta": Profile(beta=True),
}

AT_CONNECT = (
    "refused", "reset", "not_http", "not_tls", "untrusted",
    "http_200", "http_302", "http_400", "http_401", "http_403", "http_404", "http_429", "http_500", "http_503",
    "no_upgrade", "no_greeting", "no_confirmation",
    "bad_greeting", "not_json", "binary_greeting", "error_greeting", "closes_at_once", "refuses_update",
)  # fmt: skip
IN_CALL = (
    "expires",
    "pings",
    "no_usage",
    "late_transcript",
    "sudden_close",
    "silence",
    "no_event_id",
    "odd_event",
)


@dataclass
class MockUpstream:
    """A running mock; `port` after `running`. What it was asked and what it billed stays for the test to read."""

    provider: str = "openai"
    faults: frozenset[str] = frozenset()
    fault_after: int = 8
    """Events of a response before a fault in the call strikes."""
    pace_s: float = 0.0
    """Pause between an answer's events; 0 gives others a turn and no more."""
    requests: list[Request] = field(default_factory=list)
    received: list[list[Event]] = field(default_factory=list)
    sessions: list[MockSession] = field(default_factory=list)
    port: int = 0

    @property
    def profile(self) -> Profile:
        return PROFILES[self.provider]

    @property
    def key(self) -> str:
        return self.profile.key

    @property
    def base_url(self) -> str:
        """What a user writes into the settings."""
        path = self.profile.path
        scheme = "https" if self.faults & {"not_tls", "untrusted"} else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path.removesuffix('/realtime')}"

    def types(self, call: int = -1) -> list[str]:
        return [event["type"] for event in self.received[call]]

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[MockUpstream]:
        if "refused" in self.faults:
            with socket.socket() as held:  # bound, so that nobody else gets the port, and not listening
                held.bind(("127.0.0.1", port))
                self.port = held.getsockname()[1]
                yield self
            return
        plain = {"no_upgrade": _say_nothing, "reset": _reset, "not_http": _say_something_else}
        for fault in self.faults & plain.keys():
            strange = await asyncio.start_server(plain[fault], "127.0.0.1", port)
            self.port = strange.sockets[0].getsockname()[1]
            async with strange:
                yield self
            return
        server: Server
        async with serve(
            self._call,
            "127.0.0.1",
            port,
            process_request=self._handshake,
            compression=None,
            close_timeout=1,
            ssl=_unknown_certificate() if "untrusted" in self.faults else None,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        for fault in self.faults:
            if fault.startswith("http_"):
                return _refusal(int(fault.removeprefix("http_")), self.key)
        parts = urlsplit(request.path)
        if parts.path != self.profile.path:
            return _refusal(404, self.key)
        header, expected = {
            "bearer": ("Authorization", f"Bearer {self.key}"),
            "basic": ("Authorization", f"Basic {self.key}"),
            "api-key": ("api-key", self.key),
        }[self.profile.auth]
        if request.headers.get(header) != expected:
            return _refusal(401, self.key)
        if ("OpenAI-Beta" in request.headers) is not self.profile.beta:
            return _refusal(400, self.key)
        return None

    async def _call(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await _Call(self, connection).hold()


class _Call:
    """One connection's life."""

    def __init__(self, mock: MockUpstream, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.mock = mock
        self.socket = connection
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        self.session = MockSession(query.get("model", ""), len(mock.sessions) + 1, voices=mock.profile.voices)
        self.edge = BetaEdge() if mock.profile.beta else None
        self.answering: asyncio.Task[None] | None = None
        self.dead = False
        self.log: list[Event] = []
        mock.sessions.append(self.session)
        mock.received.append(self.log)

    async def say(self, *events: Event) -> None:
        left_out = {"event_id"} if "no_event_id" in self.mock.faults else set()
        for whole in events:
            event = {key: value for key, value in whole.items() if key not in left_out}
            raw = json.dumps(event, separators=(",", ":"))
            if self.edge is None:
                await self.socket.send(raw)
            else:
                for frame in self.edge.to_client(Frame.from_raw(raw.encode(), 0)):
                    await self.socket.send(frame.raw.decode())
            if whole["type"] == "response.done" and not self.dead:
                self.session.bill()  # what it could not tell, it does not bill

    async def hold(self) -> None:
        faults, session = self.mock.faults, self.session
        if "closes_at_once" in faults:
            await self.socket.close(1011, f"internal error, key {self.mock.key}")
            return
        if "no_greeting" in faults:
            await self.socket.wait_closed()
            return
        if "not_json" in faults:
            await self.socket.send("<html>")
        if "binary_greeting" in faults:
            await self.socket.send(b"\x00\x01")
        if "bad_greeting" in faults:
            await self.say(session.event("rate_limits.updated", rate_limits=[]))
        if "error_greeting" in faults:
            await self.say(session.error("invalid_api_key", f"Incorrect API key provided: {self.mock.key}."))
            await self.socket.close(3000, "invalid_request_error")
            return
        if self.mock.profile.pings:
            await self.say({"type": "ping", "timestamp": 1})
        await self.say(session.event("session.created", session=session.session))
        async for raw in self.socket:
            frames = [Frame.from_raw(raw.encode() if isinstance(raw, str) else raw, 0)]
            if self.edge is not None:
                frames = list(self.edge.from_client(frames[0]))
            for frame in frames:
                event = json.loads(frame.raw)
                self.log.append(event)
                await self.take(event)

    async def take(self, event: Event) -> None:
        session = self.session
        match event["type"]:
            case "session.update":
                if "refuses_update" in self.mock.faults:
                    text = f"No such voice for key {self.mock.key}."
                    await self.say(session.error("invalid_value", text, event_id=event.get("event_id")))
                    return
                if "no_confirmation" in self.mock.faults:
                    return
                if self.mock.profile.model_in == "session" and "model" in event["session"]:
                    session.model = event["session"]["model"]
                await self.say(*session.update(event["session"]))
            case "conversation.item.create":
                await self.say(*session.create_item(event["item"]))
            case "input_audio_buffer.append":
                events, due = session.append(event["audio"])
                if events and events[0]["type"].endswith("speech_started"):
                    await self.say(*events)
                    await self.cancel("turn_detected")
                elif events:
                    await self.say(*events)
                    if "late_transcript" not in self.mock.faults:
                        await self.say(*session.transcript())
                if due:
                    self.answer(None)
            case "response.create":
                self.answer(event.get("response"))
            case "response.cancel":
                await self.cancel("client_cancelled")
            case "conversation.item.retrieve":
                refusal = session.error(
                    "item_retrieve_invalid_item_id", "No such item.", event_id=event.get("event_id")
                )
                await self.say(refusal)
            case "conversation.item.truncate":
                fields = {k: event[k] for k in ("item_id", "content_index", "audio_end_ms")}
                await self.say(session.event("conversation.item.truncated", **fields))
            case _:
                pass

    def answer(self, asked: Event | None) -> None:
        if self.answering is not None and not self.answering.done():
            return
        self.answering = asyncio.create_task(self._answer(asked))

    async def _answer(self, asked: Event | None) -> None:
        faults = self.mock.faults
        if "silence" in faults:
            return
        said = 0
        with contextlib.suppress(ConnectionClosed):
            for event in self.session.answer(asked):
                if "no_usage" in faults and event["type"] == "response.done":
                    event["response"]["usage"] = None
                await self.say(event)
                said += 1
                if "odd_event" in faults:
                    await self.say(self.session.event("x.y.z", of="its own"))
                if "pings" in faults or self.mock.profile.pings:
                    await self.say({"type": "ping", "timestamp": said})
                if said == self.mock.fault_after:
                    await self._fail()
                if event["type"] != "response.done":  # after it the next answer can be asked for at once
                    await asyncio.sleep(self.mock.pace_s)
            if "late_transcript" in faults:
                await self.say(*self.session.transcript())

    async def _fail(self) -> None:
        if "sudden_close" in self.mock.faults:
            self.dead = True
            self.socket.transport.abort()
        if "expires" in self.mock.faults:
            text = "Your session hit the maximum duration of 60 minutes."
            await self.say(self.session.error("session_expired", text))
            self.dead = True
            await self.socket.close(1001, text)

    async def cancel(self, reason: str) -> None:
        if self.answering is None or self.answering.done():
            return
        self.answering.cancel()
        await asyncio.wait({self.answering})
        if not self.session.ended:
            await self.say(self.session.cancelled(reason))


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.read(1024):
            pass
    finally:
        writer.close()


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.transport.abort()


async def _say_something_else(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    await reader.read(1)
    writer.close()


@functools.cache
def _unknown_certificate() -> ssl.SSLContext:
    """Of an authority nobody has heard of."""
    with tempfile.TemporaryDirectory() as folder:
        return self_signed(Path(folder))


def _refusal(status: int, key: str) -> Response:
    error = {"message": f"Refused; your key was {key}.", "type": "x", "code": "refused"}
    body = json.dumps({"error": error}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == HTTPStatus.FOUND:
        headers["Location"] = "/v1/realtime?elsewhere"
    return Response(status, HTTPStatus(status).phrase, headers, body)


def speech(ms: int) -> list[bytes]:
    """Loud frames of 20 ms and enough quiet after them to end the turn."""
    loud, quiet = b"\x00\x20" * 480, bytes(960)
    return [loud] * (ms // 20) + [quiet] * 15


def append(pcm: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--provider", choices=PROFILES, default="openai")
    parser.add_argument("--fault", action="append", choices=(*AT_CONNECT, *IN_CALL), default=[])
    parser.add_argument("--pace-ms", type=float, default=20.0)
    given = parser.parse_args()

    async def run() -> None:
        mock = MockUpstream(given.provider, frozenset(given.fault), pace_s=given.pace_ms / 1000)
        async with mock.running(given.port):
            print(f"{given.provider} at {mock.base_url}, key {mock.key}", flush=True)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
