"""The books: money in double entry, and stock.

Money moves only by a `Transfer`, which takes an amount from one account and gives it to another, so the books
balance by construction: all balances together are always 0. Triggers keep `Account.balance` and `Variant.stock`
as the sums of transfers and movements, and refuse to change or delete either (see the first migration).
"""

from __future__ import annotations

import enum

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Minor, Moment, Serial, ShopBase, one_of


class AccountKind(enum.StrEnum):
    OUTSIDE = "outside"
    """A card, a bank account, PayPal: the world's money. Goes below 0 by what it has paid."""
    OPENING = "opening"
    """Where balances that were loaded from a file came from."""
    STORED = "stored"
    """A gift card or points: what the shop owes the customer. Never below 0."""
    ORDER = "order"
    """What was paid for one order and not given back. Never below 0."""


class Account(ShopBase):
    __tablename__ = "shop_account"
    __table_args__ = (CheckConstraint("kind IN ('outside', 'opening') OR balance >= 0", name="covered"),)

    id: Mapped[Code] = mapped_column(primary_key=True)
    kind: Mapped[AccountKind] = mapped_column(one_of(AccountKind))
    balance: Mapped[Minor] = mapped_column(default=0)


class Transfer(ShopBase):
    __tablename__ = "shop_transfer"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("source <> target", name="two_accounts"),
    )

    id: Mapped[Serial]
    at: Mapped[Moment]
    source: Mapped[Code] = mapped_column(ForeignKey("shop_account.id"), index=True)
    target: Mapped[Code] = mapped_column(ForeignKey("shop_account.id"), index=True)
    amount: Mapped[Minor]
    cause: Mapped[Code]


class StockMovement(ShopBase):
    __tablename__ = "shop_stock_movement"
    __table_args__ = (CheckConstraint("quantity <> 0", name="quantity"),)

    id: Mapped[Serial]
    at: Mapped[Moment]
    variant_id: Mapped[Code] = mapped_column(ForeignKey("shop_variant.id"), index=True)
    quantity: Mapped[int]
    """Positive into the warehouse, negative out of it."""
    cause: Mapped[Code]
    order_id: Mapped[Code | None] = mapped_column(ForeignKey("shop_order.id"), index=True)


OPENING_ACCOUNT = "opening"


def method_account(method_id: str) -> str:
    return f"method:{method_id}"


def order_account(order_id: str) -> str:
    return f"order:{order_id}"
