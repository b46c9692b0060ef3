"""Brings a room's tables up to date with Alembic; each room keeps its own chain of revisions.

A room's `migrations` package holds `versions/`; the shared `env.py` beside this file runs them on a connection
that is already open, so that SQLite in memory and one transaction for everything work.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from moksori.store.database import FULL, Database, DatabaseUnusable, is_full


@dataclass(frozen=True, slots=True)
class Migrations:
    """One room's chain: where its revisions lie (a package), its bookkeeping table, the tables they should make."""

    package: str
    version_table: str
    metadata: MetaData

    def config(self, connection: Connection) -> Config:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(files(self.package) / "versions"))
        config.attributes.update(
            connection=connection, version_table=self.version_table, target_metadata=self.metadata
        )
        return config


async def upgrade(database: Database, migrations: Migrations, revision: str = "head") -> None:
    """Run every revision that is still missing, in one transaction. Two starting servers do not collide.

    Raises `alembic.util.CommandError` when the database was made by a newer version of the program, and
    `DatabaseUnusable` where its disk is full.
    """
    try:
        async with database.engine.execution_options(moksori_write=True).begin() as connection:
            if database.kind == "postgresql":
                # The lock number is any constant of ours; it is freed with the transaction.
                await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(778201)")
            await connection.run_sync(lambda sync: command.upgrade(migrations.config(sync), revision))
    except DBAPIError as error:
        if is_full(error):
            raise DatabaseUnusable(FULL) from error
        raise


async def current_revision(database: Database, migrations: Migrations) -> str | None:
    """The newest revision that was run, None on a database this room has never seen."""

    def look(connection: Connection) -> str | None:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.version_table})
        return context.get_current_revision()

    async with database.engine.connect() as connection:
        return await connection.run_sync(look)
