"""Which words of an assistant item had been heard after so many samples.

The text of an item grows clause by clause, its audio piece by piece; every word leaves a mark "the text up to
here was heard once sample n has played". Truncation asks for the text that belongs to a number of samples.
Positions are samples at 24 kHz from the start of the item's audio.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from moksori.protocol.internal import Word

MAX_MARKS = 4096
"""Marks kept for one item: about 25 minutes, word by word. Beyond it the older half gets coarser."""

_WRITTEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Mark:
    """Once the sample before `sample` has played, `text[:upto]` was heard."""

    sample: int
    upto: int


@dataclass(frozen=True, slots=True)
class WordMap:
    """The sample -> word map of one item. Immutable; every change gives a new map.

    >>> m = WordMap().clause("네, 볼게요.").piece([Word("네,", 0, 4800), Word("볼게요.", 9600, 19200)], 24000)
    >>> m.heard(19199), m.heard(19200)
    ('네,', '네, 볼게요.')
    """

    text: str = ""
    """All clauses begun so far, verbatim."""
    samples: int = 0
    """Audio received so far."""
    marks: tuple[Mark, ...] = ()
    """In rising order of both fields."""
    clause_from: int = 0
    """Where in `text` the words not yet marked begin."""
    clause_at: int = 0
    """The sample at which the current clause begins."""

    def clause(self, text: str) -> WordMap:
        """Begin the next clause; its audio starts where the audio so far ends.

        `text` is appended as it is: white space between clauses must be part of it, as `Chunker` gives it.
        """
        done = self.end_clause()
        return replace(done, text=done.text + text, clause_from=len(done.text), clause_at=done.samples)

    def piece(self, words: Iterable[Word], samples: int) -> WordMap:
        """Add `samples` of audio and the words that begin in it, placed relative to the start of the clause.

        The n-th word given for a clause is the n-th run of non-space characters of its text; its own spelling
        is not looked at. Words beyond the text are counted with the last one.
        """
        if samples < 0:
            raise ValueError("a piece of audio cannot have a negative length")
        marks = list(self.marks)
        cursor = self.clause_from
        heard_at = marks[-1].sample if marks else 0
        for word in words:
            written = _WRITTEN.search(self.text, cursor)
            # A word that is not sounded (an emoji) may end before its predecessor did; it is heard with it.
            heard_at = max(heard_at, self.clause_at + word.end)
            if written is not None:
                cursor = written.end()
                marks.append(Mark(heard_at, cursor))
            elif marks:
                marks[-1] = Mark(heard_at, marks[-1].upto)
        return replace(self, samples=self.samples + samples, marks=_bounded(marks), clause_from=cursor)

    def end_clause(self) -> WordMap:
        """All audio of the current clause is there: words that got no timing count as heard at its end."""
        if not _WRITTEN.search(self.text, self.clause_from):
            return self
        last = self.marks[-1].sample if self.marks else 0
        mark = Mark(max(last, self.samples), len(self.text.rstrip()))
        return replace(self, marks=_bounded([*self.marks, mark]), clause_from=len(self.text))

    def heard(self, samples: int) -> str:
        """The words whose sound ended at or before `samples`, the white space between them as written."""
        n = bisect_right(self.marks, samples, key=lambda mark: mark.sample)
        return self.text[: self.marks[n - 1].upto].strip() if n else ""

    def unheard(self, samples: int) -> str:
        """The rest of the text: from the first word that had not ended by then."""
        n = bisect_right(self.marks, samples, key=lambda mark: mark.sample)
        return self.text[self.marks[n - 1].upto :] if n else self.text


def _bounded(marks: list[Mark]) -> tuple[Mark, ...]:
    """Drop every second mark of the older half when there are too many.

    A dropped word is then heard with its successor, so a word is never reported before it was heard.
    """
    if len(marks) <= MAX_MARKS:
        return tuple(marks)
    half = len(marks) // 2
    return (*marks[1:half:2], *marks[half:])
