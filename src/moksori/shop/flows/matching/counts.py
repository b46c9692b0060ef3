"""How many of a thing are said. Pure."""

from __future__ import annotations

import re

from moksori.shop.flows.digits import sino
from moksori.shop.flows.matching.phrases import excluded

COUNTS = (
    ("one", "한", "하나"), ("two", "두", "둘"), ("three", "세", "셋"), ("four", "네", "넷"), ("five", "다섯"),
    ("six", "여섯"), ("seven", "일곱"), ("eight", "여덟"), ("nine", "아홉"), ("ten", "열"),
)  # fmt: skip
_NUMERAL = {way: number for number, ways in enumerate(COUNTS, 1) for way in ways}
_COUNTED = re.compile(
    r"(?<!the )\b(one|two|three|four|five|six|seven|eight|nine|ten|(?<!\d)[1-9])\b(?! ?(?:ml|l|g|kg|cm|pieces))"
    r"|(?<![가-힣\d])(한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|[1-9]) ?(?:개(?!입)|벌|켤레|장|병|권|대|세트|통|봉|박스)"
    r"|(?<![가-힣])(하나|둘|셋|넷|다섯)(?=만|로|를|을|요| |$)"
)


TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> tuple[str, ...]:
    """A number below 1000 as it is said in both languages ("이백칠십", "two seventy")."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        english = tuple(f"{way} thousand" for way in _below_hundred(thousands)) if not rest else ()
        tens, rest = divmod(number, 10_000)
        return (
            (*english, *(("만", "일만")[tens > 1 :] if tens == 1 else (f"{sino(tens)}만",)))
            if not rest
            else english
        )
    hundreds, rest = divmod(number, 100)
    small = _below_hundred(rest)
    if not hundreds:
        return (sino(number), *small)
    hundred = COUNTS[hundreds - 1][0]
    between = (" hundred and ", " hundred ", " ") if rest else (" hundred",)
    return (sino(number), *(f"{hundred}{gap}{end}" for gap in between for end in small or ("",)))


def _below_hundred(number: int) -> tuple[str, ...]:
    if 0 < number <= len(COUNTS):
        return (COUNTS[number - 1][0],)
    tens, ones = divmod(number, 10)
    if tens < 2:
        return ()
    ten = TENS[tens - 2]
    return tuple(f"{ten}{gap}{COUNTS[ones - 1][0]}" for gap in ("-", " ")) if ones else (ten,)


_EN, _KO = "|".join(en for en, *_ in COUNTS), "|".join(way for _, *ways in COUNTS for way in ways)
_SOME = re.compile(
    rf"\b(?:just|only) (?:the )?(?P<just>{_EN})\b(?! (?:order|day|week|month|year))"
    rf"|\b(?P<of>{_EN}) of (?:the|them|those|these|my)\b(?! (?:two|three|orders))"
    rf"|(?<![가-힣])(?P<ko>{_KO}) ?(?:개|벌|켤레|장|병|권|대|세트|통|봉|박스|팩)?만"
)


def some_of(text: str) -> int | None:
    """How many of several a wish is for, where it says so ("two of them", "두 개만")."""
    found = list(_SOME.finditer(excluded(text)[0]))
    return _NUMERAL[next(g for g in found[-1].groups() if g)] if found else None


def count_said(text: str) -> int | None:
    """How many are wanted: of several counts the last ("there are two, I only want one")."""
    wanted, _ = excluded(text)
    found = [next(g for g in match.groups() if g) for match in _COUNTED.finditer(wanted)]
    if not found:
        return None
    return int(found[-1]) if found[-1].isdigit() else _NUMERAL[found[-1]]
