"""SQL underneath the rooms that keep state: SQLite for one machine, PostgreSQL for many.

Each room owns its tables and its migrations; this package opens the database, runs transactions and migrates.
"""

from moksori.store.columns import Base, UtcTime
from moksori.store.database import Database, DatabaseUnusable, normal_url, open_database
from moksori.store.migrate import Migrations, current_revision, upgrade

__all__ = [
    "Base",
    "Database",
    "DatabaseUnusable",
    "Migrations",
    "UtcTime",
    "current_revision",
    "normal_url",
    "open_database",
    "upgrade",
]
