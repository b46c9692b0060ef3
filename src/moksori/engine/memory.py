"""Memory that the models' libraries have freed, given back to the system while nobody waits for anything.

glibc keeps it for each thread: what the longest sentences took stays resident for the life of the process, some 50 MiB
after a few hundred turns, though nothing of it is in use.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from collections.abc import Callable

TRIM_EVERY_S = 10.0
"""A trim takes a few milliseconds of one core."""


async def give_back_at_rest(resting: Callable[[], bool], every_s: float = TRIM_EVERY_S) -> None:
    """Give freed memory back at every moment of rest, until cancelled. Returns at once where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    while trim is not None:
        await asyncio.sleep(every_s)
        if resting():
            await asyncio.to_thread(trim, 0)
