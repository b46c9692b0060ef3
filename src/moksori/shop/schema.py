"""Brings a database's shop tables up to date."""

from __future__ import annotations

from alembic.util import CommandError

from moksori.shop.model import ShopBase
from moksori.store import Database, DatabaseUnusable, Migrations, upgrade

MIGRATIONS = Migrations("moksori.shop.migrations", "shop_version", ShopBase.metadata)


async def prepare(database: Database) -> None:
    """Run the migrations that are missing. Raises `DatabaseUnusable` on a database of a newer program."""
    try:
        await upgrade(database, MIGRATIONS)
    except CommandError as error:
        raise DatabaseUnusable(
            f"The shop in this database was made by a newer version of moksori: {error}. Install that version."
        ) from error
