"""How each kind of clip is used in a call: a question is asked, an overlap is spoken over an answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from moksori.bench.voice.call import Line
from moksori.bench.voice.manifest import RATE, Clip
from moksori.bench.voice.score import first_audible, score

PATIENCE_S = 15.0
"""A turn that is not answered by then counts as unanswered."""
LISTENED_S = 0.4
"""How long an answer is listened to before the next turn begins."""
BETWEEN_S = 0.4
"""Silence between two turns."""
LEAD_S = (0.8, 1.0, 1.2, 1.4)
"""How long an answer has been heard when it is spoken over; the clip's place in the set chooses."""
OPEN_S = 3.0
"""How long what interrupted is waited for to end as a turn and to be answered."""
AFTER_S = 1.5
"""How long after an overlap its effect is watched."""


def noise_floor(clip: Clip, pcm: bytes) -> bytes:
    """The clip's own noise after its last word, forwards and backwards, so that it repeats without a click."""
    begin = (clip.last_voiced_ms + 60) * RATE // 1000 * 2
    tail = pcm[begin:]
    if len(tail) < RATE // 5 * 2:
        return b""
    backwards = memoryview(tail).cast("h")[::-1].tobytes()
    return tail + backwards


async def ask(line: Line, clip: Clip, pcm: bytes) -> dict[str, Any]:
    """Speak a question and hear the beginning of its answer."""
    line.next_turn()
    began = line.say(pcm, noise_floor(clip, pcm))
    evidence = line.evidence
    evidence.last_voiced_at = began + clip.last_voiced_ms / 1000
    figures: dict[str, Any] = {}

    def answered() -> bool:
        if line.responses_done == 0 or line.active or not evidence.committed:
            return False
        if time.monotonic() < evidence.last_voiced_at + 0.2:
            return False
        figures.update(score(evidence, clip.language))
        return figures["v2v_ms"] is not None and figures["v2v_ms"] >= 0

    if await line.until(evidence.last_voiced_at + PATIENCE_S, answered):
        heard_at = evidence.last_voiced_at + figures["v2v_ms"] / 1000
        await asyncio.sleep(max(0.0, heard_at + LISTENED_S - time.monotonic()))
    await line.hear_out(time.monotonic() + PATIENCE_S)
    figures = score(evidence, clip.language)
    await asyncio.sleep(BETWEEN_S)
    line.next_turn()
    return {"id": clip.id, **figures}


async def overlap(line: Line, clip: Clip, pcm: bytes, number: int, provoke: str) -> dict[str, Any] | None:
    """Speak over an answer. None when the answer was over too soon to tell anything."""
    line.next_turn()
    line.say(b"", noise_floor(clip, pcm))
    evidence, player = line.evidence, line.evidence.player
    content = [{"type": "input_text", "text": provoke}]
    await line.send(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
    )
    await line.send({"type": "response.create"})
    if not await line.until(time.monotonic() + PATIENCE_S, lambda: bool(player.pieces)):
        return None
    await line.until(time.monotonic() + PATIENCE_S, lambda: line.responses_done > 0)
    await asyncio.sleep(max(0.0, player.pieces[0].starts + LEAD_S[number % len(LEAD_S)] - time.monotonic()))
    answer, done = player.pieces[0].item_id, line.responses_done
    began = line.say(pcm, noise_floor(clip, pcm))
    first = clip.first_voiced_ms
    if first is None:
        first = (first_audible(pcm) or 0) * 1000 // RATE
    onset, over = began + first / 1000, began + clip.last_voiced_ms / 1000
    natural_end = player.playhead
    await asyncio.sleep(max(0.0, over + AFTER_S - time.monotonic()))
    stopped_at = line.emptied_at
    if stopped_at is None and natural_end < over + 0.3:
        await line.hang_on()
        line.next_turn()
        return None
    stop_ms = None
    if stopped_at is not None:
        own = [p for p in player.pieces if p.item_id == answer]
        silent = max((p.ends for p in own), default=stopped_at)
        stop_ms = round((min(silent, stopped_at) - onset) * 1000)
    if stopped_at is not None:
        # It is a turn, which may be waited for as long as any other; its answer must not begin beside the next one.
        await line.until(
            time.monotonic() + OPEN_S,
            lambda: bool(evidence.committed) and (line.active or line.responses_done > done),
        )
    await line.until(time.monotonic() + 3.0, lambda: not line.active)
    await line.hang_on()
    after = " ".join(said.text.strip() for item, said in evidence.said.items() if item != answer)
    before = evidence.said[answer].text if answer in evidence.said else ""
    await asyncio.sleep(BETWEEN_S)
    line.next_turn()
    return {
        "id": clip.id,
        "kind": clip.kind,
        "language": clip.language,
        "stopped": stopped_at is not None,
        "stop_ms": stop_ms,
        "held_ms": player.held_ms,
        "resumed": stopped_at is not None and bool(after) and " ".join(before.split()).endswith(after),
        "transcript": evidence.transcript,
    }
