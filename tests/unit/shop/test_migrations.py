"""A shop of the first release is brought up to date with everything in it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select

from moksori.agent.tools import Done, Refused
from moksori.shop import model as m
from moksori.shop.audit import audit
from moksori.shop.schema import MIGRATIONS
from moksori.shop.tools.toolset import open_shop
from moksori.store import current_revision
from tests.unit.shop import little
from tests.unit.shop.little import NOW
from tests.unit.shop.test_tools import ME, WRITES, commit, propose

FIRST_RELEASE = Path(__file__).parents[2] / "data" / "first-release" / "shop.sql"
"""The little shop as the first release kept it, after a cancellation, a return and a hand-over."""


def of_first_release(folder: Path) -> Path:
    file = folder / "shop.db"
    connection = sqlite3.connect(file)
    connection.executescript(FIRST_RELEASE.read_text("utf-8"))
    connection.close()
    return file


async def test_a_shop_of_the_first_release_goes_on(tmp_path: Path) -> None:
    """Given its file, when it is opened, then everything is there, adds up, and can be worked with."""
    shop = await open_shop(f"sqlite:///{of_first_release(tmp_path)}")
    assert await current_revision(shop.database, MIGRATIONS) == "0003"
    async with shop.database.reading() as session:
        assert await audit(session) == []
        entries = list(await session.scalars(select(m.OutboxEntry)))
        assert [each.kind for each in entries] == ["order.cancelled", "return.requested", "ticket.opened"]
    found = await shop.read("get_order", {"order_id": little.PAID}, ME, NOW)
    assert isinstance(found, Done)
    again = await shop.plan("cancel_order", WRITES["cancel_order"][0], ME, NOW)
    assert isinstance(again, Refused)
    assert again.code == "already_cancelled"
    await commit(shop, await propose(shop, "set_cart_item", **WRITES["set_cart_item"][0]), 9)
    await shop.close()


def test_the_migrations_lead_to_the_tables_the_program_knows(tmp_path: Path) -> None:
    file = of_first_release(tmp_path)

    async def update() -> None:
        await (await open_shop(f"sqlite:///{file}")).close()

    asyncio.run(update())
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": MIGRATIONS.version_table}
        )
        assert compare_metadata(context, m.ShopBase.metadata) == []
    engine.dispose()
