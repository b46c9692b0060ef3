"""The benchmark's caller against a scripted server: what it sends, and what it makes of what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from moksori.bench.voice.call import FRAME, Line
from moksori.bench.voice.manifest import Clip
from moksori.bench.voice.turns import ask, overlap
from tests.unit.bench.test_voice_score import silence, tone

SPOKEN_MS = 300


class Scripted:
    """Answers 200 ms after the caller fell silent; says `speech_started` over its own answer when told to."""

    def __init__(self, interrupts: bool) -> None:
        self.interrupts = interrupts
        self.got: list[dict[str, Any]] = []
        self.answered = 0

    async def serve(self, socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"model": "scripted"}}))
        quiet = 0
        spoke = False
        async for message in socket:
            event = json.loads(message)
            if event["type"] != "input_audio_buffer.append":
                self.got.append(event)
                if event["type"] == "response.create":
                    await self.answer(socket, 2_500)
                continue
            frame = base64.b64decode(event["audio"])
            assert len(frame) == FRAME * 2
            if any(frame):
                if not spoke and self.answered and self.interrupts:
                    await socket.send(json.dumps({"type": "input_audio_buffer.speech_started"}))
                spoke, quiet = True, 0
                continue
            quiet += 1
            if spoke and quiet == 10:
                spoke = False
                if not self.answered:
                    await socket.send(json.dumps({"type": "input_audio_buffer.committed"}))
                    await self.answer(socket, 400)

    async def answer(self, socket: ServerConnection, ms: int) -> None:
        self.answered += 1
        item = f"item_{self.answered}"
        audio = base64.b64encode(silence(100) + tone(ms)).decode()
        usage = {"moksori": {"stages_ms": {"hold": 200}}}
        for event in (
            {"type": "response.created"},
            {"type": "response.output_audio_transcript.delta", "item_id": item, "delta": "It is on its way."},
            {"type": "response.output_audio.delta", "item_id": item, "delta": audio},
            {"type": "response.done", "response": {"usage": usage}},
        ):
            await socket.send(json.dumps(event))


CLIP = Clip(id="q", wav="q.wav", language="en", text="?", first_voiced_ms=20, last_voiced_ms=20 + SPOKEN_MS)
PCM = silence(20) + tone(SPOKEN_MS) + silence(300)


@pytest.fixture(params=[True, False])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Line, Scripted]]:
    scripted = Scripted(request.param)
    async with serve(scripted.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Line.open(f"ws://127.0.0.1:{port}", None, "en", None) as opened:
            yield opened, scripted


async def test_a_question_is_timed_and_the_rest_of_its_answer_is_given_back(
    line: tuple[Line, Scripted],
) -> None:
    opened, scripted = line
    turn = await ask(opened, CLIP, PCM)
    assert not turn["false_cut"] and turn["commits"] == 1
    assert turn["v2v_ms"] - turn["first_byte_ms"] == pytest.approx(100, abs=12), "its silence counts"
    assert turn["v2v_ms"] >= 200 + 100
    assert turn["stages_ms"] == {"hold": 200}
    assert turn["answer"] == "It is on its way."
    assert scripted.got[0]["session"]["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


async def test_speech_over_an_answer_stops_it_or_does_not(line: tuple[Line, Scripted]) -> None:
    opened, scripted = line
    found = await overlap(opened, CLIP, PCM, 0, "Who are you?")
    assert found is not None
    assert found["stopped"] is scripted.interrupts
    truncated = [e for e in scripted.got if e["type"] == "conversation.item.truncate"]
    if scripted.interrupts:
        assert 0 <= found["stop_ms"] < 1_000
        assert 0 < truncated[0]["audio_end_ms"] < 2_600
    else:
        assert found["stop_ms"] is None
