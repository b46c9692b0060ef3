"""A real HTTP server on a free port of this machine, which answers as a test tells it to.

It stands for OpenAI-compatible services. Shapes are those of OpenAI's API reference (chat completions with
`stream`, audio transcriptions, audio speech).
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Seen:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    """The client's port: the same one means the same connection."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Endpoint:
    base_url: str
    seen: list[Seen] = field(default_factory=list)
    script: deque[Handler] = field(default_factory=deque)
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away in the middle of an answer."""

    def will(self, *handlers: Handler) -> None:
        self.script.extend(handlers)


@contextmanager
def serving() -> Iterator[Endpoint]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # what connects before the server accepts waits, and is not refused
    endpoint = Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    app = FastAPI()

    @app.api_route("/v1/{path:path}", methods=["GET", "POST"])
    async def answer(request: Request, path: str) -> Response:
        assert request.client is not None
        seen = Seen("/" + path, dict(request.headers), await request.body(), request.client.port)
        endpoint.seen.append(seen)
        if path == "models":
            return Response('{"object":"list","data":[]}', media_type="application/json")
        return await endpoint.script.popleft()(request)

    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_keep_alive=60))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)
        listener.close()


# ---------------------------------------------------------------------------------------------- ways to answer


def status(code: int, body: dict[str, Any] | str = "") -> Handler:
    async def handler(request: Request) -> Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return Response(text, code, media_type="application/json")

    return handler


def raw(content: bytes, media_type: str) -> Handler:
    async def handler(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return handler


def stream(*pieces: bytes, cut: bool = False, media_type: str = "text/event-stream") -> Handler:
    """Send pieces as they are; with `cut` the connection breaks behind them."""

    async def handler(request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece
                await asyncio.sleep(0)
            if cut:
                raise ConnectionResetError("the test cut it")

        return StreamingResponse(body(), media_type=media_type)

    return handler


def stalls(endpoint: Endpoint, *pieces: bytes, media_type: str = "text/event-stream") -> Handler:
    """Send pieces, then nothing until the client goes away."""

    async def handler(request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            try:
                for piece in pieces:
                    yield piece
                await asyncio.Event().wait()
            finally:
                endpoint.left.set()

        return StreamingResponse(body(), media_type=media_type)

    return handler


def data(event: dict[str, Any] | str) -> bytes:
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """A `chat.completion.chunk`."""
    choices = (
        [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    )
    return data(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": choices,
            **more,
        }
    )


def said(*texts: str, finish: str = "stop") -> Handler:
    """A whole answer of the usual form."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    return stream(
        chunk({"role": "assistant", "content": ""}),
        *[chunk({"content": text}) for text in texts],
        chunk({}, finish),
        chunk(None, usage=usage),
        data("[DONE]"),
    )
