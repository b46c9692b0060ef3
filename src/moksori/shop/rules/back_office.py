"""What the shop's own staff and couriers cause: packing, delivery, goods coming back. No tool calls these."""

from __future__ import annotations

from moksori.shop.effects import (
    AdvanceOrder,
    Effect,
    MoveStock,
    Pay,
    SettleExchange,
    SettleReturn,
    Tell,
)
from moksori.shop.model.after_sales import ExchangeStatus, RefundStatus, ReturnStatus
from moksori.shop.model.orders import OrderStatus
from moksori.shop.rules.decision import Desk, Refusal, after_business_days, cannot, covers, pay_back
from moksori.shop.views import OrderView

NEXT = {
    OrderStatus.PAID: OrderStatus.PREPARING,
    OrderStatus.PREPARING: OrderStatus.SHIPPED,
    OrderStatus.SHIPPED: OrderStatus.DELIVERED,
}
BROKEN = frozenset({"defective"})
"""Goods that come back for these reasons are not sold again."""


def advance(order: OrderView) -> tuple[Effect, ...] | Refusal:
    """The next of paid, preparing, shipped, delivered."""
    following = NEXT.get(order.status)
    if following is None:
        return cannot(order, "nothing_next", ())
    return (AdvanceOrder(following), Tell(f"order.{following.value}", {"order_id": order.id}))


def receive_return(desk: Desk, order: OrderView, return_id: int) -> tuple[Effect, ...] | Refusal:
    """The goods of a return are in: the money goes back, what is whole goes on the shelf."""
    found = next((each for each in order.returns if each.id == return_id), None)
    if found is None or found.status is not ReturnStatus.REQUESTED:
        return cannot(order, "nothing_next", ())
    method = desk.customer.methods[found.method_id]
    by_id = {line.id: line for line in order.lines}
    back: tuple[Effect, ...] = tuple(
        MoveStock(by_id[line_id].variant_id, quantity, "return")
        for line_id, quantity in found.lines
        if found.reason not in BROKEN
    )
    settle = SettleReturn(
        return_id=found.id,
        status=ReturnStatus.REFUNDED,
        method_id=method.id,
        amount=found.amount,
        refund_status=RefundStatus.DONE if method.stored else RefundStatus.PROCESSING,
        expected_at=after_business_days(desk, desk.policy.refund.business_days[method.kind]),
    )
    return (*back, settle, Tell("return.refunded", {"order_id": order.id, "refund": found.amount}))


def complete_exchange(desk: Desk, order: OrderView) -> tuple[Effect, ...] | Refusal:
    """The old goods are in and the new ones out: what is still open of the difference is settled."""
    found = order.exchange
    if found is None or found.status is not ExchangeStatus.REQUESTED:
        return cannot(order, "nothing_next", ())
    method = desk.customer.methods[found.method_id]
    open_amount = found.difference - found.settled
    if open_amount > 0 and not covers(method, open_amount):
        return Refusal("nothing_next", {"order": order.id})
    by_id = {line.id: line for line in order.lines}
    effects: list[Effect] = [
        MoveStock(by_id[line.line_id].variant_id, line.quantity, "exchange")
        for line in found.lines
        if found.reason not in BROKEN
    ]
    if open_amount > 0:
        effects.append(Pay(method.id, open_amount, "exchange"))
    elif open_amount < 0:
        effects.append(pay_back(desk, method, -open_amount, "exchange"))
    effects += [
        SettleExchange(found.id, ExchangeStatus.COMPLETED, found.difference),
        Tell("exchange.completed", {"order_id": order.id}),
    ]
    return tuple(effects)
