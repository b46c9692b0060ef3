"""Ways to a shop's own tools: its MCP server (streamable HTTP or stdio), or a small HTTP API. docs/reference/shop.md.

Who is calling, which call it is and the idempotency key travel beside the arguments, never among them: over MCP in
`_meta` (`moksori/customer`, `moksori/call`, `moksori/confirmation`), over HTTP as headers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from moksori.agent.tools import JSON

TIMEOUT_S = 15.0
"""A caller waits for no tool longer than this."""


class LinkFailed(Exception):
    """The shop's server was not reached, or broke off; whether it did anything is not known."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as the shop's server describes it. Texts by language, or one text for both."""

    name: str
    title: str | Mapping[str, str]
    description: str | Mapping[str, str]
    parameters: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class About:
    """Whose call it is, and under which confirmation something is done."""

    customer_id: str | None
    call_id: str
    confirmation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    value: JSON
    """The result; of a refusal, its sentence or an object with `code` and `message`."""


class Link(Protocol):
    async def start(self) -> tuple[Offered, ...]:
        """Connect and ask for the tools. Raises `LinkFailed` with a sentence."""
        ...

    async def call(self, name: str, arguments: Mapping[str, JSON], about: About) -> Answer:
        """Raises `LinkFailed`."""
        ...

    async def close(self) -> None: ...


class McpLink:
    """One session with an MCP server, begun again when it breaks."""

    def __init__(
        self, *, url: str | None = None, command: tuple[str, ...] = (), key: str | None = None
    ) -> None:
        self._url, self._command, self._key = url, command, key
        self._client: Client | None = None
        self._holding: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._one = asyncio.Lock()

    @property
    def _where(self) -> str:
        return self._url or " ".join(self._command)

    async def start(self) -> tuple[Offered, ...]:
        client = await self._open()
        try:
            tools = (await client.list_tools()).tools
        except Exception as error:
            raise LinkFailed(f"The MCP server {self._where} does not list its tools: {error}.") from error
        return tuple(
            Offered(tool.name, tool.title or tool.name, tool.description or tool.name, tool.input_schema)
            for tool in tools
        )

    async def call(self, name: str, arguments: Mapping[str, JSON], about: About) -> Answer:
        client = await self._open()
        said = {
            "moksori/customer": about.customer_id,
            "moksori/call": about.call_id,
            "moksori/confirmation": about.confirmation_id,
        }
        meta: Any = {name: value for name, value in said.items() if value}
        try:
            result = await client.call_tool(name, dict(arguments), read_timeout_seconds=TIMEOUT_S, meta=meta)
        except MCPError as error:
            raise LinkFailed(f"The MCP server {self._where} failed: {error}.") from error
        except Exception as error:
            await self._drop()
            raise LinkFailed(f"The MCP server {self._where} is gone: {type(error).__name__}.") from error
        value: JSON = result.structured_content
        if value is None:
            value = "\n".join(part.text for part in result.content if part.type == "text")
        return Answer(not result.is_error, value)

    async def close(self) -> None:
        async with self._one:
            await self._drop()

    async def _open(self) -> Client:
        async with self._one:
            if self._client is None:
                self._end = asyncio.Event()
                ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                # The SDK wants a session to be left by the task that entered it.
                self._holding = asyncio.create_task(self._hold(ready, self._end), name="shop mcp")
                try:
                    self._client = await asyncio.wait_for(asyncio.shield(ready), TIMEOUT_S)
                except Exception as error:
                    await self._drop()
                    raise LinkFailed(
                        f"The MCP server {self._where} cannot be reached: {type(error).__name__}."
                    ) from error
            return self._client

    async def _hold(self, ready: asyncio.Future[Client], end: asyncio.Event) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._connect(stack))
                ready.set_result(client)
                await end.wait()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)

    async def _connect(self, stack: contextlib.AsyncExitStack) -> Client:
        if self._url is None:
            program, *arguments = self._command
            return Client(StdioServerParameters(command=program, args=arguments))
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S))
        return Client(streamable_http_client(self._url, http_client=http))

    async def _drop(self) -> None:
        """Leave the session; the next call begins another."""
        holding, self._holding, self._client = self._holding, None, None
        self._end.set()
        if holding is not None:
            done, _ = await asyncio.wait({holding}, timeout=TIMEOUT_S)
            if not done:
                holding.cancel()


class HttpLink:
    """`GET URL/tools` names the tools, `POST URL/tools/NAME` with `{"arguments"}` calls one."""

    def __init__(self, url: str, *, key: str | None = None, client: httpx.AsyncClient | None = None) -> None:
        self._url = url.rstrip("/")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_S)
        self._client.headers.update(headers)

    async def start(self) -> tuple[Offered, ...]:
        body = await self._ask("GET", "/tools")
        try:
            return tuple(
                Offered(
                    name=str(tool["name"]),
                    title=tool.get("title", tool["name"]),
                    description=tool.get("description", tool["name"]),
                    parameters=tool.get("parameters", {"type": "object", "properties": {}}),
                )
                for tool in body["tools"]
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise LinkFailed(
                f'{self._url}/tools does not answer with {{"tools": [{{"name", …}}]}}.'
            ) from error

    async def call(self, name: str, arguments: Mapping[str, JSON], about: About) -> Answer:
        headers = {
            "moksori-customer": about.customer_id,
            "moksori-call": about.call_id,
            "idempotency-key": about.confirmation_id,
        }
        body = await self._ask(
            "POST", f"/tools/{name}", {"arguments": dict(arguments)}, {k: v for k, v in headers.items() if v}
        )
        if body.get("ok") is True:
            return Answer(True, body.get("result"))
        return Answer(False, body.get("error"))

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, self._url + path, json=body, headers=headers)
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LinkFailed(f"The shop's API {self._url} cannot be used: {type(error).__name__}.") from error
        # A refusal may come with any 4xx; what failed inside says nothing of what was done.
        if (
            answer.status_code >= 500
            or not isinstance(found, dict)
            or not (answer.is_success or "ok" in found)
        ):
            raise LinkFailed(f"The shop's API {self._url} failed with {answer.status_code}.")
        return found
