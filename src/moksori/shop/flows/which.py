"""Which order, which of its items, and why: what most wishes need before they can be served. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from moksori.agent.tools import Language
from moksori.shop.flows.data import enumerate_, say
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.intents import FAULT, intents
from moksori.shop.flows.matching.heard import name_heard
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.options import as_it_is
from moksori.shop.flows.matching.orders import (
    NAMED,
    NEAR,
    ORDERED,
    SHORTEST_NUMBER,
    Order,
    arrival_in,
    day_of,
    names_in,
    numbered,
    refer,
    score,
)
from moksori.shop.flows.matching.phrases import has, included, ordinal
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.outcome import OFFERED, Ask, Done, Need, Outcome
from moksori.shop.flows.several import several_meant, wishing
from moksori.shop.flows.state import Goal, State
from moksori.shop.guard.text import fold, words

LOOKED_THROUGH = 20
"""Orders that are fetched at once; older ones are found by their number."""
LOOKED_INTO = 2
"""Orders of many items that are fetched whole, so that each of their items can be named."""
SAME = re.compile(r"\b(it|that|this|them|those|these)\b|그거|그걸|그건|이거|이걸|이건|그 주문|그것")
"""Words for what was just spoken of."""
RECENT = timedelta(days=21)
"""Of several orders that fit a return or an exchange, one placed within this time is meant: older ones are too late."""
CUT = re.compile(r" 외 \d+개$")
"""How a list of items ends that leaves some out."""

FITS: dict[str, tuple[str, ...]] = {
    "cancel": ("paid",),
    "return": ("delivered",),
    "exchange": ("delivered", "paid"),
    "change_address": ("paid",),
    "change_payment": ("paid",),
    "delivery": ("shipped", "preparing", "paid", "delivered"),
}
"""States of an order in which each wish can be meant, the likelier first."""


def order_of(state: State, goal: Goal, today: date) -> tuple[Goal, Order | Outcome]:
    if has("of_another", goal.text) and not any(len(d) >= SHORTEST_NUMBER for d in said_digits(goal.text)):
        return goal, Done(say("only_own", state.language))
    known = state.known.get("orders")
    if known is None:
        return goal, Need("orders", "find_orders", {"limit": LOOKED_THROUGH})
    orders: list[Order] = known["orders"]
    if "order" in goal.slots:
        found = next((o for o in [*orders, *older(state)] if o["order_id"] == goal.slots["order"]), None)
        if found is not None:
            return goal, found
    if not orders:
        return goal, Done(say("no_orders", state.language))
    if not _plain(state, goal, orders, today):
        orders, missing = _whole(state, goal, orders, today)
        if missing is not None:
            return goal, missing
    if goal.asked == "which" and "answer" in goal.slots:
        return _chosen(state, goal, orders, today)
    if len(several := _fitting(goal, several_meant(goal, orders, today))) > 1:
        return goal, Done(
            "", more=tuple(Goal(goal.flow, goal.text, {"order": o["order_id"]}) for o in several)
        )
    text = _without_arrival(goal.text) if goal.flow == "delivery" else goal.text
    if goal.flow == "exchange":
        text = as_it_is(text, names_in(orders, "en"))
    elif goal.flow == "return" and has("the_others", text):
        text = included(text)
    meant = refer(text, [*orders, *older(state)], today)
    if meant.number:
        return by_unknown_number(state, goal, meant.number)
    if not meant.named and "turn" in goal.slots:  # another wish of the same turn may name it
        beside = refer(goal.slots["turn"], orders, today)
        meant = beside if beside.named and beside.orders else meant
    if not meant.named and (
        "beside" in goal.slots or SAME.search(fold(text)) is not None
    ):  # "then cancel it"
        spoken_of = [o for o in orders if o["order_id"] == state.topic]
        if _fitting(goal, spoken_of):
            return _take(goal, spoken_of[0], spoken_of)
    pool = list(meant.orders) if meant.orders else orders
    fitting = meant.best(_fitting(goal, pool))
    if goal.flow in ("return", "exchange") and (meant.scores or not meant.named):
        fitting = _recent(fitting, today) or fitting
    if goal.flow == "delivery":  # of what has come nobody asks where it is, if the same is still to come
        fitting = [o for o in fitting if o["status"]["code"] != "delivered"] or fitting
    spoken_of = [o for o in fitting if o["order_id"] == state.topic]
    if len(fitting) > 1 and spoken_of and not has("other", text):
        return _take(goal, spoken_of[0], fitting)
    fitting, missing = _arrived_then(state, text, fitting, today)
    if missing is not None:
        return goal, missing
    if len(fitting) > 1 and goal.flow == "cancel":  # what else there is may be told beside
        fitting = [o for o in fitting if score(wishing(goal), o, strict=False) >= NAMED] or fitting
    if len(fitting) == 1 or (fitting and goal.flow == "delivery" and not meant.named):
        return _take(goal, fitting[0], fitting)
    if not fitting:
        # The tool's own refusal says why it cannot be; without a reference there is nothing to refuse.
        if meant.named and pool:
            return _take(goal, pool[0], pool)
        return goal, Done(say("none_fits", state.language))
    return goal, _which(state, fitting)


_ARRIVES = re.compile(r"\b(today|tonight|tomorrow)\b(?!'?s)|오늘|내일|모레", re.IGNORECASE)


def _without_arrival(text: str) -> str:
    """A question of delivery without the day on which the parcel may come, which is no order's ("오늘 와요?")."""
    kept = ""
    for clause in re.split(r"(?<=[.?!,])\s|(?<=거)\s|(?<=는데)\s", text):
        early = _ARRIVES.search(clause)
        near = early is not None and ORDERED.search(clause[max(0, early.start() - NEAR) : early.end() + NEAR])
        kept += f" {clause if near or early is None else _ARRIVES.sub(' ', clause)}"
    return kept.strip()


def _plain(state: State, goal: Goal, orders: list[Order], today: date) -> bool:
    """Whether the list alone tells which order is meant: then none has to be looked into."""
    text = goal.slots.get("answer", goal.text)
    meant = refer(
        _without_arrival(text) if goal.flow == "delivery" else text, [*orders, *older(state)], today
    )
    best = meant.best(_fitting(goal, list(meant.orders)))
    late = goal.flow in ("return", "exchange") and not _recent(best, today)
    return meant.named and len(best) == 1 and (not late or numbered(text, orders))


def _recent(orders: list[Order], today: date) -> list[Order]:
    return [o for o in orders if today - day_of(o) <= RECENT]


def _whole(state: State, goal: Goal, orders: list[Order], today: date) -> tuple[list[Order], Need | None]:
    """The orders with all their items, where a list names only the first few; and what is missing for that."""
    whole: list[Order] = []
    missing: Need | None = None
    fitting = _fitting(goal, orders)
    recent = _recent(fitting, today) if goal.flow in ("return", "exchange") else []
    looked = 0
    for order in orders:
        detail = state.known.get(f"order:{order['order_id']}")
        if detail is not None:
            items = {
                language: ", ".join(
                    f"{i['name'][language]}({i['options_text'][language]})" for i in detail["items"]
                )
                for language in ("ko", "en")
            }
            whole.append({**order, "items_all": items})
            looked += CUT.search(order["items"]["ko"]) is not None
            continue
        whole.append(order)
        cut = CUT.search(order["items"]["ko"]) is not None
        likely = order in fitting and (not recent or order in recent)
        if cut and likely and looked < LOOKED_INTO and missing is None:
            missing = Need(f"order:{order['order_id']}", "get_order", {"order_id": order["order_id"]})
        looked += cut and likely
    return whole, missing


def _arrived_then(
    state: State, text: str, orders: list[Order], today: date
) -> tuple[list[Order], Need | None]:
    """Of several delivered orders those that came on the day that is said, which a list does not tell."""
    span = arrival_in(text, today)
    if (
        span is None
        or not 1 < len(orders) <= OFFERED
        or any(o["status"]["code"] != "delivered" for o in orders)
    ):
        return orders, None
    details = [detail_of(state, order) for order in orders]
    missing = next((each for each in details if isinstance(each, Need)), None)
    came = [
        order
        for order, detail in zip(orders, details, strict=True)
        if isinstance(detail, dict)
        and detail.get("delivered_at")
        and span.first <= datetime.fromisoformat(str(detail["delivered_at"])).date() <= span.last
    ]
    return came or orders, missing


def older(state: State) -> list[Order]:
    return [o for k, v in state.known.items() if k.startswith("find:") for o in v["orders"]]


def by_unknown_number(state: State, goal: Goal, number: str) -> tuple[Goal, Order | Outcome]:
    found = state.known.get(f"find:{number}")
    if found is None:
        return goal, Need(f"find:{number}", "find_orders", {"number": number})
    forgotten = replace(goal, text="", slots={k: v for k, v in goal.slots.items() if k != "answer"})
    return forgotten, Ask(say("repeat_number", state.language), "which")


def _fitting(goal: Goal, pool: list[Order]) -> list[Order]:
    states = FITS[goal.flow]
    if goal.flow == "exchange" and has("received", goal.text):
        states = ("delivered",)
    elif goal.flow == "exchange" and has("newest", goal.text):
        paid = any(o["status"]["code"] == "paid" for o in pool)
        states = ("paid",) if paid else ("delivered",)
    fitting = [o for o in pool if o["status"]["code"] in states]
    if goal.flow == "delivery":
        fitting.sort(key=lambda o: states.index(o["status"]["code"]))
    return fitting


def _take(goal: Goal, order: Order, pool: list[Order]) -> tuple[Goal, Order]:
    slots = {**goal.slots, "order": order["order_id"], "pool": [o["order_id"] for o in pool]}
    return replace(goal, slots=slots, asked=None, tries=0), order


def _which(state: State, pool: list[Order]) -> Ask:
    shown = pool[:OFFERED]
    names = [f"{o['order_id']} {o['items'][state.language]}" for o in shown]
    if len(pool) > OFFERED:
        return Ask(say("ask_order_number", state.language), "which", tuple(o["order_id"] for o in pool))
    choices = enumerate_(names, state.language)
    return Ask(
        say("ask_order", state.language, choices=choices), "which", tuple(o["order_id"] for o in shown)
    )


def _chosen(state: State, goal: Goal, orders: list[Order], today: date) -> tuple[Goal, Order | Outcome]:
    text = goal.slots["answer"]
    offered = [o for o in orders if o["order_id"] in goal.choices] or orders
    if has("both", text) or has("all", text):
        goals = tuple(Goal(goal.flow, goal.text, {"order": o["order_id"]}) for o in offered)
        return goal, Done("", more=goals)
    at = None if has("newest", text) else ordinal(text, len(offered))
    if at is not None and not any(len(d) >= SHORTEST_NUMBER for d in said_digits(text)):
        return _take(goal, offered[at], offered)
    meant = refer(text, offered, today)
    if not meant.orders or not meant.named:
        wider = refer(text, [*orders, *older(state)], today)
        if wider.number:
            return by_unknown_number(state, goal, wider.number)
        meant = wider if wider.named else meant
    if meant.named and len(meant.orders) == 1:
        return _take(goal, meant.orders[0], offered)
    pool = list(_of_several(goal, meant.orders)) if meant.named and meant.orders else offered
    fitting = (meant.best(_fitting(goal, pool)) or pool) if meant.named else pool
    fitting, missing = _arrived_then(state, text, fitting, today)
    if missing is not None:
        return goal, missing
    if len(fitting) == 1:
        return _take(goal, fitting[0], offered)
    return goal, _which(state, fitting)


def _of_several(goal: Goal, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Of the orders an answer names ("the pen is in …, the slippers in …"), those with what the wish is about."""
    scores = [score(goal.text, order, strict=False) for order in orders]
    return tuple(o for o, score in zip(orders, scores, strict=True) if score == max(scores))


def detail_of(state: State, order: Order) -> dict[str, Any] | Need:
    key = f"order:{order['order_id']}"
    known = state.known.get(key)
    return known if known is not None else Need(key, "get_order", {"order_id": order["order_id"]})


def lines_of(state: State, goal: Goal, detail: dict[str, Any]) -> tuple[Goal, list[dict[str, Any]] | Ask]:
    items: list[dict[str, Any]] = detail["items"]
    if "lines" in goal.slots:
        return goal, [line for line in items if line["line"] in goal.slots["lines"]]
    left = [line for line in items if line["returned"] + line["exchanged"] < line["quantity"]] or items
    answered = goal.asked == "item" and "answer" in goal.slots
    text = goal.slots["answer"] if answered else goal.slots.get("wish", goal.text)
    if goal.flow == "exchange" and goal.asked != "item":
        text = as_it_is(text, [line["name"]["en"] for line in left])
    meant = list(lines_meant(text, left)) or _pointed_at(goal, text, left)
    if not meant and not answered and text != goal.text and len(named := lines_meant(goal.text, left)) == 1:
        meant = list(named)  # several may only tell which order it is
    if not meant and (heard := name_heard(text, [line["name"]["ko"] for line in left])) is not None:
        meant = [line for line in left if line["name"]["ko"] == heard]
    several = len({line["name"]["en"] for line in meant}) < len(meant) and not has("all", text)
    if not meant or (several and not has("both", text)):
        shown = (meant or left)[:OFFERED]
        choices = enumerate_([thing(line, state.language) for line in shown], state.language)
        offered = tuple(str(line["line"]) for line in shown)
        return goal, Ask(say("ask_item", state.language, choices=choices), "item", offered)
    return replace(goal, slots={**goal.slots, "lines": [line["line"] for line in meant]}, asked=None), meant


def _pointed_at(goal: Goal, text: str, left: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items meant without a name: the only one, both of two, "the first one" of those that were offered."""
    if len(left) == 1 or (len(left) == 2 and has("both", text)):
        return left
    offered = [line for line in left if str(line["line"]) in goal.choices]
    at = ordinal(text, len(offered)) if goal.asked == "item" else None
    return [] if at is None else [offered[at]]


def thing(line: dict[str, Any], language: Language) -> str:
    option = line["options_text"][language]
    return f"{line['name'][language]}({option})" if language == "ko" else f"{option} {line['name'][language]}"


FAULTY = 0.6
"""From here on the model takes a reason for a fault."""


def _told_reason(text: str, tries: int) -> str | None:
    """The reason in an answer of other words: a change of mind, or what sounds like a fault twice."""
    shares = intents().read(text)
    best = next(iter(shares))
    if len(words(text)) < 2 or best in ("human", "goodbye", "policy", "complaint"):
        return None
    if shares[FAULT] >= FAULTY:
        return "defective" if tries else None
    return "changed_mind"


def reason_of(state: State, goal: Goal) -> tuple[Goal, str | Ask]:
    if "reason" not in goal.slots:
        text = goal.slots["answer"] if goal.asked == "reason" and "answer" in goal.slots else goal.text
        reason = reason_meant(text)
        if reason is None and goal.asked == "reason":
            reason = _told_reason(text, goal.tries)
        if reason is None:
            return goal, Ask(say("ask_reason", state.language), "reason")
        goal = replace(goal, slots={**goal.slots, "reason": reason}, asked=None)
    return goal, goal.slots["reason"]
