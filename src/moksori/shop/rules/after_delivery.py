"""Returning and exchanging what was delivered."""

from __future__ import annotations

from datetime import timedelta

from moksori.shop.effects import Effect, MoveStock, OpenExchange, OpenReturn, Pay, Tell
from moksori.shop.policy import Window
from moksori.shop.rules.change import Swap, check_swap, say_swaps, shortage, swap_names, which_way
from moksori.shop.rules.decision import (
    Decision,
    Desk,
    Refusal,
    cannot,
    covers,
    first_method,
    names_in,
    say_because,
    say_list,
    say_method,
    say_thing,
    too_little_on,
)
from moksori.shop.views import ExchangeLineView, LineView, OrderView


def return_items(
    desk: Desk, order: OrderView, parts: list[tuple[LineView, int]], reason: str, method_id: str | None
) -> Decision | Refusal:
    """Ask for a return: money goes back when the goods have come in."""
    rules = desk.policy.returns
    if wrong := _in_time(desk, order, rules, reason, "return"):
        return wrong
    if order.returns and rules.once_per_order:
        return cannot(order, "returned_before", ("hand_over",))
    if order.exchange is not None and desk.policy.exchange.return_excludes:
        return cannot(order, "exchanged_before", ("hand_over",))
    for line, quantity in parts:
        if quantity > line.left:
            return Refusal("not_so_many", {"product": line.name, "left": line.left}, ("get_order",))
        if not line.returnable and reason not in rules.fault_reasons:
            return Refusal("not_returnable", {"product": line.name}, ("search_policy", "hand_over"))
    original = first_method(order)
    method = desk.method(method_id or original or "")
    if method is None:
        return Refusal("no_such_method", {}, ("get_account",))
    if method.id != original and not (rules.to_gift_card and method.kind.value == "gift_card"):
        return Refusal("refund_elsewhere", {}, ("get_order",))
    goods = sum(line.unit_price * quantity for line, quantity in parts)
    free = reason in rules.fault_reasons or desk.customer.tier in rules.free_tiers
    fee = 0 if free else min(rules.fee, goods)
    back = goods - fee
    effects: tuple[Effect, ...] = (
        OpenReturn(
            lines=tuple((line.id, quantity) for line, quantity in parts),
            reason=reason,
            method_id=method.id,
            amount=back,
            fee=fee,
        ),
        Tell("return.requested", {"order_id": order.id, "refund": back, "currency": desk.currency}),
    )
    return Decision(
        action=f"return_items.{'fee' if fee else 'free'}",
        objects=(order.id, *names_in([line for line, _ in parts])),
        amount=-back if back else None,
        facts={
            "order": order.id,
            "items": say_list([say_thing(line.name, line.options, quantity) for line, quantity in parts]),
            "amount": desk.say(back),
            "fee": desk.say(fee),
            "because": say_because(reason),
            "method": say_method(method),
        },
        effects=effects,
        basis=(order.version, method.id, back, fee),
    )


def exchange_items(
    desk: Desk, order: OrderView, swaps: list[Swap], reason: str, method_id: str | None
) -> Decision | Refusal:
    """Ask for other variants of what was delivered: once an order; the new ones are put aside at once."""
    rules = desk.policy.exchange
    if wrong := _in_time(desk, order, rules, reason, "exchange"):
        return wrong
    if order.exchange is not None and rules.once_per_order:
        return cannot(order, "exchanged_before", ("return_items", "hand_over"))
    if order.returns and rules.return_excludes:
        return cannot(order, "returned_before", ("hand_over",))
    for swap in swaps:
        if swap.quantity > swap.line.left:
            return Refusal("not_so_many", {"product": swap.line.name, "left": swap.line.left}, ("get_order",))
        if wrong := check_swap(swap, same_allowed=True):
            return wrong
    if wrong := shortage(swaps):
        return wrong
    method = desk.method(method_id or first_method(order) or "")
    if method is None:
        return Refusal("no_such_method", {}, ("get_account",))
    difference = sum(
        (swap.price(order.discount_percent) - swap.line.unit_price) * swap.quantity for swap in swaps
    )
    if difference > 0 and (short := too_little_on(desk, method, difference)):
        return short
    # A lower price is paid back when the goods are in; a higher one is paid now, where the policy says so.
    now = difference if difference > 0 and rules.settle == "request" else 0
    effects: list[Effect] = [Pay(method.id, now, "exchange")] if now else []
    effects += [MoveStock(swap.variant.id, -swap.quantity, "exchange") for swap in swaps]
    effects += [
        OpenExchange(
            lines=tuple(
                ExchangeLineView(
                    swap.line.id, swap.variant.id, swap.price(order.discount_percent), swap.quantity
                )
                for swap in swaps
            ),
            reason=reason,
            method_id=method.id,
            difference=difference,
            settled=now,
        ),
        Tell(
            "exchange.requested",
            {"order_id": order.id, "difference": difference, "currency": desk.currency},
        ),
    ]
    return Decision(
        action=f"exchange_items.{which_way(difference)}",
        objects=(order.id, *swap_names(swaps)),
        amount=difference or None,
        facts={
            "order": order.id,
            "changes": say_swaps(swaps),
            "because": say_because(reason),
            "amount": desk.say(difference),
            "method": say_method(method),
        },
        effects=tuple(effects),
        basis=(
            order.version,
            method.id,
            difference,
            covers(method, difference),
            [[swap.line.id, swap.variant.id, swap.variant.price, swap.quantity] for swap in swaps],
        ),
    )


def _in_time(desk: Desk, order: OrderView, rules: Window, reason: str, what: str) -> Refusal | None:
    if reason not in rules.reasons:
        return Refusal("bad_reason", {"reasons": ", ".join(rules.reasons)})
    if order.status not in rules.statuses:
        instead = (
            ("cancel_order", "change_order_items")
            if order.status in desk.policy.cancel.statuses
            else ("track_delivery",)
        )
        return cannot(order, f"cannot_{what}", instead)
    days = rules.days(reason)
    if days is None or order.delivered_at is None:
        return None
    last = desk.day(order.delivered_at) + timedelta(days=days)
    if desk.day(desk.now) <= last:
        return None
    facts = {"order": order.id, "days": days, "last": last.isoformat()}
    # Where only the reason is too late, a fault would still be in time: the caller may know of one.
    possible = ("search_policy", "hand_over")
    return Refusal(f"{what}_too_late", facts, possible)
