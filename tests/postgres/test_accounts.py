"""The accounts on PostgreSQL: the same tests as on SQLite, and whole calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from moksori.accounts.keystore import NewKey
from tests.mocks.upstream import MockUpstream
from tests.postgres.conftest import Server
from tests.unit.accounts.on_database import *  # noqa: F403
from tests.unit.gateway.conftest import Serve, serve
from tests.unit.gateway.test_money import Caller, dial, ledger, prices, worth

__all__ = ["prices", "serve"]  # fixtures


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    name = server.create()
    yield server.address(name)
    server.drop(name)


async def test_whole_calls_at_once_leave_the_services_own_books(
    address: str, serve: Serve, prices: Path
) -> None:
    """Given a server whose accounts are on PostgreSQL, twelve calls of one key answer at once, to the micro-dollar."""
    mock = MockUpstream("compatible", pace_s=0.001)
    served = await serve(
        {"there": mock},
        priced=prices,
        models={"voice": ("there",)},
        accounts={"prices": prices, "database": address},
        gateway={"connect_s": 20, "silent_s": 20},
    )
    _, key = await served.house.accounts.create(NewKey("k"))

    async def call() -> None:
        async with dial(served, key) as socket:
            caller = Caller(socket)
            for _ in range(5):
                await caller.say({"type": "response.create"})
                await caller.until("response.done")

    await asyncio.gather(*(call() for _ in range(12)))
    await served.house.sessions.drain(10)
    rows = await ledger(served)
    billed = [usage for session in mock.sessions for usage in session.billed]
    assert len(rows) == len(billed) == 60
    assert sorted(row.micro for row in rows) == sorted(round(worth(usage)) for usage in billed)
    (listed,) = await served.house.accounts.listed()
    assert listed.spent_micro == sum(row.micro for row in rows)
