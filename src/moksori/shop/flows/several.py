"""Which orders are meant where a wish is for several: both, all of a day, each that is named, all but one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from moksori.shop.flows.data import data
from moksori.shop.flows.matching.names import mentions
from moksori.shop.flows.matching.orders import NAMED, Order, names_in, refer, score
from moksori.shop.flows.matching.phrases import excluded, has
from moksori.shop.flows.state import Goal
from moksori.shop.guard.text import fold

WHOLE = ("cancel", "change_address", "change_payment")
"""Wishes for an order as a whole: of these one sentence may name several."""
MOST = 5
"""Orders above which "all of them" is asked about."""
_CLAUSES = re.compile(r"(?<=[.?!,;])\s+|\band\b|\bbut\b|(?<=고)\s|(?<=지만)\s")
_AND = re.compile(r"\b(?:and|plus|as well as)\b|,|[가-힣](?:이?랑|하고|와|과|도) |그리고")


def several_meant(goal: Goal, orders: Sequence[Order], today: date) -> list[Order]:
    """The orders a wish is for, whatever state they are in; none where it is not for several."""
    if goal.flow not in WHOLE and not (goal.flow == "delivery" and has("both", goal.text)):
        return []
    left, wanted = _left(goal.text, orders)
    if has("the_others", goal.text):
        return list(refer(wanted, left, today).orders) if len(left) < len(orders) else []
    meant = refer(wanted, left, today)
    fitting = list(meant.orders) if meant.named else list(left)
    likely = [o for o in fitting if o["status"]["code"] in LIKELY[goal.flow]]
    if has("both", goal.text):
        return likely if len(likely) == 2 else []
    if has("all", goal.text) and meant.named and not meant.scores and not meant.number:
        return fitting[:MOST]
    said = wishing(goal)
    if not _AND.search(said) or has("corrects", goal.text):
        return []
    return _each_named(_left(said, orders)[1], likely)


LIKELY = {
    "cancel": ("paid",), "change_address": ("paid",), "change_payment": ("paid",), "delivery": ("shipped", "preparing"),
}  # fmt: skip
"""States of the orders of which several can be meant."""


def wishing(goal: Goal) -> str:
    """The sentences of a turn that say the wish: the others may name what else there is."""
    patterns = next(flow.patterns for flow in data().flows if flow.name == goal.flow)
    parts = re.split(r"(?<=[.?!;])\s+", goal.text)
    return " ".join(part for part in parts if any(p.search(fold(part)) for p in patterns)) or goal.text


def _left(text: str, orders: Sequence[Order]) -> tuple[list[Order], str]:
    """The orders that are not said to stay, and the sentence without what says so ("keep the duvet")."""
    clauses = _CLAUSES.split(text)
    stays = [clause for clause in clauses if clause and has("fine", clause)]
    kept_by = " ".join([excluded(text)[1], *stays])
    left = [o for o in orders if score(kept_by, o, strict=False) < NAMED]
    return left, " ".join(clause for clause in clauses if clause and clause not in stays)


def _each_named(text: str, orders: Sequence[Order]) -> list[Order]:
    """Orders of which each has a thing that is named and that none of the others has."""
    named = []
    for order in orders:
        things = zip(names_in([order], "ko"), names_in([order], "en"), strict=True)
        named.append({en for ko, en in things if mentions(text, ko) or mentions(text, en)})
    return [
        order
        for at, order in enumerate(orders)
        if named[at] - {name for here, names in enumerate(named) if here != at for name in names}
    ]
