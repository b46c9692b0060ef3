"""A conversation held aloud, over a real server's socket: the caller's voice goes out in real time, and is answered."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from moksori.bench.eval.judge import Aftermath
from moksori.bench.eval.report import Turn
from moksori.bench.eval.scenario import Scenario
from moksori.bench.eval.sounds import Manner, Speak, Style, Utterance, style_of, utterance
from moksori.bench.voice.call import CallFailed, Line, Tracks
from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.score import score

ANSWER_S = 9.0
"""A caller who hears nothing for so long after a sentence says it again."""
LONGEST_ANSWER_S = 45.0
SETTLED_S = 0.7
"""After the last sound of an answer, in case it goes on: a tool was asked, or a sentence is put right."""
INTO_ANSWER_S = 1.0
"""How far into an answer somebody speaks who does not wait for its end."""
SILENT_S = 3.0
BACKCHANNELS = {"ko": "네", "en": "mm-hmm"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a conversation is held; `end` closes it and tells what it came to."""

    url: str
    variables: dict[str, str]
    end: Callable[[], Awaitable[Aftermath]]
    key: str | None = None
    prompt: str = "shop"


class SpokenCall:
    """`Conversation` by voice."""

    def __init__(
        self, scenario: Scenario, server: Server, manner: Manner, speak: Speak, wav: Path | None
    ) -> None:
        self._scenario, self._server, self._speak, self._wav = scenario, server, speak, wav
        self._style: Style = style_of(manner, scenario.language, scenario.key)
        self._detection = manner.detection
        self._stack = AsyncExitStack()
        self._tracks = Tracks() if wav is not None else None
        self._line: Line
        self._ready: dict[str, Utterance] = {}
        self._turns = 0
        self._cut_in = False

    @classmethod
    async def open(
        cls, scenario: Scenario, server: Server, manner: Manner, speak: Speak, wav: Path | None = None
    ) -> Self:
        """Render what will be said, then call: nothing is synthesised while it is measured."""
        self = cls(scenario, server, manner, speak, wav)
        for text in [*scenario.turns, *scenario.answers.values(), BACKCHANNELS[scenario.language]]:
            await self._utterance(text)
        line = Line.open(server.url, server.key, scenario.language, self._tracks, self._detection)
        self._line = await self._stack.enter_async_context(line)
        prompt = {"id": server.prompt, "variables": server.variables}
        await self._line.send({"type": "session.update", "session": {"type": "realtime", "prompt": prompt}})
        return self

    async def say(self, text: str) -> Turn:
        self._turns += 1
        if not text.strip():
            await asyncio.sleep(SILENT_S)
            return Turn(text, "", (), 0.0, "", str(self._style))
        line, sound = self._line, await self._utterance(text)
        cut_in, self._cut_in = self._cut_in, False
        if not cut_in:
            line.next_turn()
        before = set(line.evidence.said)
        began = line.say(sound.pcm, sound.floor)
        line.evidence.last_voiced_at = began + sound.voiced_ms / 1000
        heard_before = line.evidence.transcript
        await self._answered(line.evidence.last_voiced_at)
        figures: dict[str, Any] = score(line.evidence, self._scenario.language)
        said = [s.text.strip() for item, s in line.evidence.said.items() if item not in before]
        waited = figures["v2v_ms"] if not cut_in and figures["v2v_ms"] is not None else 0
        notes = [str(self._style)] if self._turns == 1 else []
        notes += ["spoke into the answer before"] if cut_in else []
        notes += ["began to be answered before the end"] if figures["false_cut"] and not cut_in else []
        return Turn(
            text,
            " ".join(s for s in said if s),
            (),
            float(waited),
            line.evidence.transcript[len(heard_before) :].strip(),
            "; ".join(notes),
            figures["stages_ms"],
        )

    async def close(self) -> Aftermath:
        if hasattr(self, "_line"):
            self._line.next_turn()
        await self._stack.aclose()
        if self._wav is not None and self._tracks is not None:
            await asyncio.to_thread(_write, self._wav, self._tracks)
        return await self._server.end()

    async def _answered(self, spoken: float) -> None:
        """Hear the answer out, or speak into it where this caller does that."""
        line = self._line
        await line.until(spoken, lambda: False)
        heard = line.responses_done
        player = line.evidence.player

        def begun() -> bool:
            return line.active or line.responses_done > heard or player.playing(time.monotonic())

        if not await line.until(spoken + ANSWER_S, begun):
            return
        if (self._style.backchannels and self._turns > 1) or (self._style.barges_in and self._turns == 1):
            started = await line.until(time.monotonic() + ANSWER_S, lambda: player.playing(time.monotonic()))
            await line.until(time.monotonic() + INTO_ANSWER_S, lambda: False)
            if started and player.playing(time.monotonic()):
                if self._style.barges_in and self._turns == 1:
                    self._cut_in = True
                    return
                await self._backchannel()
        quiet_since: float | None = None
        deadline = time.monotonic() + LONGEST_ANSWER_S
        while time.monotonic() < deadline:
            busy = line.active or player.playing(time.monotonic())
            quiet_since = None if busy else quiet_since or time.monotonic()
            if quiet_since is not None and time.monotonic() - quiet_since >= SETTLED_S:
                return
            await line.until(time.monotonic() + 0.05, lambda: False)
        raise CallFailed("The answer had no end.")

    async def _backchannel(self) -> None:
        sound = await self._utterance(BACKCHANNELS[self._scenario.language])
        self._line.say(sound.pcm, sound.floor)
        await self._line.until(time.monotonic() + len(sound.pcm) / 2 / RATE, lambda: False)

    async def _utterance(self, text: str) -> Utterance:
        if text not in self._ready and text.strip():
            made = await asyncio.to_thread(utterance, text, self._scenario.language, self._style, self._speak)
            self._ready[text] = made
        return self._ready.get(text, Utterance(b"", 0, b""))


def _write(path: Path, tracks: Tracks) -> None:
    """Caller left, answer right."""
    import numpy as np

    sides = [np.frombuffer(tracks.laid(side), "<i2") for side in (tracks.caller, tracks.agent)]
    length = max(map(len, sides))
    both = np.zeros((length, 2), "<i2")
    for at, side in enumerate(sides):
        both[: len(side), at] = side
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(both.tobytes())
