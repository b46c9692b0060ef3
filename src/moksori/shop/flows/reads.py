"""Wishes that only look something up. Pure; one function a flow."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from moksori.agent.tools import Language
from moksori.shop.flows import details
from moksori.shop.flows.data import enumerate_, say, topic_of
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.orders import SHORTEST_NUMBER, Order, refer, score
from moksori.shop.flows.matching.phrases import has
from moksori.shop.flows.outcome import OFFERED, Ask, Done, Need, Served
from moksori.shop.flows.state import Goal, State
from moksori.shop.flows.which import LOOKED_THROUGH, by_unknown_number, detail_of, older, order_of, thing

REFUND_TIME = "환불 기간 refund arrives"
"""By these words the passage is found that says how long a refund takes."""
RETURN_COST = "반품 배송비 return costs"
"""And what a return costs."""


def verify(state: State, goal: Goal, today: date) -> Served:
    text = goal.text
    found = {
        "name": details.name_in(text),
        "phone": details.phone_in(text),
        "email": details.email_in(text),
    }
    number = next((d for d in said_digits(text) if len(d) == 10 and not d.startswith("0")), None)
    if number is not None:
        found["order_number"] = number
    given = {k: v for k, v in found.items() if v is not None}
    if not given:
        return goal, Ask(say("ask_identity", state.language), "identity")
    if list(given) == ["name"]:
        return goal, Ask(say("ask_phone", state.language), "identity")
    if "name" not in given and len(given) < 2:
        return goal, Ask(say("ask_name", state.language), "identity")
    return goal, Need("verify", "verify_customer", given)


def orders(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("orders")
    if known is None:
        return goal, Need("orders", "find_orders", {"limit": LOOKED_THROUGH})
    if not known["orders"]:
        return goal, Done(say("no_orders", state.language))
    meant = refer(goal.text, known["orders"], today)
    if meant.number:
        goal, found = by_unknown_number(state, goal, meant.number)
        if not older(state):
            assert not isinstance(found, dict)
            return goal, found
        shown: list[Order] = older(state)
    else:
        shown = list(meant.orders) or list(known["orders"])
    if has("price", goal.text) and meant.named and shown:
        return goal, _paid(state, goal, shown[0])
    key = "order_dated" if has("ordered_when", goal.text) else "order_line"
    lines = [
        say(
            key,
            state.language,
            order=o["order_id"],
            items=o["items"],
            status=o["status"][state.language],
            **({"when": _day(o["placed_at"], state.language)} if key == "order_dated" else {}),
        )
        for o in shown[:OFFERED]
    ]
    return goal, Done(say("orders", state.language, list=". ".join(lines)))


def _paid(state: State, goal: Goal, order: Order) -> Need | Done:
    """What an order came to, and of several items the price of the one that is named."""
    detail = detail_of(state, order)
    if isinstance(detail, Need):
        return detail
    named = lines_meant(goal.text, detail["items"])
    line = named[0] if len(named) == 1 else detail["items"][0] if len(detail["items"]) == 1 else None
    facts = {"order": order["order_id"], "total": order["total"][state.language]}
    if line is None:
        return Done(say("order_total", state.language, **facts, items=order["items"][state.language]))
    price = line["unit_price"][state.language]
    return Done(say("order_paid", state.language, **facts, item=thing(line, state.language), price=price))


def delivery(state: State, goal: Goal, today: date) -> Served:
    goal, order = order_of(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    key = f"track:{order['order_id']}"
    track = state.known.get(key)
    if track is None:
        return goal, Need(key, "track_delivery", {"order_id": order["order_id"]})
    language, code = state.language, track["status"]["code"]
    facts: dict[str, Any] = {"order": order["order_id"], "status": track["status"][language]}
    shipment = track["shipments"][-1] if track["shipments"] else None
    numbers = [] if shipment is None else [_grouped(number) for number in shipment["tracking_numbers"]]
    if shipment is not None:
        facts |= {"courier": shipment["courier"][language], "number": enumerate_(numbers, language)}
    numbered = bool(numbers) and has("tracking_number", goal.text)
    if code == "shipped" and shipment is not None:
        where = "delivery_number" if numbered else _whereabouts(shipment)
        facts |= {"when": _day(shipment["expected_at"], language), "place": _place(shipment)}
        hour = f" {say('no_hour', language)}" if has("hour", goal.text) else ""
        return goal, Done(say(where, language, **facts) + hour)
    if code == "delivered":
        facts["when"] = _day(track["delivered_at"], language)
        return goal, Done(say("delivered_number" if numbered else "delivery_delivered", language, **facts))
    return goal, Done(
        say("delivery_cancelled" if code == "cancelled" else "delivery_waiting", language, **facts)
    )


LONGEST_PLACE = 20
"""Letters of a place that are read out; it is the courier's text."""


def _whereabouts(shipment: dict[str, Any]) -> str:
    """What is said of a parcel on its way, by what the courier reported last."""
    code = shipment["events"][-1]["event"]["code"] if shipment["events"] else ""
    if code == "at_hub" and 0 < len(_place(shipment)) <= LONGEST_PLACE:
        return "delivery_hub"
    return "delivery_out" if code == "out_for_delivery" else "delivery_shipped"


def _place(shipment: dict[str, Any]) -> str:
    return str(shipment["events"][-1]["place"] or "") if shipment["events"] else ""


def _grouped(number: str) -> str:
    """A long number as it is read out, four at a time."""
    return " ".join(re.findall(r".{1,4}", number)) if number.isdigit() else number


def _day(moment: str | None, language: Language) -> str:
    if moment is None:
        return "곧" if language == "ko" else "soon"
    at = datetime.fromisoformat(moment)
    return f"{at.month}월 {at.day}일" if language == "ko" else f"{at.strftime('%B')} {at.day}"


def refund_status(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("refunds")
    if known is None:
        return goal, Need("refunds", "get_refund_status", {})
    if not known["refunds"]:
        return goal, Done(say("no_refund", state.language))
    numbers = [d for d in said_digits(goal.text) if len(d) >= SHORTEST_NUMBER]
    refunds = [
        r
        for r in known["refunds"]
        if not numbers or any("".join(c for c in r["order_id"] if c.isdigit()).endswith(d) for d in numbers)
    ]
    if not refunds:
        return goal, Done(say("no_refund", state.language))
    if len(refunds) > 1 and not numbers:
        if "orders" not in state.known:
            return goal, Need("orders", "find_orders", {"limit": LOOKED_THROUGH})
        refunds = _named_first(goal.text, refunds, state.known["orders"]["orders"])
    refund, language = refunds[0], state.language
    facts = {
        "order": refund["order_id"],
        "amount": refund["amount"][language],
        "status": refund["status"][language],
        "method": refund["method"][language],
        "when": _day(refund["expected_at"], language),
    }
    code = refund["status"]["code"]
    key = {"done": "refund_done", "waiting": "refund_waiting"}.get(code, "refund")
    return goal, Done(say(key, language, **facts))


def _named_first(text: str, refunds: list[dict[str, Any]], orders: list[Order]) -> list[dict[str, Any]]:
    """Refunds of orders whose things a sentence names, before the others."""
    fits = {o["order_id"]: score(text, o, strict=False) for o in orders}
    return sorted(refunds, key=lambda refund: -fits.get(refund["order_id"], 0))


def topic_beside(goal: Goal) -> str | None:
    """What of the policy is asked for; beside a cancellation or a return it is how long the money takes, or the fee."""
    topic = topic_of(goal.text)
    if topic is None and "beside" in goal.slots:
        return REFUND_TIME if has("how_long", goal.text) else RETURN_COST if has("price", goal.text) else None
    return topic


def policy(state: State, goal: Goal, today: date) -> Served:
    topic = topic_beside(goal)
    key = f"policy:{topic or goal.text}"
    known = state.known.get(key)
    if known is None:
        arguments = {"query": topic or goal.text[:2000], "language": state.language, "limit": 1}
        return goal, Need(key, "search_policy", arguments)
    if not known["passages"]:
        return goal, Done(say("no_policy", state.language))
    return goal, Done(str(known["passages"][0]["text"]))


def points(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("membership")
    if known is None:
        return goal, Need("membership", "get_membership", {})
    facts = {
        "tier": known["tier"][state.language],
        "points": known["points"][state.language],
        "percent": known["discount_percent"],
    }
    key = "discount" if has("discount", goal.text) and known["discount_percent"] else "membership"
    return goal, Done(say(key, state.language, **facts))


def cart(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("cart")
    if known is None:
        return goal, Need("cart", "get_cart", {})
    if not known["items"]:
        return goal, Done(say("cart_empty", state.language))
    names = [thing(item, state.language) for item in known["items"][:OFFERED]]
    items = enumerate_(names, state.language)
    return goal, Done(say("cart", state.language, items=items, total=known["total"][state.language]))


def account(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("account")
    if known is None:
        return goal, Need("account", "get_account", {})
    if has("reads_back", goal.text) and known["address"] is not None:
        return goal, Done(say("account_address", state.language, address=known["address"]["text"]))
    return goal, Done(say("account", state.language, phone=known["phone"], email=known["email"]))


def plain(key: str, *, over: bool = False) -> Callable[[State, Goal, date], Served]:
    def served(state: State, goal: Goal, today: date) -> Served:
        return goal, Done(say(key, state.language), over=over)

    return served


def between(state: State, goal: Goal, today: date) -> Served:
    first, second = (say(f"wish.{flow}", state.language) for flow in goal.choices)
    return goal, Done(say("ask_between", state.language, first=first, second=second))
