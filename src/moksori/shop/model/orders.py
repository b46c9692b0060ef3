"""Orders, their lines, how they were paid and how they travel."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Document, LongText, Minor, Moment, Serial, ShopBase, Text, one_of
from moksori.shop.model.customers import AddressColumns
from moksori.store import UtcTime


class OrderStatus(enum.StrEnum):
    PAID = "paid"
    PREPARING = "preparing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class PaymentKind(enum.StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"


class Order(ShopBase, AddressColumns):
    """One order; the address is the one it goes to, not the customer's of today."""

    __tablename__ = "shop_order"
    __table_args__ = (
        CheckConstraint("discount_percent BETWEEN 0 AND 100", name="discount"),
        CheckConstraint("shipping_fee >= 0", name="fee"),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled"),
        Index("ix_shop_order_of_customer", "customer_id", "placed_at"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    number_key: Mapped[Code] = mapped_column(unique=True)
    """The order number as it can be said: letters and digits only, upper case."""
    customer_id: Mapped[Code] = mapped_column(ForeignKey("shop_customer.id"))
    placed_at: Mapped[Moment]
    status: Mapped[OrderStatus] = mapped_column(one_of(OrderStatus))
    discount_percent: Mapped[int]
    """The member's discount when the order was placed; line prices already have it taken off."""
    shipping_fee: Mapped[Minor]
    items_changed: Mapped[bool]
    note: Mapped[LongText]
    """What the customer wrote for the courier. Anybody's words: data, never instructions."""
    cancel_reason: Mapped[Code | None]
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcTime())
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime())
    account_id: Mapped[Code] = mapped_column(ForeignKey("shop_account.id"), unique=True)
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change to the order or anything that belongs to it."""


class OrderLine(ShopBase):
    __tablename__ = "shop_order_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_price >= 0", name="unit_price"),
        UniqueConstraint("order_id", "position"),
    )

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"))
    position: Mapped[int]
    """1, 2, … in the order; how callers and models name a line."""
    product_id: Mapped[Code] = mapped_column(ForeignKey("shop_product.id"), index=True)
    variant_id: Mapped[Code] = mapped_column(ForeignKey("shop_variant.id"), index=True)
    options: Mapped[Document]
    unit_price: Mapped[Minor]
    quantity: Mapped[int]


class Payment(ShopBase):
    """The payment history of an order. A row's amount is 0 only where changed items cost the same."""

    __tablename__ = "shop_payment"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("(amount = 0) = (transfer_id IS NULL)", name="transfer"),
        UniqueConstraint("order_id", "position"),
    )

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"))
    position: Mapped[int]
    kind: Mapped[PaymentKind] = mapped_column(one_of(PaymentKind))
    amount: Mapped[Minor]
    method_id: Mapped[Code] = mapped_column(ForeignKey("shop_payment_method.id"), index=True)
    at: Mapped[Moment]
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("shop_transfer.id"), unique=True)


class Shipment(ShopBase):
    __tablename__ = "shop_shipment"
    __table_args__ = (UniqueConstraint("order_id", "position"),)

    id: Mapped[Serial]
    order_id: Mapped[Code] = mapped_column(ForeignKey("shop_order.id"))
    position: Mapped[int]
    courier: Mapped[Text]
    tracking_numbers: Mapped[Document]
    """A list: one parcel may travel under several numbers."""
    expected_at: Mapped[datetime | None] = mapped_column(UtcTime())


class ShipmentLine(ShopBase):
    __tablename__ = "shop_shipment_line"

    shipment_id: Mapped[int] = mapped_column(ForeignKey("shop_shipment.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("shop_order_line.id"), index=True)


class ShipmentEvent(ShopBase):
    __tablename__ = "shop_shipment_event"

    id: Mapped[Serial]
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shop_shipment.id"), index=True)
    at: Mapped[Moment]
    code: Mapped[Code]
    """picked_up, at_hub, out_for_delivery, delivered; shown through the text catalogue."""
    place: Mapped[Text]
