"""Turns a decision's effects into rows, inside a transaction somebody else began. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import effects as e
from moksori.shop import model as m
from moksori.shop.model.after_sales import ExchangeStatus, RefundStatus, ReturnStatus
from moksori.shop.model.books import method_account, order_account
from moksori.shop.model.orders import OrderStatus
from moksori.shop.views import AddressView


class Applied:
    """What one decision changed: the rows' names for the receipt, in the order they were written."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.ticket_id: int | None = None

    def row(self, table: str, key: object) -> None:
        name = f"{table}:{key}"
        if name not in self.rows:
            self.rows.append(name)


async def apply_effects(  # noqa: PLR0915 - one arm for each effect
    session: AsyncSession,
    effects: Sequence[e.Effect],
    *,
    order_id: str | None,
    customer_id: str | None,
    now: datetime,
    confirmation_id: str | None = None,
) -> Applied:
    """Write every effect. Raises `IntegrityError`, having written nothing, where books or stock would not hold."""
    done = Applied()

    def order() -> str:
        if order_id is None:
            raise ValueError("This effect belongs to an order and none was given.")
        return order_id

    for effect in effects:
        match effect:
            case e.Pay(method_id, amount, cause):
                await _pay(session, done, order(), m.PaymentKind.PAYMENT, method_id, amount, cause, now)
            case e.RecordNoDifference(method_id):
                # tau2 writes a difference of nothing as a refund.
                await _pay(session, done, order(), m.PaymentKind.REFUND, method_id, 0, "", now)
            case e.PayBack(method_id, amount, cause, expected_at, at_once):
                await _pay(session, done, order(), m.PaymentKind.REFUND, method_id, amount, cause, now)
                refund = m.Refund(
                    order_id=order(),
                    cause=cause,
                    method_id=method_id,
                    amount=amount,
                    status=RefundStatus.DONE if at_once else RefundStatus.PROCESSING,
                    requested_at=now,
                    expected_at=expected_at,
                    done_at=now if at_once else None,
                )
                session.add(refund)
                await session.flush()
                done.row("refund", refund.id)
            case e.MoveStock(variant_id, quantity, cause):
                session.add(
                    m.StockMovement(
                        at=now, variant_id=variant_id, quantity=quantity, cause=cause, order_id=order_id
                    )
                )
                done.row("stock", variant_id)
            case e.CancelOrder(reason):
                await _set_order(
                    session, order(), status=OrderStatus.CANCELLED, cancel_reason=reason, cancelled_at=now
                )
            case e.AdvanceOrder(status):
                delivered = {"delivered_at": now} if status is OrderStatus.DELIVERED else {}
                await _set_order(session, order(), status=status, **delivered)
            case e.SendTo(address):
                await _set_order(session, order(), **address_values(address))
            case e.MarkItemsChanged():
                await _set_order(session, order(), items_changed=True)
            case e.ChangeLine(line_id, variant_id, options, unit_price):
                await session.execute(
                    update(m.OrderLine)
                    .where(m.OrderLine.id == line_id)
                    .values(variant_id=variant_id, options=options, unit_price=unit_price)
                )
                done.row("order_line", line_id)
            case e.OpenReturn():
                await _open_return(session, done, order(), effect, now)
            case e.SettleReturn():
                await _settle_return(session, done, order(), effect, now)
            case e.OpenExchange():
                await _open_exchange(session, done, order(), effect, now)
            case e.SettleExchange(exchange_id, status, settled):
                await session.execute(
                    update(m.Exchange)
                    .where(m.Exchange.id == exchange_id)
                    .values(
                        status=status,
                        settled=settled,
                        completed_at=now if status is ExchangeStatus.COMPLETED else None,
                    )
                )
                done.row("exchange", exchange_id)
            case e.MoveHouse(address):
                await _move_house(session, customer_id, address)
            case e.SetCart(variant_id, quantity):
                await _set_cart(session, customer_id, variant_id, quantity, now)
                done.row("cart", f"{customer_id}/{variant_id}")
            case e.OpenTicket(topic, summary, call_id):
                ticket = m.Ticket(
                    call_id=call_id or None,
                    customer_id=customer_id,
                    topic=topic,
                    summary=summary,
                    status="open",
                    created_at=now,
                )
                session.add(ticket)
                await session.flush()
                done.ticket_id = ticket.id
                done.row("ticket", ticket.id)
            case e.Tell(kind, payload):
                told = payload if done.ticket_id is None else {**payload, "ticket": str(done.ticket_id)}
                session.add(m.OutboxEntry(at=now, kind=kind, payload=told, confirmation_id=confirmation_id))
            case _:
                assert_never(effect)
    if order_id is not None and effects:
        await session.execute(
            update(m.Order).where(m.Order.id == order_id).values(version=m.Order.version + 1)
        )
        done.row("order", order_id)
    if customer_id is not None and any(isinstance(effect, e.MoveHouse | e.SetCart) for effect in effects):
        await session.execute(
            update(m.Customer).where(m.Customer.id == customer_id).values(version=m.Customer.version + 1)
        )
        done.row("customer", customer_id)
    await session.flush()
    return done


def address_values(address: AddressView) -> dict[str, str]:
    return {
        "recipient": address.recipient,
        "phone": address.phone,
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "country": address.country,
        "postcode": address.postcode,
    }


async def _set_order(session: AsyncSession, order_id: str, **values: object) -> None:
    await session.execute(update(m.Order).where(m.Order.id == order_id).values(**values))


async def _pay(  # noqa: PLR0917 - a payment has as many parts
    session: AsyncSession,
    done: Applied,
    order_id: str,
    kind: m.PaymentKind,
    method_id: str,
    amount: int,
    cause: str,
    now: datetime,
) -> None:
    transfer_id = None
    if amount:
        ends = (method_account(method_id), order_account(order_id))
        source, target = ends if kind is m.PaymentKind.PAYMENT else (ends[1], ends[0])
        transfer = m.Transfer(at=now, source=source, target=target, amount=amount, cause=cause)
        session.add(transfer)
        await session.flush()
        transfer_id = transfer.id
        done.row("transfer", transfer_id)
    last = await session.scalar(
        select(func.coalesce(func.max(m.Payment.position), 0)).where(m.Payment.order_id == order_id)
    )
    payment = m.Payment(
        order_id=order_id,
        position=(last or 0) + 1,
        kind=kind,
        amount=amount,
        method_id=method_id,
        at=now,
        transfer_id=transfer_id,
    )
    session.add(payment)
    await session.flush()
    done.row("payment", payment.id)


async def _open_return(
    session: AsyncSession, done: Applied, order_id: str, effect: e.OpenReturn, now: datetime
) -> None:
    row = m.Return(
        order_id=order_id,
        status=ReturnStatus.REQUESTED,
        reason=effect.reason,
        method_id=effect.method_id,
        amount=effect.amount,
        fee=effect.fee,
        requested_at=now,
        refunded_at=None,
    )
    session.add(row)
    await session.flush()
    session.add_all(
        m.ReturnLine(return_id=row.id, line_id=line_id, quantity=quantity)
        for line_id, quantity in effect.lines
    )
    done.row("return", row.id)
    if effect.amount:
        refund = m.Refund(
            order_id=order_id,
            cause="return",
            return_id=row.id,
            method_id=effect.method_id,
            amount=effect.amount,
            status=RefundStatus.WAITING,
            requested_at=now,
            expected_at=None,
            done_at=None,
        )
        session.add(refund)
        await session.flush()
        done.row("refund", refund.id)


async def _settle_return(
    session: AsyncSession, done: Applied, order_id: str, effect: e.SettleReturn, now: datetime
) -> None:
    await session.execute(
        update(m.Return)
        .where(m.Return.id == effect.return_id)
        .values(status=effect.status, refunded_at=now if effect.status is ReturnStatus.REFUNDED else None)
    )
    done.row("return", effect.return_id)
    if effect.amount:
        await _pay(
            session, done, order_id, m.PaymentKind.REFUND, effect.method_id, effect.amount, "return", now
        )
        await session.execute(
            update(m.Refund)
            .where(m.Refund.return_id == effect.return_id)
            .values(
                status=effect.refund_status,
                expected_at=effect.expected_at,
                done_at=now if effect.refund_status is RefundStatus.DONE else None,
            )
        )


async def _open_exchange(
    session: AsyncSession, done: Applied, order_id: str, effect: e.OpenExchange, now: datetime
) -> None:
    row = m.Exchange(
        order_id=order_id,
        status=ExchangeStatus.REQUESTED,
        reason=effect.reason,
        method_id=effect.method_id,
        difference=effect.difference,
        settled=effect.settled,
        requested_at=now,
        completed_at=None,
    )
    session.add(row)
    await session.flush()
    session.add_all(
        m.ExchangeLine(
            exchange_id=row.id,
            line_id=line.line_id,
            new_variant_id=line.new_variant_id,
            new_unit_price=line.new_unit_price,
            quantity=line.quantity,
        )
        for line in effect.lines
    )
    done.row("exchange", row.id)


async def _move_house(session: AsyncSession, customer_id: str | None, address: AddressView) -> None:
    changed = await session.execute(
        update(m.Address)
        .where(m.Address.customer_id == customer_id, m.Address.is_default)
        .values(**address_values(address))
        .returning(m.Address.id)
    )
    if changed.first() is None:
        session.add(m.Address(customer_id=customer_id, is_default=True, **address_values(address)))


async def _set_cart(
    session: AsyncSession, customer_id: str | None, variant_id: str, quantity: int, now: datetime
) -> None:
    mine = (m.CartLine.customer_id == customer_id, m.CartLine.variant_id == variant_id)
    if quantity == 0:
        await session.execute(delete(m.CartLine).where(*mine))
        return
    changed = await session.execute(
        update(m.CartLine).where(*mine).values(quantity=quantity).returning(m.CartLine.variant_id)
    )
    if changed.first() is None:
        session.add(
            m.CartLine(customer_id=customer_id, variant_id=variant_id, quantity=quantity, added_at=now)
        )
