"""Shops for tests: built once, then copied, because a SQLite database is a file."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moksori.shop.demo import make_demo
from moksori.shop.formats import records as r
from moksori.shop.formats.tau2 import read_world
from moksori.shop.formats.write import write_shop
from moksori.shop.schema import prepare
from moksori.shop.tools.toolset import ShopTools, open_shop
from moksori.store import open_database
from tests.unit.shop.little import NOW, little_shop

TAU2 = Path(__file__).parents[2] / "data" / "tau2-retail"


def build(path: Path, shop: r.ShopRecord, now: datetime) -> Path:
    async def work() -> None:
        async with await open_database(f"sqlite:///{path}") as database:
            await prepare(database)
            await write_shop(database, shop, now)

    asyncio.run(work())
    return path


@pytest.fixture(scope="session")
def tau2_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tau2's world in it. Copy it before writing."""
    world = read_world((TAU2 / "db.json").read_bytes(), datetime(2026, 11, 20, tzinfo=UTC))
    return build(tmp_path_factory.mktemp("tau2") / "shop.db", world, NOW)


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("demo") / "shop.db", make_demo(7, NOW), NOW)


@pytest.fixture(scope="session")
def little_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("little") / "shop.db", little_shop(), NOW)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[Path], str]:
    """The address of a copy of a shop's file."""

    def copy(file: Path) -> str:
        target = tmp_path / file.parent.name
        target.mkdir()
        return f"sqlite:///{shutil.copy(file, target / 'shop.db')}"

    return copy


@pytest.fixture
async def shop(little_file: Path, fresh: Callable[[Path], str]) -> AsyncIterator[ShopTools]:
    """The little shop of `little.py`, one's own copy."""
    tools = await open_shop(fresh(little_file))
    yield tools
    await tools.close()
