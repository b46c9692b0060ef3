"""Which form of a Korean particle follows a word: decided by the sound the word ends in, not its spelling."""

from __future__ import annotations

# form after a final consonant, form after a vowel
FORMS = {
    "을": ("을", "를"),
    "이": ("이", "가"),
    "은": ("은", "는"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
    "이라는": ("이라는", "라는"),
    "이라서": ("이라서", "라서"),
    "이에요": ("이에요", "예요"),
}
FIRST_SYLLABLE, LAST_SYLLABLE = 0xAC00, 0xD7A3
FINALS = 28
RIEUL = 8
"""Index of ㄹ among the finals: after it one says 로, not 으로."""
# How digits and letters end when read out: 0 영, 1 일, 3 삼, 6 육, 7 칠, 8 팔; L 엘, M 엠, N 엔, R 알.
SPOKEN_FINALS = {
    "0": 21,
    "1": RIEUL,
    "3": 16,
    "6": 1,
    "7": RIEUL,
    "8": RIEUL,
    "l": RIEUL,
    "m": 16,
    "n": 4,
    "r": RIEUL,
}


def final_of(word: str) -> int:
    """Index of the final consonant of the word's last sound; 0 for none. Closing marks are skipped."""
    for character in reversed(word):
        code = ord(character)
        if FIRST_SYLLABLE <= code <= LAST_SYLLABLE:
            return (code - FIRST_SYLLABLE) % FINALS
        if character.isalnum():
            return SPOKEN_FINALS.get(character.lower(), 0)
    return 0


def with_particle(word: str, particle: str) -> str:
    """`word` and the fitting form of `particle`, which is named by its form after a consonant. Raises `KeyError`."""
    after_consonant, after_vowel = FORMS[particle]
    final = final_of(word)
    if final == 0 or (particle == "으로" and final == RIEUL):
        return word + after_vowel
    return word + after_consonant
