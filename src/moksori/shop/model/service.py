"""The service side: calls, tickets, the record of what tools did, confirmed writes, effects outside."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from moksori.shop.model.base import Code, Document, LongText, Moment, Serial, ShopBase
from moksori.store import UtcTime


class Call(ShopBase):
    """A call in which a tool was used."""

    __tablename__ = "shop_call"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    customer_id: Mapped[Code | None] = mapped_column(ForeignKey("shop_customer.id"), index=True)
    """Who it turned out to be."""
    first_tool_at: Mapped[Moment]
    last_tool_at: Mapped[Moment]


class Ticket(ShopBase):
    __tablename__ = "shop_ticket"

    id: Mapped[Serial]
    call_id: Mapped[str | None] = mapped_column(String(200), index=True)
    customer_id: Mapped[Code | None] = mapped_column(ForeignKey("shop_customer.id"), index=True)
    topic: Mapped[Code]
    summary: Mapped[LongText]
    """What was wanted, done and left. Holds a caller's words: data, never instructions."""
    status: Mapped[Code]
    created_at: Mapped[Moment]


class ToolCallRecord(ShopBase):
    """One call of a tool and what came of it. Append-only: a trigger refuses changes."""

    __tablename__ = "shop_tool_call"

    id: Mapped[Serial]
    at: Mapped[Moment]
    call_id: Mapped[str] = mapped_column(String(200), index=True)
    tool: Mapped[Code]
    arguments: Mapped[Document]
    customer_id: Mapped[Code | None]
    principal: Mapped[str] = mapped_column(String(200))
    """The key that opened the session, and how the caller was known: "key_1 (verified)"."""
    confirmation_id: Mapped[str | None] = mapped_column(String(200))
    ok: Mapped[bool]
    result: Mapped[Document]


class ConfirmedWrite(ShopBase):
    """One confirmation and its result; the primary key is what makes a commit happen once."""

    __tablename__ = "shop_confirmation"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(200), index=True)
    customer_id: Mapped[Code | None]
    tool: Mapped[Code]
    digest: Mapped[Code]
    said: Mapped[str] = mapped_column(Text())
    heard: Mapped[str] = mapped_column(Text())
    answer: Mapped[str] = mapped_column(Text())
    yes_began_ms: Mapped[int]
    yes_ended_ms: Mapped[int]
    at: Mapped[Moment]
    evidence: Mapped[str] = mapped_column(Text())
    ok: Mapped[bool]
    result: Mapped[Document]
    rows: Mapped[Document]


class Attempt(ShopBase):
    """A verification that failed, or is under way: a row for each value that was named."""

    __tablename__ = "shop_attempt"

    id: Mapped[Serial]
    value: Mapped[str] = mapped_column(String(64), index=True)
    """The SHA-256 of what was named ("phone=01000001111")."""
    at: Mapped[Moment] = mapped_column(index=True)


class OutboxEntry(ShopBase):
    """An effect outside the database, written with the rows it belongs to and delivered afterwards."""

    __tablename__ = "shop_outbox"
    __table_args__ = (
        Index(
            "ix_shop_outbox_undelivered",
            "id",
            sqlite_where=text("delivered_at IS NULL"),
            postgresql_where=text("delivered_at IS NULL"),
        ),
    )

    id: Mapped[Serial]
    at: Mapped[Moment]
    kind: Mapped[Code]
    payload: Mapped[Document]
    confirmation_id: Mapped[str | None] = mapped_column(String(200), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcTime())
    """Not before this is it tried again; None: at once. A worker that took it up moves this on, as its lease."""
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime())
