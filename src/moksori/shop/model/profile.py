"""What the database is: whose shop, which currency, and whether it is a benchmark's world."""

from __future__ import annotations

import enum

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Moment, ShopBase, Text, one_of


class ShopKind(enum.StrEnum):
    LIVE = "live"
    DEMO = "demo"
    TAU2 = "tau2"
    """The world of tau2-bench; only such a database takes writes without a confirmation (by CLI or stdio)."""


class Profile(ShopBase):
    """The one row of this table."""

    __tablename__ = "shop_profile"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[ShopKind] = mapped_column(one_of(ShopKind))
    name_ko: Mapped[Text]
    name_en: Mapped[Text]
    currency: Mapped[Code]
    zone: Mapped[Code]
    """IANA name of the zone that decides what "yesterday" means."""
    created_at: Mapped[Moment]
