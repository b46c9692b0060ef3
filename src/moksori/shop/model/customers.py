"""Customers, where they live, how they pay, what lies in their cart."""

from __future__ import annotations

import enum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Moment, Serial, ShopBase, Text, one_of


class Tier(enum.StrEnum):
    BASIC = "basic"
    SILVER = "silver"
    GOLD = "gold"
    VIP = "vip"


class MethodKind(enum.StrEnum):
    CARD = "card"
    ACCOUNT = "account"
    PAYPAL = "paypal"
    GIFT_CARD = "gift_card"
    POINTS = "points"


STORED_VALUE = frozenset({MethodKind.GIFT_CARD, MethodKind.POINTS})
"""Methods whose balance the shop itself keeps; the others are money outside."""


class AddressColumns:
    """One postal address as columns: Korean ones put the road name in `line1`, tau2's fill all of them."""

    recipient: Mapped[Text]
    phone: Mapped[Code]
    line1: Mapped[Text]
    line2: Mapped[Text]
    city: Mapped[Text]
    region: Mapped[Text]
    country: Mapped[Code]
    postcode: Mapped[Code]


class Customer(ShopBase):
    __tablename__ = "shop_customer"

    id: Mapped[Code] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    """Where the customer stands in the file the shop was loaded from; exports keep that order."""
    family_name: Mapped[Text]
    given_name: Mapped[Text]
    email: Mapped[Text]
    email_key: Mapped[Text] = mapped_column(unique=True)
    """The address case-folded."""
    phone: Mapped[Code]
    phone_key: Mapped[Code] = mapped_column(index=True)
    """Digits only; empty where no number is known."""
    language: Mapped[Code]
    tier: Mapped[Tier] = mapped_column(one_of(Tier))
    joined_at: Mapped[Moment]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change to the customer, the addresses or the cart."""


class Address(ShopBase, AddressColumns):
    __tablename__ = "shop_address"
    __table_args__ = (
        Index(
            "ix_shop_address_default",
            "customer_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[Serial]
    customer_id: Mapped[Code] = mapped_column(ForeignKey("shop_customer.id"), index=True)
    is_default: Mapped[bool]


class PaymentMethod(ShopBase):
    __tablename__ = "shop_payment_method"
    __table_args__ = (UniqueConstraint("customer_id", "position"),)

    id: Mapped[Code] = mapped_column(primary_key=True)
    customer_id: Mapped[Code] = mapped_column(ForeignKey("shop_customer.id"))
    position: Mapped[int]
    kind: Mapped[MethodKind] = mapped_column(one_of(MethodKind))
    brand: Mapped[Text]
    """The card's or bank's name; empty for gift cards, points and PayPal."""
    last_four: Mapped[Code]
    account_id: Mapped[Code] = mapped_column(ForeignKey("shop_account.id"), unique=True)


class CartLine(ShopBase):
    __tablename__ = "shop_cart_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    customer_id: Mapped[Code] = mapped_column(ForeignKey("shop_customer.id"), primary_key=True)
    variant_id: Mapped[Code] = mapped_column(ForeignKey("shop_variant.id"), primary_key=True)
    quantity: Mapped[int]
    added_at: Mapped[Moment]
