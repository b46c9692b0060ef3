"""What a caller is saying, while it is said: only words that two successive decodes agree on, none ever taken back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile

EVERY_MS = 960
"""Speech between two looks; each costs a decode of all that was said."""

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
        """What the whole transcript adds to what was shown; "" when it says something else there."""
        words = text.split()
        if not self._continues(tuple(words)):
            return ""
        if not self.shown:
            return text
        shown = len(self.shown.split())
        # The marks after the last word shown come with the rest.
        marks = words[shown - 1][len(self.shown.split()[-1]) :] if len(words) >= shown else ""
        return marks + "".join(f" {word}" for word in words[shown:])

    def _continues(self, words: tuple[str, ...]) -> bool:
        shown = self.shown.split()
        return [*map(_bare, words[: len(shown)])] == [*map(_bare, shown)]


def _bare(word: str) -> str:
    return re.sub(r"[^\w]", "", word).casefold()
