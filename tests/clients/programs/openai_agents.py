"""openai-agents (Python): `RealtimeSession` over its WebSocket model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from flows import Flow, arguments, run, stream

args = arguments()
URL = args.http.replace("http", "ws", 1) + "/v1/realtime?model=moksori-local"


@function_tool
def find_order(question: str) -> str:
    """Find the caller's order."""
    return json.dumps({"status": "shipped yesterday"})


@contextlib.asynccontextmanager
async def session(flow: Flow, detection: dict[str, Any]) -> AsyncIterator[RealtimeSession]:
    agent = RealtimeAgent(name="shop", instructions="You help customers.", tools=[find_order])
    settings: Any = {"input_audio_transcription": {"model": "whisper-1"}, "turn_detection": detection}
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    made = await runner.run(model_config={"url": URL, "api_key": "none is needed on loopback"})
    async with made:
        reader = asyncio.create_task(read(made, flow))
        try:
            yield made
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader


async def read(made: RealtimeSession, flow: Flow) -> None:
    async for event in made:
        if event.type == "error":
            flow.said = str(event.error)
            flow.saw("error")
            continue
        if event.type == "raw_model_event":
            data = event.data
            if data.type == "raw_server_event" and data.data.get("type") == "response.done":
                flow.saw("response.done")
            continue
        if event.type in ("history_added", "history_updated"):
            flow.said = said(event.history if event.type == "history_updated" else [event.item]) or flow.said
            continue
        flow.saw(event.type)


def said(history: list[Any]) -> str:
    """The last words of the assistant's."""
    for item in reversed(history):
        if getattr(item, "role", None) == "assistant":
            for part in item.content:
                words = getattr(part, "transcript", None) or getattr(part, "text", None)
                if words:
                    return str(words)
    return ""


def expect(flow: Flow, words: str) -> None:
    if words not in flow.said.lower():
        raise AssertionError(f"{words!r} was not said: {flow.said!r}")


async def answered(flow: Flow) -> None:
    came = await flow.until("response.done", "error")
    if came == "error":
        raise AssertionError(f"an error event: {flow.said}")
    await asyncio.sleep(0.2)  # the history's event follows the last one of the answer


async def typed(flow: Flow) -> None:
    async with session(flow, {"type": "semantic_vad"}) as made:
        await made.send_message("Hello there")
        await flow.until("audio", "error")
        await answered(flow)
        expect(flow, "hello there")


async def tool(flow: Flow) -> None:
    async with session(flow, {"type": "semantic_vad"}) as made:
        await made.send_message("Where is my order?")
        await flow.until("tool_start", "error")
        await flow.until("tool_end", "error")
        while "shipped yesterday" not in flow.said.lower():  # the call's own answer, then the one with its result
            await answered(flow)


async def spoken(flow: Flow) -> None:
    async with session(flow, {"type": "server_vad"}) as made:
        microphone = asyncio.create_task(stream(args.question.read_bytes(), made.send_audio))
        try:
            await answered(flow)
        finally:
            microphone.cancel()
        expect(flow, "return policy")


async def interruption(flow: Flow) -> None:
    async with session(flow, {"type": "server_vad", "interrupt_response": True}) as made:
        await made.send_message("Tell me a story")
        await flow.until("audio", "error")
        microphone = asyncio.create_task(stream(args.stop.read_bytes(), made.send_audio))
        try:
            if await flow.until("audio_interrupted", "error") == "error":
                raise AssertionError(f"an error event: {flow.said}")
            await answered(flow)
        finally:
            microphone.cancel()


asyncio.run(run({"typed": typed, "tool": tool, "spoken": spoken, "interruption": interruption}))
