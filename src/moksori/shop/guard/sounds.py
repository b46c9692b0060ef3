"""Compares words by how they sound: a recogniser's "텀불러" is a "텀블러", its "can soul" is "cancel". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache

from moksori.shop.guard.text import is_hangul, joined

_FIRST = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_MIDDLE = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_LAST = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_ALIKE = str.maketrans("ㄲㅋㄸㅌㅃㅍㅆㅉㅊㅐㅒㅙㅞ", "ㄱㄱㄷㄷㅂㅂㅅㅈㅈㅔㅖㅚㅚ")
"""Sounds that recognisers and callers confuse."""
FUZZY_FROM = 6
"""Jamo from which on a word may be one sound off; shorter ones would be found everywhere."""


@cache
def jamo(text: str) -> str:
    """The sounds of a text, without spaces; letters that sound alike are one."""
    found = []
    for c in joined(text):
        if "가" <= c <= "힣":
            code = ord(c) - 0xAC00
            first, last = _FIRST[code // 588], _LAST[code % 28]
            found.append(("" if first == "ㅇ" else first) + _MIDDLE[code % 588 // 28] + last.strip())
        else:
            found.append(c)
    return "".join(found).translate(_ALIKE)


def sounds_in(word: str, text: str) -> bool:
    """Whether the word is in the text, as it is written or one sound off."""
    if joined(word) and joined(word) in joined(text):
        return True
    wanted, there = jamo(word), jamo(text)
    if len(wanted) < FUZZY_FROM:
        return False
    if wanted in there:
        return True
    return any(
        one_off(wanted, there[at : at + size])
        for size in (len(wanted) - 1, len(wanted), len(wanted) + 1)
        for at in range(len(there) - size + 1)
    )


def one_off(a: str, b: str) -> bool:
    """Whether two words are the same but for one letter or sound."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    return a[at + (len(a) == len(b)) :] == b[at + 1 :]


# ---------------------------------------------------------------- English

NEARLY_FROM = 6
"""Letters from which on an English word may be one off."""
_KEYS = (
    (r"ph|v", "f"), (r"[cs]h|tch|j|dg", "#"), (r"x", "ks"), (r"c(?=[eiy])|z", "s"), (r"g(?=[eiy])", "#"),
    (r"[cqg]", "k"), (r"d", "t"), (r"b", "p"), (r"th", "t"), (r"[aeiouwyh']", ""), (r"(.)\1+", r"\1"), (r"nts", "ns"),
)  # fmt: skip
LONG_KEY = 4
"""Sounds from which on a word may have one sound more than it should."""
MOST_WORDS = 2
"""Words into which a recogniser takes one apart ("can soul")."""


def nearly(word: str, words: Iterable[str]) -> bool:
    """Whether one of the words is this English one, or one letter off ("tumbler": "tumble", "tumber")."""
    return len(word) >= NEARLY_FROM and any(
        one_off(word.casefold(), each.strip(".,?!").casefold())
        for each in words
        if len(each) >= NEARLY_FROM - 1
    )


@cache
def key(text: str) -> str:
    """The consonants of English words as they sound: "cancel", "council" and "can soul" have the same."""
    folded = re.sub(r"[^a-z']", "", text.casefold())
    for pattern, sound in _KEYS:
        folded = re.sub(pattern, sound, folded)
    return folded


def by_sound(text: str, lexicon: Sequence[str], plain: AbstractSet[str] = frozenset()) -> str | None:
    """The sentence with the word of the lexicon that something in it sounds like; None where nothing does.

    Words that are `plain` are what they are ("there is" and "there's a" are no "address").
    """
    words = text.split()
    for at, said in enumerate(words):
        for word in filter(is_hangul, lexicon):
            begins, rest = said[: len(word)], said[len(word) :]
            if _sounds_like(word, begins) and not {begins, re.sub(r"\W", "", said)} & plain:
                return " ".join([*words[:at], word + rest, *words[at + 1 :]])
    for size in range(MOST_WORDS, 0, -1):
        for at in range(len(words) - size + 1):
            here = words[at : at + size]
            if all(re.sub(r"[^a-z]", "", each.casefold()) in plain for each in here):
                continue
            heard = key("".join(here))
            for word in filter(str.isascii, lexicon):
                wanted = key(word)
                longer = (
                    len(wanted) >= LONG_KEY and heard.startswith(wanted) and len(heard) == len(wanted) + 1
                )
                if heard == wanted or longer:
                    return " ".join([*words[:at], word, *words[at + size :]])
    return None


def _sounds_like(word: str, here: str) -> bool:
    """Whether Korean letters are a word but for one sound ("대송비": "배송비"), in as many syllables."""
    wanted = jamo(word)
    return len(here) == len(word) and len(wanted) > FUZZY_FROM and one_off(wanted, jamo(here))


def edits(a: str, b: str) -> int:
    """How many letters or sounds must be put in, left out or changed to make one of the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]
