"""Several callers at once, for minutes: whether the sound of any answer breaks, and what a newcomer meets.

Each caller asks questions of the set and hears every answer to its end. A loudspeaker that plays at once runs dry where
a piece comes later than the sound before it lasts: that is a gap. Now and then somebody else calls: they are served or
refused, and while they are the running calls' answers must not break either.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moksori import __version__
from moksori.bench.voice import server as own
from moksori.bench.voice.call import CallRefused, Line
from moksori.bench.voice.manifest import RATE, Clip, ClipSet
from moksori.bench.voice.run import commit, machine
from moksori.bench.voice.score import percentile, score, spread
from moksori.bench.voice.turns import PATIENCE_S, noise_floor

SCHEMA = "moksori.bench.callers/1"
GAP_MS = 40
"""A break as long as two frames of 20 ms is heard."""
BETWEEN_S = 0.8
"""Silence between the end of an answer and the next question: less would be speech over the answer's last word."""
NEWCOMER_EVERY_S = 20.0
ANSWER_S = 90.0
"""The longest an answer may take to be made and heard."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    url: str | None
    key: str | None
    clips: ClipSet
    callers: int
    minutes: float
    config: Path | None = None
    prompt: str | None = None
    """Which prompt the calls ask for: "shop" is answered by its flows and tools."""


def run(plan: Plan, tell: Tell) -> dict[str, Any]:
    """Measure. Raises `CallFailed`, `ServerFailed` or `SetError` with a sentence for the user."""
    about = machine()
    if plan.url is not None:
        answers, newcomers, model = asyncio.run(_calls(plan, plan.url, tell))
    else:
        with own.server(plan.config) as url:
            answers, newcomers, model = asyncio.run(_calls(plan, url, tell))
    return {
        "schema": SCHEMA,
        "commit": commit(),
        "machine": {**about, "load1_after": round(os.getloadavg()[0], 2)},
        "server": {"url": plan.url or "its own process", "model": model, "version": __version__},
        "set": {"name": plan.clips.name, "sha256": plan.clips.sha256, "n": len(plan.clips.clips)},
        "client": {"prompt": plan.prompt},
        "callers": plan.callers,
        "minutes": plan.minutes,
        "summary": summarise(answers, newcomers),
        "newcomers": newcomers,
        "answers": answers,
    }


def summarise(answers: Sequence[dict[str, Any]], newcomers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Gaps are of running calls and served newcomers alike; a newcomer is served, refused or left unanswered."""
    served = [n for n in newcomers if n["outcome"] == "served"]
    heard = [a for a in (*answers, *served) if a["v2v_ms"] is not None]
    return {
        "answers": len(answers),
        "unanswered": sum(a["v2v_ms"] is None for a in answers),
        "sound_s": round(sum(a["sound_ms"] for a in heard) / 1000),
        "v2v_ms": spread([a["v2v_ms"] for a in answers if a["v2v_ms"] is not None]),
        "longest_gap_ms": max((a["gap_ms"] for a in heard), default=0),
        f"gaps_over_{GAP_MS}_ms": sum(a["gap_ms"] > GAP_MS for a in heard),
        "newcomers": {
            "served": len(served),
            "refused": sum(n["outcome"] == "refused" for n in newcomers),
            "unanswered": sum(n["outcome"] == "unanswered" for n in newcomers),
            "v2v_ms": spread([n["v2v_ms"] for n in served]),
        },
        "sender_late_ms": percentile([a["late_ms"] for a in answers], 95),
    }


async def _calls(plan: Plan, url: str, tell: Tell) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    questions = plan.clips.of("question")
    began = time.monotonic()
    until = began + plan.minutes * 60
    answers: list[dict[str, Any]] = []
    models: set[str] = set()

    async def caller(number: int) -> None:
        # Callers do not speak in step: each begins at another place of the set, and a little later.
        at = number * len(questions) // plan.callers
        await asyncio.sleep(number * BETWEEN_S)
        async with Line.open(url, plan.key, questions[at].language, None, prompt=plan.prompt) as line:
            models.add(line.session.get("model", "?"))
            while time.monotonic() < until:
                answers.append(
                    {
                        "caller": number,
                        "at_s": round(time.monotonic() - began, 1),
                        **await _question(line, questions[at % len(questions)], plan.clips),
                    }
                )
                at += 1

    async def newcomers() -> list[dict[str, Any]]:
        met: list[dict[str, Any]] = []
        while time.monotonic() + NEWCOMER_EVERY_S < until:
            await asyncio.sleep(NEWCOMER_EVERY_S)
            at_s = round(time.monotonic() - began, 1)
            clip = questions[len(met) % len(questions)]
            met.append({"at_s": at_s, **await _newcomer(url, plan, clip)})
            gap = max((a["gap_ms"] for a in answers), default=0)
            tell(f"{at_s:.0f} s: {len(answers)} answers, longest gap {gap} ms; newcomer {met[-1]['outcome']}")
        return met

    async with asyncio.TaskGroup() as group:
        others = group.create_task(newcomers())
        for number in range(plan.callers):
            group.create_task(caller(number))
    return sorted(answers, key=lambda a: a["at_s"]), others.result(), ", ".join(sorted(models))


async def _newcomer(url: str, plan: Plan, clip: Clip) -> dict[str, Any]:
    try:
        async with Line.open(url, plan.key, clip.language, None, prompt=plan.prompt) as line:
            met = await _question(line, clip, plan.clips)
    except CallRefused as refused:
        return {"outcome": "refused", "code": refused.code, "close_code": refused.close_code}
    return {"outcome": "served" if met["v2v_ms"] is not None else "unanswered", **met}


async def _question(line: Line, clip: Clip, clips: ClipSet) -> dict[str, Any]:
    """Ask, and hear the answer to its end."""
    line.next_turn()
    pcm = clips.pcm(clip)
    began = line.say(pcm, noise_floor(clip, pcm))
    evidence = line.evidence
    spoken_at = evidence.last_voiced_at = began + clip.last_voiced_ms / 1000

    def over() -> bool:
        spoken = time.monotonic() > spoken_at and bool(evidence.committed)
        return spoken and line.responses_done > 0 and not line.active

    def begun() -> bool:
        return bool(evidence.player.pieces) and time.monotonic() > spoken_at

    if await line.until(spoken_at + PATIENCE_S, begun):
        await line.until(spoken_at + ANSWER_S, over)
        await line.until(spoken_at + ANSWER_S, lambda: time.monotonic() > evidence.player.playhead)
    figures = score(evidence, clip.language)
    sound = sum(len(piece.pcm) for piece in evidence.player.pieces) // 2
    await asyncio.sleep(BETWEEN_S)
    return {
        "id": clip.id,
        "v2v_ms": figures["v2v_ms"],
        "false_cut": figures["false_cut"],
        "sound_ms": sound * 1000 // RATE,
        "gap_ms": evidence.player.longest_gap_ms,
        "late_ms": figures["late_ms"],
        "answer": figures["answer"],
    }
