"""What a caller means among the few things it can be: this caller's orders, their items, a product's options. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from moksori.shop.dates import Span, understand
from moksori.shop.flows.data import data
from moksori.shop.flows.details import without_address
from moksori.shop.flows.digits import one_lost_or_added, runs_collapsed, said_digits, sino, sounded_digits
from moksori.shop.flows.sounds import nearly, sounds_in
from moksori.shop.guard.text import fold, joined
from moksori.shop.texts.catalogue import entries

Order = dict[str, Any]
Line = dict[str, Any]
SHORTEST_NUMBER = 4
WHOLE_NUMBER = 8
"""Digits from which on a number is a whole order number, not its end."""
ITEM = re.compile(r"(?:\d+ × )?([^,()]+?)\s*\(([^)]*)\)")
DATE_WORDS = 3
NAMED = 2
"""Score from which on an order has a thing of that name, not only of that colour."""
HESITATIONS = frozenset({"그", "어", "음", "저", "아", "um", "uh", "er"})
"""Words that would make a date of the next one ("그 제가" is not "그제")."""


def has(kind: str, text: str) -> bool:
    return data().words[kind].search(fold(text)) is not None


def excluded(text: str) -> tuple[str, str]:
    """The sentence without what the caller says it is not ("빨간 거 말고"), and what that was."""
    folded = fold(text)
    out: list[str] = []

    def drop(match: re.Match[str]) -> str:
        out.append(" ".join(g for g in match.groups() if g))
        return " "

    return data().words["not_this"].sub(drop, folded), " ".join(out)


_ORDINALS = (("last", -1), ("first", 0), ("second", 1), ("third", 2))


def ordinal(text: str, among: int) -> int | None:
    """Which of the things that were offered a caller points at ("the second one"); None where at none of them."""
    found = next((at for kind, at in _ORDINALS if has(kind, text)), None)
    return found if found is not None and among and found < among else None


# ---------------------------------------------------------------- orders


@dataclass(frozen=True, slots=True)
class Reference:
    """Orders a sentence can mean, best first, and whether it names any at all."""

    orders: tuple[Order, ...]
    named: bool
    number: str = ""
    """A number that was said and is nobody's here."""
    scores: Mapping[str, int] = field(default_factory=dict)
    """How well each order fits the words, by its id."""

    def best(self, among: Sequence[Order]) -> list[Order]:
        """The best fitting of some of the orders."""
        top = max((self.scores.get(o["order_id"], 0) for o in among), default=0)
        return [o for o in among if self.scores.get(o["order_id"], 0) == top]


def refer(text: str, orders: Sequence[Order], today: date) -> Reference:
    """By number, then date, then product and colour, then "the one I just ordered"."""
    wanted, not_wanted = excluded(text)
    wanted = without_address(wanted)
    numbers = [d for d in said_digits(wanted) if len(d) >= SHORTEST_NUMBER]
    found = _by_number(numbers, orders) or _by_misheard_number(numbers, wanted, orders)
    if found:
        return Reference(tuple(found), named=True)
    unknown = next(
        (d for d in numbers if not _is_date(d, orders) and not (len(d) == 6 and len(numbers) > 1)), ""
    )
    if unknown and not _postcode(wanted, unknown):
        return Reference((), named=True, number=unknown)
    pool, named = list(orders), False
    if not_wanted:
        kept = [o for o in pool if score(not_wanted, o) == 0 and not _by_number(said_digits(not_wanted), [o])]
        pool, named = kept or pool, 0 < len(kept) < len(pool)
    span = _date_in(wanted, today)
    arrived = [o for o in pool if o["status"]["code"] == "delivered"]
    if span is not None and arrived and has("received_on", text):
        pool = arrived  # the day is the parcel's, not the order's, and a list does not say it
    elif span is not None:
        dated = [o for o in pool if span.first <= day_of(o) <= span.last]
        if dates_an_order(text) or _have_it(wanted, dated) or not _have_it(wanted, pool):
            pool, named = dated, True
    scores = {o["order_id"]: score(wanted, o) for o in pool}
    # The colour that was said may be the one that is wanted instead.
    if max(scores.values(), default=0) < NAMED:
        loose = {o["order_id"]: score(wanted, o, strict=False) for o in pool}
        scores = loose if max(loose.values(), default=0) >= NAMED else scores
    if not any(scores.values()):
        scores = {o["order_id"]: score(wanted, o, strict=False) for o in pool}
    if any(scores.values()):
        pool = sorted((o for o in pool if scores[o["order_id"]]), key=lambda o: -scores[o["order_id"]])
        named = True
    for words_of, states in _STATES.items():
        if has(words_of, text):
            pool = [o for o in pool if o["status"]["code"] in states] or pool
    if has("newest", text) and pool and not named:
        return Reference((pool[0],), named=True)
    return Reference(tuple(pool), named, scores={k: v for k, v in scores.items() if v})


ORDERED = re.compile(r"order|bought|placed|시킨|시켰|주문|산 |샀")
NEAR = 8
"""Characters within which a day belongs to "ordered"."""


def dates_an_order(text: str) -> bool:
    """Whether a day is said of an order ("yesterday's", "ordered on Monday"), not of something else that was."""
    folded = fold(text)
    return any(
        folded[day.end() : day.end() + 2] == "s "
        or ORDERED.search(folded[max(0, day.start() - NEAR) : day.end() + NEAR])
        for day in data().words["date"].finditer(folded)
    )


def _have_it(text: str, orders: Sequence[Order]) -> bool:
    """Whether any of the orders has a thing that a sentence names."""
    return any(score(text, order, strict=False) >= NAMED for order in orders)


def numbered(text: str, orders: Sequence[Order]) -> bool:
    """Whether a sentence says the number of one of the orders, and not that it is another."""
    wanted = without_address(excluded(text)[0])
    numbers = [d for d in said_digits(wanted) if len(d) >= SHORTEST_NUMBER]
    return bool(_by_number(numbers, orders) or _by_misheard_number(numbers, wanted, orders))


_STATES = {"unsent": ("paid", "preparing"), "on_the_way": ("shipped",)}
"""What callers say of where an order is, and the states it can be in then."""


def _by_number(numbers: Sequence[str], orders: Sequence[Order]) -> list[Order]:
    hits = [
        o
        for number in numbers
        if len(number) >= SHORTEST_NUMBER
        for o in orders
        if _digits(o).endswith(number)
    ]
    if hits:
        return list({o["order_id"]: o for o in hits}.values())
    if any(len(n) >= SHORTEST_NUMBER and not _is_date(n, orders) for n in numbers):
        return []  # the day is right, the number is not
    return [o for n in numbers if len(n) == 6 for o in orders if _digits(o).startswith(n)]


def _by_misheard_number(numbers: Sequence[str], text: str, orders: Sequence[Order]) -> list[Order]:
    """The one order whose number was said, as recognisers write it: with a digit lost, doubled or taken for a word.

    Another digit in the same place is no mishearing: it may be the number of somebody else's order.
    """
    said = [n for n in numbers if len(n) >= SHORTEST_NUMBER]
    near = [o for o in orders if any(_misheard(n, _digits(o)) for n in said)]
    if not near:
        near = _by_number([n for n in sounded_digits(text) if len(n) >= SHORTEST_NUMBER], orders)
    return near if len(near) == 1 else []


def _misheard(said: str, number: str) -> bool:
    if len(said) >= WHOLE_NUMBER:
        return (
            said.startswith(number)
            or runs_collapsed(said) == runs_collapsed(number)
            or one_lost_or_added(said, number)
        )
    end = number[-SHORTEST_NUMBER:]
    return len(said) > len(end) and runs_collapsed(said) == runs_collapsed(end)


def _is_date(number: str, orders: Sequence[Order]) -> bool:
    return len(number) == 6 and any(_digits(o).startswith(number) for o in orders)


def _postcode(text: str, number: str) -> bool:
    return len(number) == 5 or number.startswith("01")


def _digits(order: Order) -> str:
    return re.sub(r"\D", "", str(order["order_id"]))


def day_of(order: Order) -> date:
    return datetime.fromisoformat(str(order["placed_at"])).date()


def _date_in(text: str, today: date) -> Span | None:
    if has("this_day", text):
        return Span(today, today)
    words = [word for word in text.split() if word.strip(",.…") not in HESITATIONS]
    for size in range(DATE_WORDS, 0, -1):
        for at in range(len(words) - size + 1):
            phrase = " ".join(words[at : at + size])
            if has("date", phrase):
                bare = re.sub(r"(에|에는|의|은|는)$", "", phrase.strip(".,?!"))
                bare = re.sub(r"^(from|on|in|since) ", "", bare)
                span = understand(bare, today)
                if span is not None:
                    return span
    return None


def score(text: str, order: Order, *, strict: bool = True) -> int:
    """How well a sentence fits an order's items: 2 for a name, 1 for an option of the same item.

    `strict`: an item of which another colour was said is not meant.
    """
    best = 0
    coloured = any(value_said(text, code) for code in said_values())
    for language in ("ko", "en"):
        for name, options in ITEM.findall((order.get("items_all") or order["items"])[language]):
            plain = re.sub(r"^(and )?(\d+ × )?", "", name.strip())
            named = mentions(text, plain) or partly(text, plain)
            option = any(option_said(text, each) for each in options.split(", "))
            if strict and named and coloured and not option:
                continue
            best = max(best, (2 if named else 0) + option)
    return best


def mentions(text: str, name: str) -> bool:
    """Whether a sentence names a thing: its whole name, its last word (what it is), or another word for that."""
    return _names_it(text, name) or called(text, name)


def called(text: str, name: str) -> bool:
    """Whether a sentence has another word for a thing than its name's ("jumper" for a sweater)."""
    folded = fold(text)
    ways = [way for word in name.split() for way in data().called.get(fold(word), ())]
    return any(
        re.search(rf"\b{re.escape(way)}s?\b", folded) is not None if way.isascii() else _word_in(way, folded)
        for way in ways
    )


def _names_it(text: str, name: str) -> bool:
    head = name.rsplit(maxsplit=1)[-1]
    if re.fullmatch(r"[\x00-\x7f]+", name):
        folded = fold(text).replace("-", " ")
        return (
            any(
                re.search(rf"\b{re.escape(each)}s?\b", folded)
                for each in (fold(name).replace("-", " "), fold(head).replace("-", " "))
            )
            or joined(name) in joined(text)
            or nearly(head, folded.split())
        )
    return sounds_in(name, text) or (len(head) > 1 and sounds_in(head, text))


def partly(text: str, name: str) -> bool:
    """Whether a sentence has any word of a thing's name: "김치" of a "김치 세트"."""
    folded = fold(text)
    return any(
        re.search(rf"\b{re.escape(fold(word))}s?\b", folded) is not None
        if word.isascii()
        else sounds_in(word, text)
        for word in re.split(r"[\s-]+", name)
        if len(word) > 1
    )


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


_MEASURED = re.compile(r"(\d{2,}|\d)(ml|kg|g|l|cm|mAh)")


def _in_words(number: int) -> tuple[str, ...]:
    """A small number as it is said in both languages."""
    english = (_COUNTS[number - 1][0],) if number <= len(_COUNTS) else ()
    return (sino(number), *english) if number < 1000 else ()


@cache
def _ways(code: str) -> tuple[str, ...]:
    """Every way to say one option's value, sizes too ("엑스라지", "이백오십")."""
    known = said_values().get(code)
    if known is not None:
        return known
    if (measured := _MEASURED.fullmatch(code)) is not None:
        amount, unit = measured.groups()
        return (
            code,
            amount,
            *(
                f"{number}{gap}{way}"
                for number in (amount, *_in_words(int(amount)))
                for way in data().units.get(unit, ())
                for gap in ("", " ", "-")
            ),
        )
    number = int(code) if code.isdigit() and len(code) <= 3 else None
    return (code, *data().sizes.get(code, ()), *((sino(number),) if number else ()))


def value_said(text: str, code: str) -> bool:
    """Whether an option's value ("blue", "500ml", "XL") is in a sentence, in any of its ways.

    Where no value is, one may be there by its sound ("감정" is "검정"), if it is the only one that sounds so.
    """
    folded = _without_longer(code, fold(text))
    if any(_word_in(way, folded) for way in _ways(code)):
        return True
    return _value_by_sound(folded) == code


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
    if any(_word_in(way, folded) for ways in said_values().values() for way in ways):
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
    return _word_in(option, folded)


def _word_in(word: str, folded: str) -> bool:
    bare = fold(word)
    if re.fullmatch(r"[\x00-\x7f]+", bare):
        return re.search(rf"(?<![a-z0-9]){re.escape(bare)}(?![a-z0-9])", folded) is not None
    # One syllable ("흰") must begin a word; longer ones may stand anywhere in one.
    return (f" {bare}" in f" {folded}") if len(bare) == 1 else bare in folded


# ---------------------------------------------------------------- items of an order


def lines_meant(text: str, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The items a sentence names; all of them for "everything"; none where it names none."""
    text, stays = without_what_stays(text, lines)
    wanted, not_wanted = excluded(text)
    pool = [line for line in lines if not _ruled_out(not_wanted, stays, line, lines)] or list(lines)
    named = [line for line in pool if _names(wanted, line)] or [
        line for line in pool if _touches(wanted, line)
    ]
    if has("all", wanted):
        return tuple(named or pool)
    coloured = [line for line in named or pool if _colour(wanted, line)]
    return tuple(coloured if coloured and (named or len(coloured) < len(pool)) else named)


_CLAUSE = re.compile(
    r"(?<=[.?!,;])\s+|\bbut\b|\bwhile\b|(?<=은데)\s|(?<=는데)\s|(?<=고요)\s|(?<=고)\s|(?<=지만)\s|(?<=니까)\s"
)


def without_what_stays(text: str, lines: Sequence[Line]) -> tuple[str, str]:
    """The sentence without its clauses that say an item is fine or is kept ("the slippers are fine"), and those."""
    clauses = _CLAUSE.split(text)
    stays = [c for c in clauses if has("fine", c) and any(_touches(c, line) for line in lines)]
    return " ".join(c for c in clauses if c not in stays), " ".join(stays)


def _ruled_out(not_wanted: str, stays: str, line: Line, lines: Sequence[Line]) -> bool:
    """Whether what is not wanted is this item, and not another colour of the same."""
    said = f"{not_wanted} {stays}"
    alike = [each for each in lines if each["name"] == line["name"] and _colour(said, each)]
    return (_names(not_wanted, line) or _touches(stays, line)) and (not alike or line in alike)


def _touches(text: str, line: Line) -> bool:
    """Whether a sentence has any word of an item's name."""
    return _names(text, line) or any(partly(text, line["name"][language]) for language in ("ko", "en"))


def _names(text: str, line: Line) -> bool:
    return any(mentions(text, line["name"][language]) for language in ("ko", "en"))


def _colour(text: str, line: Line) -> bool:
    return any(value_said(text, value) for value in line["options"].values())


def quantity_meant(text: str, line: Line) -> int | None:
    """How many of an item; None for all there are."""
    if line["quantity"] > 1 and has("one", text):
        return 1
    return None


_COUNTS = (
    ("one", "한", "하나"), ("two", "두", "둘"), ("three", "세", "셋"), ("four", "네", "넷"), ("five", "다섯"),
    ("six", "여섯"), ("seven", "일곱"), ("eight", "여덟"), ("nine", "아홉"), ("ten", "열"),
)  # fmt: skip
_NUMERAL = {way: number for number, ways in enumerate(_COUNTS, 1) for way in ways}
_COUNTED = re.compile(
    r"(?<!the )\b(one|two|three|four|five|six|seven|eight|nine|ten|(?<!\d)[1-9])\b(?! ?(?:ml|l|g|kg|cm|pieces))"
    r"|(?<![가-힣\d])(한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|[1-9]) ?(?:개(?!입)|벌|켤레|장|병|권|대|세트|통|봉|박스)"
    r"|(?<![가-힣])(하나|둘|셋|넷|다섯)(?=만|로|를|을|요| |$)"
)


def count_said(text: str) -> int | None:
    """How many are wanted: of several counts the last ("there are two, I only want one")."""
    wanted, _ = excluded(text)
    found = [next(g for g in match.groups() if g) for match in _COUNTED.finditer(wanted)]
    if not found:
        return None
    return int(found[-1]) if found[-1].isdigit() else _NUMERAL[found[-1]]


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


def _without_values(folded: str) -> str:
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


def reason_meant(text: str) -> str | None:
    """Why a thing goes back, by expression; None where none says it. A wrong choice of one's own is no fault."""
    folded = data().words["denied"].sub(" ", fold(text))
    reasons = data().reasons
    if has("own_mistake", text) and not reasons["defective"].search(folded):
        return "wrong_size" if reasons["wrong_size"].search(folded) else "changed_mind"
    return next((code for code, pattern in reasons.items() if pattern.search(folded)), None)


def methods_meant(text: str, methods: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The payment methods a sentence names, by kind, brand or last digits."""
    wanted, _ = excluded(text)
    folded = data().words["taken_from"].sub(" ", fold(wanted))
    by_name = [m for m in methods if _branded(folded, m)]
    if by_name:
        return tuple(by_name)
    for code, pattern in data().methods.items():
        if pattern.search(folded):
            return tuple(m for m in methods if m["kind"]["code"] == code)
    return ()


def _branded(folded: str, method: dict[str, Any]) -> bool:
    digits = re.findall(r"\d{4}", f"{method['ko']}")
    korean = str(method["ko"]).split()[0]
    english = fold(method["en"]).removeprefix("your ").split()[0]
    return any(d in said_digits(folded) for d in digits) or (
        method["kind"]["code"] in ("card", "account")
        and (
            (len(korean) > 1 and korean in folded)
            or re.search(rf"\b{re.escape(english)}\b", folded) is not None
        )
    )
