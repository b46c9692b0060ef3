"""What a caller is saying, while it is said: only words that two successive decodes agree on, none ever taken back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

EVERY_MS = 960
"""Speech between two looks; each costs a decode of all that was said."""

SHIFT = 2
"""Words more or fewer that the whole transcript may have where it has some of those shown otherwise."""

_LOOSE = re.compile(r"[\s.,!?…。，]+$")
"""Marks at the end of what was shown are not words: the next decode may set others."""


@dataclass(frozen=True, slots=True)
class Captions:
    """`shown` has gone out, verbatim; `before` are the words of the last decode."""

    shown: str = ""
    before: tuple[str, ...] = ()

    def heard(self, text: str) -> tuple[Captions, str]:
        """A decode of the turn so far; returns the words that may be shown now, "" for none.

        The last word of a decode may be cut in the middle, so it is never among them.
        """
        words = tuple(text.split())
        pairs = zip(map(_bare, self.before), map(_bare, words[:-1]), strict=False)
        agreed = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
        after = replace(self, before=words)
        shown = len(self.shown.split())
        if len(agreed) <= shown or not self._continues(words):
            return after, ""
        delta = _LOOSE.sub("", " ".join(words[shown : len(agreed)]))
        if not delta:
            return after, ""
        delta = f" {delta}" if self.shown else delta
        return replace(after, shown=self.shown + delta), delta

    def final(self, text: str) -> str:
        """What the whole transcript adds behind what was shown, a word of which it may have otherwise; "" where nothing
        in it follows on what was shown last."""
        if not self.shown:
            return text
        words, shown = text.split(), self.shown.split()
        end = self._end(words, shown)
        if end is None:
            return ""
        # The marks after the last word shown come with the rest.
        marks = words[end - 1][len(shown[-1]) :] if words[end - 1].startswith(shown[-1]) else ""
        return marks + "".join(f" {word}" for word in words[end:])

    def _end(self, words: Sequence[str], shown: Sequence[str]) -> int | None:
        """How many of the words stand for what was shown: as many, if they are the same, else up to its last two."""
        if self._continues(tuple(words)):
            return len(shown)
        last = [*map(_bare, shown[-2:])]
        near = range(max(2, len(shown) - SHIFT), min(len(words), len(shown) + SHIFT) + 1)
        ends = [end for end in near if [*map(_bare, words[end - 2 : end])] == last]
        return min(ends, key=lambda end: abs(end - len(shown)), default=None)

    def _continues(self, words: tuple[str, ...]) -> bool:
        shown = self.shown.split()
        return [*map(_bare, words[: len(shown)])] == [*map(_bare, shown)]


def _bare(word: str) -> str:
    return re.sub(r"[^\w]", "", word).casefold()
