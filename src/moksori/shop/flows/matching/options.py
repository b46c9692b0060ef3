"""The options of things, as callers say them: colours, sizes, amounts; which is had and which is wanted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from moksori.shop.flows.data import data
from moksori.shop.flows.matching.counts import COUNTS, TENS, in_words
from moksori.shop.flows.matching.names import mentions
from moksori.shop.flows.matching.phrases import excluded, word_in
from moksori.shop.guard.sounds import sounds_in
from moksori.shop.guard.text import fold
from moksori.shop.texts.catalogue import entries

Line = dict[str, Any]


@cache
def said_values() -> dict[str, tuple[str, ...]]:
    """Every way to say an option's value, by its code."""
    words = entries("words")
    ways: dict[str, list[str]] = {
        code: [code, texts["ko"], texts["en"]] for code, texts in words["value"].items()
    }
    for said, means in words["said"].items():
        for code, texts in words["value"].items():
            if means and means in (texts["ko"], texts["en"]):
                ways[code].append(said)
    return {code: tuple(dict.fromkeys(each)) for code, each in ways.items()}


LARGE = 100
"""An amount from which on its number alone, in words, says it ("the twenty thousand one")."""
_MEASURED = re.compile(r"(\d{2,}|\d)(ml|kg|g|l|cm|mAh)")


@cache
def _ways(code: str) -> tuple[str, ...]:
    """Every way to say one option's value, sizes too ("엑스라지", "이백오십")."""
    known = said_values().get(code)
    if known is not None:
        return (*known, *data().sizes.get(code, ()))
    if (measured := _MEASURED.fullmatch(code)) is not None:
        amount, unit = measured.groups()
        return (
            code,
            amount,
            *(in_words(int(amount)) if int(amount) >= LARGE else ()),
            *(
                f"{number}{gap}{way}"
                for number in (amount, *in_words(int(amount)))
                for way in data().units.get(unit, ())
                for gap in ("", " ", "-")
            ),
        )
    number = int(code) if code.isdigit() and len(code) <= 3 else None
    return (code, *data().sizes.get(code, ()), *(in_words(number) if number and number > 20 else ()))


@lru_cache(4096)
def value_said(text: str, code: str) -> bool:
    """Whether an option's value ("blue", "500ml", "XL") is in a sentence, in any of its ways.

    Where no value is, one may be there by its sound ("감정" is "검정"), if it is the only one that sounds so.
    """
    folded = _without_longer(code, fold(text))
    if any(word_in(way, folded) and not _goes_on(way, folded) for way in _ways(code)):
        return True
    return _value_by_sound(folded) == code


def _goes_on(way: str, folded: str) -> bool:
    """Whether it is only the beginning of a number ("thirty" of "thirty-four")."""
    if not way.endswith(TENS):
        return False
    return re.search(rf"\b{way}(?![ -](?:{'|'.join(en for en, *_ in COUNTS[:9])})\b)", folded) is None


def _without_longer(code: str, folded: str) -> str:
    """The sentence without the ways to say other sizes that have this one's in them ("엑스라지" has "라지")."""
    for other, ways in data().sizes.items():
        if other != code and code in data().sizes:
            for way in (other.casefold(), *ways):
                if any(mine in way for mine in data().sizes[code] if mine != way):
                    folded = folded.replace(way, " ")
    return folded


@lru_cache(maxsize=512)
def _value_by_sound(folded: str) -> str | None:
    if any(word_in(way, folded) for ways in said_values().values() for way in ways):
        return None
    found = [
        code
        for code, ways in said_values().items()
        if any(not way.isascii() and sounds_in(way, folded) for way in ways)
    ]
    return found[0] if len(found) == 1 else None


def option_said(text: str, option: str) -> bool:
    """Whether an option's value, as it is shown in either language, is in a sentence in any of its ways."""
    folded = fold(text)
    for code, ways in said_values().items():
        if option in ways:
            return value_said(text, code)
    return word_in(option, folded)


def variant_meant(text: str, line: Line, variants: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The option of the product that is wanted instead of the line's own."""
    wanted, _ = excluded(text)
    now: dict[str, str] = line["options"]
    best, best_score = None, 0
    for variant in variants:
        options: dict[str, str] = variant["options"]
        if options == now:
            continue
        changed = [v for k, v in options.items() if now.get(k) != v]
        if not all(value_said(wanted, v) for v in changed):
            continue
        score = len(changed) * 2 + sum(_as_goal(wanted, v) for v in changed)
        if score > best_score:
            best, best_score = variant, score
    return best


def as_it_is(text: str, names: Iterable[str] = ()) -> str:
    """Of a wish for another option, the words about what the order has: without what it shall become.

    In "the white one instead of the blue" and "파란 거 말고 흰색으로" the blue one is the order's; unless what is
    wanted instead is another of the things it has (`names`).
    """
    folded = fold(text)
    found = list(data().words["not_this"].finditer(folded))
    if not found:
        return without_goal(text)
    last = found[-1]
    owned = " ".join(g for g in last.groups() if g)
    korean = not owned.isascii()
    before, after = folded[: last.start()], folded[last.end() :]
    goal = after if korean else f"{before} {after}"
    if _without_values(goal) == goal or (not korean and _without_values(owned) == owned):
        return without_goal(text)
    if any(mentions(after, name) and not mentions(f"{before} {owned}", name) for name in names):
        return without_goal(text)
    return f"{before} {owned} {_without_values(after)}" if korean else f"{_without_values(goal)} {owned}"


_SIZE = re.compile(r"(?<![\d-])\d{2,3}(?! ?(?:[일월번시분개원]|st\b|nd\b|rd\b|th\b))(?![\d-])")
"""A size or an amount in digits, and no day or count."""


def _without_values(folded: str) -> str:
    folded = _SIZE.sub(" ", folded)
    for code in said_values():
        for way in said_values()[code]:
            bare = re.escape(fold(way))
            if way.isascii():
                folded = re.sub(rf"(?<![a-z0-9]){bare}(?![a-z0-9])", " ", folded)
            elif len(way) > 1:
                folded = folded.replace(fold(way), " ")
    return folded


def without_goal(text: str) -> str:
    """The sentence without the options that are named as where to go ("in red", "네이비로"): those no order has yet."""
    folded = fold(text)
    for code in said_values():
        for way in said_values()[code]:
            bare = re.escape(fold(way))
            if way.isascii():
                folded = re.sub(
                    rf"\b(?:to|for|into|in|(?:make|have|get) (?:it|that|this|them)) (?:a |an |the )?"
                    rf"{bare}\b(?: ones?\b)?|\b{bare}(?: ones?)? instead\b",
                    " ",
                    folded,
                )
            else:
                folded = re.sub(rf"{bare}(?:색|색상)?(?: ?(?:거|것|걸))?(?:으로|로)(?![가-힣])", " ", folded)
    return folded


def _as_goal(text: str, code: str) -> int:
    """Whether a value is named as where to go: "빨간색으로", "to a red one"."""
    folded = fold(text)
    for way in _ways(code):
        bare = re.escape(fold(way))
        if re.search(rf"{bare}(색|색상)?( ?(거|것|걸))?(으로|로)", folded):
            return 1
        if re.search(rf"\b(to|for|into|in|the|make (it|that|them)) (a |an |the )?{bare}\b", folded):
            return 1
    return 0
