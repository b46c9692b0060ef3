"""Serving one wish: what it still needs, and what is said when it has it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from moksori.shop.flows import products, reads, writes
from moksori.shop.flows.outcome import Served
from moksori.shop.flows.state import Goal, State


def serve(state: State, goal: Goal, today: date) -> Served:
    """The wish with what was settled, and the next thing to do about it."""
    return SERVERS[goal.flow](state, goal, today)


SERVERS: dict[str, Callable[[State, Goal, date], Served]] = {
    "verify": reads.verify,
    "orders": reads.orders,
    "delivery": reads.delivery,
    "cancel": writes.cancel,
    "change_address": writes.change_address,
    "change_payment": writes.change_payment,
    "exchange": writes.exchange,
    "return": writes.return_,
    "refund_status": reads.refund_status,
    "product": products.product,
    "policy": reads.policy,
    "points": reads.points,
    "cart": reads.cart,
    "cart_set": products.cart_set,
    "cart_add": products.cart_add,
    "account": reads.account,
    "account_address": writes.account_address,
    "complaint": writes.hand_over("complaint"),
    "human": writes.hand_over(),
    "lost": writes.hand_over("delivery"),
    "fault": reads.plain("ask_fault"),
    "between": reads.between,
    "greeting": reads.plain("hello"),
    "thanks": reads.plain("welcome"),
    "goodbye": reads.plain("goodbye", over=True),
    "leave": reads.plain("left_alone"),
}
