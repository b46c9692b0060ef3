"""A brain behind any OpenAI-compatible `/chat/completions` endpoint: vLLM, llama.cpp, Ollama, hosted ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    Message,
    OutputAudio,
    OutputText,
)
from moksori.protocol.session import FunctionTool, Tool, ToolChoice, ToolChoiceFunction

Json = dict[str, Any]

CONNECT_S = 5.0
KEEP_ALIVE_S = 600.0
"""An idle connection is kept so long: the pause between two callers should not cost a TLS handshake."""
DRAIN_S = 0.25
"""How long to wait for the end of a response after its last event; it is usually in the same packet."""
MAX_LINE = 1 << 20
"""Bytes in one line of the event stream; a longer one is not an answer."""
MAX_CALLS = 32
"""Tool calls in one answer."""

# ------------------------------------------------------------------------------------ items to chat messages


def to_messages(history: Iterable[Item], instructions: str = "") -> list[Json]:
    """The conversation as chat messages.

    Of assistant messages the transcript is taken, which holds only what was heard. Calls stand directly before
    their outputs, wherever those came in; a call without output and an output without call are left out, because
    every endpoint refuses them. Messages without words, lists of tools and approvals are left out too.
    """
    items = tuple(history)
    outputs = {item.call_id: item.output for item in items if isinstance(item, FunctionCallOutput)}
    messages: list[Json] = [{"role": "system", "content": instructions}] if instructions.strip() else []
    waiting: list[Json] = []

    def settle() -> None:
        messages.extend(waiting)
        waiting.clear()

    for item in items:
        match item:
            case FunctionCall(name=name, arguments=arguments, call_id=call_id) if call_id in outputs:
                waiting.append(_add_call(messages, call_id, name, arguments, outputs[call_id]))
            case McpCall(name=name, arguments=arguments, id=call_id) if item.output or item.error:
                output = item.output or json.dumps({"error": getattr(item.error, "message", "failed")})
                waiting.append(_add_call(messages, call_id, name, arguments, output))
            case FunctionCallOutput():
                settle()
            case Message():
                content = _content(item)
                if content:
                    settle()
                    messages.append({"role": item.role, "content": content})
            case _:
                pass
    settle()
    return messages


def _add_call(messages: list[Json], call_id: str, name: str, arguments: str, output: str) -> Json:
    """Add a call to the assistant message in front of it; returns its output's message, for behind that."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}
    messages[-1].setdefault("tool_calls", []).append(call)
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def _content(message: Message) -> str | list[Json]:
    """A message's words, or its parts where it has an image."""
    parts: list[Json] = []
    for part in message.content:
        match part:
            case InputText(text=text) | OutputText(text=text):
                parts.append({"type": "text", "text": text})
            case InputAudio(transcript=transcript) | OutputAudio(transcript=transcript) if transcript:
                parts.append({"type": "text", "text": transcript})
            case InputImage(image_url=url, detail=detail):
                parts.append({"type": "image_url", "image_url": {"url": url, "detail": detail}})
            case _:
                pass
    parts = [part for part in parts if part["type"] != "text" or part["text"].strip()]
    if any(part["type"] == "image_url" for part in parts):
        return parts
    return "\n".join(part["text"] for part in parts)


def to_tools(tools: Iterable[Tool]) -> list[Json]:
    """Function tools in the endpoint's form. MCP tools are run by the server and offered as functions by it."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description or "",
                "parameters": tool.parameters or {"type": "object", "properties": {}},
            },
        }
        for tool in tools
        if isinstance(tool, FunctionTool)
    ]


def to_tool_choice(choice: ToolChoice) -> str | Json:
    match choice:
        case str():
            return choice
        case ToolChoiceFunction(name=name):
            return {"type": "function", "function": {"name": name}}
        case _:
            return "auto"


# ------------------------------------------------------------------------------------------------- the brain


@dataclass(slots=True)
class _Call:
    """A tool call as far as it has come."""

    key: object
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ChatBrain:
    """`Brain` over HTTP. One client, one pool of connections, for all conversations.

    `timeout_s` is the longest wait for the next byte of an answer. `max_tokens_field` is
    `max_completion_tokens` for OpenAI's reasoning models. `extra` goes into every request as it is.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        temperature: float | None = None,
        timeout_s: float = 30.0,
        max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        extra: Json | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._model = model
        self._key = api_key
        self._temperature = temperature
        self._max_tokens_field = max_tokens_field
        self._extra = extra or {}
        # False once the endpoint has refused to report usage in a stream.
        self._ask_usage = True
        self._client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_keepalive_connections=32, keepalive_expiry=KEEP_ALIVE_S),
        )

    async def warm(self) -> None:
        """Open a connection ahead of the first answer. Raises `BrainFailed` where nothing answers at all."""
        try:
            await self._client.get(f"{self._base}/models", headers=self._headers())
        except httpx.HTTPError as e:
            raise self._unreachable(e) from e

    async def aclose(self) -> None:
        await self._client.aclose()

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """Stream the answer; closing the iterator closes the HTTP stream at once. Raises `BrainFailed`."""
        answer = _Answer()
        try:
            response = await self._open(self._body(thought))
            try:
                async for event in _answered(response, answer):
                    yield event
            finally:
                await response.aclose()
        except httpx.TimeoutException as e:
            raise BrainFailed(
                f"The language model at {self._base} took too long to answer.",
                code="llm_timeout",
                retryable=True,
            ) from e
        except httpx.ConnectError as e:
            raise self._unreachable(e) from e
        except httpx.HTTPError as e:
            raise BrainFailed(
                f"The connection to the language model at {self._base} broke in mid-answer ({type(e).__name__}).",
                code="llm_connection_lost",
                retryable=True,
            ) from e

    # ------------------------------------------------------------------------------------------- the request

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}"} if self._key else {}

    def _body(self, thought: Thought) -> Json:
        body: Json = {
            "model": self._model,
            "messages": to_messages(thought.history, thought.instructions),
            "stream": True,
        }
        if thought.max_tokens is not None:
            body[self._max_tokens_field] = thought.max_tokens
        if self._temperature is not None:
            body["temperature"] = self._temperature
        if tools := to_tools(thought.tools):
            body["tools"] = tools
            body["tool_choice"] = to_tool_choice(thought.tool_choice)
            if thought.parallel_tool_calls is not None:
                body["parallel_tool_calls"] = thought.parallel_tool_calls
        if thought.effort is not None:
            body["reasoning_effort"] = thought.effort
        return {**body, **self._extra}

    async def _open(self, body: Json) -> httpx.Response:
        """Send the request until a 200 begins; the caller closes the response."""
        retried = False
        while True:
            usage = {"stream_options": {"include_usage": True}} if self._ask_usage else {}
            request = self._client.build_request(
                "POST", f"{self._base}/chat/completions", json={**body, **usage}, headers=self._headers()
            )
            try:
                response = await self._client.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A kept connection that the other side had closed in the meantime; nothing was answered yet.
                if retried:
                    raise
                retried = True
                continue
            if response.status_code == 200:
                return response
            try:
                said = (await response.aread())[:4096].decode("utf-8", "replace")
            finally:
                await response.aclose()
            if response.status_code in (400, 422) and self._ask_usage and "stream_options" in said:
                self._ask_usage = False
                continue
            raise self._refused(response.status_code, said)

    def _refused(self, status: int, said: str) -> BrainFailed:
        where = f"The language model at {self._base}"
        match status:
            case 401 | 403:
                return BrainFailed(
                    f"{where} refused the API key (HTTP {status}); check engine.llm.api_key.",
                    code="llm_unauthorized",
                )
            case 404:
                return BrainFailed(
                    f"{where} knows no model {self._model!r}, or the address is wrong (HTTP 404); "
                    "check engine.llm.base_url and engine.llm.model.",
                    code="llm_not_found",
                )
            case 429:
                return BrainFailed(
                    f"{where} has no capacity for us now (HTTP 429).", code="llm_rate_limited", retryable=True
                )
            case _ if status >= 500:
                return BrainFailed(f"{where} failed (HTTP {status}).", code="llm_unavailable", retryable=True)
            case _:
                return BrainFailed(
                    f"{where} refused the request (HTTP {status}){self._quote(said)}.", code="llm_rejected"
                )

    def _quote(self, said: str) -> str:
        """The endpoint's own error message, short and without the key."""
        try:
            error = json.loads(said)["error"]
            text = str(error["message"] if isinstance(error, dict) else error)
        except (ValueError, KeyError, TypeError):
            return ""
        if self._key:
            text = text.replace(self._key, "***")
        return ": " + " ".join(text.split())[:200].rstrip(".")

    def _unreachable(self, why: Exception) -> BrainFailed:
        return BrainFailed(
            f"The language model at {self._base} cannot be reached ({type(why).__name__}); "
            "is it running, and is engine.llm.base_url right?",
            code="llm_unreachable",
            retryable=True,
        )


# ------------------------------------------------------------------------------------------- the event stream


class _Answer:
    """Adds up the chunks of one answer."""

    def __init__(self) -> None:
        self.ended = False
        self._begun = False
        self._reason: str | None = None
        self._calls: list[_Call] = []
        self._usage: Json = {}

    def take(self, data: bytes) -> Iterable[BrainEvent]:
        """One chunk (`chat.completion.chunk`)."""
        try:
            chunk = json.loads(data)
        except ValueError as e:
            raise _garbage("it is not JSON") from e
        self._begun = True
        if not isinstance(chunk, dict):
            raise _garbage("a chunk is not an object")
        if error := chunk.get("error"):
            kind = error.get("type") if isinstance(error, dict) else None
            raise BrainFailed(
                f"The language model broke off its answer with an error{f' ({kind})' if kind else ''}.",
                code="llm_unavailable",
                retryable=True,
            )
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise _garbage("its choices are not a list of objects")
        for choice in choices[:1]:
            yield from self._delta(choice.get("delta") or {})
            self._reason = choice.get("finish_reason") or self._reason

    def _delta(self, delta: Any) -> Iterable[BrainEvent]:
        if not isinstance(delta, dict):
            raise _garbage("a delta is not an object")
        if text := delta.get("content"):
            if not isinstance(text, str):
                raise _garbage("its content is not text")
            yield Said(text)
        for part in delta.get("tool_calls") or ():
            function = part.get("function") if isinstance(part, dict) else None
            if not isinstance(function, dict):
                raise _garbage("a tool call has no function")
            call = self._call_of(part)
            call.id = call.id or str(part.get("id") or "")
            call.name = call.name or str(function.get("name") or "")
            call.arguments.append(str(function.get("arguments") or ""))

    def _call_of(self, part: Json) -> _Call:
        """The call a delta belongs to. Some endpoints leave `index` out and send each call whole."""
        key = part.get("index")
        if key is None:
            key = part.get("id") or (self._calls[-1].key if self._calls else 0)
        for call in self._calls:
            if call.key == key:
                return call
        if len(self._calls) >= MAX_CALLS:
            raise _garbage(f"it calls more than {MAX_CALLS} tools at once")
        self._calls.append(_Call(key))
        return self._calls[-1]

    def finish(self) -> Iterable[BrainEvent]:
        """What is left to say when the stream is over: the calls, and how it ended."""
        if not self._begun and not self.ended:
            raise _garbage("it is not a stream of events")
        if self._reason is None and not self.ended:
            raise BrainFailed(
                "The language model's answer stopped before its end.",
                code="llm_connection_lost",
                retryable=True,
            )
        for call in self._calls:
            arguments = "".join(call.arguments).strip() or "{}"
            if not call.name or not _is_object(arguments):
                if self._reason == "length":
                    continue  # cut by the token limit: there is no whole call
                raise _garbage("a tool call's arguments are not a JSON object")
            yield Called(call.id or f"call_{secrets.token_urlsafe(12)}", call.name, arguments)
        details = self._usage.get("prompt_tokens_details")
        yield Finished(
            reason="length"
            if self._reason == "length"
            else "content_filter"
            if self._reason == "content_filter"
            else "stop",
            input_tokens=_count(self._usage.get("prompt_tokens")),
            cached_tokens=_count(details.get("cached_tokens") if isinstance(details, dict) else 0),
            output_tokens=_count(self._usage.get("completion_tokens")),
        )


async def _answered(response: httpx.Response, answer: _Answer) -> AsyncIterator[BrainEvent]:
    events = _events(response)
    async for data in events:
        if data == b"[DONE]":
            answer.ended = True
            break
        for event in answer.take(data):
            yield event
    for event in answer.finish():
        yield event
    # Only a response read to its end leaves its connection to the next one.
    with contextlib.suppress(TimeoutError, httpx.HTTPError, BrainFailed):
        async with asyncio.timeout(DRAIN_S):
            async for _ in events:
                pass


async def _events(response: httpx.Response) -> AsyncIterator[bytes]:
    """The `data` of each server-sent event. Only LF and CRLF end a line; others may stand inside the text."""
    pending = b""
    async for piece in response.aiter_bytes():
        *lines, pending = (pending + piece).split(b"\n")
        if len(pending) > MAX_LINE:
            raise _garbage("a line of the stream is too long")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if pending.startswith(b"data:"):
        yield pending[5:].strip()


def _garbage(what: str) -> BrainFailed:
    return BrainFailed(
        f"The language model's answer cannot be understood: {what}. Is it an OpenAI-compatible endpoint?",
        code="llm_invalid_response",
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def words_of(items: Sequence[Item], role: str) -> list[str]:
    """What was said in each message of one role, oldest first; "" where nothing was."""
    return [words_in(item) for item in items if isinstance(item, Message) and item.role == role]


def words_in(message: Message) -> str:
    """A message's words, of its pictures nothing."""
    content = _content(message)
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
