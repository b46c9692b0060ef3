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


def in_words(number: int) -> tuple[str, ...]:
    """A small number as it is said in both languages."""
    english = (COUNTS[number - 1][0],) if number <= len(COUNTS) else ()
    return (sino(number), *english) if number < 1000 else ()


def count_said(text: str) -> int | None:
    """How many are wanted: of several counts the last ("there are two, I only want one")."""
    wanted, _ = excluded(text)
    found = [next(g for g in match.groups() if g) for match in _COUNTED.finditer(wanted)]
    if not found:
        return None
    return int(found[-1]) if found[-1].isdigit() else _NUMERAL[found[-1]]
