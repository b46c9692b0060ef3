"""A session's own MCP servers over streamable HTTP, by the official SDK: who may be reached, and one line to each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar
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
GOODBYE_S = 2.0
"""How long the end of a session may take a server before it is left without one."""
MOST_OUTPUT = 20_000
"""Characters of a tool's output that go into the conversation."""


T = TypeVar("T")


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


class Line:
    """One MCP session with one server: opened by the first request, kept while the call lasts, after a break a new one.

    The SDK wants its session entered and left by the same task, so a task of its own holds it open.
    """

    def __init__(self, tool: McpTool) -> None:
        self.tool = tool
        self._holder: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[ClientSession] | None = None
        self._over = asyncio.Event()
        self._unknown = False
        """The server said to the last request that it does not know this session."""

    async def list_tools(self) -> tuple[McpListedTool, ...]:
        """The server's tools that the session may use. Raises `CallFailed`."""
        with _told():
            listed = await self._ask(lambda session: session.list_tools())
        return tuple(
            McpListedTool(
                name=each.name,
                input_schema=dict(each.input_schema),
                description=each.description,
                annotations=each.annotations.model_dump(exclude_none=True) if each.annotations else None,
            )
            for each in listed.tools
            if offered(self.tool, each.name, bool(each.annotations and each.annotations.read_only_hint))
        )

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
        """The tool's output as text. Raises `CallFailed`."""
        with _told():
            result = await self._ask(lambda session: session.call_tool(name, arguments))
        if not isinstance(result, mcp_types.CallToolResult):
            raise CallFailed(
                McpToolExecutionError(message="The tool asked for more input, which nobody here can give.")
            )
        text = "\n".join(part.text for part in result.content if isinstance(part, mcp_types.TextContent))
        if result.is_error:
            raise CallFailed(McpToolExecutionError(message=text or "The tool failed without saying why."))
        return text[:MOST_OUTPUT]

    async def close(self) -> None:
        """End the session, if there is one. Idempotent."""
        holder, self._holder = self._holder, None
        if holder is None:
            return
        self._over.set()
        await asyncio.wait({holder}, timeout=GOODBYE_S)
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)

    async def _ask(self, request: Callable[[ClientSession], Awaitable[T]]) -> T:
        """One request on the session there is. A server that has forgotten it is asked again on a new one."""
        known = self._holder is not None and not self._holder.done()
        self._unknown = False
        try:
            return await self._asked(request)
        except MCPError:
            if not self._unknown or not known:
                raise
        await self.close()
        return await self._asked(request)

    async def _asked(self, request: Callable[[ClientSession], Awaitable[T]]) -> T:
        session = await self._opened()
        holder = self._holder
        asking = asyncio.ensure_future(request(session))
        try:
            await asyncio.wait(
                {asking, holder} if holder is not None else {asking}, return_when=asyncio.FIRST_COMPLETED
            )
            if asking.done():
                return asking.result()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert holder is not None
        raise holder.exception() or ConnectionError("the session was closed")

    async def _opened(self) -> ClientSession:
        if self._holder is None or self._holder.done():
            loop = asyncio.get_running_loop()
            self._ready, self._over = loop.create_future(), asyncio.Event()
            self._holder = loop.create_task(self._hold(self._ready, self._over), name="moksori-mcp-session")
            self._holder.add_done_callback(_looked_at)
        assert self._ready is not None
        return await asyncio.shield(self._ready)

    async def _answered(self, response: httpx2.Response) -> None:
        """A server answers 404 to a session it does not know any more: nothing was run."""
        if response.status_code == 404 and response.request.method == "POST":
            self._unknown = True

    async def _hold(self, ready: asyncio.Future[ClientSession], over: asyncio.Event) -> None:
        try:
            async with _session(self.tool, self._answered) as session:
                ready.set_result(session)
                await over.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(
                    error if isinstance(error, Exception) else ConnectionError("the call is over")
                )
                ready.exception()  # nobody may be waiting any more
            raise


def _looked_at(holder: asyncio.Task[None]) -> None:
    """Whoever waits is told by `_asked`; an end that nobody waits for is no news."""
    if not holder.cancelled():
        holder.exception()


class Lines:
    """A call's lines to its MCP servers, one each."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    async def list_tools(self, tool: McpTool) -> tuple[McpListedTool, ...]:
        """The server's tools that the session may use. Raises `CallFailed`."""
        return await (await self._to(tool)).list_tools()

    async def call_tool(self, tool: McpTool, name: str, arguments: dict[str, Any]) -> str:
        """The tool's output as text. Raises `CallFailed`."""
        return await (await self._to(tool)).call_tool(name, arguments)

    async def close(self) -> None:
        """Hang up. Idempotent."""
        lines, self._lines = list(self._lines.values()), {}
        await asyncio.gather(*(line.close() for line in lines))

    async def _to(self, tool: McpTool) -> Line:
        line = self._lines.get(tool.server_label)
        if line is not None and line.tool == tool:
            return line
        made = self._lines[tool.server_label] = Line(tool)
        if line is not None:  # the same name for another server, or for other secrets
            await line.close()
        return made


@contextlib.asynccontextmanager
async def _session(
    tool: McpTool, answered: Callable[[httpx2.Response], Awaitable[None]]
) -> AsyncIterator[ClientSession]:
    """A session that has shaken hands."""
    assert tool.server_url is not None
    headers = dict(tool.headers or {})
    if tool.authorization is not None:
        headers["Authorization"] = f"Bearer {tool.authorization}"
    # No redirects: an allowed host must not lead to one that is not.
    # Answers are waited for by the session; the stream for what a server says by itself may be silent for long.
    patience = httpx2.Timeout(PATIENCE_S, read=None)
    hooks = {"response": [answered]}
    http = httpx2.AsyncClient(headers=headers, timeout=patience, follow_redirects=False, event_hooks=hooks)
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
