"""The shop over MCP: nothing is written without the shop's signature; tau2's tools over stdio."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from moksori.agent.guard import CONFIRM
from moksori.agent.principal import Principal
from moksori.agent.tools import JSON
from moksori.shop.demo import make_demo
from moksori.shop.formats import tau2
from moksori.shop.formats.write import write_shop
from moksori.shop.guard.detached import DetachedGuard
from moksori.shop.guard.receipts import verify_receipt
from moksori.shop.guard.tokens import APPROVAL, Key, sign
from moksori.shop.mcp import CONTEXT_META, McpEndpoint, guarded_server
from moksori.shop.schema import prepare
from moksori.shop.tools.toolset import ShopTools, open_shop
from moksori.store import open_database
from tests.unit.shop.guard_kit import (
    APPROVAL_KEY,
    RECEIPT_KEY,
    START,
    Clock,
    MemoryShop,
    context,
    guards_of,
)

MINE = "20261122-0417"
SHOP_MCP = ("-c", "from moksori.cli import main; main()", "shop", "mcp")
"""The command, in this interpreter."""
TAU2 = Path(__file__).parents[2] / "data" / "tau2-retail"


@pytest.fixture
def shop() -> MemoryShop:
    return MemoryShop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def approval(proposal: dict[str, Any], *, key: Key = APPROVAL_KEY, **claims: JSON) -> str:
    """What the shop's own server signs when it lets a proposal pass."""
    body: dict[str, JSON] = {
        "jti": "approval-1",
        "aud": "moksori",
        "proposal": proposal["id"],
        "plan": proposal["plan"],
        "sub": "c-kim",
        "exp": int((START + timedelta(seconds=60)).timestamp()),
    }
    return sign({**body, **claims}, key, APPROVAL)


def a_client(shop: MemoryShop, clock: Clock, *, mode: Any = "auto") -> Client:
    guard = DetachedGuard(guards_of(shop, clock), "mcp:test", Principal("key_1", "test"), "en")
    return Client(guarded_server(lambda _: guard, "en"), mode=mode)


async def ask(client: Client, tool: str, /, signed: str | None = None, **arguments: Any) -> dict[str, Any]:
    meta: Any = {CONTEXT_META: signed} if signed else None
    result = await client.call_tool(tool, arguments, meta=meta)
    body = result.structured_content
    assert isinstance(body, dict)
    assert result.is_error is not body["ok"]
    return body


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_reads_proposes_and_commits_with_the_shops_approval(
    shop: MemoryShop, clock: Clock, mode: str
) -> None:
    async with a_client(shop, clock, mode=mode) as client:
        tools = {t.name: t for t in (await client.list_tools()).tools}
        assert tools["get_order"].annotations is not None
        assert tools["get_order"].annotations.read_only_hint is True
        assert tools[CONFIRM].input_schema["required"] == ["token", "approval"]

        assert (await ask(client, "get_order", order_id=MINE))["error"]["code"] == "needs_customer"
        order = await ask(client, "get_order", context(), order_id=MINE)
        assert order["result"]["status"] == "pending"

        proposed = await ask(client, "cancel_order", order_id=MINE)
        assert proposed["done"] is False
        token = proposed["proposal"]["token"]
        unsigned = await ask(client, CONFIRM, token=token, approval="yes")
        assert unsigned["error"]["code"] == "approval_needed"
        assert shop.commits == 0

        signed = approval(proposed["proposal"])
        done = await ask(client, CONFIRM, token=token, approval=signed)
        assert done["done"] is True
        assert await ask(client, CONFIRM, token=token, approval=signed) == done
        assert shop.commits == 1
        (kept,) = [c for _, c in shop.confirmed.values()]
        evidence = verify_receipt(kept.evidence, RECEIPT_KEY)
        assert (evidence.yes, evidence.read_out) == ("approval approval-1", proposed["proposal"]["read_out"])


async def test_a_client_may_verify_the_customer_instead(shop: MemoryShop, clock: Clock) -> None:
    async with a_client(shop, clock) as client:
        assert (await ask(client, "verify_customer", name="김하늘", phone="010-1111-2222"))["ok"] is True
        assert (await ask(client, "get_order", order_id=MINE))["ok"] is True


# streamable HTTP


def who(request: Any) -> Principal | None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return Principal(f"key_{key}", key) if key in ("a", "b") else None


@asynccontextmanager
async def over_http(
    shop: MemoryShop, clock: Clock, *, mode: Any = "legacy", **headers: str
) -> AsyncIterator[Client]:
    endpoint = McpEndpoint(guards_of(shop, clock), who=who, language="en")
    transport = httpx2.ASGITransport(app=endpoint)
    async with (
        endpoint.running(),
        httpx2.AsyncClient(transport=transport, headers={"authorization": "Bearer a", **headers}) as http,
        Client(
            streamable_http_client("http://127.0.0.1:8080/shop/mcp", http_client=http), mode=mode
        ) as client,
    ):
        yield client


async def test_http_with_a_session_keeps_who_was_verified(shop: MemoryShop, clock: Clock) -> None:
    async with over_http(shop, clock) as client:
        assert (await ask(client, "verify_customer", name="김하늘", phone="010-1111-2222"))["ok"] is True
        assert (await ask(client, "get_order", order_id=MINE))["ok"] is True
        proposed = await ask(client, "cancel_order", order_id=MINE)
        done = await ask(
            client, CONFIRM, token=proposed["proposal"]["token"], approval=approval(proposed["proposal"])
        )
        assert done["done"] is True


async def test_http_without_a_session_knows_only_whom_the_shop_signed(shop: MemoryShop, clock: Clock) -> None:
    async with over_http(shop, clock, mode="auto", **{"moksori-context": context()}) as client:
        assert "verify_customer" not in {t.name for t in (await client.list_tools()).tools}
        assert (await ask(client, "get_order", order_id=MINE))["ok"] is True
        refused = await ask(client, "verify_customer", name="이도윤", phone="010-9876-5432")
        assert refused["error"]["code"] == "unknown_tool"


async def test_http_without_a_key_or_from_a_strange_host_is_turned_away(
    shop: MemoryShop, clock: Clock
) -> None:
    endpoint = McpEndpoint(guards_of(shop, clock), who=who, language="en")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with endpoint.running(), httpx2.AsyncClient(transport=httpx2.ASGITransport(app=endpoint)) as http:
        refused = await http.post("http://127.0.0.1:8080/shop/mcp", json=body)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        rebound = await http.post(
            "http://evil.example/shop/mcp", json=body, headers={"authorization": "Bearer a"}
        )
        assert rebound.status_code == 421


async def test_another_key_cannot_use_a_session_it_did_not_open(shop: MemoryShop, clock: Clock) -> None:
    """Even where it learned the session's id, it is nobody there."""
    endpoint = McpEndpoint(guards_of(shop, clock), who=who, language="en")
    initialize = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    accept = {"accept": "application/json, text/event-stream"}
    url = "http://127.0.0.1:8080/shop/mcp"

    def call(tool: str, /, **arguments: str) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}

    async with endpoint.running(), httpx2.AsyncClient(transport=httpx2.ASGITransport(app=endpoint)) as http:
        a = {"authorization": "Bearer a", **accept}
        opened = await http.post(url, json=initialize, headers=a)
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        await http.post(
            url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers={**a, **session}
        )
        verified = await http.post(
            url, json=call("verify_customer", name="김하늘", phone="010-1111-2222"), headers={**a, **session}
        )
        assert verified.json()["result"]["structuredContent"]["ok"] is True
        b = {"authorization": "Bearer b", **accept, **session}
        foreign = await http.post(url, json=call("get_order", order_id=MINE), headers=b)
        assert "파란 셔츠" not in foreign.text
        assert foreign.json()["result"]["structuredContent"]["error"]["code"] == "needs_customer"


# stdio


async def test_stdio_says_in_a_sentence_what_is_wrong_with_the_database(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *SHOP_MCP, "--database", f"sqlite:///{tmp_path / 'empty.db'}",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert b"moksori shop demo" in err


# tau2


def _tasks() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TAU2 / "tasks.jsonl").read_text().splitlines()]


TASKS = _tasks()
BEFORE = json.loads((TAU2 / "db.json").read_text())
OVER_STDIO = ("0", "20", "64", "105")
"""Replayed over a real pipe in every run: one exchange, a change of two items, two with refusals."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tau2 shop in a file, to be copied for each task."""
    file = tmp_path_factory.mktemp("tau2") / "shop.db"

    async def fill() -> None:
        async with await open_database(f"sqlite:///{file}") as opened:
            await prepare(opened)
            await write_shop(opened, tau2.read_world((TAU2 / "db.json").read_bytes(), START), START)

    asyncio.run(fill())
    return file


@pytest.fixture
def copy(imported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(imported, tmp_path / "copy.db"))


async def replayed(client: Client, task: dict[str, Any]) -> None:
    for action in task["actions"]:
        result = await client.call_tool(action["name"], action["arguments"])
        assert result.is_error is (action["expect"] == "refused"), action["name"]


async def differences(shop: ShopTools) -> dict[str, dict[str, Any]]:
    async with shop.database.reading() as session:
        world = await tau2.write_world(session)
    same = json.loads(json.dumps(world))
    return {t: {k: v for k, v in same[t].items() if v != BEFORE[t].get(k)} for t in ("orders", "users")}


def test_there_are_74_tasks() -> None:
    assert len(TASKS) == 74


async def over_stdio(copy: Path, task: dict[str, Any]) -> None:
    """Exactly the orders and users in `after` differ, with those values, and what must be refused is."""
    arguments = [*SHOP_MCP, "--database", f"sqlite:///{copy}", "--compat", "tau2"]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments)) as client:
        await replayed(client, task)
    shop = await open_shop(f"sqlite:///{copy}")
    try:
        assert await differences(shop) == task["after"]
    finally:
        await shop.close()


@pytest.mark.parametrize("task", [t for t in TASKS if t["id"] in OVER_STDIO], ids=lambda t: t["id"])
async def test_a_tau2_task_over_stdio(copy: Path, task: dict[str, Any]) -> None:
    await over_stdio(copy, task)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS, ids=lambda t: t["id"])
async def test_every_tau2_task_over_stdio(copy: Path, task: dict[str, Any]) -> None:
    await over_stdio(copy, task)


async def test_tau2_tools_open_no_other_shop(tmp_path: Path) -> None:
    """Without confirmation only where nobody's real money is."""
    async with await open_database(f"sqlite:///{tmp_path / 'demo.db'}") as opened:
        await prepare(opened)
        await write_shop(opened, make_demo(1, START), START)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *SHOP_MCP, "--database", f"sqlite:///{tmp_path / 'demo.db'}", "--compat", "tau2",
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"tau2" in err
