"""What the tap on the loudspeaker heard."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page

QUIET_S = 0.25
"""Two answers are further apart than this; within one, silence between words may be dropped by the tap."""


@dataclass(frozen=True)
class Stretch:
    """Sound without a long pause: its length by the samples' own clock, and when its last came to the page."""

    ms: float
    last_at: float


def stretches(page: Page) -> list[Stretch]:
    tap = page.evaluate(
        "({ rate: __tap.rate, blocks: __tap.blocks.map((b) => [b.frame, b.at, b.samples.length]) })"
    )
    rate, blocks = tap["rate"], tap["blocks"]
    groups: list[list[list[float]]] = []
    for block in blocks:
        if groups and block[0] - (groups[-1][-1][0] + groups[-1][-1][2]) < QUIET_S * rate:
            groups[-1].append(block)
        else:
            groups.append([block])
    return [Stretch((g[-1][0] + g[-1][2] - g[0][0]) / rate * 1000, g[-1][1]) for g in groups]


def sounded_ms(page: Page, before: float) -> float:
    """From the first sound at the loudspeaker to the last one that came to the page before this time (its ms)."""
    rate = page.evaluate("__tap.rate")
    blocks = page.evaluate("__tap.blocks.map((b) => [b.frame, b.at, b.samples.length])")
    sounds = [b for b in blocks if b[1] < before]
    return float(sounds[-1][0] + sounds[-1][2] - sounds[0][0]) / rate * 1000


def audible_ms(page: Page, item: str, heard_ms: float) -> float:
    """The same of the first `heard_ms` of what was sent for an item: digital silence at its ends cannot be tapped."""
    deltas: list[str] = page.evaluate("(item) => __audio[item]", item)
    samples = np.concatenate([np.frombuffer(base64.b64decode(delta), dtype="<i2") for delta in deltas])
    sounding = np.flatnonzero(samples[: int(heard_ms * 24)])
    return float(sounding[-1] - sounding[0]) / 24
