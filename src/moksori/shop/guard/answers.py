"""Yes, no, a correction or none of them: what the caller's words mean to a read-out. Pure.

The rule is one of exclusion. A turn is a yes only if something in it says yes and *everything* else in it
is either without weight ("please", "그럼") or a word of the read-out said back. The rest is a new value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from moksori.shop.guard.lexicon import Kind, actions, actions_in, lexicon, stem
from moksori.shop.guard.text import EN_NUMERALS, asks, digit_string, fold, is_hangul, joined, numbers, words


class Answer(Enum):
    """YES and SOFT may confirm; NO, CORRECTION and NEW_VALUE void; the others leave things as they are."""

    YES = "yes"
    SOFT = "soft"
    NO = "no"
    CORRECTION = "correction"
    NEW_VALUE = "new_value"
    QUESTION = "question"
    DOUBT = "doubt"
    BACKCHANNEL = "backchannel"
    SILENCE = "silence"

    @property
    def voids(self) -> bool:
        return self in (Answer.NO, Answer.CORRECTION, Answer.NEW_VALUE)


@dataclass(frozen=True, slots=True)
class About:
    """What may be said back without being new: the words, numbers and objects of one read-out."""

    words: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[Decimal]
    digits: str
    goods: tuple[str, ...]
    """Objects named by words, not numbers, as they stand in the sentence; without spaces."""
    cancels: bool
    """Whether the thing read out is a cancellation; otherwise "cancel" means the proposal itself."""
    again: frozenset[str]
    """What callers say when they ask for this very action once more ("바꿔주세요", "switch it"), without spaces."""
    nouns: frozenset[str]
    """Words that name what any such action is about ("address"), and none of what this one is about."""
    count: int | None
    """How many of the one good that is named; None where several kinds are named, or none."""
    named: frozenset[str]
    """The words of that good."""

    @classmethod
    def of(cls, sentence: str, objects: tuple[str, ...] = (), action: str = "") -> About:
        spoken = words(sentence)
        stems = {w[:n] for w in spoken if _hangul_part(w) for n in range(2, len(w) + 1)}
        stems |= {stem(w) for w in spoken if len(w) > 1}
        whole = joined(sentence)
        goods = tuple(joined(o) for o in objects if joined(o) in whole and not any(c.isdigit() for c in o))
        kept, count = _counted_in(sentence)
        there = sum(good in joined(kept) for good in goods)
        if there > 1 or (goods and not there):
            count, kept = None, ""
        kinds = [actions()[k] for k in actions_in(action.replace("_", " "))]
        return cls(
            words=frozenset(spoken),
            stems=frozenset(stems),
            numbers=numbers(sentence),
            digits=digit_string(sentence),
            goods=goods,
            cancels="cancel" in actions_in(action.replace("_", " ")),
            again=frozenset(joined(way) for kind in kinds for way in kind.again),
            nouns=frozenset(joined(noun) for kind in kinds for noun in kind.nouns),
            count=count,
            named=frozenset(words(kept)) if count is not None else frozenset(),
        )


_GOOD = re.compile(
    r"(?:(?P<before>\d+) × )?[^\W\d_][^,()×]*\([^()]*\)(?: (?P<after>\d+)개)?(?P<more> (?:외 \d|and \d+ more))?"
)


_INSTEAD = re.compile(r"(?: → | for )[^,()]*\([^()]*\)")
"""The good that one is exchanged for."""


def _counted_in(sentence: str) -> tuple[str, int | None]:
    """The one good that is named, and how many of it; None of several."""
    found = list(_GOOD.finditer(_INSTEAD.sub("", sentence)))
    if len(found) != 1 or found[0]["more"]:
        return _INSTEAD.sub("", sentence), None
    return found[0].group(), int(found[0]["before"] or found[0]["after"] or 1)


_NUMERAL_WORD = re.compile(
    r"[영공일이삼사오육륙칠팔구십백천만억\d]*(하나|한|둘|두|셋|세|넷|다섯|여섯|일곱|여덟|아홉|열)?"
    r"(원|달러|개월|개|번|건|장|벌|켤레|호|퍼센트|포인트|점)?(을|를|이|은|는|로|으로|요|이요|의|에|짜리|씩)?"
)
_EN_NUMERAL = (EN_NUMERALS - {"one"}) | {"oh", "won", "dollar", "dollars", "cent", "cents"}
_ALONE = frozenset("네예응안")
"""Syllables that may stand as a word of their own inside an unspaced Korean one."""
_GIVE = frozenset({"주세요", "주십시오", "줘", "줘요", "주셔요", "부탁드려요", "부탁드립니다", "부탁해요"})
"""With these a word said back asks for the thing to be done."""
_ONLY = frozenset({"만", "만요", "만이요"})
_FUZZY_FROM = 4
"""Syllables from which on a phrase one jamo off is still taken for the phrase (a recogniser's spelling)."""


def understand(transcript: str, about: About) -> Answer:
    """What `transcript` answers to the read-out `about`."""
    tokens = words(transcript)
    if not tokens:
        return Answer.SILENCE
    kinds = list(_kinds(tokens, about))
    squeezed = "".join(tokens)
    if Kind.NO in kinds or Kind.WAIT in kinds or any(r in squeezed for r in lexicon().refusing):
        return Answer.NO
    if Kind.CORRECTION in kinds or _names_some(squeezed, about):
        return Answer.CORRECTION
    if Kind.AGAIN in kinds and (Kind.YES not in kinds or Kind.SAID_BACK in kinds):
        # "네, 흰색으로 바꿔주세요" may mean what it is now: only a yes that names nothing is one.
        return Answer.CORRECTION
    if not numbers(transcript) <= about.numbers | _counted(kinds, about) and not _digits_said_back(
        transcript, about
    ):
        return Answer.NEW_VALUE
    if _another_identifier(transcript, about):
        return Answer.NEW_VALUE
    if Kind.QUESTION in kinds or asks(transcript.strip()):
        return Answer.QUESTION
    if Kind.DOUBT in kinds:
        return Answer.DOUBT
    if None in kinds:
        return Answer.NEW_VALUE
    if Kind.YES in kinds:
        return Answer.YES
    if Kind.SOFT in kinds:
        return Answer.SOFT
    if Kind.BACKCHANNEL in kinds:
        return Answer.BACKCHANNEL
    return Answer.DOUBT


def _counted(kinds: list[Kind | None], about: About) -> frozenset[Decimal]:
    """A number that says no other count than the read-out does without naming it ("하나만" of one)."""
    return frozenset({Decimal(about.count)}) if Kind.COUNT in kinds and about.count else frozenset()


def _kinds(tokens: list[str], about: About) -> Iterator[Kind | None]:
    """The kind of each phrase in turn; None for a word that is new."""
    phrases, longest = lexicon().phrases, lexicon().longest
    counts = lexicon().counts.get(about.count or 0, frozenset())
    at = 0
    while at < len(tokens):
        for end in range(min(len(tokens), at + longest), at, -1):
            phrase = "".join(tokens[at:end])
            kind = Kind.AGAIN if phrase in about.again else Kind.COUNT if phrase in counts else None
            kind = kind or phrases.get(phrase)
            if kind is not None:
                said_back = kind is Kind.CORRECTION and end == at + 1 and tokens[at] in about.words
                yield Kind.NEUTRAL if said_back else kind
                at = end
                break
        else:
            asked = at + 1 < len(tokens) and tokens[at + 1] in _GIVE
            if asked and _said_back(tokens[at] + tokens[at + 1], about) is Kind.YES:  # "환불해 주세요"
                yield Kind.YES
                at += 2
                continue
            if tokens[at] == "one" and at and len(tokens[at - 1]) > 2 and tokens[at - 1].isdigit():
                yield Kind.NEUTRAL  # "the 1001 one"
            else:
                yield from _word(tokens[at], about)
            at += 1


def _word(word: str, about: About) -> Iterator[Kind | None]:
    if not about.cancels and "cancel" in actions_in(word):
        yield Kind.NO
    elif word in about.nouns or _is_numeral(word):
        yield Kind.NEUTRAL
    elif word in about.words:
        yield Kind.SAID_BACK
    elif not _hangul_part(word):
        yield Kind.SAID_BACK if len(word) > 1 and stem(word) in about.stems else None
    elif (said_back := _said_back(word, about)) is not None:
        yield said_back
    elif (parts := _split(word)) is not None:
        yield from parts
    else:
        yield _nearly(word)


def _said_back(word: str, about: About) -> Kind | None:
    """A Korean word made of a word of the sentence and an ending."""
    table = lexicon()
    if not about.cancels and "cancel" in actions_in(word):
        return Kind.NO
    for cut in range(len(word), 1, -1):
        if word[:cut] in about.stems:
            ending = word[cut:]
            if ending in _ONLY and word[:cut] in about.named:
                return Kind.SAID_BACK  # "only" of the only one that was read out
            if ending in table.limiting:
                return Kind.CORRECTION
            if ending in table.endings:
                if ending in table.request:
                    return Kind.YES
                return Kind.NEUTRAL if word[:cut] in about.nouns else Kind.SAID_BACK
    return None


def _split(word: str) -> list[Kind] | None:
    """A Korean word written together out of phrases ("네그렇게해주세요")."""
    if not word:
        return []
    phrases = lexicon().phrases
    for end in range(len(word), 0, -1):
        head = word[:end]
        if head in phrases and (end > 1 or head in _ALONE):
            rest = _split(word[end:])
            if rest is not None:
                return [phrases[head], *rest]
    return None


def _nearly(word: str) -> Kind | None:
    if len(word) < _FUZZY_FROM:
        return None
    for phrase, kind in lexicon().phrases.items():
        if (
            kind is Kind.YES
            and len(phrase) == len(word)
            and is_hangul(phrase)
            and _one_jamo_off(phrase, word)
        ):
            return Kind.YES
    return None


def _one_jamo_off(a: str, b: str) -> bool:
    different = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if len(different) != 1:
        return False
    (x, y), (first, vowel, last) = different[0], (588, 28, 28)
    if not (is_hangul(x) and is_hangul(y)):
        return False
    i, j = ord(x) - 0xAC00, ord(y) - 0xAC00
    parts = ((i // first, j // first), (i % first // vowel, j % first // vowel), (i % last, j % last))
    return sum(p != q for p, q in parts) == 1


def _names_some(squeezed: str, about: About) -> bool:
    """Of several goods the caller names some: the others may not be meant."""
    named = sum(g in squeezed for g in about.goods)
    return 0 < named < len(about.goods)


_LONG_IDENTIFIER = re.compile(r"\d{3,}(?:[-–]\d{3,})+|\d{8,}")


def _another_identifier(transcript: str, about: About) -> bool:
    """An order or telephone number that is not in the sentence: something else is meant."""
    there = re.sub(r"\D", "", about.digits)
    said = (re.sub(r"\D", "", m.group()) for m in _LONG_IDENTIFIER.finditer(fold(transcript)))
    return any(digits not in there for digits in said)


def _digits_said_back(transcript: str, about: About) -> bool:
    """Numbers that are a piece of a longer one in the sentence, such as the end of an order number."""
    said = re.sub(r"\D", "", fold(transcript))
    only_digits = not (numbers(re.sub(r"\d[\d,.\-– ]*", " ", transcript)) - about.numbers)
    return len(said) >= 3 and only_digits and any(said in run for run in about.digits.split())


def _is_numeral(word: str) -> bool:
    """A word that only carries a number; whether the number is new is asked of the whole turn."""
    return word in _EN_NUMERAL or bool(_NUMERAL_WORD.fullmatch(word)) or word.isdigit()


def _hangul_part(word: str) -> bool:
    return any("가" <= c <= "힣" for c in word)
