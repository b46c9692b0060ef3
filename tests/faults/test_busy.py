"""A server with its hands full: the new caller is told so, and those on the line notice nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm, wav
from moksori.audio.pcm import BYTES_PER_SAMPLE
from tests.support.chat_stub import STORY
from tests.support.real_server import RealServer, server_with_stub_mind
from tests.support.speech import QUESTIONS, say

from .server_process import PATIENCE_S

pytestmark = pytest.mark.models

CALLS = 2
AT_ONCE = 6
"""Recordings sent to be transcribed at the same time: many seconds of work for the stage that every turn passes."""
TRY_AGAIN_LATER = 1013


def recording() -> bytes:
    """Twenty-odd seconds of questions as WAV."""
    samples = np.concatenate([say(text, "flite:slt") for text in QUESTIONS[:12]])[: 28 * HEARING_RATE]
    return wav.write(pcm.from_float(samples), HEARING_RATE)


async def tell_me_a_story(call: ClientConnection) -> tuple[str, float, float]:
    """The answer's text, its sound in seconds, and the longest silence a listener would have had within it."""
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Tell me a story."}],
    }
    await call.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await call.send(json.dumps({"type": "response.create"}))
    clock = asyncio.get_running_loop().time
    text, sent, worst, plays_until = "", 0.0, 0.0, None
    async for message in call:
        event: dict[str, Any] = json.loads(message)
        assert event["type"] != "error", event
        if event["type"] == "response.output_audio.delta":
            seconds = len(base64.b64decode(event["delta"])) / BYTES_PER_SAMPLE / SPEAKING_RATE
            if plays_until is not None:
                worst = max(worst, clock() - plays_until)
            plays_until = max(plays_until or 0.0, clock()) + seconds
            sent += seconds
        elif event["type"] == "response.output_audio_transcript.done":
            text = event["transcript"]
        elif event["type"] == "response.done":
            assert event["response"]["status"] == "completed", event["response"]
            return text, sent, worst
    raise AssertionError("the call was closed")


async def refused(server: RealServer) -> tuple[list[str], int | None] | None:
    """Connect: the codes of the errors and the close code of a refusal; None if the call was let in."""
    codes = []
    async with connect(f"{server.ws}?model=moksori-local") as call:
        try:
            async for message in call:
                event = json.loads(message)
                if event["type"] == "session.created":
                    return None
                codes.append(event["error"]["code"])
        except ConnectionClosed:
            pass
        return codes, call.close_code


async def test_a_new_caller_is_refused_with_1013_and_no_call_on_the_line_suffers(tmp_path: Path) -> None:
    sound = recording()
    with server_with_stub_mind(tmp_path) as server:
        async with (
            asyncio.timeout(PATIENCE_S * 2),
            httpx.AsyncClient(timeout=PATIENCE_S) as http,
            connect(server.ws, max_size=None) as first,
            connect(server.ws, max_size=None) as second,
        ):

            async def work() -> None:
                answer = await http.post(
                    f"{server.http}/v1/audio/transcriptions",
                    files={"file": ("a.wav", sound)},
                    data={"model": "moksori-local"},
                )
                assert answer.status_code == 200, answer.text

            working = [asyncio.create_task(work()) for _ in range(AT_ONCE)]
            stories = [asyncio.create_task(tell_me_a_story(call)) for call in (first, second)]
            refusal = None
            while refusal is None and not all(task.done() for task in working):
                refusal = await refused(server)
            told = await asyncio.gather(*stories)
            await asyncio.gather(*working)

            assert refusal == (["server_overloaded"], TRY_AGAIN_LATER)
            for text, seconds, worst in told:
                assert text == STORY
                print(f"{seconds:.1f} s of sound, longest gap in it {worst * 1000:.0f} ms")
            # Its work done, the server takes callers again.
            while await refused(server) is not None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.5)
    assert "Traceback" not in server.log.read_text()
