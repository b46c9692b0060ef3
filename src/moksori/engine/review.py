"""Holds each sentence of a brain until it was asked about: what is not true is not spoken."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

from moksori.agent.brain import BrainEvent, Said

_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s+|(?<=[.!?…。])$")


async def reviewed(
    events: AsyncIterator[BrainEvent], review: Callable[[str], str | None] | None
) -> AsyncIterator[BrainEvent]:
    """The same events, text given out by whole sentences; one that may not be said is replaced and ends the text.

    Without `review` nothing is held back.
    """
    if review is None:
        async for event in events:
            yield event
        return
    kept, stopped = "", False
    async for event in events:
        if isinstance(event, Said):
            kept = "" if stopped else kept + event.text
            while (end := _SENTENCE_END.search(kept)) is not None and not stopped:
                sentence, kept = kept[: end.end()], kept[end.end() :]
                stopped = (instead := review(sentence)) is not None
                yield Said(sentence if instead is None else instead)
            continue
        if kept.strip() and not stopped:
            stopped = (instead := review(kept)) is not None
            yield Said(kept if instead is None else instead)
            kept = ""
        yield event
