"""`POST /v1/chat/completions`: the engine's mind, in OpenAI's shape, whole or streamed, with function tools.

The local mind decides by itself how it samples: `temperature`, `top_p`, `seed`, penalties and what else steers
sampling are taken and have no effect. What would change what an answer *is* (`n` above 1, `response_format`, `stop`,
audio) is refused. Source of the shapes: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall as CallItem
from moksori.protocol.items import FunctionCallOutput, InputText, Item, Message, OutputText
from moksori.protocol.session import FunctionTool, ToolChoice, ToolChoiceFunction
from moksori.server.access import KeyHolder, TheHouse
from moksori.server.engine_parts import Places, failure, parts_of, unless_gone
from moksori.server.errors import SERVER_ERROR, ApiError
from moksori.server.house import Parts
from moksori.server.openai_audio import REFUSALS

router = APIRouter(prefix="/v1/chat", tags=["chat"])
_places = Places()

MOST_MESSAGES = 512
"""Messages in one request; the local mind reads the last thousand tokens of them."""
MOST_TOOLS = 128
"""OpenAI's limit."""


class TextPart(BaseModel):
    type: Literal["text", "refusal"]
    text: str = ""


class Function(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: str


class ToolCall(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: Function


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=MOST_TOOLS)] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class ToolFunction(BaseModel):
    name: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ChatTool(BaseModel):
    type: Literal["function"]
    function: ToolFunction


class NamedFunction(BaseModel):
    name: str


class NamedTool(BaseModel):
    type: Literal["function"]
    function: NamedFunction


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MOST_MESSAGES)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    tools: Annotated[list[ChatTool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    response_format: dict[str, Any] | None = None
    stop: str | list[str] | None = None
    modalities: list[str] | None = None


@router.post(
    "/completions",
    summary="The next message of a conversation",
    response_model=dict[str, Any],
    responses={
        **REFUSALS,
        200: {"content": {"text/event-stream": {}}},
        502: REFUSALS[500],
    },
)
async def completions(request: Request, asked: ChatRequest, house: TheHouse, holder: KeyHolder) -> Response:
    _refuse_what_is_not_done(asked)
    parts = parts_of(house, holder, asked.model)
    thought = thought_of(asked, parts)
    head = {"id": random_id("chatcmpl"), "created": int(time.time()), "model": asked.model}
    if not asked.stream:
        async with _places.one():
            try:
                return JSONResponse(await unless_gone(request, _whole(parts, thought, head)))
            except BrainFailed as error:
                raise failure(error) from error
    _places.take()
    events = _held(parts.brain.think(thought))
    try:
        first = await anext(events)
    except BrainFailed as error:
        raise failure(error) from error
    usage = asked.stream_options is not None and asked.stream_options.include_usage
    return StreamingResponse(_chunks(first, events, head, usage), media_type="text/event-stream")


def _refuse_what_is_not_done(asked: ChatRequest) -> None:
    for name, given in (
        ("response_format", asked.response_format not in (None, {"type": "text"})),
        ("stop", bool(asked.stop)),
        ("modalities", asked.modalities not in (None, ["text"])),
    ):
        if given:
            raise ApiError(
                400,
                f"This server answers in plain text to its end: leave '{name}' out.",
                code="unsupported_parameter",
                param=name,
            )


def thought_of(asked: ChatRequest, parts: Parts) -> Thought:
    """The request as what a brain is asked."""
    instructions = "\n\n".join(m.text for m in asked.messages if m.role in ("system", "developer") and m.text)
    history = tuple(item for at, m in enumerate(asked.messages) for item in _items(m, at))
    said = next((m.text for m in reversed(asked.messages) if m.role == "user"), "")
    choice: ToolChoice
    match asked.tool_choice:
        case NamedTool(function=function):
            choice = ToolChoiceFunction(name=function.name)
        case None:
            choice = "auto"
        case word:
            choice = word
    tools = tuple(
        FunctionTool(
            name=t.function.name, description=t.function.description, parameters=t.function.parameters
        )
        for t in asked.tools or ()
    )
    return Thought(
        # Requests that begin alike are one conversation to the mind, which then has read their beginning already.
        conversation_id=f"http-{hash((instructions, asked.messages[0].text, history[:1])) & 0xFFFFFFFF:x}",
        response_id=random_id("resp"),
        history=history,
        instructions=instructions,
        tools=tools,
        tool_choice=choice,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        language=parts.language_of(said, None),
        speculative=False,
    )


def _items(message: ChatMessage, at: int) -> list[Item]:
    match message.role:
        case "system" | "developer":
            return []
        case "user":
            return [Message(role="user", content=(InputText(text=message.text),), id=f"item_{at}")]
        case "tool":
            if not message.tool_call_id:
                raise ApiError(
                    400,
                    f"'messages[{at}]' is a tool's output and must have 'tool_call_id'.",
                    code="invalid_value",
                    param=f"messages[{at}].tool_call_id",
                )
            return [FunctionCallOutput(call_id=message.tool_call_id, output=message.text, id=f"item_{at}")]
        case "assistant":
            items: list[Item] = []
            if message.text:
                items.append(
                    Message(role="assistant", content=(OutputText(text=message.text),), id=f"item_{at}")
                )
            for n, call in enumerate(message.tool_calls or ()):
                function = call.function
                items.append(
                    CallItem(
                        name=function.name,
                        arguments=function.arguments,
                        call_id=call.id,
                        id=f"item_{at}_{n}",
                    )
                )
            return items


# ------------------------------------------------------------------------------------------------------- answers


def _usage(finished: Finished) -> dict[str, Any]:
    return {
        "prompt_tokens": finished.input_tokens,
        "completion_tokens": finished.output_tokens,
        "total_tokens": finished.input_tokens + finished.output_tokens,
        "prompt_tokens_details": {"cached_tokens": finished.cached_tokens},
    }


def _call(called: Called) -> dict[str, Any]:
    function = {"name": called.name, "arguments": called.arguments}
    return {"id": called.call_id, "type": "function", "function": function}


def _reason(finished: Finished, calls: int) -> str:
    return "tool_calls" if calls and finished.reason == "stop" else finished.reason


async def _whole(parts: Parts, thought: Thought, head: dict[str, Any]) -> dict[str, Any]:
    text: list[str] = []
    calls: list[dict[str, Any]] = []
    finished = Finished()
    async for event in parts.brain.think(thought):
        match event:
            case Said():
                text.append(event.text)
            case Called():
                calls.append(_call(event))
            case Finished():
                finished = event
    message: dict[str, Any] = {"role": "assistant", "content": "".join(text) or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _reason(finished, len(calls)),
    }
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(finished)}


async def _held(events: AsyncIterator[BrainEvent]) -> AsyncIterator[BrainEvent]:
    """The same, and the request's place given back at its end, however it ends."""
    try:
        async for event in events:
            yield event
    finally:
        _places.give_back()


async def _chunks(
    first: BrainEvent, rest: AsyncIterator[BrainEvent], head: dict[str, Any], with_usage: bool
) -> AsyncIterator[bytes]:
    """`chat.completion.chunk` events; a failure in mid-answer is an `error` event and no `[DONE]`."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if with_usage else {}
        return _data({**head, "object": "chat.completion.chunk", "choices": [choice], **usage})

    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    try:
        async for event in _joined(first, rest):
            match event:
                case Said():
                    yield chunk({"content": event.text})
                case Called():
                    yield chunk({"tool_calls": [{"index": calls, **_call(event)}]})
                    calls += 1
                case Finished():
                    yield chunk({}, _reason(event, calls))
                    if with_usage:
                        yield _data(
                            {**head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(event)}
                        )
    except BrainFailed as error:
        yield _data(
            {"error": {"message": str(error), "type": SERVER_ERROR, "param": None, "code": error.code}}
        )
        return
    yield b"data: [DONE]\n\n"


async def _joined(first: BrainEvent, rest: AsyncIterator[BrainEvent]) -> AsyncIterator[BrainEvent]:
    yield first
    async for event in rest:
        yield event


def _data(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
