"""Said it, did it: finds the claims of completion in a sentence. Pure.

`moksori.shop.guard.coverage` says whether a commit or a record of the call covers one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from moksori.shop.guard.text import asks, digit_string, fold, numbers, sentences

NAMED = 4
"""Digits from which on a number in a claim names one record (an order number's last digits)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`kinds` of action said to be complete; empty means "done", whatever it was."""

    text: str
    kinds: frozenset[str]
    ours: bool
    """We are said to have done it, or it is said to have happened just now."""
    digits: tuple[str, ...]
    """Numbers that name a record."""
    amounts: frozenset[Decimal]


@dataclass(frozen=True, slots=True)
class _Words:
    verbs_ko: Mapping[str, str]
    verbs_en: Mapping[str, str]
    weak_ko: tuple[str, ...]
    weak_en: frozenset[str]
    done_ko: re.Pattern[str]
    done_en: re.Pattern[str]
    past_ko: re.Pattern[str]
    past_en: re.Pattern[str]


_PUT_EN = r"put (?:\w+ ){1,4}through"


@cache
def _words() -> _Words:
    data = tomllib.loads(files("moksori.shop").joinpath("claims.toml").read_text(encoding="utf-8"))
    ko = {w: kind for kind, v in data["verbs"].items() for w in v["ko"]}
    en = {w: kind for kind, v in data["verbs"].items() for w in v["en"]}
    weak_ko, weak_en = tuple(data["weak"]["ko"]), tuple(data["weak"]["en"])
    stems = "|".join(sorted((re.escape(w) for w in (*ko, *weak_ko)), key=len, reverse=True))
    forms = "|".join(sorted((re.escape(w) for w in (*en, *weak_en)), key=len, reverse=True))
    return _Words(
        verbs_ko=ko,
        verbs_en=en,
        weak_ko=weak_ko,
        weak_en=frozenset(weak_en),
        done_ko=re.compile(r"(?:^|(?<=\s))(?:" + "|".join(re.escape(w) for w in data["done"]["ko"]) + ")"),
        done_en=re.compile(r"\b(?:" + "|".join([*map(re.escape, data["done"]["en"]), _PUT_EN]) + r")\b"),
        past_ko=re.compile(rf"({stems})\s?(?:이|가|은|는|을|를|도|까지|까진)?\s?({_PAST_KO})"),
        past_en=re.compile(rf"\b({forms})\b"),
    )


_PAST_KO = (
    r"(?:완료|처리|접수|신청|진행|정상적으로|모두|다|바로|방금|이미|성공적으로|잘)?\s?(?:완료|처리|접수)?\s?"
    r"(?:해\s?드렸|해\s?드리었|도와\s?드렸|해\s?(?:놓았|두었|놨|뒀)|완료로|하였|했|되었|됐|되셨|되어\s?있|돼\s?있|된\s상태|"
    r"된\s걸로|된\s것으로|드렸|들어갔|들어가\s?있|끝났|끝냈|마쳤|났|됨|완료입|완료예|완료이|완료됨|중입니다|중이에요|중이며|놨|뒀|두었|놓았|졌|보냈|하셨|겼)"
    r"|(?<=보)냈|(?<=보)내\s?드렸|(?<=담)(?:았|겼|아\s?드렸)|(?<=바꿔)\s?(?:드렸|놨|뒀)|(?<=바뀌)었"
)
_FAVOUR_KO = re.compile(r"[아어여해려워와줘겨]\s?드렸(?:습|어|고|는|으|네|음)")
"""Any deed done for the caller ("넣어 드렸어요"), whatever its verb; what only tells or shows is excepted below."""
_BEFORE = 8
"""Characters before a claim in which "확인이" may still stand."""
_NEGATED_KO = re.compile(
    r"지\s?(?:는|도)?\s?(?:않|못)|안\s?(?:됐|되었|했|된|되)|못\s?(?:했|한|해|하)|아직|불가|없습니다|없어요|없네요|아닙니다|아니에요|실패"
)
_CONDITION_KO = re.compile(
    r"[었았했됐]\s?(?:으면|다면|더라면|을 경우|을 때|는지|을까|나요|냐)|"
    r"(?:된|한|었던|됐는지|되었는지)\s?(?:경우|다음|후|뒤|이후)|"
    r"(?:되|하|돼|해)면|라면|려면|거든|[었았했됐]는지|[었았했됐]을"
)
_REPORTED_KO = re.compile(
    r"말씀하셨|말씀해\s?주셨|하셨(?:다고|는데|죠|지요|나|군요)|고\s?하셨|요청하셨|문의하셨|원하셨|주문하신|신청하신"
)
_CUSTOMER_KO = re.compile(r"(?:고객님(?:께서|이)|본인이)\s.*하셨")
_HARMLESS_KO = re.compile(
    r"(?:확인|조회|이해|검색|안내|문의|설명|기록|파악|인증|말씀|알려|보여|여쭤|여쭈어|들려|읽어|찾아)"
    r"(?:을|를|이|가|은|는)?\s?(?:완료|처리|해\s?드렸|했|됐|되었|되셨|드렸)"
)
_OURS_KO = re.compile(
    r"드렸|했습|했어|했고|했음|했네|했으|하였|방금|막\s|지금 막|끝냈|마쳤|놨|뒀|두었|놓았|냈|담았|드리었"
)

_NEGATED_EN = re.compile(
    r"\b(?:not|never|cannot|cant|couldnt|wasnt|werent|hasnt|havent|hadnt|isnt|arent|didnt|dont|doesnt|wont|unable|"
    r"no longer|nothing|none|without|neither|nor|yet to|failed)\b"
)
_MODAL_EN = re.compile(
    r"\b(?:can|could|will|would|shall|should|may|might|must|ill|well|youll|itll|id|going to|to be|to get|"
    r"needs? to|need|want|wants|wish|like to|able to|about to|ready to|get|getting|let me|please|how|whether|eligible|"
    r"allowed|ask|asked|asking|requesting|to have|trying|try|plan|plans|cancel that)\b"
)
_CONDITION_EN = re.compile(
    r"\b(?:if|once|when|whenever|unless|until|before|after|upon|as soon as|in case|assuming|provided|suppose|while)\b"
)
_GENERAL_EN = re.compile(
    r"\b(?:within|usually|typically|normally|generally|always|only|every|any|all orders|items that|orders that|policy|"
    r"customers|days of|free of charge|between)\b"
)
_DEFINITE_EN = re.compile(
    r"\b(?:your|the|this|that|it|its|everything|both|they|theyre|you|youre|order|i|ive|we|weve)\b"
)
_PERFECT_EN = re.compile(r"\b(?:has|have|was|were|had|been|ive|weve|youve|got|theyve)\b")
_PRESENT_EN = re.compile(r"\b(?:is|are|its|thats|theyre|youre|now|already|just|successfully)\b")
_OURS_EN = re.compile(r"\b(?:i|ive|we|weve|just|now|successfully|my team|our team)\b")
_YOU_EN = re.compile(r"\b(?:you|youve)(?: have| had)?(?: already| just)?$")
_RELATIVE_EN = re.compile(
    r"\b(?:which|who|ones|(?!(?:got|had|have|get)\b)\w+ that)(?: (?:was|were|has been|have been|had been|are|is))?$|"
    r"^(?:all |only )?(?:items|orders|goods|products)(?: (?:was|were|has been|have been|had been|are|is))?$|"
    r"\b(?:items|orders|goods|products)$"
)
"""Of which things something is said in general ("orders that were shipped", "items returned")."""
_COMPLEMENT_EN = re.compile(r"^(?:$|\d|\$|your\b|the\b|it\b|for\b|to\b|on\b|successfully\b|now\b)")
"""What follows a bare participle that reports ("Refunded 35 dollars") rather than describes ("Returned items")."""
_ALONE_EN = frozenset({"arrived", "shipped", "dispatched"})
"""Past forms that need no "was" ("your parcel arrived")."""
_TAG = 2
"""Words of a last clause up to which a question asks about the whole sentence ("right?", "맞으시죠?")."""


def claims(text: str) -> tuple[Claim, ...]:
    """Each sentence of `text` that says something is done."""
    return tuple(c for s in sentences(text) if (c := _claim(s)) is not None)


def _claim(sentence: str) -> Claim | None:
    if asks(sentence):
        before, comma, last = sentence.rpartition(",")
        if not comma or len(last.split()) <= _TAG:
            return None
        sentence = before  # "It is cancelled, is there anything else?" claims before it asks
    folded = " ".join(fold(sentence).split())
    found = _korean(folded) if re.search("[가-힣]", folded) else _english(folded)
    if found is None:
        return None
    kinds, ours = found
    digits = tuple(d for run in digit_string(_without_amounts(sentence)).split() if len(d := run) >= NAMED)
    return Claim(sentence, kinds, ours, digits, _amounts(sentence))


_AMOUNT = re.compile(
    r"[$₩€£]\s?\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?\s?(?:만\s?(?:\d+천)?\s?)?(?:원|won|달러|dollars?|krw|usd|포인트|points?)",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}년|\d{4}-\d{2}-\d{2}|\d{1,2}월 ?\d{1,2}일|\b20\d\d\b(?!\d|-)")


def _amounts(sentence: str) -> frozenset[Decimal]:
    return frozenset(n for m in _AMOUNT.finditer(sentence) for n in numbers(m.group()))


def _without_amounts(sentence: str) -> str:
    return _DATE.sub(" ", _AMOUNT.sub(" ", sentence))


# Korean


def _korean(sentence: str) -> tuple[frozenset[str], bool] | None:
    table = _words()
    if _REPORTED_KO.search(sentence):
        return None
    claimed: set[str] = set()
    any_claim = False
    for match in table.past_ko.finditer(sentence):
        tail = _clause_after(sentence, match.start())
        around = sentence[max(0, match.start() - _BEFORE) : match.start()] + tail[: 2 * _BEFORE]
        if _NEGATED_KO.search(tail) or _CONDITION_KO.search(tail) or _HARMLESS_KO.search(around):
            continue
        any_claim = True
        claimed.update(_kinds_ko(match.group(1), sentence))
    for match in () if any_claim else (*table.done_ko.finditer(sentence), *_FAVOUR_KO.finditer(sentence)):
        around = sentence[max(0, match.start() - _BEFORE) :]
        if not (_NEGATED_KO.search(around) or _CONDITION_KO.search(around) or _HARMLESS_KO.search(around)):
            any_claim = True
            claimed.update(_kinds_ko("완료", sentence))
            break
    if not any_claim:
        return None
    claimed.update(
        table.verbs_ko[w]
        for w in table.verbs_ko
        if re.search(rf"{w}\s?(?:하고|했고|하였고|되고|됐고|되었고|해서)", sentence)
    )
    ours = bool(_OURS_KO.search(sentence)) and not _CUSTOMER_KO.search(sentence)
    return frozenset(claimed), ours


def _clause_after(sentence: str, at: int) -> str:
    """From `at` to the end of its clause: a condition on the next clause does not undo this one."""
    end = re.search(r"(?:고|며|지만|는데|으니|니다|어요|아요|해요)[,.]?\s", sentence[at:])
    return sentence[at : at + end.end()] if end else sentence[at:]


def _kinds_ko(stem: str, sentence: str) -> set[str]:
    table = _words()
    kind = table.verbs_ko.get(stem)
    if kind is not None:
        return {kind}
    strong = ("cancel", "refund", "return", "exchange", "change")
    return {k for w, k in table.verbs_ko.items() if k in strong and w in sentence}


# English


def _english(sentence: str) -> tuple[frozenset[str], bool] | None:
    claimed: set[str] = set()
    any_claim = ours = False
    for clause in _clauses(sentence):
        kinds = _english_clause(clause)
        if kinds is not None:
            any_claim = True
            claimed |= kinds
            ours = ours or bool(_OURS_EN.search(clause)) or not kinds
    return (frozenset(claimed), ours) if any_claim else None


def _clauses(sentence: str) -> Iterator[str]:
    """Clauses without punctuation. A condition reaches to its comma; "and" carries its subject on."""
    bare = re.sub(r"[^\w\s,;:$.\-]", " ", sentence)
    for part in re.split(r"[;:]|,(?!\d)|\bbut\b|\bso\b|\band (?=(?:i|we|your|you|it|the|they)\b)", bare):
        clause = " ".join(part.replace(".", " ").split())
        if clause:
            yield clause


def _english_clause(clause: str) -> set[str] | None:
    table = _words()
    begin = _CONDITION_EN.search(clause)
    head = clause[: begin.start()].strip() if begin else clause
    if not head:
        return None
    if _NEGATED_EN.search(head):
        return None
    if table.done_en.search(head) and not _MODAL_EN.search(head):
        return _kinds_en("done", head)
    kinds: set[str] = set()
    found = False
    for match in table.past_en.finditer(head):
        before = head[: match.start()].strip()
        if _is_claim(before, match.group(), head):
            found = True
            kinds |= _kinds_en(match.group(), head)
    return kinds if found else None


def _is_claim(before: str, verb: str, head: str) -> bool:
    if _MODAL_EN.search(before) or _RELATIVE_EN.search(before):
        return False
    if not before:  # "Cancelled." "Refunded 30 dollars to your card."
        return bool(_COMPLEMENT_EN.match(head[len(verb) :].strip()))
    if _GENERAL_EN.search(head) and not re.search(
        r"\b(?:ive|i have|weve|we have|has been|have been|just)\b", head
    ):
        return False
    if _PERFECT_EN.search(before) or re.search(
        r"\b(?:i|we)\b(?: (?:just|already|also|now|successfully|then|went ahead and))*$", before
    ):
        return True
    if _YOU_EN.search(before):
        return True
    if verb in _ALONE_EN and _DEFINITE_EN.search(before):
        return True
    return bool(_PRESENT_EN.search(before) and _DEFINITE_EN.search(before)) or before in {
        "order",
        "and",
        "yes",
        "ok",
        "okay",
    }


_NOUNS_EN = {
    "cancel": "cancel",
    "refund": "refund",
    "money back": "refund",
    "return": "return",
    "exchang": "exchange",
    "swap": "exchange",
    "replacement": "exchange",
    "address": "change",
    "change": "change",
    "update": "change",
}


def _kinds_en(verb: str, clause: str) -> set[str]:
    kind = _words().verbs_en.get(verb)
    if kind is not None:
        return {kind}
    return {k for noun, k in _NOUNS_EN.items() if re.search(rf"\b{noun}", clause)}
