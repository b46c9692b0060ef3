"""What any sentence may say: words by their kind, what is not meant, which of several. Pure."""

from __future__ import annotations

import re

from moksori.shop.flows.data import data
from moksori.shop.guard.text import fold


def has(kind: str, text: str) -> bool:
    return data().words[kind].search(fold(text)) is not None


def excluded(text: str) -> tuple[str, str]:
    """The sentence without what the caller says it is not ("빨간 거 말고"), and what that was."""
    folded = fold(text)
    out: list[str] = []

    def drop(match: re.Match[str]) -> str:
        out.append(" ".join(g for g in match.groups() if g))
        return " "

    return data().words["not_this"].sub(drop, folded), " ".join(out)


def included(text: str) -> str:
    """The sentence as if it meant what it says it does not: in "all but the mug" the order is the one with the mug."""
    return (
        data().words["not_this"].sub(lambda m: " ".join(["", *(g for g in m.groups() if g), ""]), fold(text))
    )


def last_said(text: str) -> str:
    """What stands after the last "actually, no" of a sentence; all of it where nothing is taken back."""
    return data().words["takes_back"].split(fold(text))[-1]


_ORDINALS = (("last", -1), ("first", 0), ("second", 1), ("third", 2))


def ordinal(text: str, among: int) -> int | None:
    """Which of the things that were offered a caller points at ("the second one"); None where at none of them."""
    found = next((at for kind, at in _ORDINALS if has(kind, text)), None)
    return found if found is not None and among and found < among else None


def word_in(word: str, folded: str) -> bool:
    bare = fold(word)
    if re.fullmatch(r"[\x00-\x7f]+", bare):
        return re.search(rf"(?<![a-z0-9]){re.escape(bare)}(?![a-z0-9])", folded) is not None
    # One syllable ("흰") must begin a word; longer ones may stand anywhere in one.
    return (f" {bare}" in f" {folded}") if len(bare) == 1 else bare in folded
