"""Keys and credits in the database: made, listed, revoked. A key's value is shown once, when it is made."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.accounts.keys import SCOPES, KnownKey, Rules
from moksori.accounts.tables import CreditRow, KeyRow, SpentRow
from moksori.store import Database

PREFIX = "mk_"
CURRENCY = "USD"
"""The currency of provider prices, and so of credits and the ledger."""
MICRO = 1_000_000


class KeyRefused(Exception):
    """A key cannot be made or revoked so; the message is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is made of; None is no limit."""

    name: str
    scopes: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    origins: tuple[str, ...] | None = None
    sessions: int | None = None
    per_minute: int | None = None
    call_micro: int | None = None
    credit_micro: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as it is shown; never its value."""

    id: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    origins: tuple[str, ...] | None
    sessions: int | None
    per_minute: int | None
    call_micro: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    credit_micro: int | None
    spent_micro: int


def check(key: NewKey) -> None:
    """Raises `KeyRefused`."""
    if not 1 <= len(key.name) <= 64 or not key.name.isprintable():
        raise KeyRefused("A key's name has 1 to 64 printable characters.")
    if unknown := set(key.scopes) - SCOPES:
        raise KeyRefused(f"There is no scope '{sorted(unknown)[0]}'; there is: {', '.join(sorted(SCOPES))}.")
    for what, value in (
        ("sessions", key.sessions),
        ("per_minute", key.per_minute),
        ("call budget", key.call_micro),
        ("credit", key.credit_micro),
    ):
        if value is not None and value < 1:
            raise KeyRefused(f"A key's {what} is above 0, or not given.")
    for origin in key.origins or ():
        scheme, found, rest = origin.partition("://")
        if not found or scheme not in ("http", "https") or not rest or "/" in rest:
            raise KeyRefused(f"'{origin}' is no origin: write it like https://shop.example.")


async def create(database: Database, key: NewKey, now: datetime) -> tuple[str, str]:
    """A new key's id and its value, which is not kept. Raises `KeyRefused`."""
    check(key)
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyRefused("A key that expires must do so in the future.")
    value = PREFIX + secrets.token_urlsafe(32)
    key_id = f"key_{secrets.token_hex(8)}"

    async def write(session: AsyncSession) -> None:
        session.add(
            KeyRow(
                id=key_id,
                name=key.name,
                sha256=hashlib.sha256(value.encode()).hexdigest(),
                hint=value[-4:],
                scopes=list(key.scopes),
                models=list(key.models) if key.models is not None else None,
                origins=list(key.origins) if key.origins is not None else None,
                sessions=key.sessions,
                per_minute=key.per_minute,
                call_micro=key.call_micro,
                expires_at=key.expires_at,
                revoked_at=None,
                created_at=now,
            )
        )
        if key.credit_micro is not None:
            session.add(_credit(f"key:{key_id}", key.credit_micro, now, "with the key"))

    await database.writing(write)
    return key_id, value


async def add_credit(database: Database, subject: str, micro: int, now: datetime, note: str) -> None:
    """Give a key (`key:ID`) or a customer (`customer:ID`) money to spend; negative takes some back."""

    async def write(session: AsyncSession) -> None:
        session.add(_credit(subject, micro, now, note))

    await database.writing(write)


def _credit(subject: str, micro: int, now: datetime, note: str) -> CreditRow:
    return CreditRow(subject=subject, micro=micro, currency=CURRENCY, at=now, note=note)


async def revoke(database: Database, key_id: str, now: datetime) -> None:
    """End a key for good. Idempotent. Raises `KeyRefused` for an id that never was."""

    async def write(session: AsyncSession) -> bool:
        row = await session.get(KeyRow, key_id)
        if row is not None and row.revoked_at is None:
            row.revoked_at = now
        return row is not None

    if not await database.writing(write):
        raise KeyRefused(f"There is no key '{key_id}'.")


async def known(database: Database) -> list[KnownKey]:
    """Every key, for the ring."""
    async with database.reading() as session:
        rows = (await session.scalars(select(KeyRow).order_by(KeyRow.created_at))).all()
    return [
        KnownKey(
            name=row.name,
            sha256=row.sha256,
            key_id=row.id,
            scopes=frozenset(row.scopes),
            rules=Rules(
                models=frozenset(row.models) if row.models is not None else None,
                origins=frozenset(row.origins) if row.origins is not None else None,
                sessions=row.sessions,
                per_minute=row.per_minute,
                call_micro=row.call_micro,
                expires_at=row.expires_at.timestamp() if row.expires_at is not None else None,
            ),
            revoked=row.revoked_at is not None,
        )
        for row in rows
    ]


async def balances(database: Database) -> dict[str, tuple[int, int]]:
    """(credit, spent) in micro-units of every subject that was given credit; the others spend without limit."""
    given = (
        select(CreditRow.subject, func.sum(CreditRow.micro).label("credit"))
        .group_by(CreditRow.subject)
        .subquery()
    )
    query = select(given.c.subject, given.c.credit, func.coalesce(SpentRow.micro, 0)).join(
        SpentRow, SpentRow.subject == given.c.subject, isouter=True
    )
    async with database.reading() as session:
        return {subject: (int(credit), int(spent)) for subject, credit, spent in await session.execute(query)}


async def listed(database: Database) -> list[ListedKey]:
    """Every key as it may be shown, oldest first."""
    credit = {subject: given for subject, (given, _) in (await balances(database)).items()}
    query = (
        select(KeyRow, func.coalesce(SpentRow.micro, 0))
        .join(SpentRow, SpentRow.subject == literal("key:") + KeyRow.id, isouter=True)
        .order_by(KeyRow.created_at, KeyRow.id)
    )
    async with database.reading() as session:
        rows = (await session.execute(query)).all()
    return [
        ListedKey(
            id=row.id,
            name=row.name,
            hint=row.hint,
            scopes=tuple(row.scopes),
            models=tuple(row.models) if row.models is not None else None,
            origins=tuple(row.origins) if row.origins is not None else None,
            sessions=row.sessions,
            per_minute=row.per_minute,
            call_micro=row.call_micro,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            credit_micro=credit.get(f"key:{row.id}"),
            spent_micro=int(spent),
        )
        for row, spent in rows
    ]
