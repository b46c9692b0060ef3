"""Which of this caller's orders is meant: by number, day, what is in it, where it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from moksori.shop.dates import Span, understand
from moksori.shop.flows.data import data
from moksori.shop.flows.details import without_address
from moksori.shop.flows.digits import one_lost_or_added, runs_collapsed, said_digits, sounded_digits
from moksori.shop.flows.matching.heard import name_heard
from moksori.shop.flows.matching.marks import AMOUNT, hours_said, mark_of
from moksori.shop.flows.matching.names import mentions, partly
from moksori.shop.flows.matching.options import option_said, said_values, value_said
from moksori.shop.flows.matching.phrases import excluded, has
from moksori.shop.guard.text import fold

Order = dict[str, Any]
SHORTEST_NUMBER = 4
WHOLE_NUMBER = 8
"""Digits from which on a number is a whole order number, not its end."""
ITEM = re.compile(r"(?:\d+ × )?([^,()]+?)\s*\(([^)]*)\)")
DATE_WORDS = 3
NAMED = 2
"""Score from which on an order has a thing of that name, not only of that colour."""
HESITATIONS = frozenset({"그", "어", "음", "저", "아", "um", "uh", "er"})
"""Words that would make a date of the next one ("그 제가" is not "그제")."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Orders a sentence can mean, best first, and whether it names any at all."""

    orders: tuple[Order, ...]
    named: bool
    number: str = ""
    """A number that was said and is nobody's here."""
    scores: Mapping[str, int] = field(default_factory=dict)
    """How well each order fits the words, by its id."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """What else tells orders apart that fit alike."""
    price: int = 0
    """1 where the dearest of them is meant, -1 where the cheapest."""

    def best(self, among: Sequence[Order]) -> list[Order]:
        """The best fitting of some of the orders."""
        fit = [(self.scores.get(o["order_id"], 0), self.marks.get(o["order_id"], 0)) for o in among]
        found = [o for o, each in zip(among, fit, strict=True) if each == max(fit)]
        return [max(found, key=lambda o: self.price * o["total"]["minor"])] if self.price and found else found


def refer(text: str, orders: Sequence[Order], today: date) -> Reference:
    """By number, then date, then product and colour, then "the one I just ordered"."""
    wanted, not_wanted = excluded(text)
    wanted = without_address(wanted)
    numbers = [d for d in said_digits(AMOUNT.sub(" ", wanted)) if len(d) >= SHORTEST_NUMBER]
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
        if not dated and has("moments_ago", wanted):
            dated = pool[:1]  # before midnight
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
    if not named and (heard := name_heard(wanted, names_in(pool, "ko"))) is not None:
        pool = [o for o in pool if heard in names_in([o], "ko")]
        return Reference(tuple(pool), named=True, scores={o["order_id"]: NAMED for o in pool})
    marks = {} if has("both", text) or has("all", text) else {o["order_id"]: _marks(wanted, o) for o in pool}
    if not named and len(set(marks.values())) > 1:
        marked = [o for o in pool if marks[o["order_id"]] == max(marks.values())]
        if hours_said(wanted):  # of no day that is named: a late one
            marked = [o for o in marked if (today - day_of(o)).days <= 1]
        pool, named = marked or pool, bool(marked)
    if has("newest", text) and pool and not any(scores.values()) and span is None:
        return Reference((pool[0],), named=True)
    price = has("dearest", wanted) - has("cheapest", wanted)
    return Reference(
        tuple(pool),
        named or price != 0,
        scores={k: v for k, v in scores.items() if v},
        marks=marks,
        price=price,
    )


def _marks(text: str, order: Order) -> int:
    """What else is said of an order than the thing it is named by: its hour, its price, and what more is in it."""
    here = list(zip(names_in([order], "ko"), names_in([order], "en"), strict=True))
    things = sum(any(mentions(text, name) or partly(text, name) for name in names) for names in here)
    return mark_of(text, order, [en for _, en in here]) + max(things - 1, 0)


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


def arrival_in(text: str, today: date) -> Span | None:
    """The day on which what is meant arrived ("the one that came today"), where a sentence says one."""
    return _date_in(excluded(text)[0], today) if has("received_on", text) else None


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
        near = _by_short_number(text, orders)
    if not near:
        near = _by_number([n for n in sounded_digits(text) if len(n) >= SHORTEST_NUMBER], orders)
    return near if len(near) == 1 else []


_OF_AN_ORDER = re.compile(
    r"\b(?:order|number|ending(?: in)?|ends(?: in)?)\b.{0,24}|주문.{0,24}|끝자리.{0,24}|.{0,16}번"
)


def _by_short_number(text: str, orders: Sequence[Order]) -> list[Order]:
    """By last digits of which a repeated one was lost ("order 107" for 1007), said to be an order's."""
    said = [
        number
        for part in _OF_AN_ORDER.findall(fold(text))
        for number in said_digits(part)
        if len(number) == SHORTEST_NUMBER - 1
    ]
    ends = {o["order_id"]: _digits(o)[-SHORTEST_NUMBER:] for o in orders}
    close = [o for o in orders if any(one_lost_or_added(n, ends[o["order_id"]]) for n in said)]
    if len(close) != 1 or not any(
        runs_collapsed(n) == runs_collapsed(ends[close[0]["order_id"]]) for n in said
    ):
        return []  # none, or another that it can be as well
    return close


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
    if has("this_day", text) or has("moments_ago", text):
        return Span(today, today)
    if has("last_night", text):
        return Span(today - timedelta(days=1), today)
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


def names_in(orders: Sequence[Order], language: str) -> list[str]:
    """The names of the things in orders."""
    return [
        re.sub(r"^(and )?(\d+ × )?", "", name.strip())
        for order in orders
        for name, _ in ITEM.findall((order.get("items_all") or order["items"])[language])
    ]


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
