"""Whether a brain writes so slowly that its answer should be spoken in shorter pieces at first."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from moksori.agent.brain import BrainEvent, Said

SLOW_S = 0.25
"""What comes so long after the first word is slow. A quick model has written twenty words by then."""


async def paced(
    events: AsyncIterator[BrainEvent], clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[BrainEvent]:
    """The same events; text that came slowly says so. Closing this closes `events`."""
    began: float | None = None
    try:
        async for event in events:
            if not isinstance(event, Said):
                yield event
                continue
            began = clock() if began is None else began
            yield replace(event, slow=True) if clock() - began >= SLOW_S else event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
