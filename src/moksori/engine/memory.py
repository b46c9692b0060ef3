"""Memory that the models' libraries would keep: what is in nobody's use goes back, what only grows is bounded.

glibc keeps what was freed for each thread: what the longest sentences took stays resident for the life of the process,
some 50 MiB after a few hundred turns, though nothing of it is in use. oneDNN, which CTranslate2 multiplies with, keeps
compiled code for each shape it has met, and an utterance of a new length has new shapes: 200 utterances of 200 lengths
left 210 MiB, at 1024 entries. Finding them again saves nothing that can be measured.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable

TRIM_EVERY_S = 10.0
"""A trim takes a few milliseconds of one core."""
PRIMITIVES = 16
"""Shapes whose code oneDNN keeps: about those of one decode."""


def bound_primitives() -> None:
    """Bound oneDNN's cache, unless the operator did. To be called before the first decode: it is read once."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(PRIMITIVES))


async def give_back_at_rest(resting: Callable[[], bool], every_s: float = TRIM_EVERY_S) -> None:
    """Give freed memory back at every moment of rest, until cancelled. Returns at once where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    while trim is not None:
        await asyncio.sleep(every_s)
        if resting():
            await asyncio.to_thread(trim, 0)
