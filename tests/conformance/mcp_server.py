"""A small MCP server on streamable HTTP, by the official SDK, on a free port."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

import uvicorn
from mcp.server.mcpserver import MCPServer


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


@contextlib.contextmanager
def mcp_server() -> Iterator[str]:
    """Its address, such as `http://127.0.0.1:41234/mcp`, while the block runs."""
    config = uvicorn.Config(app().streamable_http_app(), host="127.0.0.1", port=0, log_level="warning")
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
