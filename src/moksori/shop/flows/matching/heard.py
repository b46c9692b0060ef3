"""Which of a few names a recogniser has garbled: by the sounds, with a margin to the next. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from moksori.shop.flows.data import PARTICLES, common_words
from moksori.shop.guard.sounds import edits, jamo

FAREST = 0.34
"""Share of a name's sounds that may be wrong."""
MARGIN = 0.2
"""How much farther off the next name must be; else it is asked which is meant."""
SHORTEST = 5
"""Sounds below which a word is too short to be known again."""


def name_heard(text: str, names: Iterable[str]) -> str | None:
    """The one Korean name a sentence comes near to ("고고마" for "고구마"); None where none or several do."""
    heard = [sounds for sounds in map(jamo, _unknown(text)) if len(sounds) >= SHORTEST]
    known = [name for name in dict.fromkeys(names) if re.search("[가-힣]", name)]
    if not heard or not known:
        return None
    far = sorted((min(_far(way, said) for way in _ways(name) for said in heard), name) for name in known)
    if far[0][0] > FAREST or (len(far) > 1 and far[1][0] - far[0][0] < MARGIN):
        return None
    return far[0][1]


def _unknown(text: str) -> Iterator[str]:
    """The words that are none callers use for anything, and two of them written apart."""
    found = [(word, bare) for word in re.findall("[가-힣]+", text) if (bare := _bare(word))]
    strange = [
        bare if word not in common_words() and bare not in common_words() else "" for word, bare in found
    ]
    yield from (word for word in strange if word)
    for a, b in pairwise(range(len(found))):
        if strange[a] or strange[b]:
            yield found[a][1] + found[b][1]


def _bare(word: str) -> str:
    """A word without its particle."""
    for particle in PARTICLES:
        if len(word) > len(particle) + 1 and word.endswith(particle):
            return word[: -len(particle)]
    return word


def _ways(name: str) -> list[str]:
    """The sounds of a name: of all of it, and of each word long enough to know it by."""
    return [jamo(name), *(sounds for word in name.split() if len(sounds := jamo(word)) > SHORTEST)]


def _far(name: str, said: str) -> float:
    """How many sounds must change to make one of the other, as a share of the name."""
    return edits(name, said) / len(name)
