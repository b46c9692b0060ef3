"""Base of the shop's tables, and short names for the column types they share."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Enum, Integer, String
from sqlalchemy.orm import mapped_column

from moksori.store import Base, UtcTime

Code = Annotated[str, mapped_column(String(64))]
Text = Annotated[str, mapped_column(String(400))]
LongText = Annotated[str, mapped_column(String(8000))]
Minor = Annotated[int, mapped_column(BigInteger)]
"""Money in minor units of the shop's currency."""
Moment = Annotated[datetime, mapped_column(UtcTime())]
Serial = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
]
# Plain JSON, not JSONB: the order of a variant's options is the shop's and is kept.
Document = Annotated[Any, mapped_column(JSON())]


def one_of(kind: type[enum.StrEnum]) -> Enum:
    """A column that holds one of the enum's values as text, checked by the database."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class ShopBase(Base):
    __abstract__ = True
    metadata = Base.named()
