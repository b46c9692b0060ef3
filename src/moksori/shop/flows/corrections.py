"""What a caller puts right of a wish under way: its order, items, option, reason or place. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

from moksori.shop.flows import details
from moksori.shop.flows.data import data
from moksori.shop.flows.matching.counts import count_said
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.methods import methods_meant
from moksori.shop.flows.matching.options import value_said
from moksori.shop.flows.matching.orders import numbered, refer, score
from moksori.shop.flows.matching.phrases import excluded, has
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.state import Goal, State
from moksori.shop.guard.text import fold, joined

SEVERAL = 2
ORDER_CORRECTED = 2
"""Score from which on words name an item of another order: more than its colour."""


def put_right(state: State, goal: Goal, text: str, today: date) -> Goal | None:
    """The wish where a caller, asked for more, puts right which items are meant ("no, I mean the sweater")."""
    detail = state.known.get(f"order:{goal.slots.get('order')}")
    if detail is None or goal.asked not in ("reason", "option") or "lines" not in goal.slots:
        return None
    corrects = has("corrects", text) or bool(excluded(text)[1])
    if not corrects or reason_meant(text) == "wrong_item":
        return None
    meant = [line["line"] for line in lines_meant(text, detail["items"])]
    if meant:
        if meant == goal.slots["lines"]:
            return None
        return replace(goal, text=text, slots={**goal.slots, "lines": meant, "answer": text})
    others = [o for o in state.known["orders"]["orders"] if o["order_id"] != goal.slots["order"]]
    elsewhere = refer(text, others, today)
    if elsewhere.orders and max(elsewhere.scores.values(), default=0) >= ORDER_CORRECTED:
        return Goal(goal.flow, text)
    return None


_ORDER = re.compile(r"\d{6}-\d{4}")
_CART = re.compile(r"(?P<en>\d+) × .*\byour cart\b|장바구니.*[을를] (?P<ko>\d+)개 담습니다")
_POINTED = re.compile(r"\b(?:that|this|the \w+) one\b")


def says_other(sentence: str, text: str) -> bool:
    """Whether a yes says something that the sentence read out does not: another card, amount, or more orders."""
    cards = data().words["card_named"].finditer(fold(text))
    named = [next(g for g in match.groups() if g) for match in cards]
    if any(joined(each) not in joined(sentence) for each in named):
        return True
    if has("several_orders", text) and len(set(_ORDER.findall(sentence))) < SEVERAL:
        return True
    cart, said = _CART.search(sentence), _count(text)
    return cart is not None and said is not None and said != int(cart["en"] or cart["ko"])


def _count(text: str) -> int | None:
    """How many an answer says; None where it says none, or how many more."""
    if has("more", text):
        return None
    return 1 if has("one", text) else count_said(_POINTED.sub(" ", fold(text)))


def corrected_wish(state: State, goal: Goal, text: str, today: date) -> Goal | None:
    """The wish with what the caller puts right, or None where the sentence says nothing else."""
    return (
        _other_option(state, goal, text)
        or _other_order(state, goal, text, today)
        or _other_lines(state, goal, text)
        or _other_reason(goal, text)
        or _other_place(state, goal, text)
        or _other_count(goal, text)
    )


def meant_instead(state: State, text: str, today: date) -> Goal | None:
    """The wish that was turned down, for what the next sentence names ("not that one." "I meant order 1007")."""
    left = state.left
    wish = corrected_wish(state, left, text, today) if left is not None else None
    if left is None or wish is None:
        return None
    another = any(wish.slots.get(slot) not in (None, left.slots.get(slot)) for slot in ("order", "lines"))
    return wish if another else None


def _other_count(goal: Goal, text: str) -> Goal | None:
    """Another number of what goes into the cart or stays in it."""
    count = _count(text) if goal.flow in ("cart_add", "cart_set") else None
    return None if count is None else replace(goal, slots={**goal.slots, "count": count}, asked=None)


def _kept(goal: Goal, text: str, *slots: str) -> dict[str, Any]:
    """What stays settled of a wish that is put right; a reason that is said now takes the place of the one before."""
    kept = {k: goal.slots[k] for k in slots if k in goal.slots}
    reason = _said_reason(goal, text)
    return kept | ({"reason": reason} if reason is not None else {})


def _said_reason(goal: Goal, text: str) -> str | None:
    """Another reason than the one that was read out. A change of mind is one only if it is called a reason."""
    reason = reason_meant(text)
    if reason is None or goal.flow not in ("return", "exchange") or reason == goal.slots.get("reason"):
        return None
    named = has("reason", text) or (has("mind_changed", text) and has("agrees", text))
    return reason if reason != "changed_mind" or named else None


def _other_reason(goal: Goal, text: str) -> Goal | None:
    reason = _said_reason(goal, text)
    return None if reason is None else replace(goal, slots={**goal.slots, "reason": reason}, asked=None)


def _other_option(state: State, goal: Goal, text: str) -> Goal | None:
    """Another option of the same item ("not 240, 260"), where neither an order nor another item is named."""
    detail = state.known.get(f"order:{goal.slots.get('order')}")
    if detail is None or goal.flow != "exchange" or has("other", text):
        return None
    orders = state.known.get("orders", {}).get("orders", [])
    lines = [line for line in detail["items"] if line["line"] in goal.slots.get("lines", ())]
    named = lines_meant(text, detail["items"])
    others = [o for o in orders if o["order_id"] != detail["order_id"]]
    elsewhere = any(score(text, o, strict=False) >= ORDER_CORRECTED for o in others)
    if numbered(text, orders) or (elsewhere and not named) or any(e not in lines for e in named):
        return None
    wanted, _ = excluded(text)
    for line in lines:
        product = state.known.get(f"product:{line['product_id']}", {"variants": []})
        values = {value for each in product["variants"] for value in each["options"].values()}
        if any(value_said(wanted, v) for v in values - set(line["options"].values())):
            return Goal(goal.flow, text, _kept(goal, text, "order", "reason", "lines"))
    return None


def _other_order(state: State, goal: Goal, text: str, today: date) -> Goal | None:
    orders = state.known.get("orders", {}).get("orders", [])
    chosen = goal.slots.get("order")
    if not orders or chosen is None:
        return None
    others = [o for o in orders if o["order_id"] != chosen]
    if numbered(text, [o for o in orders if o["order_id"] == chosen]):
        return replace(goal, asked=None)  # "not that one, I meant 1007", and it is the one
    if has("other", text):
        pool = goal.slots.get("pool") or [o["order_id"] for o in others]
        left = [o for o in others if o["order_id"] in pool]
        meant = refer(text, left, today)
        if meant.orders:
            return Goal(goal.flow, text, {"order": meant.orders[0]["order_id"]})
    among_all = refer(text, orders, today)
    if among_all.named and [o["order_id"] for o in among_all.best(list(among_all.orders))] == [chosen]:
        return None  # "the red tumbler" is the one that was read out, though there is a blue one
    meant = refer(text, others, today)
    its = state.known.get(f"order:{chosen}")
    stays = its is not None and lines_meant(text, its["items"]) and not excluded(text)[1]
    if meant.named and meant.orders and not stays:
        return Goal(goal.flow, text, {"order": meant.orders[0]["order_id"], **_kept(goal, text, "reason")})
    return None


def _other_lines(state: State, goal: Goal, text: str) -> Goal | None:
    detail = state.known.get(f"order:{goal.slots.get('order')}")
    if detail is None or goal.flow not in ("return", "exchange"):
        return None
    lines = [line["line"] for line in lines_meant(text, detail["items"])]
    if not lines and not has("one", text):
        return None
    kept = _kept(goal, text, "order", "reason", "lines") | ({"lines": lines} if lines else {})
    same = bool(lines) and lines == goal.slots.get("lines")
    said = text if (lines or goal.flow == "return") and not same else f"{goal.text} {text}"
    return Goal(goal.flow, said, kept)


def _other_place(state: State, goal: Goal, text: str) -> Goal | None:
    """Another address, or another way to pay."""
    order = {k: v for k, v in goal.slots.items() if k == "order"}
    address = details.address_in(text)
    if address is not None:
        return Goal(goal.flow, text, order | {"address": address})
    methods = state.known.get("account", {}).get("payment_methods", [])
    if goal.flow == "change_payment" and methods_meant(text, methods):
        return Goal(goal.flow, text, order)
    return None
