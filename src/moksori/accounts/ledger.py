"""The usage ledger: rows are queued by calls and written by one task, soon and in order; none is ever changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.accounts.tables import UsageRow
from moksori.store import Database, DatabaseUnusable
from moksori.telemetry import get_logger

WRITE_EVERY_S = 0.25
"""How long a row waits for others to be written with it: what a crash may cost."""
RETRY_S = 2.0
AT_ONCE = 500

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row; `units` are counts by priced unit, `micro` millionths of `currency`."""

    at: datetime
    call_id: str
    kind: str
    reference: str
    key_id: str
    customer_id: str | None
    route: str
    model: str
    units: dict[str, int]
    micro: int
    currency: str
    prices: str
    estimated: bool

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose money it is: the key's, and the customer's where one is known."""
        key = f"key:{self.key_id}"
        return (key, f"customer:{self.customer_id}") if self.customer_id is not None else (key,)


class Ledger:
    """Belongs to the event loop. `database` opens the place to write to, when there is first something to write."""

    def __init__(self, database: Callable[[], Awaitable[Database]]) -> None:
        self._database = database
        self._waiting: list[Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.still = asyncio.Lock()
        """Held while a batch is written: under it, every row is either in the database or `unwritten`."""

    def add(self, entry: Entry) -> None:
        """Queue a row. Never blocks."""
        self._waiting.append(entry)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="ledger")

    def unwritten(self) -> dict[str, int]:
        """What the rows cost that are not in the database yet, in micro-units by subject (`key:ID`, `customer:ID`)."""
        sums: dict[str, int] = {}
        for entry in self._waiting:
            for subject in entry.subjects:
                sums[subject] = sums.get(subject, 0) + entry.micro
        return sums

    async def flush(self) -> None:
        """Return when everything queued so far has been written."""
        while self._waiting and self._writer is not None:
            self._closing.set()
            await asyncio.wait({self._writer})
        self._closing.clear()

    async def close(self) -> None:
        """Write what is queued; what a broken database does not take is logged, so that it can be entered by hand."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * RETRY_S):
                await self.flush()
        for entry in self._waiting:
            _log.error("usage_not_written", call=entry.call_id, reference=entry.reference, micro=entry.micro)

    async def _write(self) -> None:
        while self._waiting:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), WRITE_EVERY_S)
            try:
                database = await self._database()
                async with self.still:
                    batch = self._waiting[:AT_ONCE]
                    await database.writing(partial(_insert, database.kind, batch))
                    del self._waiting[: len(batch)]
            except Exception as error:
                problem = str(error) if isinstance(error, DatabaseUnusable) else type(error).__name__
                _log.warning("ledger_not_written", waiting=len(self._waiting), problem=problem)
                await asyncio.sleep(RETRY_S)


async def _insert(kind: str, entries: list[Entry], session: AsyncSession) -> None:
    """A row that is there already (its writing was cut off after the commit) stays as it is."""
    values: list[dict[str, Any]] = [
        {name: getattr(entry, name) for name in Entry.__dataclass_fields__} for entry in entries
    ]
    if kind == "postgresql":
        await session.execute(postgresql.insert(UsageRow).on_conflict_do_nothing(), values)
    elif kind == "sqlite":
        await session.execute(sqlite.insert(UsageRow).on_conflict_do_nothing(), values)
    else:
        await session.execute(insert(UsageRow), values)
