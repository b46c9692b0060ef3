"""Several callers against a scripted server: what they hear of its answers, and what a newcomer is told."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from moksori.bench.voice import callers
from moksori.bench.voice.callers import GAP_MS, Plan
from moksori.bench.voice.manifest import Clip, load, save
from tests.unit.bench.test_voice_score import silence, tone

PIECE_MS = 200
SPOKEN_MS = 300


class Scripted:
    """Answers 100 ms after silence, in two pieces, the second so much later; takes so many calls."""

    def __init__(self, pause_s: float, calls: int) -> None:
        self.pause_s = pause_s
        self.calls = calls
        self.open = 0

    async def serve(self, socket: ServerConnection) -> None:
        if self.open == self.calls:
            error = {"type": "invalid_request_error", "code": "server_overloaded", "message": "Busy."}
            await socket.send(json.dumps({"type": "error", "error": error}))
            await socket.close(1013)
            return
        self.open += 1
        try:
            await self.talk(socket)
        finally:
            self.open -= 1

    async def talk(self, socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"model": "scripted"}}))
        quiet, spoke, number = 0, False, 0
        async for message in socket:
            event = json.loads(message)
            if event["type"] != "input_audio_buffer.append":
                continue
            if any(base64.b64decode(event["audio"])):
                quiet, spoke = 0, True
                continue
            quiet += 1
            if spoke and quiet == 5:
                spoke, number = False, number + 1
                await self.answer(socket, f"item_{number}")

    async def answer(self, socket: ServerConnection, item: str) -> None:
        async def send(kind: str, **fields: Any) -> None:
            await socket.send(json.dumps({"type": kind, **fields}))

        sound = base64.b64encode(tone(PIECE_MS)).decode()
        await send("input_audio_buffer.committed")
        await send("response.created")
        await send("response.output_audio_transcript.delta", item_id=item, delta="It is on its way.")
        await send("response.output_audio.delta", item_id=item, delta=sound)
        await asyncio.sleep(self.pause_s)
        await send("response.output_audio.delta", item_id=item, delta=sound)
        await send("response.done", response={})


@pytest.mark.parametrize(("pause_s", "broken"), [(0.0, False), (PIECE_MS / 1000 + 0.3, True)])
async def test_a_late_piece_is_a_gap_and_a_call_too_many_is_told_so(
    pause_s: float, broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a server for two calls, two callers talk; a third is refused in so many words."""
    monkeypatch.setattr(callers, "NEWCOMER_EVERY_S", 1.5)
    monkeypatch.setattr(callers, "BETWEEN_S", 0.1)
    clip = Clip(id="q", wav="q.wav", language="en", text="?", last_voiced_ms=20 + SPOKEN_MS, kind="question")
    save(tmp_path, [(clip, silence(20) + tone(SPOKEN_MS) + silence(300))])
    scripted = Scripted(pause_s, calls=2)
    async with serve(scripted.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        plan = Plan(f"ws://127.0.0.1:{port}", None, load(tmp_path), callers=2, minutes=2.5 / 60)
        result = await asyncio.to_thread(callers.run, plan, print)
    summary = result["summary"]
    assert {answer["caller"] for answer in result["answers"]} == {0, 1}
    assert summary["unanswered"] == 0
    assert summary["newcomers"]["refused"] == 1
    assert result["newcomers"][0]["code"] == "server_overloaded"
    assert result["newcomers"][0]["close_code"] == 1013
    assert (summary["longest_gap_ms"] > GAP_MS) == broken
    assert all(answer["sound_ms"] == 2 * PIECE_MS for answer in result["answers"])
