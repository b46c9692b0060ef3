"""The accounts' tables: keys, credits, the usage ledger and its sums. Credits and the ledger are append-only."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer, String
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from moksori.store import Base, Database, DatabaseUnusable, Migrations, UtcTime, upgrade

Serial = BigInteger().with_variant(Integer(), "sqlite")


class AccountsBase(Base):
    __abstract__ = True
    metadata = Base.named()


class KeyRow(AccountsBase):
    """One API key; its value is known only as SHA-256."""

    __tablename__ = "accounts_key"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8))
    """The value's last characters, by which a person knows it again."""
    scopes: Mapped[list[str]] = mapped_column(JSON())
    models: Mapped[list[str] | None] = mapped_column(JSON())
    origins: Mapped[list[str] | None] = mapped_column(JSON())
    sessions: Mapped[int | None] = mapped_column(Integer())
    """Sessions at once."""
    per_minute: Mapped[int | None] = mapped_column(Integer())
    """Sessions begun in a minute."""
    call_micro: Mapped[int | None] = mapped_column(BigInteger())
    """What one call may cost, in millionths of the ledger's currency."""
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime())
    created_at: Mapped[datetime] = mapped_column(UtcTime())


class CreditRow(AccountsBase):
    """Money given to a key or a customer to spend; a subject without any row spends without limit."""

    __tablename__ = "accounts_credit"

    serial: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    """`key:ID` or `customer:ID`."""
    micro: Mapped[int] = mapped_column(BigInteger())
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(UtcTime())
    note: Mapped[str] = mapped_column(String(200))


class UsageRow(AccountsBase):
    """What one response, transcription or stretch of time cost."""

    __tablename__ = "accounts_usage"
    __table_args__ = (Index("ix_accounts_usage_once", "call_id", "kind", "reference", unique=True),)

    serial: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcTime())
    call_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    """`response`, `transcript` or `seconds`."""
    reference: Mapped[str] = mapped_column(String(200))
    """The response's or the item's id, or the number of the stretch: a row is written once."""
    key_id: Mapped[str] = mapped_column(String(64), index=True)
    customer_id: Mapped[str | None] = mapped_column(String(64), index=True)
    route: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(200))
    units: Mapped[dict[str, Any]] = mapped_column(JSON())
    """Counts by unit, as priced: `text_in`, `cached_audio_in`, `audio_out`, `seconds`, …"""
    micro: Mapped[int] = mapped_column(BigInteger())
    currency: Mapped[str] = mapped_column(String(3))
    prices: Mapped[str] = mapped_column(String(64))
    """Which price table this was priced with."""
    estimated: Mapped[bool] = mapped_column(Boolean())
    """The service did not say what it used; our own meter did."""


class SpentRow(AccountsBase):
    """What all usage rows of a subject come to: a trigger on `accounts_usage` keeps it, nothing else writes it."""

    __tablename__ = "accounts_spent"

    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    """`key:ID` or `customer:ID`."""
    micro: Mapped[int] = mapped_column(BigInteger())


APPEND_ONLY = ("accounts_credit", "accounts_usage")
MIGRATIONS = Migrations("moksori.accounts.migrations", "accounts_version", AccountsBase.metadata)


async def prepare(database: Database) -> None:
    """Run the migrations that are missing. Raises `DatabaseUnusable` on a database of a newer program."""
    try:
        await upgrade(database, MIGRATIONS)
    except CommandError as error:
        raise DatabaseUnusable(
            f"The accounts in this database were made by a newer version of moksori: {error}. Install that version."
        ) from error
    except DBAPIError as error:
        raise DatabaseUnusable(f"The tables of the accounts cannot be made: {error.orig}.") from error


def default_database() -> Path:
    """`accounts.db` in `$MOKSORI_HOME`, or in the platform's place for a user's data."""
    if given := os.environ.get("MOKSORI_HOME"):
        return Path(given).expanduser() / "accounts.db"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "moksori" / "accounts.db"
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
            / "moksori"
            / "accounts.db"
        )
    return (
        Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "moksori" / "accounts.db"
    )
