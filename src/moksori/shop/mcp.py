"""The shop's tools as MCP, by the official SDK: stdio, and streamable HTTP to be mounted by the server.

    moksori shop mcp --database URL [--compat tau2] [--language ko|en]

There is no call here, so writes are only proposed; `confirm_action` needs the shop's signed approval. Who the client
speaks for comes from the `moksori-context` header or the `moksori/context` entry of a request's `_meta`
(docs/reference/caller-context.md), or from the verification tool where the client keeps a session.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from moksori.agent.guard import CONFIRM
from moksori.agent.principal import Principal
from moksori.agent.tools import JSON, Done, Language, Refused
from moksori.shop.attempts import KeptAttempts
from moksori.shop.guard.call import ShopGuards, utc_now
from moksori.shop.guard.detached import DetachedGuard
from moksori.shop.guard.gate import dumped, refused_output
from moksori.shop.guard.keys import settings_from
from moksori.shop.guard.texts import refusal

NAME = "moksori-shop"
CONTEXT_HEADER = "moksori-context"
CONTEXT_META = "moksori/context"
MOST_CLIENTS = 1000
"""HTTP clients whose identity is kept; the longest unused goes first."""

Answer = Callable[[str, dict[str, Any], Any], Awaitable[str]]
Listing = Callable[[Any], list[types.Tool]]


def guarded_server(guard_of: Callable[[Any], DetachedGuard], language: Language) -> Server[Any]:
    """An MCP server whose every request is answered by the guard `guard_of` finds for it."""

    def listing(ctx: Any) -> list[types.Tool]:
        guard = guard_of(ctx)
        return [
            types.Tool(
                name=tool.name,
                description=tool.description,
                input_schema=tool.parameters,
                annotations=types.ToolAnnotations(
                    read_only_hint=tool.name in guard.reading,
                    destructive_hint=tool.name == CONFIRM,
                    idempotent_hint=True,
                    open_world_hint=False,
                ),
            )
            for tool in guard.tools()
        ]

    async def answer(name: str, arguments: dict[str, Any], ctx: Any) -> str:
        guard = guard_of(ctx)
        context = _context(ctx)
        if context and guard.caller.how != "signed":
            identified = await guard.identify(context)
            if isinstance(identified, Refused):
                return refused_output(identified, language)
        # JSON-RPC ids are unique within a session only, and a client may repeat one by mistake: no memory of calls.
        return (await guard.call(name, arguments)).output

    return _server(listing, answer)


def tau2_server(tools: Any) -> Server[Any]:
    """tau2's tools as they are, without confirmation: for a database flagged as a tau2 import, over stdio only."""
    specs = tools.specs()

    def listing(_: Any) -> list[types.Tool]:
        return [
            types.Tool(
                name=spec["name"],
                description=spec["description"],
                input_schema=spec["parameters"],
                annotations=types.ToolAnnotations(read_only_hint=not spec["writes"]),
            )
            for spec in specs
        ]

    async def answer(name: str, arguments: dict[str, Any], _: Any) -> str:
        done: Done | Refused = await tools.call(name, arguments, utc_now())
        if isinstance(done, Refused):
            return refused_output(done, "en")
        return dumped({"ok": True, "result": done.value})

    return _server(listing, answer)


def _server(listing: Listing, answer: Answer) -> Server[Any]:
    async def list_tools(ctx: Any, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listing(ctx))

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        output = await answer(params.name, params.arguments or {}, ctx)
        body: dict[str, JSON] = json.loads(output)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=output)],
            structured_content=body,
            is_error=not body["ok"],
        )

    return Server(NAME, on_list_tools=list_tools, on_call_tool=call_tool)


def _context(ctx: Any) -> str | None:
    meta: Mapping[str, Any] = ctx.meta or {}
    given = meta.get(CONTEXT_META)
    if given is None and isinstance(ctx.request, Request):
        given = ctx.request.headers.get(CONTEXT_HEADER)
    return given if isinstance(given, str) and given else None


class McpEndpoint:
    """Streamable HTTP, as an ASGI application for one route: `Route("/shop/mcp", endpoint=endpoint)`.

    `running()` must be entered for as long as the server runs. `who` says whose key a request carries; None is 401.
    `allowed_hosts` and `allowed_origins` (with a port, or ":*") guard against DNS rebinding; None where the server
    around it has judged host and page already.
    """

    def __init__(
        self,
        guards: ShopGuards,
        *,
        who: Callable[[Request], Principal | None],
        language: Language = "ko",
        allowed_hosts: tuple[str, ...] | None = ("127.0.0.1:*", "localhost:*", "[::1]:*"),
        allowed_origins: tuple[str, ...] = ("http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"),
    ) -> None:
        self._guards, self._who, self._language = guards, who, language
        self._kept: OrderedDict[tuple[str, str], DetachedGuard] = OrderedDict()
        self._manager = StreamableHTTPSessionManager(
            guarded_server(self._guard_of, language),
            json_response=True,
            max_sessions=MOST_CLIENTS,
            security_settings=TransportSecuritySettings(
                enable_dns_rebinding_protection=allowed_hosts is not None,
                allowed_hosts=list(allowed_hosts or ()),
                allowed_origins=list(allowed_origins),
            ),
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = self._who(Request(scope))
        if principal is None:
            message = refusal("key_needed").message[self._language]
            response = JSONResponse({"error": {"code": "invalid_api_key", "message": message}}, 401)
            await response(scope, receive, send)
            return
        scope[_PRINCIPAL] = principal
        await self._manager.handle_request(scope, receive, send)

    def _guard_of(self, ctx: Any) -> DetachedGuard:
        """The client's guard. A client without a session is nobody it was not signed to be, each time anew."""
        request: Request = ctx.request
        principal: Principal = request.scope[_PRINCIPAL]
        session = request.headers.get("mcp-session-id")
        if session is None:
            name = f"mcp:{principal.key_id}"
            return DetachedGuard(self._guards, name, principal, self._language, keeps_session=False)
        key = (principal.key_id, session)
        if key not in self._kept:
            name = f"mcp:{principal.key_id}:{session}"
            self._kept[key] = DetachedGuard(self._guards, name, principal, self._language)
            if len(self._kept) > MOST_CLIENTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


_PRINCIPAL = "moksori.principal"


async def serve_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _main(database: str, compat: str | None, language: Language) -> int:
    from moksori.shop.compat.tau2 import Tau2Tools
    from moksori.shop.policy import PolicyUnusable
    from moksori.shop.tools.toolset import ShopUnusable, open_shop
    from moksori.store import DatabaseUnusable

    try:
        settings = settings_from(os.environ)
        shop = await open_shop(database)
    except (DatabaseUnusable, ShopUnusable, PolicyUnusable, ValueError) as why:
        print(why, file=sys.stderr)
        return 2
    try:
        if compat == "tau2":
            server = tau2_server(Tau2Tools(shop))
        else:
            guards = ShopGuards(shop, settings, attempts=KeptAttempts(shop.database))
            guard = DetachedGuard(guards, f"stdio:{os.getpid()}", Principal("stdio", "stdio"), language)
            server = guarded_server(lambda _: guard, language)
        await serve_stdio(server)
    except ShopUnusable as why:
        print(why, file=sys.stderr)
        return 2
    finally:
        await shop.close()
    return 0


def run_stdio(database: str, compat: str | None, language: Language) -> int:
    """Serve until standard input ends; returns the exit code, 2 where there is nothing to serve."""
    return asyncio.run(_main(database, compat, language))
