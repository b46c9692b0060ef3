"""Serving one wish: what it still needs, and what is said when it has it. Pure; one function a flow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from moksori.agent.tools import Language
from moksori.shop.flows import details, matching
from moksori.shop.flows.data import FILLERS, PARTICLES, enumerate_, say, topics
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching import Order, refer
from moksori.shop.flows.state import Goal, State
from moksori.shop.guard.text import fold

LOOKED_THROUGH = 20
"""Orders that are fetched at once; older ones are found by their number."""
LOOKED_INTO = 4
"""Orders of many items that are fetched whole, so that each of their items can be named."""
CUT = re.compile(r" 외 \d+개$")
"""How a list of items ends that leaves some out."""
CERTAIN = 9.0
"""Score of the policy's search from which on a passage is what was asked for."""
OFFERED = 3
"""Choices named in one question: more nobody keeps in mind."""


@dataclass(frozen=True, slots=True)
class Need:
    """A tool has to be asked; its result will be known as `key`."""

    key: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Propose:
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    text: str
    slot: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """Served. `more` are wishes that come of it."""

    text: str
    more: tuple[Goal, ...] = ()
    over: bool = False


Outcome: TypeAlias = Need | Propose | Ask | Done
Served: TypeAlias = tuple[Goal, Outcome]


def serve(state: State, goal: Goal, today: date) -> Served:
    return SERVERS[goal.flow](state, goal, today)


# ---------------------------------------------------------------- which order

FITS: dict[str, tuple[str, ...]] = {
    "cancel": ("paid",),
    "return": ("delivered",),
    "exchange": ("delivered", "paid"),
    "change_address": ("paid",),
    "change_payment": ("paid",),
    "delivery": ("shipped", "preparing", "paid", "delivered"),
}
"""States of an order in which each wish can be meant, the likelier first."""


def _order(state: State, goal: Goal, today: date) -> tuple[Goal, Order | Outcome]:
    known = state.known.get("orders")
    if known is None:
        return goal, Need("orders", "find_orders", {"limit": LOOKED_THROUGH})
    orders: list[Order] = known["orders"]
    if "order" in goal.slots:
        found = next((o for o in [*orders, *_older(state)] if o["order_id"] == goal.slots["order"]), None)
        if found is not None:
            return goal, found
    if not orders:
        return goal, Done(say("no_orders", state.language))
    orders, missing = _whole(state, goal, orders)
    if missing is not None:
        return goal, missing
    if goal.asked == "which" and "answer" in goal.slots:
        return _chosen(state, goal, orders, today)
    text = matching.without_goal(goal.text) if goal.flow == "exchange" else goal.text
    meant = refer(text, [*orders, *_older(state)], today)
    if meant.number:
        return _by_unknown_number(state, goal, meant.number)
    pool = list(meant.orders) if meant.orders else orders
    fitting = meant.best(_fitting(goal, pool))
    if len(fitting) == 1 or (fitting and goal.flow == "delivery" and not meant.named):
        return _take(goal, fitting[0], fitting)
    if not fitting:
        # The tool's own refusal says why it cannot be; without a reference there is nothing to refuse.
        if meant.named and pool:
            return _take(goal, pool[0], pool)
        return goal, Done(say("none_fits", state.language))
    return goal, _which(state, fitting)


def _whole(state: State, goal: Goal, orders: list[Order]) -> tuple[list[Order], Need | None]:
    """The orders with all their items, where a list names only the first few; and what is missing for that."""
    whole: list[Order] = []
    missing: Need | None = None
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
            continue
        whole.append(order)
        cut = CUT.search(order["items"]["ko"]) is not None
        if cut and order["status"]["code"] in FITS[goal.flow] and looked < LOOKED_INTO and missing is None:
            missing = Need(f"order:{order['order_id']}", "get_order", {"order_id": order["order_id"]})
        looked += cut
    return whole, missing


def _older(state: State) -> list[Order]:
    return [o for k, v in state.known.items() if k.startswith("find:") for o in v["orders"]]


def _by_unknown_number(state: State, goal: Goal, number: str) -> tuple[Goal, Order | Outcome]:
    found = state.known.get(f"find:{number}")
    if found is None:
        return goal, Need(f"find:{number}", "find_orders", {"number": number})
    forgotten = replace(goal, text="", slots={k: v for k, v in goal.slots.items() if k != "answer"})
    return forgotten, Ask(say("repeat_number", state.language), "which")


def _fitting(goal: Goal, pool: list[Order]) -> list[Order]:
    states = FITS[goal.flow]
    if goal.flow == "exchange" and matching.has("received", goal.text):
        states = ("delivered",)
    elif goal.flow == "exchange" and matching.has("newest", goal.text):
        states = ("paid",)
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
    if matching.has("both", text) or matching.has("all", text):
        goals = tuple(Goal(goal.flow, goal.text, {"order": o["order_id"]}) for o in offered)
        return goal, Done("", more=goals)
    for word, at in (("first", 0), ("second", -1)):
        if matching.has(word, text) and not any(len(d) >= 4 for d in said_digits(text)):
            return _take(goal, offered[at], offered)
    meant = refer(text, offered, today)
    if not meant.orders or not meant.named:
        wider = refer(text, [*orders, *_older(state)], today)
        if wider.number:
            return _by_unknown_number(state, goal, wider.number)
        meant = wider if wider.named else meant
    if meant.named and len(meant.orders) == 1:
        return _take(goal, meant.orders[0], offered)
    if meant.named and meant.orders:
        fitting = _fitting(goal, list(meant.orders)) or list(meant.orders)
        if len(fitting) == 1:
            return _take(goal, fitting[0], offered)
        return goal, _which(state, fitting)
    return goal, _which(state, offered)


# ---------------------------------------------------------------- which items


def _detail(state: State, order: Order) -> dict[str, Any] | Need:
    key = f"order:{order['order_id']}"
    known = state.known.get(key)
    return known if known is not None else Need(key, "get_order", {"order_id": order["order_id"]})


def _lines(state: State, goal: Goal, detail: dict[str, Any]) -> tuple[Goal, list[dict[str, Any]] | Ask]:
    items: list[dict[str, Any]] = detail["items"]
    if "lines" in goal.slots:
        return goal, [line for line in items if line["line"] in goal.slots["lines"]]
    left = [line for line in items if line["returned"] + line["exchanged"] < line["quantity"]] or items
    text = goal.slots["answer"] if goal.asked == "item" and "answer" in goal.slots else goal.text
    if goal.flow == "exchange" and goal.asked != "item":
        text = matching.without_goal(text)
    meant = list(matching.lines_meant(text, left)) or (left if len(left) == 1 else [])
    several = len({line["name"]["en"] for line in meant}) < len(meant) and not matching.has("all", text)
    if not meant or (several and not matching.has("both", text)):
        shown = (meant or left)[:OFFERED]
        choices = enumerate_([_thing(line, state.language) for line in shown], state.language)
        return goal, Ask(say("ask_item", state.language, choices=choices), "item")
    return replace(goal, slots={**goal.slots, "lines": [line["line"] for line in meant]}, asked=None), meant


def _thing(line: dict[str, Any], language: Language) -> str:
    option = line["options_text"][language]
    return f"{line['name'][language]}({option})" if language == "ko" else f"{option} {line['name'][language]}"


def _reason(state: State, goal: Goal) -> tuple[Goal, str | Ask]:
    if "reason" not in goal.slots:
        text = goal.slots["answer"] if goal.asked == "reason" and "answer" in goal.slots else goal.text
        reason = matching.reason_meant(text)
        if reason is None:
            return goal, Ask(say("ask_reason", state.language), "reason")
        goal = replace(goal, slots={**goal.slots, "reason": reason}, asked=None)
    return goal, goal.slots["reason"]


# ---------------------------------------------------------------- the writes


def _cancel(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    reason = {"wrong_size": "other", "defective": "other"}.get(
        (found := matching.reason_meant(goal.text)) or "", "changed_mind"
    )
    return goal, Propose(
        "cancel_order", {"order_id": order["order_id"], "reason": reason if found else "changed_mind"}
    )


def _return(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    detail = _detail(state, order)
    if isinstance(detail, Need):
        return goal, detail
    goal, lines = _lines(state, goal, detail)
    if isinstance(lines, Ask):
        return goal, lines
    goal, reason = _reason(state, goal)
    if isinstance(reason, Ask):
        return goal, reason
    parts: list[dict[str, Any]] = []
    for line in lines:
        part: dict[str, Any] = {"line": line["line"]}
        quantity = matching.quantity_meant(goal.text, line)
        parts.append(part | ({"quantity": quantity} if quantity else {}))
    return goal, Propose("return_items", {"order_id": order["order_id"], "lines": parts, "reason": reason})


def _exchange(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    detail = _detail(state, order)
    if isinstance(detail, Need):
        return goal, detail
    goal, lines = _lines(state, goal, detail)
    if isinstance(lines, Ask):
        return goal, lines
    changes: list[dict[str, Any]] = []
    paid = order["status"]["code"] == "paid"
    for line in lines:
        key = f"product:{line['product_id']}"
        product = state.known.get(key)
        if product is None:
            return goal, Need(key, "get_product", {"product_id": line["product_id"]})
        text = goal.slots["answer"] if goal.asked == "option" and "answer" in goal.slots else goal.text
        variant = matching.variant_meant(text, line, product["variants"])
        if variant is None:
            others = [v for v in product["variants"] if v["available"] and v["options"] != line["options"]]
            if not others:
                return goal, Done(say("no_option", state.language))
            choices = enumerate_(
                [v["options_text"][state.language] for v in others[:OFFERED]], state.language
            )
            return goal, Ask(say("ask_option", state.language, choices=choices), "option")
        change = {"line": line["line"], "variant_id": variant["variant_id"]}
        quantity = matching.quantity_meant(goal.text, line)
        changes.append(change | ({"quantity": quantity} if quantity and not paid else {}))
    if paid:
        return goal, Propose("change_order_items", {"order_id": order["order_id"], "changes": changes})
    goal, reason = _reason(state, goal)
    if isinstance(reason, Ask):
        return goal, reason
    arguments = {"order_id": order["order_id"], "changes": changes, "reason": reason}
    return goal, Propose("exchange_items", arguments)


def _address(state: State, goal: Goal) -> tuple[Goal, dict[str, str] | Ask]:
    if "address" not in goal.slots:
        answered = goal.asked == "address" and "answer" in goal.slots
        found = details.address_in(goal.slots["answer"] if answered else goal.text)
        if found is None:
            again = goal.asked == "address"
            return goal, Ask(say("ask_address_again" if again else "ask_address", state.language), "address")
        goal = replace(goal, slots={**goal.slots, "address": found}, asked=None)
    return goal, goal.slots["address"]


def _change_address(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    goal, address = _address(state, goal)
    if isinstance(address, Ask):
        return goal, address
    return goal, Propose("change_order_address", {"order_id": order["order_id"], **address})


def _account_address(state: State, goal: Goal, today: date) -> Served:
    if "account" not in state.known:
        return goal, Need("account", "get_account", {})
    goal, address = _address(state, goal)
    if isinstance(address, Ask):
        return goal, address
    return goal, Propose("change_customer_address", dict(address))


def _change_payment(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    account = state.known.get("account")
    if account is None:
        return goal, Need("account", "get_account", {})
    text = goal.slots["answer"] if goal.asked == "method" and "answer" in goal.slots else goal.text
    methods = account["payment_methods"]
    meant = matching.methods_meant(text, methods)
    if len(meant) != 1:
        names = [m[state.language] for m in (meant or methods)]
        return goal, Ask(
            say("ask_method", state.language, choices=enumerate_(names, state.language)), "method"
        )
    arguments = {"order_id": order["order_id"], "method_id": meant[0]["method_id"]}
    return goal, Propose("change_order_payment", arguments)


def _product_of(state: State, goal: Goal) -> tuple[Goal, dict[str, Any] | Outcome]:
    """The product a sentence names, searched for by its words, longest first."""
    text = goal.slots["answer"] if goal.asked == "product" and "answer" in goal.slots else goal.text
    products: list[dict[str, Any]] = []
    for query in _queries(text) or [text[:200]]:
        found = state.known.get(f"search:{query}")
        if found is None:
            return goal, Need(f"search:{query}", "search_products", {"query": query, "limit": 5})
        products += found["products"]
        if products:
            break
    named = [p for p in products if any(matching.mentions(text, p["name"][lang]) for lang in ("ko", "en"))]
    if not named and any(matching.value_said(text, code) for code in matching.said_values()):
        spoken_of = [v for k, v in state.known.items() if k.startswith("product:")]
        if spoken_of:  # "and is the grey one there?"
            return goal, spoken_of[-1]
    if not named:
        asked = goal.asked == "product"
        return goal, Ask(say("no_product" if asked else "ask_product", state.language), "product")
    key = f"product:{named[0]['product_id']}"
    product = state.known.get(key)
    if product is None:
        return goal, Need(key, "get_product", {"product_id": named[0]["product_id"]})
    return goal, product


QUERIES = 4
"""Words of a sentence that are looked for among the products, one by one."""


def _queries(text: str) -> list[str]:
    """The words that can name a product, whole phrase first: without option values and Korean particles."""
    kept = []
    for word in re.findall(r"[a-z0-9-]+|[가-힣]+", text.casefold()):
        bare = word
        for particle in PARTICLES:
            if len(word) > len(particle) + 1 and word.endswith(particle) and "가" <= word[0] <= "힣":
                bare = word[: -len(particle)]
                break
        if bare not in FILLERS and not any(matching.value_said(bare, c) for c in matching.said_values()):
            kept.append(bare)
    kept = kept[:QUERIES]
    return list(dict.fromkeys([" ".join(kept), *kept])) if kept else []


def _cart_add(state: State, goal: Goal, today: date) -> Served:
    goal, product = _product_of(state, goal)
    if not isinstance(product, dict):
        return goal, product
    text = goal.slots["answer"] if goal.asked == "option" and "answer" in goal.slots else goal.text
    variant = matching.variant_meant(text, {"options": {}}, product["variants"])
    if variant is None and len(product["variants"]) == 1:
        variant = product["variants"][0]
    if variant is None:
        names = [v["options_text"][state.language] for v in product["variants"] if v["available"]][:OFFERED]
        return goal, Ask(
            say("ask_option", state.language, choices=enumerate_(names, state.language)), "option"
        )
    return goal, Propose(
        "set_cart_item", {"variant_id": variant["variant_id"], "quantity": _count(goal.text)}
    )


def _count(text: str) -> int:
    for number, ways in ((2, ("두 개", "두개", "2개", "two")), (3, ("세 개", "세개", "3개", "three"))):
        if any(way in text.casefold() for way in ways):
            return number
    return 1


def _hand_over(topic: str) -> Callable[[State, Goal, date], Served]:
    def served(state: State, goal: Goal, today: date) -> Served:
        return goal, Propose("hand_over", {"topic": topic, "summary": summary(state)})

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


# ---------------------------------------------------------------- the reads


def _verify(state: State, goal: Goal, today: date) -> Served:
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


def _orders(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("orders")
    if known is None:
        return goal, Need("orders", "find_orders", {"limit": LOOKED_THROUGH})
    if not known["orders"]:
        return goal, Done(say("no_orders", state.language))
    meant = refer(goal.text, known["orders"], today)
    if meant.number:
        goal, found = _by_unknown_number(state, goal, meant.number)
        if not _older(state):
            assert not isinstance(found, dict)
            return goal, found
        shown: list[Order] = _older(state)
    else:
        shown = list(meant.orders) or list(known["orders"])
    lines = [
        say(
            "order_line",
            state.language,
            order=o["order_id"],
            items=o["items"],
            status=o["status"][state.language],
        )
        for o in shown[:OFFERED]
    ]
    return goal, Done(say("orders", state.language, list=". ".join(lines)))


def _delivery(state: State, goal: Goal, today: date) -> Served:
    goal, order = _order(state, goal, today)
    if not isinstance(order, dict):
        return goal, order
    key = f"track:{order['order_id']}"
    track = state.known.get(key)
    if track is None:
        return goal, Need(key, "track_delivery", {"order_id": order["order_id"]})
    language, code = state.language, track["status"]["code"]
    facts: dict[str, Any] = {"order": order["order_id"], "status": track["status"][language]}
    if code == "shipped" and track["shipments"]:
        shipment = track["shipments"][-1]
        facts |= {"courier": shipment["courier"][language], "when": _day(shipment["expected_at"], language)}
        return goal, Done(say("delivery_shipped", language, **facts))
    if code == "delivered":
        return goal, Done(
            say("delivery_delivered", language, **facts, when=_day(track["delivered_at"], language))
        )
    return goal, Done(
        say("delivery_cancelled" if code == "cancelled" else "delivery_waiting", language, **facts)
    )


def _day(moment: str | None, language: Language) -> str:
    if moment is None:
        return "곧" if language == "ko" else "soon"
    at = datetime.fromisoformat(moment)
    return f"{at.month}월 {at.day}일" if language == "ko" else f"{at.strftime('%B')} {at.day}"


def _refund_status(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("refunds")
    if known is None:
        return goal, Need("refunds", "get_refund_status", {})
    if not known["refunds"]:
        return goal, Done(say("no_refund", state.language))
    numbers = [d for d in said_digits(goal.text) if len(d) >= matching.SHORTEST_NUMBER]
    refunds = [
        r
        for r in known["refunds"]
        if not numbers or any("".join(c for c in r["order_id"] if c.isdigit()).endswith(d) for d in numbers)
    ]
    if not refunds:
        return goal, Done(say("no_refund", state.language))
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


def _product(state: State, goal: Goal, today: date) -> Served:
    goal, product = _product_of(state, goal)
    if isinstance(product, Ask) and goal.asked is None:
        return _of_the_policy(state, goal, product)
    if not isinstance(product, dict):
        return goal, product
    language, name = state.language, product["name"][state.language]
    variants = product["variants"]
    there = [v for v in variants if v["available"]]
    options = enumerate_([v["options_text"][language] for v in there[:4]], language)
    asked = matching.variant_meant(goal.text, {"options": {}}, variants)
    if asked is not None:
        option = asked["options_text"][language]
        if asked["available"]:
            price = asked["price"][language]
            return goal, Done(say("option_there", language, name=name, option=option, price=price))
        return goal, Done(say("option_gone", language, name=name, option=option, options=options))
    price = min(variants, key=lambda v: v["price"]["minor"])["price"][language]
    return goal, Done(say("product", language, name=name, price=price, options=options))


def _of_the_policy(state: State, goal: Goal, otherwise: Ask) -> Served:
    """A question that sounded like one about a product, and names none: the policy may speak of it ("상품권")."""
    found = state.known.get(f"policy:{goal.text}")
    if found is None:
        arguments = {"query": goal.text[:2000], "language": state.language, "limit": 1}
        return goal, Need(f"policy:{goal.text}", "search_policy", arguments)
    if found["passages"] and found["passages"][0].get("score", 0) >= CERTAIN:
        return goal, Done(str(found["passages"][0]["text"]))
    return goal, otherwise


def _policy(state: State, goal: Goal, today: date) -> Served:
    folded = fold(goal.text)
    topic = next((query for pattern, query in topics() if pattern.search(folded)), None)
    key = f"policy:{topic or goal.text}"
    known = state.known.get(key)
    if known is None:
        arguments = {"query": topic or goal.text[:2000], "language": state.language, "limit": 1}
        return goal, Need(key, "search_policy", arguments)
    if not known["passages"]:
        return goal, Done(say("no_policy", state.language))
    return goal, Done(str(known["passages"][0]["text"]))


def _points(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("membership")
    if known is None:
        return goal, Need("membership", "get_membership", {})
    facts = {"tier": known["tier"][state.language], "points": known["points"][state.language]}
    return goal, Done(say("membership", state.language, **facts))


def _cart(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("cart")
    if known is None:
        return goal, Need("cart", "get_cart", {})
    if not known["items"]:
        return goal, Done(say("cart_empty", state.language))
    names = [_thing(item, state.language) for item in known["items"][:OFFERED]]
    items = enumerate_(names, state.language)
    return goal, Done(say("cart", state.language, items=items, total=known["total"][state.language]))


def _account(state: State, goal: Goal, today: date) -> Served:
    known = state.known.get("account")
    if known is None:
        return goal, Need("account", "get_account", {})
    return goal, Done(say("account", state.language, phone=known["phone"], email=known["email"]))


def _plain(key: str, *, over: bool = False) -> Callable[[State, Goal, date], Served]:
    def served(state: State, goal: Goal, today: date) -> Served:
        return goal, Done(say(key, state.language), over=over)

    return served


SERVERS: dict[str, Callable[[State, Goal, date], Served]] = {
    "verify": _verify,
    "orders": _orders,
    "delivery": _delivery,
    "cancel": _cancel,
    "change_address": _change_address,
    "change_payment": _change_payment,
    "exchange": _exchange,
    "return": _return,
    "refund_status": _refund_status,
    "product": _product,
    "policy": _policy,
    "points": _points,
    "cart": _cart,
    "cart_add": _cart_add,
    "account": _account,
    "account_address": _account_address,
    "complaint": _hand_over("complaint"),
    "human": _hand_over("other"),
    "greeting": _plain("hello"),
    "thanks": _plain("welcome"),
    "goodbye": _plain("goodbye", over=True),
}
