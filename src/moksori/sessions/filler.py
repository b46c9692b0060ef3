"""Whether a caller who waits for a tool should hear something now. Pure; times are monotonic milliseconds."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from moksori.agent.tools import Language

FIRST_MS = 700.0
"""Silence after which the first words come: a quick tool is answered without any."""
AGAIN_MS = 1400.0
"""Silence after which more come. With the time a voice takes to begin, no silence lasts two seconds."""
SOONEST_MS = 50.0


@dataclass(slots=True)
class Patience:
    """One wait for tools. `began` is when it began, `told` how many sentences bridged it."""

    began: float
    told: int = 0

    def due_in(self, now: float, sounds_until: float) -> float:
        """Milliseconds until something should be said, if it is silent from `sounds_until` on."""
        silent_since = max(self.began, sounds_until)
        return max(0.0, silent_since + (AGAIN_MS if self.told else FIRST_MS) - now)

    def next(self, language: Language) -> str:
        """What is said now."""
        said = texts()[language]
        self.told += 1
        return said[0] if self.told == 1 else said[1 + (self.told - 2) % (len(said) - 1)]


@cache
def texts() -> dict[str, list[str]]:
    return tomllib.loads(files("moksori.sessions").joinpath("texts", "filler.toml").read_text("utf-8"))
