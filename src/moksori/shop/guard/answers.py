"""Yes, no, a correction or none of them: what the caller's words mean to a read-out. Pure.

The rule is one of exclusion. A turn is a yes only if something in it says yes and *everything* else in it
is either without weight ("please", "그럼") or a word of the read-out said back. The rest is a new value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from itertools import pairwise

from moksori.shop.guard.about import LONG_IDENTIFIER, About, hangul_part
from moksori.shop.guard.lexicon import Kind, actions_in, lexicon, stem
from moksori.shop.guard.restated import in_its_words
from moksori.shop.guard.text import EN_NUMERALS, asks, fold, is_hangul, numbers, words


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

    @property
    def agrees(self) -> bool:
        return self in (Answer.YES, Answer.SOFT)


def _means(token: str, group: frozenset[str]) -> bool:
    """Whether a word of an answer is one of these, with an ending or without."""
    if not is_hangul(token):
        return any(token == word or (len(token) > 2 and stem(token) == stem(word)) for word in group)
    return any(token == word or (len(word) > 1 and token[:2] == word[:2]) for word in group)


_NUMERAL_WORD = re.compile(
    r"[영공일이삼사오육륙칠팔구십백천만억\d]*(하나|한|둘|두|셋|세|넷|다섯|여섯|일곱|여덟|아홉|열)?"
    r"(원|달러|개월|개|번|건|장|벌|켤레|호|퍼센트|포인트|점)?(을|를|이|은|는|로|으로|로요|으로요|요|이요|의|에|짜리|씩)?"
)
_EN_NUMERAL = (EN_NUMERALS - {"one"}) | {"oh", "won", "dollar", "dollars", "cent", "cents"}
_ALONE = frozenset("네예응안")
"""Syllables that may stand as a word of their own inside an unspaced Korean one."""
_GIVE = frozenset({"주세요", "주십시오", "줘", "줘요", "주셔요", "부탁드려요", "부탁드립니다", "부탁해요"})
"""With these a word said back asks for the thing to be done."""
_ONLY = frozenset({"만", "만요", "만이요"})
_AND = frozenset({"랑", "이랑"})
_ORDER = frozenset({"주문", "그주문", "이주문"})
_ORDER_ITSELF = re.compile(
    r"(?<!from )(?<!from the )(?<!from that )(?<!in the )(?<!in that )\border\b|주문(?!에서|에 있|의|중| 중)"
)
"""Words for an order by what is in it ("the dumbbell order"): then the whole of it is meant."""
SEVERAL = 2
_SEVERAL_ORDERS = re.compile(
    r"\borders\b|(?:두|세|네|모든|여러|나머지) ?주문|주문(?:들| (?:둘|셋|넷|두|세|네) ?(?:다|개|건|모두))"
)
_OF_A_BANK = ("카드", "은행")
"""After these "하나" is no number: a bank is called so."""
_FUZZY_FROM = 4
"""Syllables from which on a phrase one jamo off is still taken for the phrase (a recogniser's spelling)."""


def understand(transcript: str, about: About) -> Answer:
    """What `transcript` answers to the read-out `about`."""
    tokens = _without_what_goes(in_its_words(words(transcript), about.words, about.stems, about.names), about)
    if not tokens:
        return Answer.SILENCE
    kinds = list(_kinds(tokens, about))
    squeezed = "".join(tokens)
    if Kind.NO in kinds or Kind.WAIT in kinds or any(r in squeezed for r in lexicon().refusing):
        return Answer.NO
    if about.orders < SEVERAL and _SEVERAL_ORDERS.search(" ".join(tokens)):
        return Answer.CORRECTION
    order_meant = about.whole_order and _ORDER_ITSELF.search(" ".join(tokens)) is not None
    if Kind.CORRECTION in kinds or (_names_some(squeezed, about) and not order_meant):
        return Answer.CORRECTION
    if (doubt := _of_another(tokens, about)) is not None and not (order_meant and doubt is Answer.DOUBT):
        return doubt
    said_new = any(_means(token, about.wanted) for token in tokens)
    said_old = about.changes and Kind.SAID_BACK in kinds and not said_new
    if Kind.AGAIN in kinds and (Kind.YES not in kinds or said_old):
        # "네, 흰색으로 바꿔주세요" may mean what it is now: only a yes that names nothing is one.
        return Answer.CORRECTION
    if not numbers(transcript) <= about.numbers | _counted(kinds, about) and not _digits_said_back(
        transcript, about
    ):
        return Answer.NEW_VALUE
    if _another_identifier(transcript, about):
        return Answer.NEW_VALUE
    if Kind.QUESTION in kinds or (
        asks(transcript.strip()) and not _ends_in_a_name(transcript, tokens, about)
    ):
        return Answer.QUESTION
    if Kind.DOUBT in kinds:
        return Answer.DOUBT
    if None in kinds:
        return Answer.NEW_VALUE
    if Kind.YES in kinds:
        return Answer.YES
    if Kind.SOFT in kinds:
        return Answer.SOFT
    if Kind.COUNT in kinds and _asked_for(tokens, about):
        return Answer.YES  # "both, please"
    if Kind.BACKCHANNEL in kinds:
        return Answer.BACKCHANNEL
    return Answer.DOUBT


def _without_what_goes(tokens: list[str], about: About) -> list[str]:
    """An answer to a change without "instead of the 260" and "260 말고", where the 260 is what goes."""
    for at, token in enumerate(tokens):
        english = tokens[at : at + 2] in (["instead", "of"], ["rather", "than"])
        rest = [t for t in tokens[at + 2 :] if t not in _SMALL] if english else tokens[at - 1 : at]
        if (english or token == "말고") and rest and _means(rest[0], about.instead):
            return [*tokens[:at], *rest[1:]] if english else [*tokens[: at - 1], *tokens[at + 1 :]]
    return tokens


_JUST = frozenset({"just", "only"})
_THAT = frozenset({"that", "this", "those", "these", "one", "my", "please", "thanks"})
_SMALL = frozenset({"the", "to", "for", "and", "in", "at", "i", "it", "your", "of"})
_EVEN_OF_ONE = frozenset({"다", "allofit", "thewholeorder", "thewholething"})
"""These are also said of a single order."""


def _of_another(tokens: list[str], about: About) -> Answer | None:
    """Whether the answer names some of several goods, or what a change is from and not what it is to."""
    first = [
        next((at for at, token in enumerate(tokens) if _means(token, g)), None)
        for g in (about.instead, about.wanted)
    ]
    if first[0] is not None and (first[1] is None or first[1] < first[0]):
        return Answer.CORRECTION
    said = numbers(" ".join(tokens))
    if said & _numbers_of(about.instead) and not said & _numbers_of(about.wanted):
        return Answer.CORRECTION  # "260으로요" where the 260 is what goes
    for old, new in about.replaced:  # "large in beige" where a black L becomes a beige M
        at = next((at for at, token in enumerate(tokens) if _means(token, old)), None)
        if at is not None and not any(_means(token, new) for token in tokens[at:]):
            return Answer.CORRECTION
    pointed = any(a in ("그", "that", "this") and _means(b, about.either) for a, b in pairwise(tokens))
    if about.pays and not pointed and first[1] is None and any(_means(t, about.either) for t in tokens):
        return Answer.DOUBT
    named = sum(any(_means(token, good) for token in tokens) for good in about.several)
    if 0 < named < len(about.several):
        return Answer.DOUBT if about.cancels else Answer.CORRECTION
    return None


def _numbers_of(group: frozenset[str]) -> frozenset[Decimal]:
    return frozenset(Decimal(word) for word in group if word.isdigit())


def _ends_in_a_name(transcript: str, tokens: list[str], about: About) -> bool:
    """Whether what sounds like the ending of a question is that of a word of the read-out ("베이지요", "라지요")."""
    if transcript.rstrip().endswith(("?", "？")):
        return False
    last, heard = tokens[-1], words(transcript)[-1]
    return (last != heard and last in about.words) or (last.endswith("요") and last[:-1] in about.words)


def _asked_for(tokens: list[str], about: About) -> bool:
    """Whether an answer that names all there is asks for it: "both" alone may be a question."""
    return "please" in tokens or ("add" in about.verbs and not _GIVE.isdisjoint(tokens))


_MAKE = frozenset({"makeit", "makethat", "makethem"})


def _made_as_read_out(after: list[str], about: About) -> bool:
    """Whether "make it …" makes it what was read out: the new option, as many as go into the cart."""
    first = next((token for token in after if token not in _SMALL | _JUST | {"a", "an"}), "")
    if about.wanted:
        return _means(first, about.wanted)
    if "add" not in about.verbs or not first:
        return False
    if first == "one":
        return about.pieces == 1
    return first in about.words or numbers(first) == {Decimal(about.pieces or 0)}


def _counted(kinds: list[Kind | None], about: About) -> frozenset[Decimal]:
    """The number of things that are read out, which the read-out need not say ("한 벌" of one)."""
    return frozenset({Decimal(about.pieces)}) if about.pieces else frozenset()


def _kinds(tokens: list[str], about: About) -> Iterator[Kind | None]:
    """The kind of each phrase in turn; None for a word that is new."""
    phrases, longest = lexicon().phrases, lexicon().longest
    counts = lexicon().counts.get(about.pieces or 0, frozenset())
    at = 0
    while at < len(tokens):
        for end in range(min(len(tokens), at + longest), at, -1):
            phrase = "".join(tokens[at:end])
            kind = Kind.AGAIN if phrase in about.again else Kind.COUNT if phrase in counts else None
            if phrase in lexicon().whole and (about.plural or (about.cancels and phrase in _EVEN_OF_ONE)):
                kind = Kind.NEUTRAL
            kind = kind or about.verbs.get(phrase) or phrases.get(phrase)
            if phrase in _MAKE and _made_as_read_out(tokens[end:], about):
                kind = Kind.NEUTRAL
            if phrase in _JUST and _only_what_is_meant(tokens[end:], about):
                kind = Kind.NEUTRAL
            if kind is not None:
                said_back = kind is Kind.CORRECTION and (
                    (end == at + 1 and tokens[at] in about.words) or _asks_for_it(phrase, about)
                )
                yield Kind.NEUTRAL if said_back else kind
                at = end
                break
        else:
            asked = at + 1 < len(tokens) and tokens[at + 1] in _GIVE
            if asked and _said_back(tokens[at] + tokens[at + 1], about) is Kind.YES:  # "환불해 주세요"
                yield Kind.YES
                at += 2
                continue
            before = tokens[at - 1] if at else ""
            of_one = about.pieces == 1 or (
                before in about.words and not about.plural and before not in _SMALL
            )
            after = tokens[at + 1] if at + 1 < len(tokens) else ""
            if tokens[at] == "하나" and after.startswith(_OF_A_BANK) and "하나" not in about.stems:
                yield None
            elif tokens[at] == "one" and (of_one or (len(before) > 2 and before.isdigit())):
                yield Kind.NEUTRAL  # "the 1001 one", "the blue one"
            else:
                yield from _word(tokens[at], about)
            at += 1


def _only_what_is_meant(after: list[str], about: About) -> bool:
    """Whether "just" narrows nothing: what follows is the only thing read out, all of them, or what is done to it."""
    rest = [token for token in after if token not in _SMALL and token not in _THAT]
    if not rest:
        return bool(after) and (about.pieces == 1 or (about.whole_order and "one" not in after))
    if rest[0] in ("order", "orders"):
        return about.whole_order
    if rest[0] in about.verbs or "cancel" in actions_in(rest[0]):
        return not about.several or about.whole_order
    if about.pieces and numbers(rest[0]) == {Decimal(about.pieces)}:
        return True
    if about.several:
        return all(any(_means(token, good) for token in rest) for good in about.several)
    return _means(rest[0], about.named) and (about.count == 1 or rest[-1].endswith("s"))


def _asks_for_it(phrase: str, about: About) -> bool:
    """Whether a Korean phrase is a word of the read-out and "please" ("빼 주세요" to "빼 드립니다")."""
    return is_hangul(phrase) and any(
        phrase.removeprefix(w) in _GIVE for w in about.words if phrase.startswith(w)
    )


def _word(word: str, about: About) -> Iterator[Kind | None]:
    if not about.cancels and "cancel" in actions_in(word):
        yield Kind.NO
    elif word in ("cancel", "취소", "취소요"):
        yield Kind.YES
    elif word in about.nouns or _is_numeral(word):
        yield Kind.NEUTRAL
    elif word in about.words:
        yield Kind.SAID_BACK
    elif not hangul_part(word):
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
            if ending in _ONLY and about.whole_order and word[:cut] in _ORDER:
                return Kind.NEUTRAL
            if ending in _ONLY and word[:cut] in about.named:
                return Kind.SAID_BACK  # "only" of the only one that was read out
            if ending in _AND and any(_means(word, good) for good in about.several):
                return Kind.SAID_BACK  # one of several things, and the next
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


def _another_identifier(transcript: str, about: About) -> bool:
    """An order or telephone number that is not in the sentence: something else is meant."""
    there = re.sub(r"\D", "", about.digits)
    said = (re.sub(r"\D", "", m.group()) for m in LONG_IDENTIFIER.finditer(fold(transcript)))
    return any(digits not in there for digits in said)


def _digits_said_back(transcript: str, about: About) -> bool:
    """Numbers that are a piece of a longer one in the sentence, such as the end of an order number."""
    said = re.sub(r"\D", "", fold(transcript))
    only_digits = not (numbers(re.sub(r"\d[\d,.\-– ]*", " ", transcript)) - about.numbers)
    return len(said) >= 3 and only_digits and any(said in run for run in about.digits.split())


def _is_numeral(word: str) -> bool:
    """A word that only carries a number; whether the number is new is asked of the whole turn."""
    return word in _EN_NUMERAL or bool(_NUMERAL_WORD.fullmatch(word)) or word.isdigit()
