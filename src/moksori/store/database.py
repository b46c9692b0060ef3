"""Opens SQLite or PostgreSQL and runs transactions on it.

A *read* sees one snapshot. A *write* is serialisable: SQLite takes the write lock at its beginning, PostgreSQL
runs it SERIALIZABLE; one that lost a race is run again from its start, so its work must be repeatable.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

T = TypeVar("T")

BUSY_MS = 10_000
"""How long SQLite waits for another writer before it gives up."""
ATTEMPTS = 12
"""How often a write is tried. 200 writers on one row of PostgreSQL need up to seven."""
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.25
# PostgreSQL: serialization_failure, deadlock_detected; both say "try again" (manual, appendix A and 13.5).
LOST_A_RACE = frozenset({"40001", "40P01"})
UNIQUE_VIOLATION = "23505"
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


FULL = "The disk of the database is full: make room and try again; nothing was written."
DISK_FULL = "53100"
"""PostgreSQL's code; SQLite has only words."""


class DatabaseUnusable(Exception):
    """The database cannot be opened, or written to; the message says what to do."""


def normal_url(url: str) -> URL:
    """The address with the driver we use, of `sqlite:///file.db`, `postgresql://user@host/name` or a bare file name.

    Raises `DatabaseUnusable` for anything else.
    """
    if "://" not in url:
        url = f"sqlite:///{url}"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable(
            f"{url!r} is not a database address; write sqlite:///FILE or postgresql://…"
        ) from error
    driver = DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise DatabaseUnusable(
            f"Databases of kind {parsed.get_backend_name()!r} are not supported; use sqlite:///FILE or postgresql://…"
        )
    return parsed.set(drivername=driver)


class Database:
    """One database and its connection pool. Safe to share between tasks of one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.kind = engine.dialect.name
        level = {"isolation_level": "REPEATABLE READ"} if self.kind == "postgresql" else {}
        self._reading = engine.execution_options(**level)
        level = {"isolation_level": "SERIALIZABLE"} if self.kind == "postgresql" else {}
        self._writing = engine.execution_options(moksori_write=True, **level)
        # Jitter needs no secrecy and no seed: it only keeps two losers of a race from meeting again.
        self._jitter = random.Random()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session on one snapshot; what is written in it is thrown away."""
        # Closing rolls back, and leaves what was loaded usable; an explicit rollback would expire it.
        async with AsyncSession(self._reading, autoflush=False, expire_on_commit=False) as session:
            yield session

    async def writing(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work` in one serialisable transaction and commit it; again from the start when it lost a race.

        A unique constraint that fires is taken as a lost race too: the other one's row is visible the next time.
        Raises what `work` raises (nothing is then written), or the database's error after the last attempt;
        `DatabaseUnusable` where its disk is full.
        """
        for attempt in range(ATTEMPTS):
            try:
                async with AsyncSession(self._writing, expire_on_commit=False) as session, session.begin():
                    return await work(session)
            except DBAPIError as error:
                if is_full(error):
                    raise DatabaseUnusable(FULL) from error
                if attempt == ATTEMPTS - 1 or not _worth_another_try(error):
                    raise
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
            await asyncio.sleep(pause * self._jitter.uniform(0.5, 1.5))
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        await self.engine.dispose()

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def is_full(error: DBAPIError) -> bool:
    """Whether it is for want of room that nothing was written."""
    return getattr(error.orig, "sqlstate", None) == DISK_FULL or "disk is full" in str(error.orig)


def _worth_another_try(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return code in LOST_A_RACE or code == UNIQUE_VIOLATION
    if isinstance(error, IntegrityError):
        return "UNIQUE constraint failed" in str(error.orig)
    return "database is locked" in str(error.orig)


async def open_database(url: str, *, pool_size: int = 8, must_exist: bool = False) -> Database:
    """Connect once, to fail early. Raises `DatabaseUnusable` with a sentence that never holds the password.

    `must_exist` keeps SQLite from making a new, empty file of a misspelt name.
    """
    address = normal_url(url)
    if must_exist and (missing := _missing_file(address)):
        raise DatabaseUnusable(
            f"There is no database file {missing}. `moksori shop demo` or `moksori shop import` makes one."
        )
    if address.get_backend_name() == "sqlite":
        engine = create_async_engine(address, connect_args={"timeout": BUSY_MS / 1000})
        _tune_sqlite(engine)
    else:
        engine = create_async_engine(address, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)
    try:
        await _connected(engine)
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        await engine.dispose()
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        if "disk I/O error" in reason:  # SQLite's word where its log finds no room
            reason += ", as on a full disk: make room and try again"
        shown = address.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"The database {shown} cannot be opened: {reason}.") from error
    except Exception as error:
        await engine.dispose()
        if type(error).__module__.split(".")[0] != "asyncpg":
            raise
        shown = address.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"The database {shown} cannot be opened: {error}.") from error
    return Database(engine)


async def _connected(engine: AsyncEngine) -> None:
    """Connect once. A file that another process is just turning to WAL is refused at once, whatever the time-out."""
    for attempt in range(ATTEMPTS):
        try:
            async with engine.connect():
                return
        except DBAPIError as error:
            if attempt == ATTEMPTS - 1 or not _worth_another_try(error):
                raise
        await asyncio.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))


def _missing_file(address: URL) -> str | None:
    file = address.database if address.get_backend_name() == "sqlite" else None
    return file if file and file != ":memory:" and not Path(file).exists() else None


def _tune_sqlite(engine: AsyncEngine) -> None:
    """WAL so that readers never wait, foreign keys on, and our own BEGIN: the driver's would lock too late."""

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        # Another process may hold the file while the journal mode changes.
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: what a caller was told is done must survive a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("moksori_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
