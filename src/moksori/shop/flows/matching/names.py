"""Whether a sentence names a thing: by its name, a word of it, another word for it, its sound. Pure."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from moksori.shop.flows.data import data
from moksori.shop.flows.matching.phrases import word_in
from moksori.shop.guard.sounds import nearly, sounds_in
from moksori.shop.guard.text import fold, joined

_KEPT = 4096
"""Answers kept of a few sentences: a caller's orders hold the same things, and are looked at several times."""


@lru_cache(_KEPT)
def mentions(text: str, name: str) -> bool:
    """Whether a sentence names a thing: its whole name, its last word (what it is), or another word for that."""
    return _names_it(text, name) or called(text, name)


def called(text: str, name: str) -> bool:
    """Whether a sentence has another word for a thing than its name's ("jumper" for a sweater)."""
    folded, named = fold(text), fold(name)
    return any(
        _has(folded, way)
        for group in _groups(named)
        for way in group
        if way in named.split() or not word_in(way, named)
    )


@cache
def _groups(name: str) -> tuple[tuple[str, ...], ...]:
    """The groups of everyday words of which a name has the first, or ends in another."""
    parts = name.split()
    return tuple(
        group
        for group in data().same
        if group[0] in parts or any(_ends(name, way) for way in group if way not in data().vague)
    )


def _ends(name: str, way: str) -> bool:
    return f" {name}".endswith(f" {way}" if way.isascii() else way)


def _has(folded: str, way: str) -> bool:
    return (
        re.search(rf"\b{re.escape(way)}s?\b", folded) is not None if way.isascii() else word_in(way, folded)
    )


def _names_it(text: str, name: str) -> bool:
    head = name.rsplit(maxsplit=1)[-1]
    if re.fullmatch(r"[\x00-\x7f]+", name):
        folded = fold(text).replace("-", " ")
        return (
            any(
                re.search(rf"\b{re.escape(each)}s?\b", folded)
                for each in (fold(name).replace("-", " "), fold(head).replace("-", " "))
            )
            or joined(name) in joined(text)
            or nearly(head, folded.split())
        )
    return sounds_in(name, text) or (len(head) > 1 and sounds_in(head, text))


@lru_cache(_KEPT)
def partly(text: str, name: str) -> bool:
    """Whether a sentence has any word of a thing's name: "김치" of a "김치 세트"."""
    folded = fold(text)
    return any(
        re.search(rf"\b{re.escape(fold(word))}s?\b", folded) is not None
        if word.isascii()
        else sounds_in(word, text)
        for word in re.split(r"[\s-]+", name)
        if len(word) > 1
    )
