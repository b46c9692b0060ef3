"""Failed verifications in the shop's database, where all calls and all processes meet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.guard.identity import ATTEMPTS_A_VALUE, WINDOW, values_named
from moksori.store import Database


class KeptAttempts:
    """`Attempts` over every process that shares the database.

    A try is counted before it is made, in the transaction that looks whether it may be: callers who guess at the same
    time do not get one more each.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, arguments: Mapping[str, object], now: datetime) -> tuple[int, ...] | None:
        named = [_digest(value) for value in values_named(arguments)]

        async def work(session: AsyncSession) -> tuple[int, ...] | None:
            await session.execute(delete(m.Attempt).where(m.Attempt.at <= now - WINDOW))
            counted = select(m.Attempt.value, func.count()).where(m.Attempt.value.in_(named))
            tried = (await session.execute(counted.group_by(m.Attempt.value))).all()
            if any(count >= ATTEMPTS_A_VALUE for _, count in tried):
                return None
            rows = [m.Attempt(value=each, at=now) for each in named]
            session.add_all(rows)
            await session.flush()
            return tuple(row.id for row in rows)

        return await self._database.writing(work)

    async def give_back(self, taken: tuple[int, ...]) -> None:
        async def work(session: AsyncSession) -> None:
            await session.execute(delete(m.Attempt).where(m.Attempt.id.in_(taken)))

        await self._database.writing(work)


def _digest(value: str) -> str:
    """What strangers say of themselves is not kept as they said it."""
    return hashlib.sha256(value.encode()).hexdigest()
