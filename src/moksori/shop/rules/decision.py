"""What a rule is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from moksori.agent.money import Money
from moksori.shop.effects import Effect, PayBack
from moksori.shop.policy import Policy
from moksori.shop.texts import LANGUAGES, entries, say_money, term
from moksori.shop.views import CustomerView, LineView, MethodView, OrderView

SATURDAY = 5
NAMED_ITEMS = 2
"""How many items a sentence names before it says "and two more"."""
Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a rule is applied: for whom, by which rules, when and in which money."""

    customer: CustomerView
    policy: Policy
    now: datetime
    zone: ZoneInfo
    currency: str

    def money(self, amount: int) -> Money:
        return Money(amount, self.currency)

    def say(self, amount: int) -> Texts:
        return say_money(self.money(amount))

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def method(self, method_id: str) -> MethodView | None:
        return self.customer.methods.get(method_id)


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes, and this is what happens."""

    action: str
    """Key of the read-out sentence; what comes before a dot is the action itself."""
    objects: tuple[str, ...]
    amount: int | None
    """What the caller pays (positive) or gets back (negative), minor units; None when no money moves."""
    facts: dict[str, Any]
    effects: tuple[Effect, ...]
    basis: tuple[Any, ...]
    """Everything read that, had it been otherwise, would have made this another decision."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No: `code` is a key of the refusals' texts, `facts` fill it, `possible` names what can be done instead."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    possible: tuple[str, ...] = ()


def say_method(method: MethodView) -> Texts:
    """ "신한 카드 끝자리 1234" and "your Shinhan card ending in 1234"."""
    kind = term("method", method.kind.value)
    brand = term("brand", method.brand)
    korean = [brand["ko"], kind["ko"], f"끝자리 {method.last_four}" if method.last_four else ""]
    english = ["your", brand["en"], kind["en"], f"ending in {method.last_four}" if method.last_four else ""]
    return {"ko": " ".join(filter(None, korean)), "en": " ".join(filter(None, english))}


def say_because(reason: str) -> Texts:
    """ "사이즈 문제로" and "because of the size"; for a shop's own reasons, that it is as was asked."""
    known = entries("words")["because"]
    return dict(known.get(reason, known["other"]))


def say_options(options: Mapping[str, str]) -> Texts:
    """ "파랑, M" and "blue, M"."""
    return {
        language: ", ".join(term("value", value)[language] for value in options.values())
        for language in LANGUAGES
    }


def say_thing(name: Mapping[str, str], options: Mapping[str, str], quantity: int = 1) -> Texts:
    """ "텀블러(파랑) 2개" and "2 × Tumbler (blue)"."""
    shown = say_options(options)
    said = {
        language: f"{name[language]}({shown[language]})" if shown[language] else name[language]
        for language in LANGUAGES
    }
    said["en"] = said["en"].replace("(", " (", 1) if shown["en"] else said["en"]
    if quantity == 1:
        return said
    return {"ko": f"{said['ko']} {quantity}개", "en": f"{quantity} × {said['en']}"}


def say_list(things: list[Texts]) -> Texts:
    """The first few, and how many more there are."""
    shown, rest = things[:NAMED_ITEMS], len(things) - NAMED_ITEMS
    korean = ", ".join(thing["ko"] for thing in shown)
    if rest > 0:
        return {"ko": f"{korean} 외 {rest}개", "en": f"{', '.join(t['en'] for t in shown)} and {rest} more"}
    return {"ko": korean, "en": " and ".join(thing["en"] for thing in shown)}


def names_in(lines: list[LineView]) -> tuple[str, ...]:
    """The product names that `say_list` shows, in both languages."""
    shown = lines[:NAMED_ITEMS]
    return tuple(dict.fromkeys(name for line in shown for name in (line.name_ko, line.name_en)))


def after_business_days(desk: Desk, days: int) -> datetime:
    """`now` plus so many weekdays of the shop's zone (public holidays are not known)."""
    moment = desk.now.astimezone(desk.zone)
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() < SATURDAY:
            days -= 1
    return moment


def pay_back(desk: Desk, method: MethodView, amount: int, cause: str) -> PayBack:
    days = desk.policy.refund.business_days[method.kind]
    return PayBack(
        method_id=method.id,
        amount=amount,
        cause=cause,
        expected_at=after_business_days(desk, days),
        at_once=method.stored,
    )


def too_little_on(desk: Desk, method: MethodView, amount: int) -> Refusal | None:
    """A refusal when a gift card or points do not cover `amount`."""
    if method.balance is None or method.balance >= amount:
        return None
    return Refusal(
        "balance_too_low",
        {"method": say_method(method), "balance": desk.say(method.balance), "amount": desk.say(amount)},
        ("other_payment_method",),
    )


def covers(method: MethodView, amount: int) -> bool:
    return method.balance is None or method.balance >= amount


def first_method(order: OrderView) -> str | None:
    """How the order was paid to begin with."""
    return order.payments[0].method_id if order.payments else None


def cannot(order: OrderView, code: str, possible: tuple[str, ...]) -> Refusal:
    return Refusal(code, {"order": order.id, "status": term("status", order.status.value)}, possible)
