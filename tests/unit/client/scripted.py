"""A small Realtime server that follows a script: what it says and what it expects to hear, call by call."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from moksori.protocol.session import default_session

Event = dict[str, Any]
PATIENCE = 10.0  # seconds; only a broken test waits this long


class Phone:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self._socket = socket
        self._number = number
        self._said = 0
        self.audio = b""  # everything appended on this connection
        request = socket.request
        assert request is not None
        self.headers = request.headers
        self.query = dict(parse_qsl(urlsplit(request.path).query))

    async def say(self, *events: Event) -> None:
        """Send events; those without an id get one."""
        for event in events:
            self._said += 1
            named = {"event_id": f"event_{self._number}_{self._said}", **event}
            await self._socket.send(json.dumps(named))

    async def greet(self, session_id: str = "sess_1", **extra: Any) -> None:
        """`session.created`."""
        await self.say({"type": "session.created", "session": session(session_id), **extra})

    async def hear(self, kind: str) -> Event:
        """The next event but audio, which is collected; it must be of this type."""
        while True:
            event = await self._next()
            if event["type"] != "input_audio_buffer.append":
                assert event["type"] == kind, f"expected {kind}, heard {event}"
                return event

    async def hear_audio(self, ms: int) -> None:
        """Wait until this much audio was appended on this connection; no other event may come."""
        while len(self.audio) < ms * 48:
            event = await self._next()
            assert event["type"] == "input_audio_buffer.append", event

    async def hear_voice_end(self) -> None:
        """Wait for 200 ms of silence after voice."""
        while not (any(self.audio) and not any(self.audio[-200 * 48 :])):
            event = await self._next()
            assert event["type"] == "input_audio_buffer.append", event

    async def hear_goodbye(self) -> int:
        """Take whatever comes until the client hangs up; the close code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._next()
        return self._socket.close_code or 0

    async def close(self, code: int, reason: str = "") -> None:
        """Close in the ordinary way."""
        await self._socket.close(code, reason)

    def drop(self) -> None:
        """The line breaks without a word."""
        self._socket.transport.abort()

    async def _next(self) -> Event:
        async with asyncio.timeout(PATIENCE):
            event: Event = json.loads(await self._socket.recv())
        if event["type"] == "input_audio_buffer.append":
            self.audio += base64.b64decode(event["audio"])
        return event


Script = Callable[[Phone], Awaitable[None]]


class Refusal:
    """In place of a script: the upgrade is refused with this status and, if given, an error body."""

    def __init__(self, status: int, code: str | None = None, message: str = "") -> None:
        self.status = status
        self.body = (
            b"" if code is None else json.dumps({"error": {"code": code, "message": message}}).encode()
        )


class ScriptedServer:
    """Each connection follows the next script. Leaving the context waits for all, and raises what failed in them."""

    def __init__(self, *scripts: Script | Refusal) -> None:
        self._scripts = list(scripts)
        self._accepted: list[Script] = []
        self._server: Server | None = None
        self._running: list[asyncio.Future[None]] = []
        self.phones: list[Phone] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._follow, "127.0.0.1", 0, process_request=self._admit, compression=None, close_timeout=1
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/v1/realtime"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        async with asyncio.timeout(PATIENCE):
            results = await asyncio.gather(*self._running, return_exceptions=True)
        self._server.close()
        await self._server.wait_closed()
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            raise failed[0]
        if error is None:
            assert not self._scripts, f"{len(self._scripts)} scripts were never begun"

    def _admit(self, _socket: ServerConnection, _request: Request) -> Response | None:
        if not self._scripts:
            return Response(503, "Service Unavailable", Headers({"Content-Length": "0"}), b"")
        script = self._scripts.pop(0)
        if isinstance(script, Refusal):
            headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(script.body))})
            return Response(script.status, "Refused", headers, script.body)
        self._accepted.append(script)
        return None

    async def _follow(self, socket: ServerConnection) -> None:
        phone = Phone(socket, len(self.phones) + 1)
        self.phones.append(phone)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running.append(done)
        try:
            await self._accepted.pop(0)(phone)
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)


def session(session_id: str = "sess_1", **over: Any) -> Event:
    """A whole session as the wire carries it."""
    whole: Event = msgspec.to_builtins(default_session(session_id, "moksori-local", 1_900_000_000))
    return {**whole, **over}


def created(response_id: str, metadata: dict[str, str] | None = None) -> Event:
    return {"type": "response.created", "response": response(response_id, "in_progress", metadata=metadata)}


def done(response_id: str, status: str = "completed", **more: Any) -> Event:
    return {"type": "response.done", "response": response(response_id, status, **more)}


def response(response_id: str, status: str, **more: Any) -> Event:
    return {"id": response_id, "object": "realtime.response", "status": status, "output": [], **more}


def added(item: Event) -> Event:
    return {"type": "conversation.item.added", "previous_item_id": None, "item": item}


def spoken(item_id: str) -> Event:
    """A user item of audio."""
    content = [{"type": "input_audio", "transcript": None}]
    return {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": content}


def answer_item(item_id: str) -> Event:
    return {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def function_call(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Event:
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def _of(response_id: str, item_id: str, kind: str, **more: Any) -> Event:
    return {
        "type": kind,
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        **more,
    }


def audio_delta(response_id: str, item_id: str, pcm: bytes) -> Event:
    return _of(response_id, item_id, "response.output_audio.delta", delta=base64.b64encode(pcm).decode())


def audio_done(response_id: str, item_id: str) -> Event:
    return _of(response_id, item_id, "response.output_audio.done")


def words_delta(response_id: str, item_id: str, text: str) -> Event:
    return _of(response_id, item_id, "response.output_audio_transcript.delta", delta=text)


def words_done(response_id: str, item_id: str, text: str) -> Event:
    return _of(response_id, item_id, "response.output_audio_transcript.done", transcript=text)


def text_done(response_id: str, item_id: str, text: str) -> Event:
    return _of(response_id, item_id, "response.output_text.done", text=text)


def item_done(response_id: str, item: Event) -> Event:
    return {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": item}


def heard(item_id: str, text: str) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
        "usage": {"type": "duration", "seconds": 1},
    }


def speech_started(item_id: str, ms: int = 0) -> Event:
    return {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": ms}


def speech_stopped(item_id: str, ms: int = 1000) -> Event:
    return {"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": ms}


def committed(item_id: str) -> Event:
    return {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": None}


def error(code: str, message: str, event_id: str | None = None) -> Event:
    detail = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": None,
        "event_id": event_id,
    }
    return {"type": "error", "error": detail}
