"""A disk without room: the sentence says what to do, and nothing of a write is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.store import DatabaseUnusable, open_database


async def test_a_write_without_room_says_what_to_do(tmp_path: Path) -> None:
    async def table(session: AsyncSession) -> None:
        await session.execute(text("CREATE TABLE notes (words TEXT)"))
        await session.execute(text("INSERT INTO notes VALUES ('kept')"))

    async def too_much(session: AsyncSession) -> None:
        await session.execute(text("PRAGMA max_page_count = 20"))  # SQLite's own way to have a small disk
        await session.execute(text("INSERT INTO notes VALUES ('lost')"))
        await session.execute(text("INSERT INTO notes VALUES (hex(zeroblob(200000)))"))

    async with await open_database(f"sqlite:///{tmp_path / 'small.db'}") as database:
        await database.writing(table)
        with pytest.raises(DatabaseUnusable, match="make room and try again; nothing was written"):
            await database.writing(too_much)
        async with database.reading() as session:
            assert (await session.execute(text("SELECT words FROM notes"))).scalars().all() == ["kept"]
