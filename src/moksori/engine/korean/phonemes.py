"""Pronounced Hangul to the phonemes of Kokoro, which has none of its own for Korean.

Kokoro-82M was trained on an inventory of IPA signs (`vocab.json` beside its weights). Plain stops are voiced between
voiced sounds (이호영, 국어 음성학, 1996, 6장); tense ones are written as the closed glottis before a plain stop, which
is how the network's Japanese marks a geminate; aspirates with ʰ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moksori.engine.korean.g2p import Breath, Syllable, breaths

ONSETS = {
    "ㄱ": "k",
    "ㄲ": "ʔk",
    "ㄴ": "n",
    "ㄷ": "t",
    "ㄸ": "ʔt",
    "ㄹ": "ɾ",
    "ㅁ": "m",
    "ㅂ": "p",
    "ㅃ": "ʔp",
    "ㅅ": "s",
    "ㅆ": "s",
    "ㅇ": "",
    "ㅈ": "ʨ",
    "ㅉ": "ʔʨ",
    "ㅊ": "ʨʰ",
    "ㅋ": "kʰ",
    "ㅌ": "tʰ",
    "ㅍ": "pʰ",
    "ㅎ": "h",
}
VOICED = {"ㄱ": "ɡ", "ㄷ": "d", "ㅂ": "b", "ㅈ": "ʥ"}
"""Plain stops behind a vowel or ㄴ, ㄹ, ㅁ, ㅇ."""
NUCLEI = {
    "ㅏ": "a",
    "ㅐ": "ɛ",
    "ㅑ": "ja",
    "ㅒ": "jɛ",
    "ㅓ": "ʌ",
    "ㅔ": "e",
    "ㅕ": "jʌ",
    "ㅖ": "je",
    "ㅗ": "o",
    "ㅘ": "wa",
    "ㅙ": "wɛ",
    "ㅚ": "we",
    "ㅛ": "jo",
    "ㅜ": "u",
    "ㅝ": "wʌ",
    "ㅞ": "we",
    "ㅟ": "wi",
    "ㅠ": "ju",
    "ㅡ": "ɯ",
    "ㅢ": "ɰi",
    "ㅣ": "i",
}
CODAS = {"": "", "ㄱ": "k", "ㄴ": "n", "ㄷ": "t", "ㄹ": "l", "ㅁ": "m", "ㅂ": "p", "ㅇ": "ŋ"}
MARKS = {"…": "…", ";": ",", ":": ","}
_VOICED_CODAS = frozenset(("", "ㄴ", "ㄹ", "ㅁ", "ㅇ"))
_PALATALISING = "ㅣㅑㅕㅛㅠㅟㅒㅖ"


@dataclass(frozen=True, slots=True)
class Phonemes:
    """Signs for the network, each with the eojeol it belongs to (-1: a space or mark between eojeol)."""

    signs: str
    owners: tuple[int, ...]


def phonemes(eojeols: Sequence[str]) -> Phonemes:
    """The phonemes of a sequence of eojeol, which are Hangul with marks (see `reader.read`).

    >>> phonemes(["네,", "국물이"]).signs
    'ne, kuŋmuɾi'
    """
    signs, owners = "", list[int]()
    for breath in breaths(eojeols):
        if signs:
            signs += " "
            owners.append(-1)
        for at, syllable in enumerate(breath.syllables):
            sound = _syllable(syllable, breath, at)
            signs += sound
            owners += [syllable.owner] * len(sound)
        if breath.mark:
            signs += MARKS.get(breath.mark, breath.mark)
            owners.append(-1)
    return Phonemes(signs, tuple(owners))


def _syllable(syllable: Syllable, breath: Breath, at: int) -> str:
    before = breath.syllables[at - 1].coda if at else None
    onset = ONSETS[syllable.onset]
    if syllable.onset in VOICED and before in _VOICED_CODAS:
        onset = VOICED[syllable.onset]
    elif syllable.onset in "ㅅㅆ" and syllable.nucleus in _PALATALISING:
        onset = onset.replace("s", "ɕ")
    elif syllable.onset == "ㄹ" and before == "ㄹ":
        onset = "l"
    if before in ("ㄱ", "ㄷ", "ㅂ"):
        # The closed consonant before it already is the closure.
        onset = onset.removeprefix("ʔ")
    return onset + NUCLEI[syllable.nucleus] + CODAS[syllable.coda]
