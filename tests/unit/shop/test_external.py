"""A shop's own tools, over MCP and over HTTP, behind the same guard."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from moksori.agent.principal import Caller
from moksori.agent.tools import Done, Plan, Refused
from moksori.shop import model as m
from moksori.shop.external import ExternalTools, ExternalUnusable, Manner
from moksori.shop.external_links import About, Answer, HttpLink, Link, LinkFailed, McpLink, Offered
from moksori.shop.tools.toolset import ShopTools
from tests.unit.shop import own_server
from tests.unit.shop.guard_kit import Clock, error_code, guards_of, talk_to
from tests.unit.shop.little import NOW
from tests.unit.shop.test_tools import agreed

MANNER = Manner(
    reads=frozenset({"order", "preview_cancel", "log"}),
    verifies=frozenset({"look_up"}),
    everyone=frozenset({"log"}),
    previews={"cancel": "preview_cancel"},
    customer_argument="customer_id",
)
KIM = Caller("c-kim", "verified", "call-1")


def over_mcp() -> Link:
    return McpLink(command=(sys.executable, "-m", "tests.unit.shop.own_server"))


def over_http() -> Link:
    """The same server's answers as the small HTTP API."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer shop-key"
        if request.url.path == "/api/tools":
            tools = [
                {"name": t.name, "title": t.title, "description": t.description, "parameters": t.input_schema}
                for t in own_server.TOOLS
            ]
            return httpx.Response(200, json={"tools": tools})
        meta = {"moksori/confirmation": request.headers.get("idempotency-key", "")}
        name, arguments = request.url.path.rpartition("/")[2], json.loads(request.content)["arguments"]
        try:
            return httpx.Response(200, json={"ok": True, "result": own_server.answer(name, arguments, meta)})
        except LookupError as why:
            return httpx.Response(404, json={"ok": False, "error": {"code": "no", "message": str(why)}})

    own_server.ORDERS["7001"]["state"] = "open"
    own_server.BY_KEY.clear()
    client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return HttpLink("https://shop.example/api/", key="shop-key", client=client)


@asynccontextmanager
async def tools_over(link: Link, shop: ShopTools, manner: Manner = MANNER) -> AsyncIterator[ExternalTools]:
    tools = ExternalTools(link, manner, shop)
    await tools.start()
    try:
        yield tools
    finally:
        await tools.close()


@pytest.mark.parametrize("link", [over_mcp, over_http])
async def test_a_call_through_the_guard(link: Callable[[], Link], shop: ShopTools) -> None:
    """Given a shop's own server, when a caller verifies, asks and agrees, then its order is cancelled, once."""
    async with tools_over(link(), shop) as tools:
        clock = Clock()
        talk = talk_to(guards_of(tools, clock), clock, customer=None, language="en")
        assert {"order", "cancel", "search_policy", "hand_over"} <= {t.name for t in talk.guard.tools("en")}
        assert "cancel_order" not in {t.name for t in talk.guard.tools("en")}
        assert "preview_cancel" not in {t.name for t in talk.guard.tools("en")}

        assert error_code(await talk.tool("order", order_id="7001")) == "needs_customer"
        assert error_code(await talk.tool("look_up", phone="010-9999-9999")) is not None
        assert (await talk.tool("look_up", phone="010-1111-2222")).kind == "read"
        assert json.loads((await talk.tool("order", order_id="7001")).output)["result"]["state"] == "open"

        proposed = await talk.tool("cancel", order_id="7001")
        assert proposed.kind == "proposed"
        assert "35,000" in str(proposed.read_out)
        early = await talk.confirm()
        assert early.kind == "refused"
        talk.says(talk.read_out)
        talk.caller("Yes, please.")
        assert (await talk.confirm()).kind == "committed"
        assert (
            json.loads((await talk.tool("order", order_id="7001")).output)["result"]["state"] == "cancelled"
        )
        assert (await talk.tool("hand_over", topic="order", summary="취소 확인")).kind == "committed"
    await shop.records.settled()
    async with shop.database.reading() as session:
        kept, _ = await session.scalars(select(m.ConfirmedWrite).order_by(m.ConfirmedWrite.tool))
        assert (kept.tool, kept.ok, kept.customer_id) == ("cancel", True, "c-kim")
        records = list(await session.scalars(select(m.ToolCallRecord.tool)))
        assert records == ["look_up", "look_up", "order", "cancel", "order", "hand_over"]


async def test_a_tool_nobody_spoke_of_is_a_write_whatever_it_says_of_itself(shop: ShopTools) -> None:
    async with tools_over(over_http(), shop) as tools:
        spec = next(each for each in tools.specs() if each.name == "wipe")
        assert (spec.writes, spec.needs_customer, spec.confirm) == (True, True, True)
        assert isinstance(await tools.read("wipe", {"order_id": "7001"}, KIM, NOW), Refused)


async def test_a_model_cannot_name_the_customer(shop: ShopTools) -> None:
    """The argument is not shown, and what is put there is replaced by who is calling."""
    async with tools_over(over_http(), shop) as tools:
        spec = next(each for each in tools.specs() if each.name == "order")
        assert spec.parameters["properties"] == {"order_id": {"type": "string"}}
        stranger = Caller("c-lee", "verified", "call-2")
        arguments: Any = {"order_id": "7001", "customer_id": "c-kim"}
        assert isinstance(await tools.read("order", arguments, stranger, NOW), Refused)
        assert own_server.ASKED[-1]["arguments"]["customer_id"] == "c-lee"


async def test_a_plan_that_would_come_out_otherwise_is_not_carried_out(shop: ShopTools) -> None:
    async with tools_over(over_http(), shop) as tools:
        plan = await tools.plan("cancel", {"order_id": "7001"}, KIM, NOW)
        assert isinstance(plan, Plan)
        own_server.ORDERS["7001"]["price"] = 99_000
        try:
            yes = agreed(plan)
            answer = await tools.commit(plan, _by(yes, KIM), NOW)
        finally:
            own_server.ORDERS["7001"]["price"] = 35_000
        assert isinstance(answer, Refused)
        assert answer.code == "changed"


class Breaking:
    """A link whose answers get lost: `lost` of them after the work was done."""

    def __init__(self, lost: int) -> None:
        self.lost, self.done = lost, 0
        self.keys: list[str | None] = []

    async def start(self) -> tuple[Offered, ...]:
        schema: Any = {"type": "object", "properties": {"order_id": {"type": "string"}}}
        return (Offered("cancel", {"ko": "주문 취소", "en": "Cancel"}, "Cancel an order", schema),)

    async def call(self, name: str, arguments: Any, about: About) -> Answer:
        if about.confirmation_id not in self.keys:
            self.done += 1
        self.keys.append(about.confirmation_id)
        if self.lost:
            self.lost -= 1
            raise LinkFailed("gone")
        return Answer(True, {"done": True})

    async def close(self) -> None: ...


@pytest.mark.parametrize(("lost", "known"), [(1, True), (2, False)])
async def test_an_answer_that_is_lost_is_asked_for_under_the_same_key(
    lost: int, known: bool, shop: ShopTools
) -> None:
    """Still lost, the caller hears that it is not known; a later attempt under the same key finds out."""
    link = Breaking(lost)
    async with tools_over(link, shop, Manner()) as tools:
        plan = await tools.plan("cancel", {"order_id": "7001"}, KIM, NOW)
        assert isinstance(plan, Plan)
        assert "7001" in tools.read_out(plan, "ko")
        sure = _by(agreed(plan), KIM)
        answer = await tools.commit(plan, sure, NOW)
        if not known:
            assert isinstance(answer, Refused)
            assert answer.code == "outcome_unknown"
            answer = await tools.commit(plan, sure, NOW)
        assert isinstance(answer, Done)
        assert await tools.commit(plan, sure, NOW) == answer
        assert link.done == 1
        assert set(link.keys) == {"yes-1"}


def _by(confirmation: Any, caller: Caller) -> Any:
    return replace(confirmation, caller=caller)


async def test_settings_that_name_what_is_not_there_are_refused(shop: ShopTools) -> None:
    with pytest.raises(ExternalUnusable, match="no tool orders"):
        await ExternalTools(over_http(), Manner(reads=frozenset({"orders"})), shop).start()
    with pytest.raises(ExternalUnusable, match="must be listed in reads"):
        await ExternalTools(over_http(), Manner(previews={"cancel": "preview_cancel"}), shop).start()


@pytest.mark.parametrize(
    "link",
    [
        McpLink(command=(sys.executable, "-c", "pass")),
        HttpLink("http://127.0.0.1:9/api"),
    ],
)
async def test_a_server_that_is_not_there_is_a_sentence(link: Link, shop: ShopTools) -> None:
    with pytest.raises(LinkFailed, match=r"cannot be (reached|used)"):
        await ExternalTools(link, Manner(), shop).start()
    await link.close()
