"""Which language somebody speaks, by the script of the words. Pure."""

from __future__ import annotations

import re

from moksori.agent.tools import Language

_HANGUL = re.compile("[가-힣]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")
WORDS_TO_SWITCH = 3
"""English words without a Korean one from which on a Korean call goes on in English: "OK" and brand names do not."""


def spoken_language(text: str, now: Language) -> Language:
    """The language the call goes on in after `text` was said.

    >>> spoken_language("where is my order", "ko"), spoken_language("OK", "ko"), spoken_language("네", "en")
    ('en', 'ko', 'ko')
    """
    if _HANGUL.search(text):
        latin = len(_LATIN_WORD.findall(text))
        hangul = len([w for w in text.split() if _HANGUL.search(w)])
        # A Korean name in an English sentence does not turn the call.
        return now if latin >= WORDS_TO_SWITCH and latin > hangul else "ko"
    return "en" if len(_LATIN_WORD.findall(text)) >= WORDS_TO_SWITCH else now


def language_from(value: object, otherwise: Language) -> Language:
    """The language a setting or variable names: "ko", "en-US", "Korean", "한국어"."""
    text = str(value or "").strip().casefold()
    if text.startswith(("ko", "한국", "kr")):
        return "ko"
    return "en" if text.startswith("en") or text.startswith("영어") else otherwise
