"""The words of an answer as the read-out has them: colours and sizes in callers' words, names that were misheard. Pure.

All that is judged of an answer is judged of these words, so a good known again by its sound is named like any other:
one of two stays one of two. What could be another thing is left as it was said, and is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from moksori.shop.guard.lexicon import lexicon, load
from moksori.shop.guard.sounds import edits, jamo, key, one_off
from moksori.shop.guard.text import EN_NUMERALS, fold, is_hangul, words
from moksori.shop.texts.catalogue import entries

NAME_SOUNDS = 4
"""Consonants from which on an English word is a name of the read-out by its sound."""
PHRASE_SOUNDS = 5
"""And from which on it is "cancel it" or the like, heard as one word."""
LETTERS_OFF = 2
"""Letters that may differ then: "cartons" sounds like "curtains" and is none."""
KOREAN_SOUNDS = 7
"""Sounds from which on a Korean name may be one off; a shorter one has too many neighbours."""
SHORTEST = 5
"""Letters below which an English word is too short to be known by its sound."""
_IT = ("it", "that", "them")


@dataclass(frozen=True, slots=True)
class Names:
    """What of a read-out can be known again in other words or by its sound."""

    options: frozenset[str]
    """The words of the options that are read out."""
    together: Mapping[str, tuple[str, str]]
    """Two words of a name, written as one ("hairdryer")."""
    english: Mapping[str, str]
    korean: Mapping[str, str]
    """Words of names by their sounds."""
    phrases: Mapping[str, int]
    """What is asked for ("cancel it") by its sounds, and its letters."""

    @classmethod
    def of(cls, names: Iterable[str], options: Iterable[str], asked: Iterable[str]) -> Names:
        """`asked`: English words for what shall be done."""
        said = [words(name) for name in names]
        single = dict.fromkeys(word for name in said for word in name)
        whole = [f"{verb}{it}" for verb in asked for it in _IT]
        return cls(
            options=frozenset(word for option in options for word in words(option)),
            together={a + b: (a, b) for name in said for a, b in pairwise(name)},
            english=_by_sound({w: key(w) for w in single if w.isascii() and len(w) >= SHORTEST}, NAME_SOUNDS),
            korean=_by_sound({w: jamo(w) for w in single if is_hangul(w)}, KOREAN_SOUNDS),
            phrases={
                key(each): len(each) for each in reversed(whole) if len(key(each)) >= PHRASE_SOUNDS
            },  # the shortest of those that sound alike
        )


def _by_sound(sounds: Mapping[str, str], shortest: int) -> dict[str, str]:
    """Words by their sounds; two that sound alike are known by neither."""
    known = [sound for sound in sounds.values() if len(sound) >= shortest]
    return {sound: word for word, sound in sounds.items() if known.count(sound) == 1}


def in_its_words(said: list[str], spoken: frozenset[str], stems: frozenset[str], names: Names) -> list[str]:
    """The words of an answer, each as the read-out has it; `spoken` and `stems` are the read-out's own."""
    found: list[str] = []
    at = 0
    while at < len(said):
        token, pair = said[at], "".join(said[at : at + 2])
        if token in spoken:
            found.append(token)
        elif len(pair) > max(len(token), SHORTEST) and pair.isascii() and pair in spoken:
            found.append(pair)  # "ear buds"
            at += 1
        elif token in names.together and token.isascii():
            found += names.together[token]
        elif is_hangul(token) and token[:2] in stems:
            found.append(_misheard(token, names) or token)
        else:
            found.append(_sized(token, names.options) or _valued(token) or _misheard(token, names) or token)
        at += 1
    return found


def _valued(token: str) -> str | None:
    """An option's value as the catalogue has it ("까만색이요": "검정이요")."""
    for way, means in _other_words():
        if token == way or (len(way) > 1 and is_hangul(way) and token.startswith(way)):
            return means + token[len(way) :]
    return None


def _sized(token: str, options: frozenset[str]) -> str | None:
    """A size that was read out, said in another way: "medium" of an M, "큰" of what is "대형"."""
    for way, shown in _sizes():
        if token.startswith(way) and token[len(way) :] in lexicon().endings:
            there = shown & options
            if len(there) == 1:
                return min(there)
    return None


def _misheard(token: str, names: Names) -> str | None:
    """A name of the read-out, or what is asked for, as a recogniser wrote what sounds like it."""
    if token in lexicon().phrases or token in EN_NUMERALS or token in _values():
        return None
    if is_hangul(token):
        return _misheard_korean(token, names.korean)
    if not (token.isascii() and token.isalpha()) or len(token) < SHORTEST:
        return None
    sound = key(token)
    if sound in names.english and edits(token, names.english[sound]) <= LETTERS_OFF:
        return names.english[sound]
    if sound in names.phrases and 0 <= len(token) - names.phrases[sound] <= LETTERS_OFF:
        return "it"
    return None


def _misheard_korean(token: str, names: Mapping[str, str]) -> str | None:
    known = {*lexicon().endings, *lexicon().limiting}
    for cut in range(len(token), 2, -1):
        head, ending = token[:cut], token[cut:]
        if ending not in known or head in _values():
            continue
        near = [w for sound, w in names.items() if len(w) == len(head) and one_off(sound, jamo(head))]
        if len(near) == 1:
            return near[0] + ending
    return None


@cache
def _other_words() -> tuple[tuple[str, str], ...]:
    """Other words for an option's value, the longest first."""
    said = ((fold(way), fold(means)) for way, means in entries("words")["said"].items() if means)
    return tuple(sorted((each for each in said if " " not in each[0]), key=lambda each: -len(each[0])))


@cache
def _sizes() -> tuple[tuple[str, frozenset[str]], ...]:
    """The ways to say a size, the longest first, and how it can stand in a read-out."""
    found: list[tuple[str, frozenset[str]]] = []
    for table in (entries("words")["size"], load("words.toml")["sized"]):
        for code, said in table.items():
            shown = frozenset(
                {fold(code), *(fold(t) for t in entries("words")["value"].get(code, {}).values())}
            )
            found += [(way, shown) for each in (code, *said) if " " not in (way := fold(each))]
    merged: dict[str, frozenset[str]] = {}
    for way, shown in found:
        merged[way] = merged.get(way, frozenset()) | shown
    return tuple(sorted(merged.items(), key=lambda each: -len(each[0])))


@cache
def _values() -> frozenset[str]:
    """The words of every option's value: heard in an answer, they mean that value and nothing that sounds like it."""
    table = entries("words")
    shown = (text for texts in table["value"].values() for text in texts.values())
    return frozenset(
        word for text in (*shown, *table["said"], *table["size"]) for word in words(text)
    ) | frozenset(way for way, _ in _sizes())
