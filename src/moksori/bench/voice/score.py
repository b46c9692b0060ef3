"""From what was sent and what came back to the figures of a turn. Pure; all times are seconds on one clock.

Start: the moment the last voiced sample of the caller was spoken, known from the clip itself. End: the moment the
first audible sample of the answer would leave a loudspeaker that plays what it gets at once and without gaps. The
silence a voice begins with, and the 20 ms a microphone collects before it sends, are therefore part of the wait.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from moksori.audio.pcm import to_float
from moksori.bench.voice.manifest import RATE

AUDIBLE_DBFS = -50.0
"""A voice at ordinary level lies at -25; the noise of a quiet line at -60."""
WINDOW = RATE // 100
"""Levels are taken over 10 ms."""


def first_audible(pcm: bytes, begin: int = 0) -> int | None:
    """Sample, at or after `begin`, where the first audible 10 ms start; None when all is silence."""
    samples = to_float(pcm)
    for at in range(begin, len(samples), WINDOW):
        window = samples[at : at + WINDOW].astype(np.float64)
        if float(np.mean(window**2)) > 10 ** (AUDIBLE_DBFS / 10):
            return at
    return None


def last_audible(pcm: bytes) -> int | None:
    """Sample after the last audible 10 ms; None when all is silence."""
    samples = to_float(pcm)
    for end in range(len(samples), 0, -WINDOW):
        window = samples[max(0, end - WINDOW) : end].astype(np.float64)
        if float(np.mean(window**2)) > 10 ** (AUDIBLE_DBFS / 10):
            return end
    return None


@dataclass(frozen=True, slots=True)
class Piece:
    """A received piece of audio, and when its first sample is played."""

    item_id: str
    arrived: float
    starts: float
    pcm: bytes

    @property
    def ends(self) -> float:
        return self.starts + len(self.pcm) / 2 / RATE


@dataclass(slots=True)
class Player:
    """A loudspeaker: plays what it gets at once and without gaps, can be held and can be emptied."""

    pieces: list[Piece] = field(default_factory=list)
    playhead: float = 0.0
    held_at: float | None = None
    """When it was told to stand still, until it plays on."""
    held_ms: int = 0
    """How long it stood still and then played on."""
    longest_gap_ms: int = 0
    """Between two pieces of one item: heard as a stutter."""

    def received(self, item_id: str, pcm: bytes, at: float) -> None:
        same = bool(self.pieces) and self.pieces[-1].item_id == item_id
        if same and at > self.playhead:
            self.longest_gap_ms = max(self.longest_gap_ms, round((at - self.playhead) * 1000))
        piece = Piece(item_id, at, max(self.playhead, at), pcm)
        self.pieces.append(piece)
        self.playhead = piece.ends

    def held(self, at: float) -> None:
        """Stand still, and keep what is there."""
        if self.playing(at) and self.held_at is None:
            self.held_at = at

    def released(self, at: float) -> None:
        """Play on where it stood still."""
        if self.held_at is None:
            return
        since, self.held_at = self.held_at, None
        stood = at - since
        self.held_ms += round(stood * 1000)
        moved: list[Piece] = []
        for piece in self.pieces:
            if piece.ends <= since:
                moved.append(piece)
                continue
            played = max(0, round((since - piece.starts) * RATE)) * 2
            if played:
                moved.append(replace(piece, pcm=piece.pcm[:played]))
            moved.append(replace(piece, starts=max(piece.starts, since) + stood, pcm=piece.pcm[played:]))
        self.pieces = moved
        self.playhead += stood

    def emptied(self, at: float) -> tuple[str, int] | None:
        """Stop now. Returns the item that was playing and how many ms of it had been played."""
        if self.held_at is not None:
            at, self.held_at = self.held_at, None
        if not self.playing(at):
            return None
        current = next(p for p in reversed(self.pieces) if p.starts <= at)
        kept = []
        for piece in self.pieces:
            if piece.ends <= at:
                kept.append(piece)
            elif piece.starts < at:
                kept.append(replace(piece, pcm=piece.pcm[: round((at - piece.starts) * RATE) * 2]))
        self.pieces = kept
        self.playhead = at
        return current.item_id, self.played_ms(current.item_id, at)

    def played_ms(self, item_id: str, at: float) -> int:
        played = sum(max(0.0, min(p.ends, at) - p.starts) for p in self.pieces if p.item_id == item_id)
        return int(played * 1000)

    def playing(self, at: float) -> bool:
        return bool(self.pieces) and at < self.playhead

    def silent_from(self) -> float | None:
        """When the last audible sample of what was played ends."""
        for piece in reversed(self.pieces):
            end = last_audible(piece.pcm)
            if end is not None:
                return piece.starts + end / RATE
        return None


@dataclass(slots=True)
class Said:
    """What one answer's item said: its text as it came, and how much of its audio had come before each part."""

    item_id: str
    parts: list[tuple[str, int]] = field(default_factory=list)
    samples: int = 0

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)

    def substance_from(self, language: str) -> int | None:
        """The sample at which something else than filler is said; None when all of it is filler.

        Where filler ends inside a part, its share of the part's letters is taken as its share of the sound.
        """
        skip = filler_length(self.text, language)
        if skip >= len(self.text.rstrip()):
            return None if self.text.strip() else 0
        at = 0
        for index, (text, before) in enumerate(self.parts):
            if skip < at + len(text):
                after = self.parts[index + 1][1] if index + 1 < len(self.parts) else self.samples
                return before + round((skip - at) / len(text) * (after - before))
            at += len(text)
        return None


@cache
def _fillers(language: str) -> re.Pattern[str]:
    listed: dict[str, list[str]] = tomllib.loads(
        files("moksori.bench.voice").joinpath("fillers.toml").read_text("utf-8")
    )
    phrases = sorted(listed[language], key=len, reverse=True)
    return re.compile(
        rf"\s*(?:{'|'.join(map(re.escape, phrases))})(?=[\s,.!?…]*[,.!?…])[\s,.!?…]*", re.IGNORECASE
    )


def filler_length(text: str, language: str) -> int:
    """Letters at the beginning that say nothing yet: "Sure,", "One moment.", "네,"."""
    at = 0
    while match := _fillers("ko" if language == "ko" else "en").match(text, at):
        at = match.end()
    return at


@dataclass(slots=True)
class Evidence:
    """All that was seen of one turn."""

    last_voiced_at: float
    player: Player
    said: dict[str, Said] = field(default_factory=dict)
    committed: list[float] = field(default_factory=list)
    stages_ms: dict[str, int] = field(default_factory=dict)
    transcript: str = ""
    late_ms: int = 0
    """How late the slowest of the turn's frames was sent: above some 20 ms the sender itself was disturbed."""


def score(evidence: Evidence, language: str) -> dict[str, Any]:
    """The contract's fields of one turn. Times in ms since the last voiced sample; None where it did not happen."""
    end = evidence.last_voiced_at
    pieces = [p for p in evidence.player.pieces if p.pcm]
    early = any(at < end for at in evidence.committed) or any(p.arrived < end for p in pieces)
    audible: float | None = None
    substantive: float | None = None
    offset: dict[str, int] = {}
    for piece in pieces:
        before = offset.get(piece.item_id, 0)
        offset[piece.item_id] = before + len(piece.pcm) // 2
        if audible is None and (at := first_audible(piece.pcm)) is not None:
            audible = piece.starts + at / RATE
        if substantive is None:
            said = evidence.said.get(piece.item_id)
            begin = said.substance_from(language) if said and said.text else 0
            if begin is not None and begin < before + len(piece.pcm) // 2:
                at = first_audible(piece.pcm, max(0, begin - before))
                if at is not None:
                    substantive = piece.starts + at / RATE
    return {
        "v2v_ms": _since(end, substantive),
        "first_byte_ms": _since(end, pieces[0].arrived if pieces else None),
        "first_audible_ms": _since(end, audible),
        "first_substantive_ms": _since(end, substantive),
        "false_cut": early,
        "commits": len(evidence.committed),
        "stages_ms": evidence.stages_ms,
        "late_ms": evidence.late_ms,
        "transcript": evidence.transcript,
        "answer": " ".join(s.text.strip() for s in evidence.said.values()),
    }


def _since(start: float, at: float | None) -> int | None:
    return None if at is None else round((at - start) * 1000)


def percentile(values: Sequence[float], q: float) -> int | None:
    """Nearest-rank percentile: the smallest value that at least q % of all do not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * q // 100).__int__() - 1)])


def spread(values: Sequence[float]) -> dict[str, int | None]:
    return {f"p{q}": percentile(values, q) for q in (50, 95, 99)}
