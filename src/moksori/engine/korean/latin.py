"""Latin letters as Korean says them: names by heart, abbreviations letter by letter, other words by their spelling."""

from __future__ import annotations

import re

from moksori.engine.korean.lexicon import LEXICON

SPELT_OUT = 5
"""A word of capitals up to this long that is not known is an abbreviation: said letter by letter."""

_VOWELS = "aeiouy"
# English spellings to a sequence of (consonant | vowel) symbols, longest first: a rough rule of thumb after
# 외래어 표기법 제3장 제1절 for words that nobody entered in the lexicon.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    ("tion", "ㅅㅕㄴ"),
    ("sion", "ㅅㅕㄴ"),
    ("ough", "ㅗ"),
    ("igh", "ㅏㅣ"),
    ("tch", "ㅊ"),
    ("dge", "ㅈ"),
    ("eau", "ㅗ"),
    ("sch", "ㅅㅡㅋ"),
    ("ing", "ㅣㅇ"),
    ("ch", "ㅊ"),
    ("sh", "ㅅㅣ"),
    ("th", "ㅅ"),
    ("ph", "ㅍ"),
    ("gh", "ㄱ"),
    ("ck", "ㅋ"),
    ("qu", "ㅋㅜ"),
    ("wh", "ㅜ"),
    ("ng", "ㅇ"),
    ("kn", "ㄴ"),
    ("wr", "ㄹ"),
    ("ee", "ㅣ"),
    ("ea", "ㅣ"),
    ("oo", "ㅜ"),
    ("ou", "ㅏㅜ"),
    ("ow", "ㅗ"),
    ("ai", "ㅔㅣ"),
    ("ay", "ㅔㅣ"),
    ("oa", "ㅗ"),
    ("au", "ㅗ"),
    ("aw", "ㅗ"),
    ("ey", "ㅣ"),
    ("oy", "ㅗㅣ"),
    ("oi", "ㅗㅣ"),
    ("ar", "ㅏ"),
    ("er", "ㅓ"),
    ("ir", "ㅓ"),
    ("or", "ㅗ"),
    ("ur", "ㅓ"),
    ("a", "ㅐ"),
    ("b", "ㅂ"),
    ("c", "ㅋ"),
    ("d", "ㄷ"),
    ("e", "ㅔ"),
    ("f", "ㅍ"),
    ("g", "ㄱ"),
    ("h", "ㅎ"),
    ("i", "ㅣ"),
    ("j", "ㅈ"),
    ("k", "ㅋ"),
    ("l", "ㄹ"),
    ("m", "ㅁ"),
    ("n", "ㄴ"),
    ("o", "ㅗ"),
    ("p", "ㅍ"),
    ("q", "ㅋ"),
    ("r", "ㄹ"),
    ("s", "ㅅ"),
    ("t", "ㅌ"),
    ("u", "ㅓ"),
    ("v", "ㅂ"),
    ("w", "ㅜ"),
    ("x", "ㄱㅅ"),
    ("y", "ㅣ"),
    ("z", "ㅈ"),
)
_ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_NUCLEI = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_CODAS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_MAY_CLOSE = {
    "ㄴ": "ㄴ",
    "ㅁ": "ㅁ",
    "ㅇ": "ㅇ",
    "ㄹ": "ㄹ",
    "ㅂ": "ㅂ",
    "ㅍ": "ㅂ",
    "ㄱ": "ㄱ",
    "ㅋ": "ㄱ",
    "ㅌ": "ㅅ",
}


def word(text: str) -> str:
    """A run of Latin letters, said in Hangul."""
    if known := LEXICON.words.get(text.lower()):
        return known
    # CamelCase: both halves are words.
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)
    if len(parts) > 1:
        return "".join(word(part) for part in parts)
    if len(text) == 1 or (text.isupper() and len(text) <= SPELT_OUT) or not _has_vowel(text):
        return letters(text)
    return _by_spelling(text.lower())


def letters(text: str) -> str:
    """Letter by letter: "VIP" is "브이아이피"."""
    return "".join(LEXICON.letters[c.upper()] for c in text)


def _has_vowel(text: str) -> bool:
    return any(c in _VOWELS for c in text.lower())


def _by_spelling(text: str) -> str:
    sounds: list[str] = []
    text = re.sub(r"([b-df-hj-np-tv-z])\1", r"\1", text)
    # A final silent e lengthens nothing that Hangul would show.
    text = re.sub(r"(?<=[a-z]{2})e$", "", text)
    text = re.sub(r"c(?=[eiy])", "s", text)
    at = 0
    while at < len(text):
        for spelling, sound in _SPELLINGS:
            if text.startswith(spelling, at):
                sounds += sound
                at += len(spelling)
                break
        else:
            at += 1  # a letter with an accent
    return _syllables(sounds)


def _syllables(sounds: list[str]) -> str:
    """Consonants and vowels to Hangul: a consonant without a vowel closes a syllable or takes ㅡ."""
    out = ""
    at = 0
    while at < len(sounds):
        if sounds[at] in _NUCLEI:
            onset, vowel = "ㅇ", sounds[at]
            at += 1
        elif at + 1 < len(sounds) and sounds[at + 1] in _NUCLEI and sounds[at] != "ㅇ":
            onset, vowel = sounds[at], sounds[at + 1]
            at += 2
        else:
            onset, vowel = sounds[at], "ㅡ"
            at += 1
            if onset == "ㅇ":
                continue
        coda = ""
        closes = at < len(sounds) and sounds[at] in _MAY_CLOSE
        if closes and (at + 1 == len(sounds) or sounds[at + 1] not in _NUCLEI or sounds[at] == "ㅇ"):
            coda = _MAY_CLOSE[sounds[at]]
            at += 1
        out += chr(
            0xAC00
            + (_ONSETS.index(onset) * 21 + _NUCLEI.index(vowel)) * 28
            + (_CODAS.index(coda) if coda else 0)
        )
    return out
