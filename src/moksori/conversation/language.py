"""Which language an answer is in: the caller's, but one misheard word does not change it.

A recogniser takes a short "네" for an English word easily. So the language changes at once only on an utterance long
enough to be sure of, whose script agrees; a short one must be confirmed by the next. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moksori.conversation.clauses import weight

SURE = 8
"""Units of `clauses.weight`, about eight syllables or four words: an utterance so long is believed at once."""
CONFIRMED = 2
"""Short utterances in a row that change the language."""
FOREIGN_WORDS = 4
"""Latin words in a clause without Hangul that make it English speech rather than a name or a number."""

_HANGUL = re.compile("[\uac00-\ud7a3]")
_LATIN = re.compile(r"[A-Za-z][A-Za-z'’]+")


@dataclass(frozen=True, slots=True)
class Followed:
    """The language of the call so far, None before anything was heard."""

    language: str | None = None
    other: str | None = None
    """Another language that was heard last, not yet believed."""
    times: int = 0


def follow(before: Followed, text: str, language: str) -> Followed:
    """The language after one more utterance.

    >>> call = follow(Followed(), "배송이 언제 오는지 궁금해요", "ko")
    >>> follow(call, "Nay.", "en").language, follow(call, "Can I talk in English now please?", "en").language
    ('ko', 'en')
    """
    if not language or not text.strip():
        return before
    if before.language is None or language == before.language:
        return Followed(language)
    agrees = bool(_HANGUL.search(text)) == (language == "ko")
    times = before.times + 1 if language == before.other else 1
    if (agrees and weight(text) >= SURE) or times >= CONFIRMED:
        return Followed(language)
    return Followed(before.language, language, times)


def spoken_in(text: str, call: str | None) -> str:
    """The language to speak one clause in: its script decides, and for names and numbers the call.

    >>> spoken_in("W1234567.", "ko"), spoken_in("Thank you for calling us today.", "ko"), spoken_in("네.", "en")
    ('ko', 'en', 'ko')
    """
    if _HANGUL.search(text):
        return "ko"
    if call == "ko" and len(_LATIN.findall(text)) < FOREIGN_WORDS:
        return "ko"
    return "en"
