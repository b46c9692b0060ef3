"""Wishes that end in a change: each is asked for until it can be proposed. Pure; one function a flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from moksori.agent.tools import Language
from moksori.shop.flows import details
from moksori.shop.flows.data import enumerate_, say, ticket_topic
from moksori.shop.flows.matching.items import quantity_meant
from moksori.shop.flows.matching.methods import methods_meant
from moksori.shop.flows.matching.options import Line, value_said, variant_meant
from moksori.shop.flows.matching.orders import Order
from moksori.shop.flows.matching.phrases import has, last_said
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.outcome import OFFERED, Ask, Done, Need, Outcome, Propose, Served
from moksori.shop.flows.reads import account
from moksori.shop.flows.state import Goal, State
from moksori.shop.flows.which import detail_of, lines_of, order_of, reason_of


def cancel(state: State, goal: Goal, today: date) -> Served:
    goal, order = order_of(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    if order["status"]["code"] == "delivered" and not has("named_cancel", goal.text):
        return return_(state, replace(goal, flow="return"), today)  # it is no longer wanted, and it is there
    reason = {"wrong_size": "other", "defective": "other"}.get(
        (found := reason_meant(goal.text)) or "", "changed_mind"
    )
    return goal, Propose(
        "cancel_order", {"order_id": order["order_id"], "reason": reason if found else "changed_mind"}
    )


def _lines(state: State, goal: Goal, today: date) -> tuple[Goal, tuple[Order, list[Line]] | Outcome]:
    """The order and those of its items that a wish is about."""
    goal, order = order_of(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    detail = detail_of(state, order)
    if isinstance(detail, Need):
        return goal, detail
    goal, lines = lines_of(state, goal, detail)
    return goal, lines if isinstance(lines, Ask) else (order, lines)


def return_(state: State, goal: Goal, today: date) -> Served:
    goal, found = _lines(state, goal, today)
    if not isinstance(found, tuple):
        return goal, found
    order, lines = found
    goal, reason = reason_of(state, goal)
    if isinstance(reason, Ask):
        return goal, reason
    parts: list[dict[str, Any]] = []
    for line in lines:
        part: dict[str, Any] = {"line": line["line"]}
        quantity = quantity_meant(goal.text, line)
        parts.append(part | ({"quantity": quantity} if quantity else {}))
    return goal, Propose("return_items", {"order_id": order["order_id"], "lines": parts, "reason": reason})


def exchange(state: State, goal: Goal, today: date) -> Served:
    goal, found = _lines(state, goal, today)
    if not isinstance(found, tuple):
        return goal, found
    order, lines = found
    changes: list[dict[str, Any]] = []
    paid = order["status"]["code"] == "paid"
    for line in lines:
        key = f"product:{line['product_id']}"
        product = state.known.get(key)
        if product is None:
            return goal, Need(key, "get_product", {"product_id": line["product_id"]})
        text = goal.slots["answer"] if goal.asked == "option" and "answer" in goal.slots else goal.text
        ways = (goal.slots.get("wish", text), text) if text == goal.text else (text,)
        meant = (
            variant_meant(each, line, product["variants"]) for way in ways for each in (last_said(way), way)
        )
        variant = next((each for each in meant if each is not None), None)
        if variant is None and not paid and has("new_one", text):  # the same, for one that is faulty
            variant = next((v for v in product["variants"] if v["options"] == line["options"]), None)
        if variant is None or not variant["available"]:
            return goal, _other_option(state.language, text, line, product, variant)
        change = {"line": line["line"], "variant_id": variant["variant_id"]}
        quantity = quantity_meant(goal.text, line)
        changes.append(change | ({"quantity": quantity} if quantity and not paid else {}))
    if paid:
        return goal, Propose("change_order_items", {"order_id": order["order_id"], "changes": changes})
    goal, reason = reason_of(state, goal)
    if isinstance(reason, Ask):
        return goal, reason
    arguments = {"order_id": order["order_id"], "changes": changes, "reason": reason}
    return goal, Propose("exchange_items", arguments)


def _other_option(
    language: Language, text: str, line: Line, product: dict[str, Any], gone: dict[str, Any] | None
) -> Outcome:
    """What else there is: first what has most of what was said and of what the caller has. `gone`: it is sold out."""
    others = [v for v in product["variants"] if v["available"] and v["options"] != line["options"]]
    said = "" if gone is None else gone["options_text"][language]
    name = product["name"][language]
    if not others:
        key = "no_option" if gone is None else "no_option_but_gone"
        return Done(say(key, language, name=name, option=said))
    others.sort(key=lambda v: -_nearness(text, line, v))
    choices = enumerate_([v["options_text"][language] for v in others[:OFFERED]], language)
    if gone is None:
        return Ask(say("ask_option", language, choices=choices), "option")
    return Ask(say("ask_option_gone", language, name=name, option=said, choices=choices), "option")


def _nearness(text: str, line: Line, variant: dict[str, Any]) -> int:
    options: dict[str, str] = variant["options"]
    return sum(
        2 * value_said(text, value) + (line["options"].get(key) == value) for key, value in options.items()
    )


def _address(state: State, goal: Goal) -> tuple[Goal, dict[str, str] | Ask]:
    if "address" not in goal.slots:
        answered = goal.asked == "address" and "answer" in goal.slots
        found = details.address_in(goal.slots["answer"] if answered else goal.text)
        if found is None:
            again = goal.asked == "address"
            return goal, Ask(say("ask_address_again" if again else "ask_address", state.language), "address")
        goal = replace(goal, slots={**goal.slots, "address": found}, asked=None)
    return goal, goal.slots["address"]


def change_address(state: State, goal: Goal, today: date) -> Served:
    goal, order = order_of(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    goal, address = _address(state, goal)
    if isinstance(address, Ask):
        return goal, address
    return goal, Propose("change_order_address", {"order_id": order["order_id"], **address})


def account_address(state: State, goal: Goal, today: date) -> Served:
    if goal.asked is None and has("reads_back", goal.text) and details.address_in(goal.text) is None:
        return account(state, goal, today)
    if "account" not in state.known:
        return goal, Need("account", "get_account", {})
    goal, address = _address(state, goal)
    if isinstance(address, Ask):
        return goal, address
    return goal, Propose("change_customer_address", dict(address))


def change_payment(state: State, goal: Goal, today: date) -> Served:
    goal, order = order_of(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    account = state.known.get("account")
    if account is None:
        return goal, Need("account", "get_account", {})
    text = goal.slots["answer"] if goal.asked == "method" and "answer" in goal.slots else goal.text
    methods = account["payment_methods"]
    meant = methods_meant(text, methods)
    if len(meant) > 1:  # what it is paid with already is not meant
        detail = detail_of(state, order)
        if isinstance(detail, Need):
            return goal, detail
        paid = detail["payments"][-1]["method"]["method_id"] if detail["payments"] else None
        meant = tuple(m for m in meant if m["method_id"] != paid)
    if len(meant) != 1:
        names = [m[state.language] for m in (meant or methods)]
        return goal, Ask(
            say("ask_method", state.language, choices=enumerate_(names, state.language)), "method"
        )
    arguments = {"order_id": order["order_id"], "method_id": meant[0]["method_id"]}
    return goal, Propose("change_order_payment", arguments)


def hand_over(topic: str | None = None) -> Callable[[State, Goal, date], Served]:
    """`topic` is None where the caller's words say what a colleague is wanted for."""

    def served(state: State, goal: Goal, today: date) -> Served:
        about = topic or ticket_topic(goal.text)
        return goal, Propose("hand_over", {"topic": about, "summary": summary(state)})

    return served


def summary(state: State) -> str:
    """What was wanted, done and left, in both languages: whoever takes over may read either."""
    left = [w for w in state.wanted if w not in state.done]
    parts: list[str] = []
    languages: tuple[Language, ...] = ("ko", "en")
    for language in languages:
        none = say("summary_none", language)
        parts.append(
            say(
                "summary",
                language,
                wanted=" / ".join(state.wanted) or none,
                done=" / ".join(state.done) or none,
                left=" / ".join(left) or none,
                last=state.last_heard or none,
            )
        )
    return "\n".join(parts)[:2000]
