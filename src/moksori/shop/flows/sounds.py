"""Compares words by how they sound: a recogniser's "텀불러" is a "텀블러". Pure."""

from __future__ import annotations

from functools import cache

from moksori.shop.guard.text import joined

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
        _one_off(wanted, there[at : at + size])
        for size in (len(wanted) - 1, len(wanted), len(wanted) + 1)
        for at in range(len(there) - size + 1)
    )


def _one_off(a: str, b: str) -> bool:
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    return a[at + (len(a) == len(b)) :] == b[at + 1 :]
