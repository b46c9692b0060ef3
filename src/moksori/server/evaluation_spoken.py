"""Spoken evaluation: a process that serves, callers who speak with voices other than the answering one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from moksori.audio.pcm import to_float
from moksori.bench.eval.judge import Aftermath
from moksori.bench.eval.scenario import RunUnusable, Scenario
from moksori.bench.eval.sounds import Manner, Samples
from moksori.bench.eval.spoken import Server, SpokenCall
from moksori.bench.voice.speakers import SpeakerMissing, say, trimmed

READY_S = 120.0
STOP_S = 20.0
LINE_LIMIT = 1 << 20


class Served:
    """The serving process: opens one shop after the other."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, now: datetime | None, config: Path | None = None, profile: str = "lite"
    ) -> AsyncIterator[Served]:
        """Raises `RunUnusable` when its models cannot be loaded."""
        program = [sys.executable, "-m", "moksori.server.evaluation_server"]
        process = await asyncio.create_subprocess_exec(
            *program, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LINE_LIMIT
        )
        self = cls(process)
        log: list[bytes] = []
        reading = asyncio.create_task(_drain(process, log))
        try:
            told = {
                "now": now.isoformat() if now else None,
                "config": str(config) if config else None,
                "profile": profile,
            }
            try:
                await asyncio.wait_for(self.ask(told), READY_S)
            except (RunUnusable, TimeoutError) as why:
                tail = b"".join(log)[-800:].decode(errors="replace")
                raise RunUnusable(f"The server for the evaluation did not start: {tail or why}") from why
            yield self
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            await reading

    async def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        await self._process.stdin.drain()
        answer = await self._process.stdout.readline()
        if not answer:
            raise RunUnusable("The server for the evaluation ended.")
        told: dict[str, Any] = json.loads(answer)
        return told

    async def call(
        self, scenario: Scenario, database: Path, manner: Manner, wav: Path | None, speak: Speaker
    ) -> SpokenCall:
        """A call on a copy of the shop."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="moksori-eval-"))
        await asyncio.to_thread(shutil.copy, database, folder / "shop.db")
        given = {
            "database": str(folder / "shop.db"),
            "caller": scenario.caller,
            "language": scenario.language,
        }
        opened = await self.ask({"open": given})
        variables = {"language": scenario.language}
        if opened["context"] is not None:
            variables["context"] = opened["context"]

        async def end() -> Aftermath:
            told = await self.ask({"close": True})
            await asyncio.to_thread(shutil.rmtree, folder)
            return Aftermath(told["changed"], tuple(told["tools"]))

        server = Server(opened["url"], variables, end, opened["key"])
        return await SpokenCall.open(scenario, server, manner, speak, wav)


async def _drain(process: Process, log: list[bytes]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        log.append(line)
        del log[:-200]


Speaker = Callable[[str, str, float], Samples]


class Speakers:
    """Every caller's voice: flite and espeak-ng as programs, Kokoro's others as a process of the engine."""

    def __init__(self) -> None:
        self._kokoro: subprocess.Popen[str] | None = None

    def __call__(self, text: str, voice: str, speed: float) -> Samples:
        """24 kHz samples, trimmed. Raises `SpeakerMissing`."""
        program, _, name = voice.partition(":")
        if program != "kokoro":
            return say(text, voice, speed)
        if self._kokoro is None:
            command = [sys.executable, "-m", "moksori.engine.say"]
            self._kokoro = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._kokoro.stdin is not None and self._kokoro.stdout is not None
        self._kokoro.stdin.write(
            json.dumps({"text": text, "voice": name, "speed": speed}, ensure_ascii=False) + "\n"
        )
        self._kokoro.stdin.flush()
        answer = json.loads(self._kokoro.stdout.readline() or '{"error": "The Korean voice ended."}')
        if "error" in answer:
            raise SpeakerMissing(answer["error"])
        spoken: Samples = trimmed(to_float(base64.b64decode(answer["pcm"]))).astype(np.float32)
        return spoken

    def close(self) -> None:
        if self._kokoro is not None:
            assert self._kokoro.stdin is not None and self._kokoro.stdout is not None
            self._kokoro.stdin.close()
            self._kokoro.wait(STOP_S)
            self._kokoro.stdout.close()


def opener(
    served: Served, database: Path, manner: Manner, speakers: Speakers, wavs: Path | None
) -> Callable[[Scenario], Any]:
    async def open_one(scenario: Scenario) -> SpokenCall:
        wav = wavs / f"{scenario.language}-{scenario.id}.wav" if wavs is not None else None
        return await served.call(scenario, database, manner, wav, partial(speakers))

    return open_one
