"""What happens after an order was paid: returns, the one exchange, refunds."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Minor, Moment, Serial, ShopBase, one_of
from moksori.store import UtcTime


class ReturnStatus(enum.StrEnum):
    REQUESTED = "requested"
    REFUNDED = "refunded"


class ExchangeStatus(enum.StrEnum):
    REQUESTED = "requested"
    COMPLETED = "completed"


class RefundStatus(enum.StrEnum):
    WAITING = "waiting"
    """For the goods to come back; no money has moved."""
    PROCESSING = "processing"
    """Ordered at the bank or card company; the books have it."""
    DONE = "done"


class Return(ShopBase):
    __tablename__ = "shop_return"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("fee >= 0", name="fee"),
        CheckConstraint("(status = 'refunded') = (refunded_at IS NOT NULL)", name="refunded"),
    )

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"), index=True)
    status: Mapped[ReturnStatus] = mapped_column(one_of(ReturnStatus))
    reason: Mapped[Code]
    method_id: Mapped[Code] = mapped_column(ForeignKey("shop_payment_method.id"))
    amount: Mapped[Minor]
    """What goes back to the customer: the lines less `fee`."""
    fee: Mapped[Minor]
    requested_at: Mapped[Moment]
    refunded_at: Mapped[datetime | None] = mapped_column(UtcTime())


class ReturnLine(ShopBase):
    __tablename__ = "shop_return_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    return_id: Mapped[int] = mapped_column(ForeignKey("shop_return.id"), primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("shop_order_line.id"), primary_key=True)
    quantity: Mapped[int]


class Exchange(ShopBase):
    """At most one an order."""

    __tablename__ = "shop_exchange"
    __table_args__ = (
        CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completed"),
    )

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"), unique=True)
    status: Mapped[ExchangeStatus] = mapped_column(one_of(ExchangeStatus))
    reason: Mapped[Code]
    method_id: Mapped[Code] = mapped_column(ForeignKey("shop_payment_method.id"))
    difference: Mapped[Minor]
    """What the new things cost more (positive, the customer pays) or less (negative, the customer gets)."""
    settled: Mapped[Minor]
    """How much of the difference has moved through the books."""
    requested_at: Mapped[Moment]
    completed_at: Mapped[datetime | None] = mapped_column(UtcTime())


class ExchangeLine(ShopBase):
    __tablename__ = "shop_exchange_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    id: Mapped[Serial]
    exchange_id: Mapped[int] = mapped_column(ForeignKey("shop_exchange.id"), index=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("shop_order_line.id"))
    new_variant_id: Mapped[Code] = mapped_column(ForeignKey("shop_variant.id"))
    new_unit_price: Mapped[Minor]
    quantity: Mapped[int]


class Refund(ShopBase):
    """A refund as the customer sees it; the money itself is in the order's payments and the books."""

    __tablename__ = "shop_refund"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"), index=True)
    cause: Mapped[Code]
    """cancel, return, exchange, change_items, change_payment"""
    return_id: Mapped[int | None] = mapped_column(ForeignKey("shop_return.id"))
    method_id: Mapped[Code] = mapped_column(ForeignKey("shop_payment_method.id"))
    amount: Mapped[Minor]
    status: Mapped[RefundStatus] = mapped_column(one_of(RefundStatus))
    requested_at: Mapped[Moment]
    expected_at: Mapped[datetime | None] = mapped_column(UtcTime())
    done_at: Mapped[datetime | None] = mapped_column(UtcTime())
