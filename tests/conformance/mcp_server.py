"""A small MCP server on streamable HTTP, by the official SDK, on a free port."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Request = tuple[str, str | None, str | None]
"""What a client asked: the HTTP method, the MCP session it named, the JSON-RPC method."""


def app() -> MCPServer:
    server = MCPServer("orders")

    @server.tool()
    def find_order(question: str) -> str:
        """Find the caller's order."""
        if "broken" in question:
            raise ValueError("The warehouse is closed.")
        return json.dumps({"status": "shipped yesterday"})

    @server.tool()
    def secret_tool() -> str:
        """One that sessions are not meant to use."""
        return "never"

    return server


def noted(inner: ASGIApp, requests: list[Request]) -> ASGIApp:
    """The app, keeping a list of what it was asked."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        session = next((v.decode() for k, v in scope["headers"] if k == b"mcp-session-id"), None)
        begun = False

        async def read() -> Message:
            nonlocal begun
            message = await receive()
            if message["type"] == "http.request" and not begun:
                begun = True
                body = json.loads(message.get("body") or b"{}")
                requests.append((scope["method"], session, body.get("method")))
            return message

        if scope["method"] != "POST":
            requests.append((scope["method"], session, None))
            await inner(scope, receive, send)
        else:
            await inner(scope, read, send)

    return asked


@contextlib.contextmanager
def mcp_server(requests: list[Request] | None = None) -> Iterator[str]:
    """Its address, such as `http://127.0.0.1:41234/mcp`, while the block runs."""
    asgi = noted(app().streamable_http_app(), requests if requests is not None else [])
    config = uvicorn.Config(asgi, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = True
        thread.join(10)
