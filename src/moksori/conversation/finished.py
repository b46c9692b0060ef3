"""Whether words can be the end of what somebody wants to say. Only ever doubts: most sentences can go on."""

from __future__ import annotations

import re

_SELDOM_LAST = (
    "a an the my your our their his her its this these those to of for from with without in on at by about into "
    "as than and or but because if when while after before that which who whose where i we they is are am was were "
    "be been do does did can could will would should may might must have has had not very some any every um uh er"
)
_ENGLISH = frozenset(_SELDOM_LAST.split())
"""Articles, prepositions, conjunctions, pronouns before a verb, auxiliaries: a sentence seldom ends on them."""
_QUESTION_TAILS = re.compile(
    r"\b(?:i am|it is|they are|we are|that is|yes i do|i can|i do|i did|i have|i will|not)$"
)
"""Where one of them ends a short reply after all."""
_KOREAN = re.compile(
    r"(?:은|는|을|를|의|에|에서|에게|한테|으로|로|와|과|하고|이랑|랑|고|서|면|며|지만|려고|거나|그리고|그런데|그래서|음|어|저기|그)$"
)
"""Particles and connective endings. "이" and "가" are left out: too many words end with them."""
_TRAILING_OFF = re.compile(r"(?:\.\.\.|…|,|-|—)\s*$")
_MARKS = re.compile(r"[\s.,!?…。~-]+$")


def sounds_finished(text: str) -> bool:
    """False when the last word, or the mark after it, says that more is coming."""
    if _TRAILING_OFF.search(text):
        return False
    bare = _MARKS.sub("", text).casefold()
    if not bare:
        return True
    if re.search(r"\?\s*$", text):
        return True
    if _QUESTION_TAILS.search(bare):
        return True
    last = bare.split()[-1]
    return last not in _ENGLISH and not (re.search("[가-힣]", last) and _KOREAN.search(last))
