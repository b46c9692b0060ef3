"""A session's own MCP servers over streamable HTTP, by the official SDK: who may be reached, their tools, one call."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import mcp_types
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client

from moksori.protocol.items import (
    McpError,
    McpHttpError,
    McpListedTool,
    McpProtocolError,
    McpToolExecutionError,
)
from moksori.protocol.session import McpTool

PATIENCE_S = 20.0
"""How long a server has to list its tools or to answer a call: a caller is waiting."""
MOST_OUTPUT = 20_000
"""Characters of a tool's output that go into the conversation."""


class CallFailed(Exception):
    """A call, or the listing, did not work; `error` is what the protocol's item says of it."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.message)
        self.error = error


def may_reach(url: str, allowed: frozenset[str]) -> bool:
    """Whether `url` is http(s) and its host, or host:port, is one the operator allowed."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return False
    return host in allowed or (port is not None and f"{host}:{port}" in allowed)


def offered(tool: McpTool, name: str, read_only: bool) -> bool:
    """Whether `allowed_tools` lets this one of the server's tools be used."""
    allowed = tool.allowed_tools
    if allowed is None:
        return True
    if isinstance(allowed, tuple):
        return name in allowed
    by_name = allowed.tool_names is None or name in allowed.tool_names
    return by_name and (allowed.read_only is None or allowed.read_only == read_only)


def needs_approval(tool: McpTool, name: str) -> bool:
    """Whether a person must agree to each call; without a word about it, as documented, one must."""
    wish = tool.require_approval
    if wish is None or isinstance(wish, str):
        return wish != "never"
    never = wish.never.tool_names if wish.never is not None else None
    return never is None or name not in never


async def list_tools(tool: McpTool) -> tuple[McpListedTool, ...]:
    """The server's tools that the session may use. Raises `CallFailed`."""
    with _told():
        async with _session(tool) as session:
            listed = await session.list_tools()
            return tuple(
                McpListedTool(
                    name=each.name,
                    input_schema=dict(each.input_schema),
                    description=each.description,
                    annotations=each.annotations.model_dump(exclude_none=True) if each.annotations else None,
                )
                for each in listed.tools
                if offered(tool, each.name, bool(each.annotations and each.annotations.read_only_hint))
            )


async def call_tool(tool: McpTool, name: str, arguments: dict[str, Any]) -> str:
    """The tool's output as text. Raises `CallFailed`."""
    with _told():
        async with _session(tool) as session:
            result = await session.call_tool(name, arguments)
    if not isinstance(result, mcp_types.CallToolResult):
        raise CallFailed(
            McpToolExecutionError(message="The tool asked for more input, which nobody here can give.")
        )
    text = "\n".join(part.text for part in result.content if isinstance(part, mcp_types.TextContent))
    if result.is_error:
        raise CallFailed(McpToolExecutionError(message=text or "The tool failed without saying why."))
    return text[:MOST_OUTPUT]


@contextlib.asynccontextmanager
async def _session(tool: McpTool) -> AsyncIterator[ClientSession]:
    """A connection for one request: a call has few, and none of them is then left open."""
    assert tool.server_url is not None
    headers = dict(tool.headers or {})
    if tool.authorization is not None:
        headers["Authorization"] = f"Bearer {tool.authorization}"
    # No redirects: an allowed host must not lead to one that is not.
    http = httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, follow_redirects=False)
    async with (
        http,
        streamable_http_client(tool.server_url, http_client=http) as streams,
        ClientSession(streams[0], streams[1], read_timeout_seconds=PATIENCE_S) as session,
    ):
        await session.initialize()
        yield session


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong inside, in the protocol's terms."""
    try:
        yield
    except CallFailed:
        raise
    except Exception as error:
        raise CallFailed(_explained(error)) from error


def _explained(error: BaseException) -> McpError:
    """The cause inside the groups in which the SDK wraps it."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    status = getattr(getattr(error, "response", None), "status_code", None)
    match error:
        case MCPError():
            return McpProtocolError(code=error.error.code, message=error.error.message)
        case _ if isinstance(status, int):
            return McpHttpError(code=status, message=f"The MCP server answered with HTTP {status}.")
        case TimeoutError():
            return McpHttpError(
                code=504, message=f"The MCP server did not answer within {PATIENCE_S:g} seconds."
            )
        case _:
            return McpHttpError(code=502, message="The MCP server could not be reached.")
