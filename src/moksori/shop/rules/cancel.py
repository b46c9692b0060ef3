"""Cancelling a whole order that is not packed yet."""

from __future__ import annotations

from moksori.shop.effects import CancelOrder, Effect, MoveStock, Tell
from moksori.shop.model.orders import OrderStatus
from moksori.shop.rules.decision import (
    Decision,
    Desk,
    Refusal,
    cannot,
    names_in,
    pay_back,
    say_list,
    say_method,
    say_thing,
)
from moksori.shop.views import OrderView


def cancel_order(desk: Desk, order: OrderView, reason: str) -> Decision | Refusal:
    """Everything that was paid goes back the way it came, everything goes back on the shelf."""
    rules = desk.policy.cancel
    if reason not in rules.reasons:
        return Refusal("bad_reason", {"reasons": ", ".join(rules.reasons)})
    if order.status is OrderStatus.CANCELLED:
        return Refusal("already_cancelled", {"order": order.id}, ("get_refund_status",))
    if order.status not in rules.statuses:
        delivered = order.status is OrderStatus.DELIVERED
        instead = ("return_items", "exchange_items") if delivered else ("track_delivery", "hand_over")
        return cannot(order, "cannot_cancel_delivered" if delivered else "cannot_cancel", instead)
    if order.items_changed and not rules.after_item_change:
        return cannot(order, "cannot_cancel_changed", ("hand_over",))
    effects: list[Effect] = []
    said: list[dict[str, str]] = []
    for method_id, amount in order.paid_by().items():
        method = desk.customer.methods[method_id]
        effects.append(pay_back(desk, method, amount, "cancel"))
        to, much = say_method(method), desk.say(amount)
        said.append({"ko": f"{to['ko']} {much['ko']}", "en": f"{much['en']} to {to['en']}"})
    effects += [MoveStock(line.variant_id, line.quantity, "cancel") for line in order.lines]
    back = sum(order.paid_by().values())
    effects += [
        CancelOrder(reason),
        Tell("order.cancelled", {"order_id": order.id, "refund": back, "currency": desk.currency}),
    ]
    lines = list(order.lines)
    return Decision(
        action="cancel_order.split" if len(said) > 1 else "cancel_order" if said else "cancel_order.free",
        objects=(order.id, *names_in(lines)),
        amount=-back if back else None,
        facts={
            "order": order.id,
            "items": say_list([say_thing(line.name, line.options, line.quantity) for line in lines]),
            "amount": desk.say(back),
            "method": say_method(desk.customer.methods[next(iter(order.paid_by()))]) if said else "",
            "refunds": {
                "ko": ", ".join(each["ko"] for each in said),
                "en": " and ".join(each["en"] for each in said),
            },
        },
        effects=tuple(effects),
        basis=(order.version, order.paid_by()),
    )
