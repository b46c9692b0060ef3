"""What the server does for a shop besides calls: its demo data, its news to the webhook, its tools over MCP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from moksori.agent.principal import Principal
from moksori.agent.tools import ToolSet
from moksori.server.access import admit
from moksori.server.errors import ApiError
from moksori.server.house import House
from moksori.settings import ExternalShop, SettingsError
from moksori.settings import Shop as ShopSettings
from moksori.shop.demo import make_demo
from moksori.shop.desk import ShopDesk
from moksori.shop.external import ExternalTools, Manner
from moksori.shop.external_links import HttpLink, Link, McpLink
from moksori.shop.formats.write import write_shop
from moksori.shop.load import load_profile
from moksori.shop.mcp import McpEndpoint
from moksori.shop.outbox import Outbox, Webhook
from moksori.shop.schema import prepare
from moksori.shop.tools.toolset import ShopTools
from moksori.store import open_database

_ADMITTED = "moksori.admitted"


class ShopHouse:
    """`Shop` of the house: the desk for calls, and what runs beside it while the server does.

    Raises `SettingsError` for a webhook secret that cannot be used.
    """

    def __init__(self, desk: ShopDesk, house: House) -> None:
        self._desk, self._house = desk, house
        self._settings = house.settings.shop
        self._webhook = _webhook(self._settings)
        self._external: ExternalTools | None = None
        self._outbox: Outbox | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._mcp: McpEndpoint | None = None
        self._holding: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        desk.behind = self._tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The tools over MCP, for the holder of an API key. Page, host and key are judged as everywhere."""
        assert self._mcp is not None, "the shop was started"
        try:
            scope[_ADMITTED] = _key_holder(self._house, Request(scope))
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        await self._mcp(scope, receive, send)

    async def start(self) -> None:
        """Raises what the desk raises, and `LinkFailed` or `ExternalUnusable` where the shop's server does not fit."""
        if self._settings.demo:
            await fill(self._desk.database, self._settings.seed)
        await self._desk.start()
        assert self._desk.tools is not None
        if self._webhook is not None:
            self._outbox = Outbox(self._desk.tools.database, self._webhook)
            self._delivering = asyncio.create_task(self._outbox.run(), name="shop outbox")
        self._mcp = McpEndpoint(
            self._desk.shop_guards,
            who=lambda request: request.scope[_ADMITTED],
            language=self._settings.language,
            allowed_hosts=None,
        )
        ready = asyncio.Event()
        self._holding = asyncio.create_task(self._hold(self._mcp, ready), name="shop mcp")
        await ready.wait()

    async def close(self) -> None:
        self._end.set()
        if self._delivering is not None:
            self._delivering.cancel()
        running = [task for task in (self._holding, self._delivering) if task is not None]
        await asyncio.gather(*running, return_exceptions=True)
        if self._outbox is not None:
            await self._outbox.close()
        if self._external is not None:
            await self._external.close()
        await self._desk.close()

    async def _hold(self, mcp: McpEndpoint, ready: asyncio.Event) -> None:
        """The sessions' tasks must end in the task they began in."""
        async with mcp.running():
            ready.set()
            await self._end.wait()

    async def _tools(self, own: ShopTools) -> ToolSet:
        """What stands behind the guard: our tools, or the shop's own with a few of ours."""
        if self._settings.external is None:
            return own
        self._external = ExternalTools(_link(self._settings.external), _manner(self._settings.external), own)
        await self._external.start()
        return self._external


async def fill(database: str, seed: int) -> None:
    """Make the demo shop, where the database holds none yet."""
    async with await open_database(database) as opened:
        await prepare(opened)
        async with opened.reading() as session:
            if await load_profile(session) is not None:
                return
        now = datetime.now(UTC)
        await write_shop(opened, await asyncio.to_thread(make_demo, seed, now), now)


def _key_holder(house: House, request: Request) -> Principal:
    admitted = admit(house, request)
    if admitted.secret is not None:
        raise ApiError(
            403,
            "A client secret opens conversations only; this needs an API key.",
            code="insufficient_permissions",
        )
    return admitted.principal


def _webhook(shop: ShopSettings) -> Webhook | None:
    if shop.webhook is None:
        return None
    try:
        return Webhook(shop.webhook.url, shop.webhook.secret.reveal())
    except ValueError as why:
        raise SettingsError(f"shop.webhook.secret cannot be used: {why}.") from why


def _link(external: ExternalShop) -> Link:
    key = external.api_key.reveal() if external.api_key is not None else None
    if external.kind == "http":
        assert external.url is not None, "the settings were checked"
        return HttpLink(external.url, key=key)
    return McpLink(url=external.url, command=external.command, key=key)


def _manner(external: ExternalShop) -> Manner:
    return Manner(
        reads=frozenset(external.reads),
        verifies=frozenset(external.verifies),
        everyone=frozenset(external.everyone),
        previews=external.previews,
        customer_argument=external.customer_argument,
        quotes=external.quotes,
        own=frozenset(external.own),
    )
