"""The words of `words.toml` and `actions.toml`, in the form the guard compares them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.shop.guard.text import fold, is_hangul, joined, words
from moksori.shop.texts.catalogue import entries


class Kind(Enum):
    """What a phrase does in an answer."""

    YES = "yes"
    SOFT = "soft"
    BACKCHANNEL = "backchannel"
    NEUTRAL = "neutral"
    NO = "no"
    WAIT = "wait"
    CORRECTION = "correction"
    DOUBT = "doubt"
    QUESTION = "question"
    AGAIN = "again"
    """Asks for the very action that was read out; by itself it may also ask for another such action."""
    SAID_BACK = "said back"
    """A word of the read-out."""
    COUNT = "count"
    """Says how many, and says what the read-out says."""


_LISTED = (
    Kind.YES, Kind.SOFT, Kind.BACKCHANNEL, Kind.NEUTRAL, Kind.NO, Kind.WAIT, Kind.CORRECTION, Kind.DOUBT, Kind.QUESTION,
)  # fmt: skip
"""Kinds whose phrases do not hang on the read-out."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    phrases: dict[str, Kind]
    """By the phrase without spaces."""
    longest: int
    """Words in the longest phrase."""
    closings: frozenset[str]
    endings: frozenset[str]
    request: frozenset[str]
    limiting: frozenset[str]
    refusing: tuple[str, ...]
    negation: tuple[str, ...]
    counts: dict[int, frozenset[str]]
    """Phrases that say "the one", "both", by how many they mean."""
    whole: frozenset[str]
    """Phrases that say "all of it": of several things that were read out, nothing new."""
    restated: tuple[tuple[str, frozenset[str]], ...]
    """A reason as it is read out, and the words that say it once more."""


@dataclass(frozen=True, slots=True)
class ActionWords:
    tools: tuple[str, ...]
    ko: tuple[str, ...]
    en: tuple[str, ...]
    again: tuple[str, ...]
    """How callers ask for it without naming it."""
    nouns: tuple[str, ...]
    """What any such action is about."""
    verbs: tuple[str, ...]
    """Other verbs by which callers tell us to do it, in answer to its read-out."""


def load(name: str) -> dict[str, Any]:
    """One of the TOML files beside this module."""
    return tomllib.loads(files("moksori.shop.guard").joinpath(name).read_text(encoding="utf-8"))


@cache
def lexicon() -> Lexicon:
    """The lexicon of answers. Raises `ValueError` where one phrase stands under two kinds."""
    data = load("words.toml")
    phrases: dict[str, Kind] = {}
    longest = 1
    for kind in _LISTED:
        for texts in data[kind.value].values():
            for text in (way for each in texts for way in ways(each)):
                key = joined(text)
                if phrases.setdefault(key, kind) is not kind:
                    raise ValueError(
                        f"words.toml has {text!r} both as {phrases[key].value} and as {kind.value}."
                    )
                longest = max(longest, len(words(text)))
    return Lexicon(
        phrases=phrases,
        longest=longest + 2,  # Korean is written with more spaces than the file has
        closings=frozenset(joined(t) for ts in data["closing"].values() for t in ts),
        endings=frozenset(joined(way) for t in data["endings"]["ko"] for way in ways(t)),
        request=frozenset(joined(way) for t in data["request"]["ko"] for way in ways(t)),
        limiting=frozenset(joined(t) for t in data["limiting"]["ko"]),
        refusing=tuple(joined(t) for t in data["refusing"]["ko"]),
        negation=tuple(fold(t) for ts in data["negation"].values() for t in ts),
        whole=frozenset(joined(t) for ts in data["whole"].values() for t in ts),
        restated=tuple(
            (fold(said), frozenset(fold(word) for word in again))
            for code, again in data["restated"].items()
            for said in entries("words")["because"][code].values()
        ),
        counts={int(n): frozenset(joined(t) for t in texts) for n, texts in data["count"].items()},
    )


def ways(text: str) -> tuple[str, ...]:
    """A phrase and, of a Korean request, its most formal form ("해주세요", "해주십시오")."""
    formal = text.removesuffix("세요") + "십시오"
    return (text, formal) if text.endswith(("주세요", "하세요")) else (text,)


@cache
def actions() -> dict[str, ActionWords]:
    return {
        name: ActionWords(
            tuple(a["tools"]),
            tuple(a["ko"]),
            tuple(a["en"]),
            again=tuple(way for each in a.get("again", ()) for way in ways(each)),
            nouns=tuple(a.get("nouns", ())),
            verbs=tuple(joined(v) for v in a.get("verbs", ())),
        )
        for name, a in load("actions.toml").items()
    }


def actions_in(text: str) -> frozenset[str]:
    """The kinds of action a sentence speaks of."""
    folded = " ".join(words(text))
    return frozenset(
        name
        for name, stems in actions().items()
        if any(s in folded for s in stems.ko) or any(f" {s}" in f" {folded}" for s in stems.en)
    )


def stem(word: str) -> str:
    """An English word without its ending, a Korean one cut to two syllables: enough to see it again."""
    if is_hangul(word):
        return word[:2]
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
