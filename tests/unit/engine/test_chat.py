"""The brain behind an OpenAI-compatible chat endpoint, against a real HTTP server and its faults."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.engine.chat import ChatBrain, to_messages
from moksori.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    McpApprovalResponse,
    McpCall,
    Message,
    OutputAudio,
    OutputText,
)
from moksori.protocol.session import FunctionTool, McpTool, ToolChoiceFunction
from tests.unit.engine.endpoint import Endpoint, chunk, data, raw, said, serving, stalls, status, stream

ORDER = FunctionTool(
    name="get_order",
    description="Look up an order",
    parameters={"type": "object", "properties": {"id": {"type": "string"}}},
)


def user(text: str) -> Message:
    return Message(role="user", content=(InputText(text),))


THOUGHT = Thought(
    conversation_id="conv_1",
    response_id="resp_1",
    history=(user("Where is my order?"),),
    instructions="You are brief.",
    tools=(),
    tool_choice="auto",
    max_tokens=None,
    language="en",
    speculative=False,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(shared: Endpoint) -> Endpoint:
    shared.seen.clear()
    shared.script.clear()
    shared.left.clear()
    return shared


@pytest.fixture
async def brain(endpoint: Endpoint) -> AsyncIterator[ChatBrain]:
    made = ChatBrain(endpoint.base_url, "m", "sk-secret", timeout_s=5)
    yield made
    await made.aclose()


async def answer(brain: ChatBrain, thought: Thought = THOUGHT) -> list[BrainEvent]:
    return [event async for event in brain.think(thought)]


# ------------------------------------------------------------------------------------------------- good answers


async def test_text_streams_piece_by_piece_and_ends_with_the_usage(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    endpoint.will(said("It", " shipped.", " 네."))

    assert await answer(brain) == [
        Said("It"),
        Said(" shipped."),
        Said(" 네."),
        Finished("stop", input_tokens=9, cached_tokens=4, output_tokens=3),
    ]
    [request] = endpoint.seen
    assert request.path == "/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert request.json == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": "Where is my order?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_how_to_think_and_call_is_passed_on(endpoint: Endpoint, brain: ChatBrain) -> None:
    endpoint.will(stream(chunk({"content": "Sure."}), chunk({}, "stop"), data("[DONE]")))
    wished = replace(
        THOUGHT,
        tools=(ORDER,),
        tool_choice=ToolChoiceFunction(name="get_order"),
        parallel_tool_calls=False,
        effort="low",
        max_tokens=50,
    )
    [_ async for _ in brain.think(wished)]
    asked = endpoint.seen[-1].json
    assert asked["tool_choice"] == {"type": "function", "function": {"name": "get_order"}}
    assert (asked["parallel_tool_calls"], asked["reasoning_effort"]) == (False, "low")
    assert asked["max_tokens"] == 50


async def test_the_first_piece_is_delivered_while_the_rest_is_still_being_made(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    endpoint.will(stalls(endpoint, chunk({"content": "Sure,"})))
    thinking = brain.think(THOUGHT)
    assert await anext(thinking) == Said("Sure,")
    assert not endpoint.left.is_set()
    await thinking.aclose()


async def test_parallel_tool_calls_are_put_together_from_their_deltas(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    def call(index: int, **more: object) -> bytes:
        return chunk({"tool_calls": [{"index": index, **more}]})

    endpoint.will(
        stream(
            chunk({"role": "assistant", "content": None}),
            call(0, id="call_a", type="function", function={"name": "get_order", "arguments": ""}),
            call(0, function={"arguments": '{"id":'}),
            call(0, function={"arguments": '"W1"}'}),
            call(1, id="call_b", type="function", function={"name": "get_order", "arguments": '{"id":"W2"}'}),
            chunk({}, "tool_calls"),
            data("[DONE]"),
        )
    )
    thought = replace(
        THOUGHT,
        tools=(ORDER, McpTool(server_label="shop")),
        tool_choice=ToolChoiceFunction(name="get_order"),
        max_tokens=50,
    )

    assert await answer(brain, thought) == [
        Called("call_a", "get_order", '{"id":"W1"}'),
        Called("call_b", "get_order", '{"id":"W2"}'),
        Finished("stop"),
    ]
    body = endpoint.seen[0].json
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "get_order",
                "description": "Look up an order",
                "parameters": ORDER.parameters,
            },
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_order"}}
    assert body["max_tokens"] == 50


async def test_whole_calls_without_index_or_id_are_told_apart(endpoint: Endpoint, brain: ChatBrain) -> None:
    calls = [
        {"id": "x", "function": {"name": "a", "arguments": "{}"}},
        {"id": "y", "function": {"name": "b", "arguments": ""}},
    ]
    endpoint.will(stream(chunk({"tool_calls": calls}, "tool_calls"), data("[DONE]")))
    assert await answer(brain) == [Called("x", "a", "{}"), Called("y", "b", "{}"), Finished("stop")]

    endpoint.will(stream(chunk({"tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]}, "stop")))
    [called, _] = await answer(brain)
    assert isinstance(called, Called) and called.call_id.startswith("call_")


@pytest.mark.parametrize(
    ("finish", "reason"), [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter")]
)
async def test_finish_reasons(endpoint: Endpoint, brain: ChatBrain, finish: str, reason: str) -> None:
    endpoint.will(said("x", finish=finish))
    last = (await answer(brain))[-1]
    assert isinstance(last, Finished) and last.reason == reason


async def test_a_call_cut_by_the_token_limit_is_not_made(endpoint: Endpoint, brain: ChatBrain) -> None:
    half = {"index": 0, "id": "c", "function": {"name": "a", "arguments": '{"id":'}}
    endpoint.will(stream(chunk({"tool_calls": [half]}), chunk({}, "length"), data("[DONE]")))
    assert await answer(brain) == [Finished("length")]


async def test_the_event_stream_may_be_cut_anywhere_and_hold_comments_and_odd_separators(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    text = "가\u2028나\u0085다"
    whole = (
        b": keep-alive\r\n\r\n"
        + chunk({"content": text})
        + b"event: x\n"
        + chunk({}, "stop")
        + data("[DONE]")
    )
    endpoint.will(stream(*[whole[at : at + 3] for at in range(0, len(whole), 3)]))
    assert await answer(brain) == [Said(text), Finished("stop")]


async def test_an_endpoint_that_refuses_stream_options_is_asked_without_them_from_then_on(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    refusal = {"error": {"message": "Unrecognized request argument: stream_options"}}
    endpoint.will(status(400, refusal), said("a"), said("b"))
    assert Said("a") in await answer(brain)
    assert Said("b") in await answer(brain)
    assert ["stream_options" in request.json for request in endpoint.seen] == [True, False, False]


# ------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("http", "code", "sentence"),
    [
        (401, "llm_unauthorized", "refused the API key"),
        (403, "llm_unauthorized", "refused the API key"),
        (404, "llm_not_found", "knows no model 'm'"),
        (429, "llm_rate_limited", "no capacity"),
        (500, "llm_unavailable", "HTTP 500"),
        (503, "llm_unavailable", "HTTP 503"),
        (400, "llm_rejected", r"context too long, said \*\*\*"),
    ],
)
async def test_refusals_are_sentences_that_name_no_secret(
    endpoint: Endpoint, brain: ChatBrain, http: int, code: str, sentence: str
) -> None:
    endpoint.will(status(http, {"error": {"message": "context too long, said sk-secret."}}))
    with pytest.raises(BrainFailed, match=sentence) as failed:
        await answer(brain)
    assert failed.value.code == code
    assert failed.value.retryable == (http == 429 or http >= 500)
    assert "sk-secret" not in str(failed.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome</html>",
        b"",
        b"data: {broken\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"choices": "x"}\n\n',
        b'data: {"choices": [{"delta": {"content": {"a": 1}}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}\n\n',
        b"data: " + b"x" * (1 << 21),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "a", "arguments": "[1]"}}]}, "tool_calls"),
    ],
)
async def test_what_is_no_answer_is_called_so(endpoint: Endpoint, brain: ChatBrain, body: bytes) -> None:
    endpoint.will(raw(body, "text/event-stream"))
    with pytest.raises(BrainFailed, match="cannot be understood") as failed:
        await answer(brain)
    assert failed.value.code == "llm_invalid_response"


@pytest.mark.parametrize("cut", [True, False])
async def test_an_answer_that_stops_in_the_middle_fails_after_what_was_said(
    endpoint: Endpoint, brain: ChatBrain, cut: bool
) -> None:
    endpoint.will(stream(chunk({"content": "It sh"}), cut=cut))
    thinking = brain.think(THOUGHT)
    assert await anext(thinking) == Said("It sh")
    with pytest.raises(BrainFailed) as failed:
        await anext(thinking)
    assert failed.value.code == "llm_connection_lost"


async def test_an_error_inside_the_stream_fails_the_answer(endpoint: Endpoint, brain: ChatBrain) -> None:
    endpoint.will(stream(chunk({"content": "It"}), data({"error": {"type": "overloaded", "message": "x"}})))
    with pytest.raises(BrainFailed, match="overloaded"):
        await answer(brain)


async def test_nobody_there(endpoint: Endpoint) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        brain = ChatBrain(f"http://127.0.0.1:{free.getsockname()[1]}/v1", "m")
        for attempt in (answer(brain), brain.warm()):
            with pytest.raises(BrainFailed, match="cannot be reached") as failed:
                await attempt
            assert failed.value.code == "llm_unreachable" and failed.value.retryable


async def test_silence_is_given_up_after_the_time_out(endpoint: Endpoint) -> None:
    brain = ChatBrain(endpoint.base_url, "m", timeout_s=0.05)
    endpoint.will(stalls(endpoint, chunk({"content": "It"})))
    with pytest.raises(BrainFailed, match="too long") as failed:
        await answer(brain)
    assert failed.value.code == "llm_timeout"
    await brain.aclose()


# -------------------------------------------------------------------------------------------- the connection


async def test_closing_the_iterator_ends_the_http_stream(endpoint: Endpoint, brain: ChatBrain) -> None:
    endpoint.will(stalls(endpoint, chunk({"content": "It"})))
    thinking = brain.think(THOUGHT)
    await anext(thinking)
    await thinking.aclose()
    assert await asyncio.to_thread(endpoint.left.wait, 5)


async def test_cancelling_the_task_ends_the_http_stream(endpoint: Endpoint, brain: ChatBrain) -> None:
    endpoint.will(stalls(endpoint, chunk({"content": "It"})))
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in brain.think(THOUGHT):
            begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(endpoint.left.wait, 5)


async def test_warming_opens_the_connection_the_answers_then_share(
    endpoint: Endpoint, brain: ChatBrain
) -> None:
    await brain.warm()
    endpoint.will(said("a"), said("b"))
    await answer(brain)
    await answer(brain)
    assert [request.path for request in endpoint.seen] == [
        "/models",
        "/chat/completions",
        "/chat/completions",
    ]
    assert len({request.port for request in endpoint.seen}) == 1


async def test_a_kept_connection_that_the_other_side_closed_is_replaced_unseen() -> None:
    """A server that answers one request a connection without saying so, as some proxies do."""
    served = 0

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        served += 1
        body = chunk({"content": str(served)}, "stop") + data("[DONE]")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        # The next request is read and dropped: the connection is gone when the client writes to it.
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    brain = ChatBrain(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "m")
    assert (await answer(brain))[0] == Said("1")
    assert (await answer(brain))[0] == Said("2")
    await brain.aclose()
    server.close()


# ----------------------------------------------------------------------------------------- items to messages


def test_only_what_was_heard_and_said_goes_to_the_model() -> None:
    history = (
        Message(role="system", content=(InputText("The caller is Kim."),)),
        Message(role="user", content=(InputAudio(audio="AAAA", transcript="네, 주문이요."),)),
        Message(role="assistant", content=(OutputAudio(transcript="네, 확인해"),), status="incomplete"),
        Message(role="user", content=(InputAudio(audio="AAAA", transcript=None),)),
        Message(role="assistant", content=(OutputAudio(transcript=""),)),
        Message(role="user", content=(InputText("a"), InputAudio(transcript="b"), InputText(" "))),
        Message(role="assistant", content=(OutputText("c"),)),
        McpApprovalResponse(approval_request_id="x", approve=True),
    )
    assert to_messages(history, "Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "The caller is Kim."},
        {"role": "user", "content": "네, 주문이요."},
        {"role": "assistant", "content": "네, 확인해"},
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "c"},
    ]
    assert to_messages((), "  ") == []


def test_an_image_goes_as_a_part() -> None:
    [message] = to_messages(
        (Message(role="user", content=(InputText("this?"), InputImage("data:image/png;base64,AA"))),)
    )
    assert message["content"] == [
        {"type": "text", "text": "this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "auto"}},
    ]


def shape(messages: list[dict[str, object]]) -> list[str]:
    out = []
    for message in messages:
        calls = [call["id"] for call in message.get("tool_calls", ())]  # type: ignore[attr-defined, index]
        out.append(
            f"{message['role']}:{','.join(calls) or message.get('tool_call_id') or message['content']}"
        )
    return out


def call(call_id: str) -> FunctionCall:
    return FunctionCall(name="get_order", arguments='{"id":"W1"}', call_id=call_id)


def output(call_id: str) -> FunctionCallOutput:
    return FunctionCallOutput(call_id=call_id, output="shipped")


def test_parallel_calls_are_one_message_and_later_ones_another() -> None:
    history = (user("q"), call("a"), call("b"), output("a"), output("b"), call("c"), output("c"))
    assert shape(to_messages(history)) == [
        "user:q",
        "assistant:a,b",
        "tool:a",
        "tool:b",
        "assistant:c",
        "tool:c",
    ]


def test_a_call_joins_what_was_said_before_it() -> None:
    said_first = Message(role="assistant", content=(OutputAudio(transcript="One moment."),))
    messages = to_messages((user("q"), said_first, call("a"), output("a")))
    assert shape(messages) == ["user:q", "assistant:a", "tool:a"]
    assert messages[1]["content"] == "One moment."


def test_a_late_output_stands_with_its_call_and_orphans_are_left_out() -> None:
    history = (user("q"), call("a"), call("pending"), user("still there?"), output("a"), output("forgotten"))
    assert shape(to_messages(history)) == ["user:q", "assistant:a", "tool:a", "user:still there?"]


def test_a_remote_tool_call_that_is_done_is_told_like_any_other() -> None:
    history = (
        user("q"),
        McpCall(server_label="s", name="track", arguments="{}", id="mcp_1", output="Busan"),
        McpCall(server_label="s", name="track", arguments="{}", id="mcp_2"),
    )
    messages = to_messages(history)
    assert shape(messages) == ["user:q", "assistant:mcp_1", "tool:mcp_1"]
    assert messages[2]["content"] == "Busan"
    assert json.dumps(messages)
