"""livekit-plugins-openai: `RealtimeModel` headless, without a room."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from flows import Flow, arguments, run, stream
from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

args = arguments()


@llm.function_tool
async def find_order(question: str) -> str:
    """Find the caller's order."""
    return json.dumps({"status": "shipped yesterday"})


class Held:
    """A session, and what it generated."""

    def __init__(self, session: Any, flow: Flow) -> None:
        self.session = session
        self.flow = flow
        self.generations: asyncio.Queue[Any] = asyncio.Queue()
        for name in ("input_speech_started", "input_speech_stopped", "session_reconnected"):
            session.on(name, lambda *_, name=name: flow.saw(name))
        session.on("input_audio_transcription_completed", lambda _: flow.saw("transcription_completed"))
        session.on("generation_created", self._generation)
        session.on("error", lambda error: flow.saw(f"error {error.error}"))

    def _generation(self, event: Any) -> None:
        self.flow.saw("generation_created")
        self.generations.put_nowait(event)

    async def consume(self, generation: Any) -> tuple[str, int, list[Any], str]:
        """Its words, its audio's milliseconds, its calls, and the id of its message."""
        words, ms, message_id = "", 0.0, ""
        async for message in generation.message_stream:
            message_id = message.message_id

            async def hear(message: Any = message) -> float:
                total = 0.0
                async for frame in message.audio_stream:
                    total += frame.duration * 1000
                return total

            hearing = asyncio.create_task(hear())
            async for text in message.text_stream:
                words += str(text)
            ms += await hearing
        calls = [call async for call in generation.function_stream]
        return words, round(ms), calls, message_id


@contextlib.asynccontextmanager
async def opened(flow: Flow, detection: ServerVad, **more: Any) -> AsyncIterator[Held]:
    model = openai.realtime.RealtimeModel(
        model="moksori-local", base_url=f"{args.http}/v1", api_key="none", turn_detection=detection, **more
    )
    session = model.session()
    try:
        yield Held(session, flow)
    finally:
        await session.aclose()
        await model.aclose()


async def ask(held: Held, words: str) -> Any:
    context = held.session.chat_ctx.copy()
    context.add_message(role="user", content=words)
    await held.session.update_chat_ctx(context)
    held.flow.saw("chat_ctx_updated")
    return await held.session.generate_reply()


def expect(flow: Flow, words: str, ms: int) -> None:
    if words not in flow.said.lower() or ms < 200:
        raise AssertionError(f"{words!r} was not said in {ms} ms of audio: {flow.said!r}")


VAD = ServerVad(
    type="server_vad", silence_duration_ms=400, create_response=True, interrupt_response=True
)


async def typed(flow: Flow) -> None:
    async with opened(flow, VAD) as held:
        flow.said, ms, _, _ = await held.consume(await ask(held, "Hello there"))
        expect(flow, "hello there", ms)


async def tool(flow: Flow) -> None:
    async with opened(flow, VAD) as held:
        await held.session.update_tools([find_order])
        flow.saw("tools_updated")
        _, _, calls, _ = await held.consume(await ask(held, "Where is my order?"))
        if [call.name for call in calls] != ["find_order"]:
            raise AssertionError(f"the calls were {calls}")
        context = held.session.chat_ctx.copy()
        context.items.append(
            llm.FunctionCallOutput(
                call_id=calls[0].call_id, name="find_order", output=await find_order("?"), is_error=False
            )
        )
        await held.session.update_chat_ctx(context)
        flow.said, ms, _, _ = await held.consume(await held.session.generate_reply())
        expect(flow, "shipped yesterday", ms)


async def spoken(flow: Flow) -> None:
    async with opened(flow, VAD, input_audio_transcription=AudioTranscription(model="whisper-1")) as held:
        async with microphone(held, args.question.read_bytes()):
            generation = await asyncio.wait_for(held.generations.get(), 40)
            flow.said, ms, _, _ = await held.consume(generation)
        await flow.until("input_speech_started")
        await flow.until("transcription_completed")
        expect(flow, "return policy", ms)


async def interruption(flow: Flow) -> None:
    async with opened(flow, VAD) as held:
        generation = await ask(held, "Tell me a story")
        consuming = asyncio.create_task(held.consume(generation))
        async with microphone(held, args.stop.read_bytes()):
            await flow.until("input_speech_started")
            flow.said, _, _, message_id = await consuming
            held.session.truncate(message_id=message_id, modalities=["audio"], audio_end_ms=300)
            answer = await asyncio.wait_for(held.generations.get(), 40)
            if answer is generation:
                answer = await asyncio.wait_for(held.generations.get(), 40)
            flow.said, _, _, _ = await held.consume(answer)
    if any(event.startswith("error") for event in flow.marks):
        raise AssertionError(f"errors: {list(flow.marks)}")


async def reconnection(flow: Flow) -> None:
    """The plugin recycles its connection and replays the history into the new one."""
    async with opened(flow, VAD, max_session_duration=8.0) as held:
        await held.consume(await ask(held, "Hello there"))
        await flow.until("session_reconnected")
        flow.said, ms, _, _ = await held.consume(await ask(held, "What did you say?"))
        expect(flow, "hello there", ms)


@contextlib.asynccontextmanager
async def microphone(held: Held, pcm: bytes) -> AsyncIterator[None]:
    async def send(piece: bytes) -> None:
        held.session.push_audio(
            rtc.AudioFrame(data=piece, sample_rate=24_000, num_channels=1, samples_per_channel=len(piece) // 2)
        )

    task = asyncio.create_task(stream(pcm, send))
    try:
        yield
    finally:
        task.cancel()


FLOWS = {"typed": typed, "tool": tool, "spoken": spoken, "interruption": interruption, "reconnection": reconnection}
asyncio.run(run(FLOWS))
