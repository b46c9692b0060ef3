"""Whether more is coming: how words end, and how sure the recogniser is that they do.

A caller who pauses leaves words behind that tell more than the melody does. Three endings are told apart: most
sentences are whole; an article or an auxiliary at the end is broken off; between them stands what is a sentence, but a
poor one: a name without a verb, a verb that wants an object, digits of a number. A recogniser with a language model
inside knows more: where it hesitates to write the final mark, its readers would expect the sentence to go on.
"""

from __future__ import annotations

import math
import re
from enum import Enum


class Ending(Enum):
    """What the last words say about whether more is coming."""

    WHOLE = "whole"
    OPEN = "open"
    BROKEN = "broken"


UNSURE = 0.6
"""Confidence of a transcript below which its words say little: half a word is often written as another one."""

# Logistic regression on 3,888 ends and pauses of voices that the reading of the sound was not learned from, one family
# of voices after another: intercept, an open ending, a broken one, the logit of `closes`. The words of both are the
# same, so that these weights are what words add to the sound.
_INTERCEPT, _IS_OPEN, _IS_BROKEN, _CLOSES = 1.0, 0.44, 0.31, -0.35
_SOUND = 0.6
"""What the logit of `goes_on` adds: a reading of voices it has not heard before is less sure than it says. Learned
without one family of its voices and asked about them it should count 0.43, on the published sets, whose voices it does
not know either, 1.6 (its area there is 0.99, the words' 0.87). Chosen between, with the intercept, by simulation."""
_KOREAN_SURER = -0.6
"""Korean ends sound less final to a reading learned from English, and its pauses lie as much further off."""
_IS_ASKED = -2.4
"""A question that begins with its question word and is whole ("When does it get here?") is seldom gone on with, nor is
what ends on "please" or "yet". Chosen, not fitted: of the sets' 200 questions two are such ones."""
_CLOSERS = frozenset({"please", "thanks", "yet"})
_INTERCEPT_BY_WORDS, _CLOSES_BY_WORDS = 1.62, -0.95
"""The same without the sound, on 241 pauses; the area under its curve is 0.86, Smart Turn's on the same pauses 0.59."""
_CLOSES_BOUND, _SOUND_BOUND = 0.01, 1e-6
_PRIOR = {Ending.WHOLE: 0.022, Ending.OPEN: 0.1, Ending.BROKEN: 0.75}
"""Where the recogniser does not tell how sure it is of the end; a whole sentence then waits for about 320 ms."""
_BROKEN_LEAST = 0.7
"""Words that break off do so whatever the recogniser makes of it: it likes to close what it writes."""

_MARKS = re.compile(r"[\s.,!?…。~\"'-]+$")
_TRAILING_OFF = re.compile(r"(?:\.\.\.|…|,|-|—)\s*$")
_WORDS = re.compile(r"[\w']+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SELDOM_LAST = _set(
    "a an the my your our their its this these those to of for from with without in on at by about into "
    "as than and or but because if whether when while before which whose where i we they is are am was were "
    "be been do does did can could will would should may might must has had very some any every another "
    "um uh er also i'm i've i'd i'll you're we're it's that's there's what's who's cannot can't don't doesn't "
    "didn't won't isn't aren't wasn't not couldn't shouldn't wouldn't a few between until since during toward through "
    "what's where's how's new different larger bigger smaller own same"
)
"""Articles, prepositions, conjunctions, pronouns before a verb, auxiliaries: a sentence seldom ends on them."""
_PREPOSITIONS = _set("to of for from with in on at by about into than through")
"""End a question after all: "Which shop is it from?"."""
_SHORT_ANSWER = re.compile(
    r"\b(?:i am|it is|they are|we are|that is|this is|there is|yes i do|i can|i do|i did|i have|i will|you are|"
    r"is it|what for|i would|it was|they were|of course not|please do|why not|what it is|where it is|who i am|the same|"
    r"(?:no|yes|yeah|but|well)(?: \w+)? (?:i|it|they|we|he|she) \w+)$"
)
"""Where one of them ends a short reply."""
_WANTS_OBJECT = _set(
    "need needs want wants get got bought buy send sent received receive give gave add added change changed find found "
    "use used take took bring brought put make made tell told ask asked say says said see know think thought mean "
    "meant like pay paid charged check enter choose select pick wear called try tried trying going looking able "
    "supposed wondering interested include includes become becomes cost costs named spell spelled show showed contain "
    "contains press believe hope guess feel feels seem seems looks run runs arrive other so "
    "forgot remember just even after before"
)
"""Verbs that want an object, and words that lean on the next: a sentence can end on them, but seldom does."""
_BEEN = _set("be been being is are was were am get got not")
"""Before a participle: "has been changed" is whole, "I changed" is not."""
_PAIRS = frozenset(
    f"{verb} {word}"
    for verb, word in [
        *((verb, "through") for verb in ("go", "goes", "going", "gone", "went", "get", "got")),
        *(
            (verb, word)
            for verb in ("come", "comes", "came", "log", "turn", "break", "put", "switch", "hang")
            for word in ("in", "on")
        ),
        *((verb, "on") for verb in ("going", "hold", "try")),
        *((word, "whole") for word in ("the", "as")),
    ]
)
"""Verbs whose particle ends them."""
_AUXILIARY = _set(
    "is are am was were do does did can could will would should may might must have has had isn't aren't don't doesn't "
    "didn't can't couldn't won't wouldn't shouldn't wasn't haven't hasn't"
)
_ASKING = _set("what which who whom whose where when why how")
_PRONOUN = _set("i you he she it we they")
_NAMING = _set("a an the my your our their his her this that these those")
_BEGINS_CLAUSE = _set("after before if because while although since once unless until when whenever")
_REPLIES = _set(
    "yes no yeah yep nope okay ok sure thanks stop right correct exactly hello hi bye goodbye wait cancel help great "
    "good fine wrong never maybe both none nothing everything all refund exchange return cash card today tomorrow "
    "yesterday monday tuesday wednesday thursday friday saturday sunday"
)
"""One word of these is an answer of its own."""
_LEAD_IN = re.compile(
    r"(?:(?:yes|no|okay|ok|oh|well|so|hi|hello|hey|um|uh|and|but|actually|sorry|i'm sorry|i am sorry|excuse me|please|"
    r"listen|look|good morning|one more thing|also|then)\b\s*)+"
)
"""What a sentence begins with, and what is no sentence itself unless it is one of `_REPLIES`."""
_NUMBERS = _set("zero oh one two three four five six seven eight nine ten double hash pound")
_VERB = re.compile(r"\w{2,}(?:ed|ing|n't|'s|'re|'m|'ve|'ll|'d)$")
_PLAIN_VERBS = _set(
    "is are am was were be been do does did can could will would should may might must have has had need want get got "
    "buy bought send sent received give gave add change find found use take took bring put make made tell say see know "
    "think mean meant like pay paid check cancel return exchange refund come came comes go goes went work works broke "
    "break arrive arrives ship ships shipped help thank stop wait hold let please press try call keep keeps left lost "
    "fit fits fell tore told began feel seem look speak talk show explain repeat confirm update track deliver order "
    "place reach call connect hear hear don't won't can't enter says cost costs open close start end expire"
)

_KOREAN = re.compile("[가-힣]")
_KOREAN_BROKEN = re.compile(
    r"(?:은|는|을|를|의|에|에서|에게|한테|께|으로|로|와|과|하고|이랑|랑|까지|부터|처럼|보다|마다|고|서|면|며|지만|려고|거나|는데|은데|"
    r"그리고|그런데|그래서|근데|음|어|저기|그|저|이|제|제가|그거|혹시|좀|더|안|못|같은|다른|하는|되는|있는|없는|했던|산|온|받은|주문한|구매한)$"
)
"""Particles, connective endings, and what stands before a noun or a verb. "이" and "가" are left out: many end so."""
_KOREAN_WHOLE = re.compile(
    r"(?:요|다|까|죠|네|넵|예|응|줘|라|지|야|자|니|데요|아니|맞아|그래|싫어|좋아|됐어|어때|있어|없어|해|돼|봐)$"
)
_KOREAN_SOFT_END = re.compile(r"(?:는데|은데)$")


def more_coming(
    text: str, confidence: float = 1.0, closes: float | None = None, goes_on: float | None = None
) -> float:
    """Probability, 0 to 1, that a caller who pauses after `text` has not finished.

    `confidence` is the recogniser's mean for the words, `closes` its probability that the text ends where it does,
    `goes_on` the probability, by the sound, that the voice goes on; None when it does not tell.
    """
    how = ending(text, confidence)
    if closes is None:
        return _PRIOR[how]
    words = _logit(closes, _CLOSES_BOUND)
    score = _IS_OPEN * (how is Ending.OPEN) + _IS_BROKEN * (how is Ending.BROKEN)
    if goes_on is None:
        score += _INTERCEPT_BY_WORDS + _CLOSES_BY_WORDS * words
    else:
        score += _INTERCEPT + _CLOSES * words + _SOUND * _logit(goes_on, _SOUND_BOUND)
        score += _KOREAN_SURER * (_KOREAN.search(text) is not None)
        score += _IS_ASKED * (how is Ending.WHOLE and _closed(text))
    found = 1 / (1 + math.exp(-score))
    return max(found, _BROKEN_LEAST) if how is Ending.BROKEN else found


def _logit(probability: float, bound: float) -> float:
    bounded = min(max(probability, bound), 1 - bound)
    return math.log(bounded / (1 - bounded))


def ending(text: str, confidence: float = 1.0) -> Ending:
    """How `text` ends. `confidence` is the recogniser's, 0 to 1; below `UNSURE` nothing counts as whole."""
    bare = _MARKS.sub("", text).casefold()
    if not bare:
        return Ending.WHOLE
    if _TRAILING_OFF.search(text):
        return Ending.BROKEN
    found = _korean(bare) if _KOREAN.search(bare.split()[-1]) else _english(bare, text.rstrip().endswith("?"))
    return Ending.OPEN if found is Ending.WHOLE and confidence < UNSURE else found


def _english(bare: str, asks: bool) -> Ending:
    sentence = re.split(r"[.!?…]\s+", bare)[-1]
    words = _WORDS.findall(sentence)
    if not words:
        return Ending.WHOLE
    last = words[-1]
    if _SHORT_ANSWER.search(" ".join(words)) and len(words) <= 5:
        return Ending.WHOLE
    if _tells_what_is(words):
        return Ending.WHOLE
    if (last in _SELDOM_LAST and " ".join(words[-2:]) not in _PAIRS) and not (
        asks and words[0] in _ASKING and last in _PREPOSITIONS and len(words) > 3
    ):
        return Ending.BROKEN
    if _asks_without_verb(words):
        return Ending.BROKEN
    before = words[-2] if len(words) > 1 else ""
    if last in _WANTS_OBJECT and not (words[0] in _ASKING or before in _NAMING | _BEEN | {"please"}):
        return Ending.OPEN
    if last[-1].isdigit() or (last in _NUMBERS and before in _NUMBERS | {"is", "number", "code"}):
        return Ending.OPEN
    if last == "back" and before in _WANTS_OBJECT:
        return Ending.OPEN
    return _english_whole(words, sentence, asks)


def _english_whole(words: list[str], sentence: str, asks: bool) -> Ending:
    if len(words) == 1:
        return Ending.WHOLE if words[0] in _REPLIES else Ending.OPEN
    if _LEAD_IN.fullmatch(" ".join(words)):
        return Ending.WHOLE if words[-1] in _REPLIES else Ending.OPEN
    rest = _LEAD_IN.sub("", " ".join(words), count=1).split() or words
    if rest[0] in _AUXILIARY and _bare_subject(rest[1:]):
        return Ending.OPEN
    if rest[0] in _BEGINS_CLAUSE and "," not in sentence and not (len(rest) > 1 and rest[1] in _AUXILIARY):
        return Ending.OPEN
    if rest[0] in _NAMING and not any(_is_verb(word) for word in rest[1:]):
        return Ending.OPEN
    return Ending.WHOLE


def _closed(text: str) -> bool:
    """Whether the last sentence is a question that begins with its question word, or ends as one ends a sentence."""
    sentence = re.split(r"[.!?…]\s+", text.strip())[-1]
    words = _WORDS.findall(sentence.casefold())
    rest = _LEAD_IN.sub("", " ".join(words), count=1).split() or words
    asked = sentence.endswith("?") and bool(rest) and rest[0].partition("'")[0] in _ASKING
    return asked or (len(words) > 2 and words[-1] in _CLOSERS)


def _tells_what_is(words: list[str]) -> bool:
    """ "where my parcel is", "what the price was": the verb ends what somebody wants to know."""
    return words[-1] in ("is", "are", "was", "were") and any(word in _ASKING for word in words[1:-2])


def _asks_without_verb(words: list[str]) -> bool:
    """ "how do i", "which size should i", "what time does this": the verb is still to come."""
    return (
        len(words) >= 3
        and words[-1] in _PRONOUN | {"this", "these", "that"}
        and words[-2] in _AUXILIARY - {"is", "are", "was", "were", "am"}
        and any(word in _ASKING for word in words[:-2])
    )


def _bare_subject(words: list[str]) -> bool:
    """ "the warranty", "these shoes", "you check" after an auxiliary: what is asked about, not yet what is asked."""
    if not words:
        return True
    if words[0] in _PRONOUN:
        return len(words) == 1 or (len(words) == 2 and words[1] in _WANTS_OBJECT)
    return words[0] in _NAMING and len(words) <= 2


def _is_verb(word: str) -> bool:
    return word in _PLAIN_VERBS or _VERB.match(word) is not None


def _korean(bare: str) -> Ending:
    last = bare.rsplit(maxsplit=1)[-1]
    if _KOREAN_SOFT_END.search(last) and len(bare.split()) > 1:
        return Ending.OPEN  # "…하고 싶은데": often all that is said
    if _KOREAN_WHOLE.search(last):
        return Ending.WHOLE
    return Ending.BROKEN if _KOREAN_BROKEN.search(last) else Ending.OPEN
