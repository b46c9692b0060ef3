"""What the shop sells: products and their variants."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Document, LongText, Minor, ShopBase, Text


class Product(ShopBase):
    __tablename__ = "shop_product"

    id: Mapped[Code] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    name_ko: Mapped[Text]
    name_en: Mapped[Text]
    category: Mapped[Code]
    description_ko: Mapped[LongText]
    description_en: Mapped[LongText]
    returnable: Mapped[bool]
    """False for what cannot be taken back once delivered (fresh food, made to order)."""


class Variant(ShopBase):
    """One thing one can buy. `stock` is kept by a trigger: the sum of the variant's movements, never below 0."""

    __tablename__ = "shop_variant"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("stock >= 0", name="stock"),
        UniqueConstraint("product_id", "position"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    product_id: Mapped[Code] = mapped_column(ForeignKey("shop_product.id"))
    position: Mapped[int]
    options: Mapped[Document]
    """{"color": "blue", …}: canonical English words; how they are shown is the text catalogue's."""
    price: Mapped[Minor]
    on_sale: Mapped[bool]
    stock: Mapped[int] = mapped_column(default=0)
