"""A server with a shop: its tools over MCP for key holders, its news to the webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from moksori.agent.guard import CONFIRM
from moksori.server.app import compose
from moksori.server.run import listen, running
from moksori.settings import Settings, SettingsError, hash_key
from tests.unit.shop.conftest import build
from tests.unit.shop.little import NOW, little_shop

KEY = "a-key-of-this-server"
SECRET = "the webhook's secret, long enough"


def settings_for(database: str, **shop: Any) -> Settings:
    return Settings(
        engine={"profile": "off"},  # type: ignore[arg-type]
        auth={"keys": [{"name": "dev", "sha256": hash_key(KEY)}]},  # type: ignore[arg-type]
        accounts={"database": "sqlite://"},  # type: ignore[arg-type]
        shop={"database": database, "language": "en", **shop},  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{build(tmp_path_factory.mktemp('shop') / 'shop.db', little_shop(), NOW)}"


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    async with running(compose(settings), listen("127.0.0.1", 0)) as (address, _):
        yield address.http


@asynccontextmanager
async def client_of(http: str, key: str = KEY) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}) as carrier,
        Client(streamable_http_client(f"{http}/shop/mcp", http_client=carrier)) as client,
    ):
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    return (await client.call_tool(tool, arguments)).structured_content


async def test_the_tools_over_mcp_are_for_key_holders_and_write_nothing_unsigned(database: str) -> None:
    async with served(settings_for(database)) as http:
        async with client_of(http) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert {"search_products", "cancel_order", CONFIRM} <= tools
            assert "cancel_pending_order" not in tools, "nothing without confirmation in a listening server"
            found = await ask(client, "search_products", query="vacuum")
            assert found["result"]["found"] == 1
            nobody = await ask(client, "cancel_order", order_id="261118-1001", reason="changed_mind")
            assert nobody["ok"] is False
            unsigned = await ask(client, CONFIRM, token="x", approval="yes")
            assert unsigned["ok"] is False

        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        async with httpx.AsyncClient() as plain:
            url = f"{http}/shop/mcp"
            assert (await plain.post(url, json=body)).status_code == 401
            wrong = await plain.post(url, json=body, headers={"authorization": "Bearer other"})
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
            page = {"authorization": f"Bearer {KEY}", "origin": "https://evil.example"}
            assert (await plain.post(url, json=body, headers=page)).status_code == 403
            secrets = f"{http}/v1/realtime/client_secrets"
            secret = (await plain.post(secrets, json={}, headers={"authorization": f"Bearer {KEY}"})).json()[
                "value"
            ]
            barred = await plain.post(url, json=body, headers={"authorization": f"Bearer {secret}"})
            assert (barred.status_code, barred.json()["error"]["code"]) == (403, "insufficient_permissions")


async def test_news_reach_the_webhook_while_the_server_runs(database: str) -> None:
    got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        got.put_nowait((headers, json.loads(await reader.readexactly(int(headers["content-length"])))))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = receiver.sockets[0].getsockname()[1]
    webhook = {"url": f"http://127.0.0.1:{port}/hook", "secret": SECRET}
    async with receiver, served(settings_for(database, webhook=webhook)) as http, client_of(http) as client:
        opened = await ask(client, "hand_over", topic="refund", summary="A refund is late.")
        assert opened["ok"] is True
        headers, body = await asyncio.wait_for(got.get(), 30)
    assert body["type"] == "ticket.opened"
    assert body["data"]["summary"] == "A refund is late."
    assert headers["webhook-signature"].startswith("v1,")


def test_a_webhook_whose_secret_guards_nothing_is_refused(database: str) -> None:
    webhook = {"url": "http://127.0.0.1:9/hook", "secret": "short"}
    with pytest.raises(SettingsError, match=r"shop\.webhook\.secret cannot be used"):
        compose(settings_for(database, webhook=webhook))


async def test_an_empty_database_is_filled_where_the_demo_is_wanted(tmp_path: Path) -> None:
    async with (
        served(settings_for(f"sqlite:///{tmp_path / 'demo.db'}", demo=True)) as http,
        client_of(http) as client,
    ):
        found = await ask(client, "search_products", query="텀블러")
        assert found["result"]["found"] >= 1


async def test_the_page_asks_for_the_shop_by_itself(database: str) -> None:
    async with served(settings_for(database, prompt="our-shop")) as http, httpx.AsyncClient() as client:
        assert (await client.get(f"{http}/page.json")).json() == {"model": None, "prompt": "our-shop"}
