"""Server-side MCP tools against a real MCP server: listing, calls, approval, failures, and what may not be reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .mcp_server import Request, mcp_server
from .server import Talk, served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with mcp_server() as address:
        yield address


def tool(url: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "mcp",
        "server_label": "orders",
        "server_url": url,
        "allowed_tools": ["find_order"],
        "require_approval": "never",
        "authorization": "a secret",
        **more,
    }


async def ready(talk: Talk, tools: list[dict[str, Any]]) -> list[str]:
    """The session with these tools, once their server was asked; the names it offers."""
    session = await talk.configure(output_modalities=["text"], tools=tools)
    assert [each["type"] for each in session["tools"]] == ["mcp"]
    assert "authorization" not in session["tools"][0]
    await talk.until("mcp_list_tools.in_progress")
    done = await talk.until("conversation.item.done")
    await talk.until("mcp_list_tools.completed")
    return [each["name"] for each in done["item"]["tools"]]


async def test_a_call_is_made_by_the_server_and_its_answer_spoken(url: str) -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        assert await ready(talk, [tool(url)]) == ["find_order"]
        began = len(talk.types())
        await talk.say("Where is my order?")
        first = await talk.until("response.done")
        (call,) = first["response"]["output"]
        assert (call["type"], call["name"], call["server_label"]) == ("mcp_call", "find_order", "orders")
        assert "shipped yesterday" in call["output"]
        assert talk.types()[began:] == [
            "conversation.item.added", "conversation.item.done",
            "response.created", "response.output_item.added", "conversation.item.added",
            "response.mcp_call_arguments.delta", "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress", "response.mcp_call.completed",
            "conversation.item.done", "response.output_item.done", "response.done",
        ]  # fmt: skip
        second = await talk.until("response.done")
        assert "shipped yesterday" in second["response"]["output"][0]["content"][0]["text"]


async def test_a_call_that_needs_approval_waits_for_it(url: str) -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        await ready(talk, [tool(url, require_approval="always")])
        await talk.say("Where is my order?")
        done = await talk.until("response.done")
        (asked,) = done["response"]["output"]
        assert asked["type"] == "mcp_approval_request"
        assert "where is my order" in asked["arguments"]
        answer = {"type": "mcp_approval_response", "approval_request_id": asked["id"], "approve": True}
        await talk.send("conversation.item.create", item=answer)
        await talk.until("response.mcp_call.completed")
        item = (await talk.until("conversation.item.done"))["item"]
        assert item["approval_request_id"] == asked["id"]
        done = await talk.until("response.done")
        assert "shipped yesterday" in done["response"]["output"][0]["content"][0]["text"]


async def test_a_call_that_is_not_approved_is_not_made(url: str) -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        await ready(talk, [tool(url, require_approval={"never": {"tool_names": ["other"]}})])
        await talk.say("Where is my order?")
        (asked,) = (await talk.until("response.done"))["response"]["output"]
        answer = {"type": "mcp_approval_response", "approval_request_id": asked["id"], "approve": False}
        await talk.send("conversation.item.create", item=answer)
        await talk.until("response.created")
        assert not [t for t in talk.types() if t.startswith("response.mcp_call.")]


async def ask(talk: Talk) -> dict[str, Any]:
    """Where the order is; returns the call's item."""
    await talk.say("Where is my order?")
    (call,) = (await talk.until("response.done"))["response"]["output"]
    await talk.until("response.done")
    return call  # type: ignore[no-any-return]


async def test_a_call_has_one_session_with_its_server() -> None:
    requests: list[Request] = []
    with mcp_server(requests) as url:
        async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
            await ready(talk, [tool(url)])
            for _ in range(3):
                assert "shipped yesterday" in (await ask(talk))["output"]
        methods = [method for _, _, method in requests]
        assert methods.count("initialize") == 1
        assert methods.count("tools/call") == 3
        (session,) = {session for _, session, method in requests if method == "tools/call"}
        # The server is told when the call is over, and so keeps nothing of it.
        assert ("DELETE", session, None) in requests


async def test_a_session_that_the_server_forgot_is_begun_again() -> None:
    requests: list[Request] = []
    with mcp_server(requests) as url:
        async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
            await ready(talk, [tool(url)])
            assert "shipped yesterday" in (await ask(talk))["output"]
            session = next(session for _, session, method in requests if method == "tools/call")
            async with httpx.AsyncClient() as operator:
                gone = await operator.delete(url, headers={"mcp-session-id": session or ""})
                assert gone.is_success
            assert "shipped yesterday" in (await ask(talk))["output"]
        assert [method for _, _, method in requests].count("initialize") == 2


async def test_a_tool_that_fails_says_why(url: str) -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        await ready(talk, [tool(url)])
        await talk.say("Where is my broken order?")
        await talk.until("response.mcp_call.failed")
        (call,) = (await talk.until("response.done"))["response"]["output"]
        assert call["error"]["type"] == "tool_execution_error"
        assert "find_order" in call["error"]["message"]


async def test_a_server_that_is_not_there_fails_to_list() -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        await talk.configure(tools=[tool("http://127.0.0.1:9/mcp")])
        await talk.until("mcp_list_tools.failed")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"server_url": "http://169.254.169.254/latest"}, "server_url"),
        ({"server_url": "file:///etc/passwd"}, "server_url"),
        ({"server_url": "http://127.0.0.1@elsewhere.example/mcp"}, "server_url"),
        ({"server_url": None}, "server_url"),
        ({"server_url": None, "connector_id": "connector_gmail"}, "connector_id"),
    ],
)
async def test_nothing_is_reached_that_the_operator_did_not_allow(change: dict[str, Any], param: str) -> None:
    async with served(mcp_hosts=("127.0.0.1:7",)) as server, server.talk() as talk:
        given = {
            key: value for key, value in {**tool("http://127.0.0.1:7"), **change}.items() if value is not None
        }
        await talk.send("session.update", event_id="mine", session={"type": "realtime", "tools": [given]})
        refused = (await talk.until("error"))["error"]
        assert (refused["param"], refused["event_id"]) == (f"session.tools[0].{param}", "mine")


async def test_one_response_cannot_bring_a_server(url: str) -> None:
    async with served(mcp_hosts=("127.0.0.1",)) as server, server.talk() as talk:
        await talk.send("response.create", response={"tools": [tool(url)]})
        assert (await talk.until("error"))["error"]["param"] == "response.tools[0]"
