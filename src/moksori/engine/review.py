"""Holds each sentence of a brain until it was asked about: what is not true is not spoken."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

from moksori.agent.brain import BrainEvent, Said, Thought
from moksori.conversation.clauses import SLOW, weight

Review = Callable[[str], str | None]
"""What to say instead of a text, or None where it may be said as it is."""

_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s+|(?<=[.!?…。])$")
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+")


def review_of(thought: Thought, review: Review | None, unfounded: Review | None, usual: str) -> Review | None:
    """What asks about the sentences of an answer.

    With neither tools nor instructions of the session's own (`usual` are what it has otherwise) nothing can have been
    done and no order is known: `unfounded` then judges what `review` lets pass.
    """
    if unfounded is None or thought.tools or thought.instructions.strip() not in ("", usual.strip()):
        return review
    if review is None:
        return unfounded
    return lambda text: instead if (instead := review(text)) is not None else unfounded(text)


async def reviewed(events: AsyncIterator[BrainEvent], review: Review | None) -> AsyncIterator[BrainEvent]:
    """The same events; a text that may not be said is replaced, and ends what is said.

    Text comes out by clauses, each asked about together with its sentence so far, so that the first is not kept waiting
    for the last; of a first sentence that comes slowly, word by word. Without `review` nothing is held back. Closing
    this closes `events`.
    """
    try:
        if review is None:
            async for event in events:
                yield event
            return
        held = _Held(review)
        async for event in events:
            if isinstance(event, Said):
                for text in held.more(event.text, event.slow):
                    yield Said(text, event.slow)
                continue
            for text in held.rest():
                yield Said(text)
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


class _Held:
    """The text that was not yet asked about, and the part of its sentence that was let go."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self._kept, self._gone, self._stopped = "", "", False
        self._first = True
        """No sentence has ended yet."""
        self._closed = False
        """What was let go last ends with a full stop or its like, and nothing behind it has come."""

    def more(self, text: str, slow: bool = False) -> list[str]:
        """What may be said now that `text` has come."""
        if self._stopped:
            return []
        self._kept += text
        return self._space() + self._ready(slow)

    def _space(self) -> list[str]:
        """White space behind what was let go: it says nothing, and shows that a full stop was one."""
        space = self._kept[: len(self._kept) - len(self._kept.lstrip())]
        if not self._closed or not space:
            return []
        self._closed, self._kept = False, self._kept[len(space) :]
        return [space]

    def _ready(self, slow: bool) -> list[str]:
        if not self._gone and _SENTENCE_END.search(self._kept) and self._whole():
            return self._let_go()
        out: list[str] = []
        while not self._stopped and (end := _SENTENCE_END.search(self._kept)) is not None:
            piece, self._kept = self._kept[: end.end()], self._kept[end.end() :]
            out.append(self._judged(piece))
            self._gone, self._first, self._closed = "", False, not piece[-1].isspace()
        clauses = list(_CLAUSE_END.finditer(self._kept))
        until = clauses[-1].end() if clauses else 0
        if slow and self._first:
            words = self._kept.rfind(" ") + 1
            # A word more than the clause that can be cut from it.
            until = words if weight(self._gone + self._kept[:words]) > SLOW.hard else until
        piece = self._kept[:until]
        if piece and not self._stopped and self._review(self._gone + piece) is None:
            self._gone, self._kept = self._gone + piece, self._kept[until:]
            out.append(piece)
        return out

    def rest(self) -> list[str]:
        """What may be said of a text that has ended."""
        if self._stopped or not self._kept.strip():
            return []
        out, self._kept = [self._judged(self._kept)], ""
        return out

    def _judged(self, piece: str) -> str:
        instead = self._review(self._gone + piece)
        self._stopped = instead is not None
        return piece if instead is None else instead

    def _whole(self) -> bool:
        """Several sentences that came as one are asked about as one: a reason of the shop's may be longer than one."""
        return self._kept.rstrip().endswith((".", "!", "?", "…", "。")) and self._review(self._kept) is None

    def _let_go(self) -> list[str]:
        out, self._kept, self._first = [self._kept], "", False
        self._closed = not out[0][-1].isspace()
        return out
