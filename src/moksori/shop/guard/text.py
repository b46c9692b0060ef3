"""Words and numbers of a spoken sentence, in Korean and English. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

_APOSTROPHES = str.maketrans("", "", "'’‘`´")
_WORD = re.compile(r"[0-9a-z가-힣ㄱ-ㅣ]+")
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")
_IDENTIFIER = re.compile(r"[#a-z]*\d[\da-z]*(?:[-–]\d[\da-z]*)+|[#a-z]+\d[\da-z]*", re.IGNORECASE)
_QUESTION_KO = re.compile(
    r"(까요|나요|가요|런가요|은가요|을까|ㄹ까|습니까|ㅂ니까|합니까|됩니까|입니까|인가요|는데요\?|라고요|죠\?|지요)$"
)

_SINO_DIGIT = {c: i for i, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6, "령": 0}
_SINO_SMALL = {"십": 10, "백": 100, "천": 1000}
_SINO_LARGE = {"만": 10_000, "억": 100_000_000}
_SINO = set(_SINO_DIGIT) | set(_SINO_SMALL) | set(_SINO_LARGE)
_NATIVE = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "넷": 4, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7,
    "여덟": 8, "아홉": 9, "열": 10, "스물": 20, "스무": 20,
}  # fmt: skip
_UNITS = (
    "원|달러|개월|개|번|건|장|벌|켤레|명|분|박스|세트|봉지|병|권|대|호|월|시|층|동|퍼센트|포인트|점|주|사이즈"
)
_AFTER = "[^가-힣]|$|에|의|을|를|이|은|는|로|으로|요|으|입|이요|짜|씩|만|도|정"
"""What may follow a number and its unit: no letter, or a particle."""
_NATIVE_COUNT = re.compile(
    rf"(하나|한|둘|두|셋|세|넷|네|다섯|여섯|일곱|여덟|아홉|열)\s?(?:{_UNITS})(?={_AFTER})"
)
_NATIVE_ALONE = re.compile(
    r"(?<![가-힣])(하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉)(?=[^가-힣]|만|로|를|을|은|는|요|씩|이|$)"
)
_NUMERAL = "[영공일이삼사오육륙칠팔구십백천만억]"
_SINO_RUN = re.compile(
    rf"(?<![가-힣])(\d[\d,]*(?:\.\d+)?)?\s?({_NUMERAL}(?:\s?\d*\s?{_NUMERAL})*)\s?({_UNITS})?(?={_AFTER})"
)
_EN_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_EN_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_EN_SCALE = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
EN_NUMERALS = frozenset(_EN_UNITS) | frozenset(_EN_TENS) | frozenset(_EN_SCALE)
_DOLLARS = re.compile(r"\bdollars? and ((?:[a-z]+[ -])?[a-z]+|\d+) cents?\b")
_EN_MULTIPLE = {"twice": 2, "double": 2, "triple": 3, "pair": 2, "couple": 2, "dozen": 12}


def fold(text: str) -> str:
    """Lower case, composed (NFKC), without apostrophes."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)


def words(text: str) -> list[str]:
    """The words of a text, folded; punctuation separates and is dropped."""
    return _WORD.findall(fold(text))


def joined(text: str) -> str:
    """The text without case, spaces and punctuation: what two ways of writing the same speech share."""
    return "".join(words(text))


def is_hangul(word: str) -> bool:
    return bool(word) and all("가" <= c <= "힣" or "ㄱ" <= c <= "ㅣ" for c in word)


def sentences(text: str) -> list[str]:
    """Split after . ! ? … and line ends; a point between digits does not end a sentence."""
    parts = re.split(r"(?<=[.!?…。？！])(?=\s|$)|(?<=[가-힣][.!?])|\n+", text)
    return [p.strip() for p in parts if p and p.strip()]


def asks(sentence: str) -> bool:
    """Whether a sentence is a question, by its mark or its Korean ending."""
    bare = sentence.strip().rstrip("\"'”’")
    if bare.endswith(("?", "？")):
        return True
    return bool(_QUESTION_KO.search(bare.rstrip(" .!…")))


def identifiers(text: str) -> set[str]:
    """Order numbers and their like, folded, without separators ("#W2378156" and "w2378156" are the same)."""
    return {re.sub(r"[^0-9a-z]", "", m.group().casefold()) for m in _IDENTIFIER.finditer(text)}


def digit_string(text: str) -> str:
    """All digits of the text in order, groups of unlike things separated by a space."""
    return " ".join(re.sub(r"\D", "", run) for run in re.findall(r"\d(?:[\d,\s\-–.]*\d)?", fold(text)))


def numbers(text: str) -> frozenset[Decimal]:
    """Every number the text names, in digits, Korean or English words ("3만 5천", "두 개", "twenty one").

    Errs towards finding one: a number found where none was meant makes the guard ask again, never act.
    """
    folded = fold(text)
    found = set(_mixed_korean(folded))
    rest = _IDENTIFIER.sub(" ", _SINO_RUN.sub(_keep_if_no_number, folded))
    found.update(_decimal(m.group()) for m in _DIGITS.finditer(rest))
    found.update(Decimal(_NATIVE[m.group(1)]) for m in _NATIVE_COUNT.finditer(folded))
    found.update(Decimal(_NATIVE[m.group(1)]) for m in _NATIVE_ALONE.finditer(folded))
    cents = _DOLLARS.search(folded)
    if cents is None:
        found.update(_english(words(text)))
    else:
        whole = max(_english(words(folded[: cents.start()])), default=max(found, default=Decimal(0)))
        part = max(_english(words(cents.group(1))), default=None)
        hundredths = part if part is not None else _decimal(cents.group(1))
        found -= {whole, hundredths}
        found.add((whole + hundredths / 100).normalize())
    return frozenset(found)


def _decimal(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "")).normalize()


def _keep_if_no_number(match: re.Match[str]) -> str:
    return match.group() if _sino_value(match) is None else " "


def _mixed_korean(text: str) -> Iterator[Decimal]:
    for match in _SINO_RUN.finditer(text):
        value = _sino_value(match)
        if value is not None:
            yield value


def _sino_value(match: re.Match[str]) -> Decimal | None:
    """A run of numerals, or None where it is more likely a word ("이사", "오")."""
    lead, run, unit = match.group(1), match.group(2).replace(" ", ""), match.group(3)
    scaled = any(c in _SINO_SMALL or c in _SINO_LARGE for c in run)
    if lead is None and not unit and not (scaled and len(run) >= 2) and len(run) < 3:
        return None
    if lead is not None and run[0] not in _SINO_SMALL and run[0] not in _SINO_LARGE:
        return None
    total = section = Decimal(0)
    current = _decimal(lead) if lead is not None else None
    spoken_digits = 0
    for token in re.findall(r"\d+|.", run):
        if token.isdigit():
            current = Decimal(token)
        elif token in _SINO_DIGIT:
            if current is not None:  # digits said one by one, as in an order number
                current, spoken_digits = current * 10 + _SINO_DIGIT[token], spoken_digits + 1
            else:
                current = Decimal(_SINO_DIGIT[token])
        elif token in _SINO_SMALL:
            section += (current if current is not None else 1) * _SINO_SMALL[token]
            current = None
        else:
            section += current or 0
            total += (section if section else 1) * _SINO_LARGE[token]
            section, current = Decimal(0), None
    return (total + section + (current or 0)).normalize()


def _english(tokens: list[str]) -> Iterator[Decimal]:
    total = current = 0
    inside = False
    for token in [*tokens, ""]:
        if token in _EN_MULTIPLE:
            yield Decimal(_EN_MULTIPLE[token])
        if token in _EN_UNITS:
            if token == "one" and not inside:  # "that one": a number only within one ("twenty one")
                continue
            current, inside = current + _EN_UNITS[token], True
        elif token in _EN_TENS:
            current, inside = current + _EN_TENS[token], True
        elif token in _EN_SCALE and (inside or token != "million"):
            if token == "hundred":
                current = (current or 1) * 100
            else:
                total, current = total + (current or 1) * _EN_SCALE[token], 0
            inside = True
        elif inside and token == "and":
            continue
        elif inside:
            yield Decimal(total + current).normalize()
            total = current = 0
            inside = False
