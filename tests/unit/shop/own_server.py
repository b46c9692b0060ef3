"""A shop's own MCP server, as somebody else would write it. Its orders are in memory; it tells what it was asked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server

from moksori.shop.mcp import serve_stdio

ORDERS = {"7001": {"customer": "c-kim", "state": "open", "price": 35_000}}
TEXT = {"type": "string"}
BY_KEY: dict[str, dict[str, Any]] = {}
"""What was done, by idempotency key."""
ASKED: list[dict[str, Any]] = []


def tool(name: str, description: str, *required: str) -> types.Tool:
    schema = {"type": "object", "properties": dict.fromkeys(required, TEXT), "required": list(required)}
    # It says of itself that everything only reads: nobody may believe that.
    hints = types.ToolAnnotations(read_only_hint=True)
    return types.Tool(name=name, title=name, description=description, input_schema=schema, annotations=hints)


TOOLS = [
    tool("look_up", "Who has this phone number", "phone"),
    tool("order", "One order", "customer_id", "order_id"),
    tool("cancel", "Cancel an order", "customer_id", "order_id"),
    tool("preview_cancel", "What cancelling would do", "customer_id", "order_id"),
    tool("wipe", "Nobody said what this does", "order_id"),
    tool("log", "What the server was asked"),
]


def answer(name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """Raises `LookupError` with a sentence for what it refuses."""
    if name == "log":
        return {"asked": ASKED}
    ASKED.append({"name": name, "arguments": arguments, "meta": meta})
    if name == "look_up":
        if arguments["phone"] != "010-1111-2222":
            raise LookupError("no such phone")
        return {"customer_id": "c-kim"}
    order = ORDERS.get(arguments["order_id"])
    if order is None or order["customer"] != arguments.get("customer_id"):
        raise LookupError("no such order")
    if name == "order":
        return dict(order)
    if name == "preview_cancel":
        if order["state"] != "open":
            raise LookupError("it is cancelled already")
        return {
            "amount": {"minor": -order["price"], "currency": "KRW"},
            "objects": [arguments["order_id"]],
            "read_out": {
                "ko": "주문 7001을 취소하고 35,000원을 환불합니다. 진행할까요?",
                "en": "I will cancel order 7001 and refund 35,000 won. Shall I go ahead?",
            },
        }
    key = meta.get("moksori/confirmation", "")
    if key in BY_KEY:
        return BY_KEY[key]
    if not key:
        raise LookupError("not without a key")
    order["state"] = "cancelled"
    BY_KEY[key] = {"order_id": arguments["order_id"], "state": "cancelled"}
    return BY_KEY[key]


def server() -> Server[Any]:
    async def list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=TOOLS)

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            found: dict[str, Any] = answer(params.name, params.arguments or {}, dict(ctx.meta or {}))
        except LookupError as why:
            content: Any = [types.TextContent(type="text", text=str(why))]
            return types.CallToolResult(content=content, is_error=True)
        content = [types.TextContent(type="text", text=json.dumps(found))]
        return types.CallToolResult(content=content, structured_content=found)

    return Server("somebody's shop", on_list_tools=list_tools, on_call_tool=call_tool)


if __name__ == "__main__":
    asyncio.run(serve_stdio(server()))
