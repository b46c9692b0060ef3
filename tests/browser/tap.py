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


def lead_ms(page: Page, item: str) -> float:
    """The digital silence in front of an item's sound, which no tap can hear."""
    deltas: list[str] = page.evaluate("(item) => __audio[item]", item)
    samples = np.concatenate([np.frombuffer(base64.b64decode(delta), dtype="<i2") for delta in deltas])
    return float(np.flatnonzero(samples)[0]) / 24
