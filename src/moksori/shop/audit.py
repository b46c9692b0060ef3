"""Checks that everything still adds up: money, stock, orders, confirmations. For tests and for the operator."""

from __future__ import annotations

from collections import Counter, defaultdict

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from moksori.shop import model as m
from moksori.shop.load import load_orders
from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.model.books import method_account, order_account
from moksori.shop.rules.back_office import BROKEN
from moksori.shop.views import OrderView


async def audit(session: AsyncSession) -> list[str]:
    """Every way in which the shop does not add up, a sentence each; empty when all is well."""
    orders = await load_orders(session, list(await session.scalars(select(m.Order.id))))
    return [
        *await _accounts(session, orders),
        *await _payments(session),
        *await _stock(session, orders),
        *await _lines(session, orders),
        *await _confirmations(session),
    ]


async def _accounts(session: AsyncSession, orders: list[OrderView]) -> list[str]:
    wrong: list[str] = []
    moved: Counter[str] = Counter()
    for column, sign in ((m.Transfer.target, 1), (m.Transfer.source, -1)):
        for account, amount in await session.execute(
            select(column, func.sum(m.Transfer.amount)).group_by(column)
        ):
            moved[account] += sign * int(amount)
    rows = await session.execute(select(m.Account.id, m.Account.balance))
    balances: dict[str, int] = dict(rows.all())
    wrong += [
        f"Account {account} says {balance}, its transfers say {moved[account]}."
        for account, balance in balances.items()
        if balance != moved[account]
    ]
    if total := sum(balances.values()):
        wrong.append(f"All balances together are {total}, not 0.")
    for order in orders:
        due, held = due_for(order), balances[order_account(order.id)]
        if due != held:
            wrong.append(f"Order {order.id} should hold {due} and holds {held}.")
        if sum(order.paid_by().values()) != held:
            wrong.append(f"The payments of order {order.id} do not come to the {held} it holds.")
    return wrong


def due_for(order: OrderView) -> int:
    """What should have been paid for the order and not given back, minor units."""
    if order.status is m.OrderStatus.CANCELLED:
        return 0
    given_back = sum(each.amount for each in order.returns if each.status is ReturnStatus.REFUNDED)
    return order.total + (order.exchange.settled if order.exchange else 0) - given_back


async def _payments(session: AsyncSession) -> list[str]:
    wrong: list[str] = []
    rows = await session.execute(
        select(m.Payment, m.Transfer).join(m.Transfer, m.Transfer.id == m.Payment.transfer_id)
    )
    for payment, transfer in rows:
        ends = (method_account(payment.method_id), order_account(payment.order_id))
        expected = ends if payment.kind is m.PaymentKind.PAYMENT else (ends[1], ends[0])
        if (transfer.source, transfer.target) != expected or transfer.amount != payment.amount:
            wrong.append(f"Payment {payment.id} of order {payment.order_id} is not what its transfer moved.")
    known = select(m.Payment.transfer_id).where(m.Payment.transfer_id.is_not(None))
    stray = await session.scalar(
        select(func.count()).where(
            m.Transfer.id.not_in(known), m.Transfer.source != "opening", m.Transfer.target != "opening"
        )
    )
    if stray:
        wrong.append(f"{stray} transfers belong to no payment.")
    return wrong


async def _stock(session: AsyncSession, orders: list[OrderView]) -> list[str]:
    wrong: list[str] = []
    moved: Counter[str] = Counter()
    by_order: dict[str, Counter[str]] = defaultdict(Counter)
    for variant, order_id, quantity in await session.execute(
        select(
            m.StockMovement.variant_id, m.StockMovement.order_id, func.sum(m.StockMovement.quantity)
        ).group_by(m.StockMovement.variant_id, m.StockMovement.order_id)
    ):
        moved[variant] += int(quantity)
        if order_id is not None:
            by_order[order_id][variant] += int(quantity)
    for variant, stock in await session.execute(select(m.Variant.id, m.Variant.stock)):
        if stock != moved[variant]:
            wrong.append(f"Variant {variant} says {stock} in stock, its movements say {moved[variant]}.")
    for order in orders:
        expected = goods_of(order)
        actual = {variant: quantity for variant, quantity in by_order[order.id].items() if quantity}
        if actual != expected:
            wrong.append(f"Order {order.id} should have moved {expected} and moved {actual}.")
    return wrong


def goods_of(order: OrderView) -> dict[str, int]:
    """What the order should have moved in all, by variant; negative out of the warehouse."""
    moved: Counter[str] = Counter()
    if order.status is m.OrderStatus.CANCELLED:
        return {}
    by_id = {line.id: line for line in order.lines}
    for line in order.lines:
        moved[line.variant_id] -= line.quantity
    for each in order.returns:
        if each.status is ReturnStatus.REFUNDED and each.reason not in BROKEN:
            for line_id, quantity in each.lines:
                moved[by_id[line_id].variant_id] += quantity
    if order.exchange is not None:
        back = order.exchange.status is ExchangeStatus.COMPLETED and order.exchange.reason not in BROKEN
        for swap in order.exchange.lines:
            moved[swap.new_variant_id] -= swap.quantity
            if back:
                moved[by_id[swap.line_id].variant_id] += swap.quantity
    return {variant: quantity for variant, quantity in moved.items() if quantity}


async def _lines(session: AsyncSession, orders: list[OrderView]) -> list[str]:
    rows = await session.execute(select(m.Variant.id, m.Variant.product_id))
    product_of: dict[str, str] = dict(rows.all())
    wrong: list[str] = []
    for order in orders:
        for line in order.lines:
            if line.left < 0:
                wrong.append(f"Order {order.id} takes back more of line {line.position} than it has.")
            if product_of[line.variant_id] != line.product_id:
                wrong.append(f"Line {line.position} of order {order.id} has another product's variant.")
    return wrong


async def _confirmations(session: AsyncSession) -> list[str]:
    wrong: list[str] = []

    async def counts(column: InstrumentedAttribute[str | None]) -> Counter[str]:
        rows = await session.execute(select(column, func.count()).where(column.is_not(None)).group_by(column))
        return Counter({str(key): count for key, count in rows})

    calls = await counts(m.ToolCallRecord.confirmation_id)
    for confirmation in await session.scalars(select(m.ConfirmedWrite)):
        if calls[confirmation.id] != 1:
            wrong.append(f"Confirmation {confirmation.id} has {calls[confirmation.id]} records of its call.")
        calls.pop(confirmation.id, None)
    wrong += [f"A tool call names the confirmation {each}, which does not exist." for each in calls]
    return wrong
