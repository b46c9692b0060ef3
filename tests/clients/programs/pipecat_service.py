"""Pipecat: `OpenAIRealtimeLLMService` in a pipeline with its own context aggregators."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from flows import Flow, arguments, run, stream
from loguru import logger
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
    TurnDetection,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

logger.remove()
args = arguments()


class Listener(FrameProcessor):
    """At the pipeline's end: what came out."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self._flow = flow

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSTextFrame():
                self._flow.said += frame.text
            case TTSAudioRawFrame():
                self._flow.saw("audio")
            case LLMFullResponseEndFrame():
                self._flow.saw("response_end")
            case InterruptionFrame():
                self._flow.saw("interruption")
            case UserStartedSpeakingFrame():
                self._flow.saw("user_started")
            case _:
                pass
        await self.push_frame(frame, direction)


@contextlib.asynccontextmanager
async def pipeline(flow: Flow, tools: ToolsSchema | None = None) -> AsyncIterator[PipelineTask]:
    properties = SessionProperties(
        audio=AudioConfiguration(
            input=AudioInput(
                transcription=InputAudioTranscription(model="whisper-1"),
                turn_detection=TurnDetection(type="server_vad", silence_duration_ms=400),
            )
        )
    )
    service = OpenAIRealtimeLLMService(
        api_key="none is needed on loopback",
        base_url=args.http.replace("http", "ws", 1) + "/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(model="moksori-local", session_properties=properties),
    )

    async def find_order(params: Any) -> None:
        flow.saw("tool")
        await params.result_callback({"status": "shipped yesterday"})

    service.register_function("find_order", find_order)
    context = LLMContext([], tools) if tools else LLMContext([])
    pair = LLMContextAggregatorPair(context)
    task = PipelineTask(
        Pipeline([pair.user(), service, Listener(flow), pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=24_000, audio_out_sample_rate=24_000),
    )

    @task.event_handler("on_pipeline_error")
    async def failed(_: PipelineTask, frame: ErrorFrame) -> None:
        flow.said = f"error: {frame.error}"
        flow.saw("error")

    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    try:
        yield task
    finally:
        await task.cancel()
        await asyncio.wait({running}, timeout=10)


async def ask(task: PipelineTask, words: str) -> None:
    await task.queue_frame(LLMMessagesAppendFrame([{"role": "user", "content": words}], run_llm=True))


@contextlib.asynccontextmanager
async def microphone(task: PipelineTask, pcm: bytes) -> AsyncIterator[None]:
    async def send(piece: bytes) -> None:
        await task.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=24_000, num_channels=1))

    sending = asyncio.create_task(stream(pcm, send))
    try:
        yield
    finally:
        sending.cancel()


async def must(flow: Flow, event: str) -> None:
    if await flow.until(event, "error") == "error":
        raise AssertionError(flow.said)


def expect(flow: Flow, words: str) -> None:
    if words not in flow.said.lower():
        raise AssertionError(f"{words!r} was not said: {flow.said!r}")


async def typed(flow: Flow) -> None:
    async with pipeline(flow) as task:
        await ask(task, "Hello there")
        await must(flow, "audio")
        await must(flow, "response_end")
        expect(flow, "hello there")


async def tool(flow: Flow) -> None:
    schema = FunctionSchema(
        name="find_order",
        description="Find the caller's order.",
        properties={"question": {"type": "string"}},
        required=[],
    )
    async with pipeline(flow, ToolsSchema(standard_tools=[schema])) as task:
        await ask(task, "Where is my order?")
        await must(flow, "tool")
        await must(flow, "audio")
        await must(flow, "response_end")
        if "shipped" not in flow.said:
            await must(flow, "response_end")
        expect(flow, "shipped yesterday")


async def spoken(flow: Flow) -> None:
    async with pipeline(flow) as task, microphone(task, args.question.read_bytes()):
        await must(flow, "user_started")
        await must(flow, "audio")
        await must(flow, "response_end")
        expect(flow, "return policy")


async def interruption(flow: Flow) -> None:
    async with pipeline(flow) as task:
        await ask(task, "Tell me a story")
        await must(flow, "audio")
        async with microphone(task, args.stop.read_bytes()):
            await must(flow, "interruption")
            flow.said = ""
            await must(flow, "response_end")
            if not flow.said:
                await must(flow, "response_end")
        if not flow.said:
            raise AssertionError("the interruption was not answered")


asyncio.run(run({"typed": typed, "tool": tool, "spoken": spoken, "interruption": interruption}))
