"""One run: questions, overlaps, the comparison and the floor; the result as `moksori.bench.voice/1`."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from moksori import __version__
from moksori.audio import wav
from moksori.bench.voice import server as own
from moksori.bench.voice.call import CallFailed, Line, Tracks
from moksori.bench.voice.manifest import RATE, Clip, ClipSet
from moksori.bench.voice.score import percentile, spread
from moksori.bench.voice.turns import ask, overlap

SCHEMA = "moksori.bench.voice/1"
WARM_UP = 2
"""Turns before the counted ones."""
PER_CALL = 20
"""Turns in one call; then a new one begins, so that a long history does not colour the figures."""
BASELINE_TURNS = 40
FLOOR_TURNS = 40
PROVOKE = {"en": "Who are you?", "ko": "누구세요?"}
"""What is typed to have an answer long enough to be spoken over; `--provoke` sets another."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    url: str | None
    key: str | None
    clips: ClipSet
    turns: int
    config: Path | None = None
    baseline: Literal["sequential"] | None = None
    provoke: str | None = None
    wav: Path | None = None
    overlaps: bool = True
    detection: str = "semantic_vad"
    """`turn_detection` of the calls: `server_vad` ends a turn after 500 ms of silence whatever was said."""
    holds: bool = False
    """Call as moksori's own clients do, which can hold their loudspeaker; otherwise as any Realtime client."""
    prompt: str | None = None
    """Which prompt the calls ask for: "shop" is answered by its flows and tools."""


def run(plan: Plan, tell: Tell) -> dict[str, Any]:
    """Measure. Raises `CallFailed`, `ServerFailed` or `SetError` with a sentence for the user."""
    about = machine()
    tracks = Tracks() if plan.wav is not None else None
    if plan.url is not None:
        turns, overlaps, model = asyncio.run(_calls(plan, plan.url, tracks, tell))
    else:
        with own.server(plan.config) as url:
            turns, overlaps, model = asyncio.run(_calls(plan, url, tracks, tell))
    if plan.wav is not None and tracks is not None:
        plan.wav.write_bytes(wav.write_stereo(tracks.laid(tracks.caller), tracks.laid(tracks.agent), RATE))
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "commit": commit(),
        "machine": {**about, "load1_after": round(os.getloadavg()[0], 2)},
        "server": {
            "url": plan.url or f"its own process, {plan.config.name if plan.config else 'profile lite'}",
            "model": model,
            "version": __version__,
        },
        "client": {"holds": plan.holds, "prompt": plan.prompt},
        "set": {"name": plan.clips.name, "sha256": plan.clips.sha256, "n": len(plan.clips.clips)},
        "turns": turns,
        "overlaps": overlaps,
        "summary": summarise(turns, overlaps),
    }
    p50 = result["summary"]["v2v_ms"]["p50"]
    ratio: dict[str, float | None] = {}
    answered = [t for t in turns if t["v2v_ms"] is not None and not t["false_cut"]][:FLOOR_TURNS]
    if plan.url is None and answered:
        tell("timing the parts alone")
        try:
            parts = own.parts_alone(plan.clips, answered)
        except own.ServerFailed as error:
            # Half an hour of turns is not thrown away for want of a ratio.
            tell(str(error))
            result["floor"] = {"failed": str(error)}
        else:
            result["floor"] = _floor(parts)
            ratio["floor_p50"] = _ratio(p50, result["floor"]["total_ms"]["p50"])
    if plan.baseline is not None:
        tell("the same turns through the sequential pipeline")
        with own.server(plan.config, pipeline=plan.baseline) as url:
            few = Plan(
                url,
                None,
                plan.clips,
                min(plan.turns, BASELINE_TURNS),
                overlaps=False,
                detection="server_vad",
                prompt=plan.prompt,
            )
            slow, _, _ = asyncio.run(_calls(few, url, None, tell))
        result["baseline"] = {
            "kind": plan.baseline,
            "what": "500 ms of silence, Whisper's 30 s window, whole answer before speech",
            "turns": slow,
            "summary": summarise(slow, []),
        }
        ratio["v2v_p50"] = _ratio(p50, result["baseline"]["summary"]["v2v_ms"]["p50"])
    result["ratio"] = ratio
    return result


def _floor(parts: Sequence[dict[str, float]]) -> dict[str, Any]:
    totals = [sum(p[k] for k in ("stt_ms", "tts_ms")) + 20 for p in parts]
    return {
        "what": "one 20 ms frame, speech to text and the first clause, each timed alone, in sequence",
        "n": len(parts),
        "total_ms": {f"p{q}": percentile(totals, q) for q in (50, 95)},
        **{k: {f"p{q}": percentile([p[k] for p in parts], q) for q in (50, 95)} for k in parts[0]},
    }


async def _calls(
    plan: Plan, url: str, tracks: Tracks | None, tell: Tell
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    questions = plan.clips.of("question")
    wanted: list[Clip] = [questions[i % len(questions)] for i in range(plan.turns)] if questions else []
    turns: list[dict[str, Any]] = []
    model = "?"
    for at in range(0, len(wanted), PER_CALL):
        batch = wanted[at : at + PER_CALL]
        async with _line(plan, url, batch[0], tracks) as line:
            model = line.session.get("model", "?")
            for clip in questions[:WARM_UP] if at == 0 else ():
                await ask(line, clip, plan.clips.pcm(clip))
            turns.extend([await ask(line, clip, plan.clips.pcm(clip)) for clip in batch])
        done = [t["v2v_ms"] for t in turns if t["v2v_ms"] is not None]
        cuts = sum(t["false_cut"] for t in turns)
        tell(f"{len(turns)}/{len(wanted)} turns, P50 {percentile(done, 50)} ms, {cuts} false cuts")
    overlaps = await _overlaps(plan, url, tracks, tell) if plan.overlaps else []
    return turns, overlaps, model


def _line(plan: Plan, url: str, first: Clip, tracks: Tracks | None) -> AbstractAsyncContextManager[Line]:
    return Line.open(
        url, plan.key, first.language, tracks, plan.detection, holds=plan.holds, prompt=plan.prompt
    )


async def _overlaps(plan: Plan, url: str, tracks: Tracks | None, tell: Tell) -> list[dict[str, Any]]:
    clips = plan.clips.of("interrupt", "backchannel", "noise")
    seen: list[dict[str, Any]] = []
    for at in range(0, len(clips), PER_CALL):
        batch = clips[at : at + PER_CALL]
        async with _line(plan, url, batch[0], tracks) as line:
            for number, clip in enumerate(batch, at):
                provoke = plan.provoke or PROVOKE[clip.language]
                found = await overlap(line, clip, plan.clips.pcm(clip), number, provoke)
                if found is not None:
                    seen.append(found)
        tell(f"{len(seen)} overlaps of {min(at + PER_CALL, len(clips))}")
    return seen


def summarise(turns: Sequence[dict[str, Any]], overlaps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures that the table of the design asks for. Turns cut falsely have no voice to voice that counts."""
    whole = [t for t in turns if t["v2v_ms"] is not None and not t["false_cut"]]
    values = [t["v2v_ms"] for t in whole]
    p = spread(values)
    quartiles = (percentile(values, 75) or 0) - (percentile(values, 25) or 0)
    interrupts = [o for o in overlaps if o["kind"] == "interrupt"]
    passing = [o for o in overlaps if o["kind"] != "interrupt"]
    stops = [o["stop_ms"] for o in interrupts if o["stop_ms"] is not None]
    held = [o["held_ms"] for o in passing if o["held_ms"] and not o["stopped"]]
    stages = sorted({name for t in whole for name in t["stages_ms"]})
    return {
        "n": len(turns),
        "unanswered": sum(t["v2v_ms"] is None for t in turns),
        "v2v_ms": {**p, "spread": quartiles},
        "first_audible_ms": spread([t["first_audible_ms"] for t in whole]),
        "false_cut": {"n": sum(t["false_cut"] for t in turns), "of": len(turns)},
        "split": {"n": sum(t["commits"] > 1 for t in turns), "of": len(turns)},
        "stages_ms": {
            name: {
                f"p{q}": percentile([t["stages_ms"][name] for t in whole if name in t["stages_ms"]], q)
                for q in (50, 95)
            }
            for name in stages
        },
        "sender_late_ms": percentile([t["late_ms"] for t in turns], 95),
        "stop_ms": {f"p{q}": percentile(stops, q) for q in (50, 95)},
        "interruptions": {"stopped": sum(o["stopped"] for o in interrupts), "of": len(interrupts)},
        "backchannels": {
            "passed": sum(not o["stopped"] for o in passing),
            "hesitated": len(held),
            "held_ms": {f"p{q}": percentile(held, q) for q in (50, 95)},
            "resumed": sum(o["resumed"] for o in passing),
            "of": len(passing),
        },
    }


def _ratio(value: int | None, reference: int | None) -> float | None:
    return round(value / reference, 2) if value and reference else None


def machine() -> dict[str, Any]:
    """The processor, its cores and the load before the run."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"cpu": name, "cores": os.cpu_count(), "load1": round(os.getloadavg()[0], 2)}


def commit() -> str | None:
    """The commit of the source this runs from, "+" if it was changed since; None for an installed wheel."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        state = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")


__all__ = ["CallFailed", "Plan", "commit", "machine", "run", "summarise"]
