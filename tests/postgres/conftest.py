"""Databases on a real PostgreSQL: made once, then copied by the server itself, and dropped afterwards.

`MOKSORI_TEST_POSTGRES` says which server (default: the local one, as its own superuser).
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from moksori.shop.demo import make_demo
from moksori.shop.formats import records as r
from moksori.shop.formats.write import write_shop
from moksori.shop.schema import prepare
from moksori.store import open_database
from tests.unit.shop.little import NOW, little_shop

SERVER = os.environ.get("MOKSORI_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
HERE = Path(__file__).parent
PREFIX = "moksori_test_"
ABANDONED_S = 3600
"""A database so old belongs to a run that was killed: none takes as long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the server."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.postgres)


class Server:
    """Makes and drops databases. Used from outside any event loop."""

    def __init__(self) -> None:
        self._made: list[str] = []

    def run(self, *statements: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(SERVER)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(work())

    def create(self, template: str | None = None) -> str:
        """A new database, empty or a copy of another; returns its name."""
        name = f"{PREFIX}{int(time.time())}_{uuid.uuid4().hex[:12]}"
        self.run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        self._made.append(name)
        return name

    def drop(self, name: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def drop_all(self) -> None:
        for name in list(self._made):
            self.drop(name)

    def drop_abandoned(self) -> None:
        """What runs that were killed have left, by the time in the names."""

        async def work() -> None:
            connection = await asyncpg.connect(SERVER)
            try:
                found = await connection.fetch("SELECT datname FROM pg_database")
                for name in (row["datname"] for row in found if row["datname"].startswith(PREFIX)):
                    made = name.removeprefix(PREFIX).partition("_")[0]
                    if not made.isdigit() or int(made) < time.time() - ABANDONED_S:
                        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            finally:
                await connection.close()

        asyncio.run(work())

    @staticmethod
    def address(name: str) -> str:
        return make_url(SERVER).set(database=name).render_as_string(hide_password=False)

    def filled(self, shop: r.ShopRecord, now: datetime) -> str:
        """A database with a shop in it."""
        name = self.create()

        async def work() -> None:
            async with await open_database(self.address(name)) as database:
                await prepare(database)
                await write_shop(database, shop, now)

        asyncio.run(work())
        return name


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    made = Server()
    made.drop_abandoned()
    yield made
    made.drop_all()


@pytest.fixture(scope="session")
def little_template(server: Server) -> str:
    return server.filled(little_shop(), NOW)


@pytest.fixture(scope="session")
def demo_template(server: Server) -> str:
    return server.filled(make_demo(7, NOW), NOW)


@pytest.fixture
def copy(server: Server) -> Iterator[Callable[[str], str]]:
    """The address of a copy of a template, for one test."""
    made: list[str] = []

    def make(template: str) -> str:
        made.append(server.create(template))
        return server.address(made[-1])

    yield make
    for name in made:
        server.drop(name)
