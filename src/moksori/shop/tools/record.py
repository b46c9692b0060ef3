"""Writes down every call of a tool: who, what, with which confirmation, and what came of it.

A write is recorded in its own transaction. A read is recorded behind: whoever asked is answered at once, not after the
disk, and a write begins only when the reads before it stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.tools import Caller, Done, Refused
from moksori.shop import model as m
from moksori.store import Database, DatabaseUnusable

log = logging.getLogger(__name__)
MOST_WAITING = 256
"""Records that wait to be written; who adds one more waits for them."""
BEHIND_S = 1.0
"""How long records wait for others: an answer's tools are not held up by writing down the first of them."""
_TOGETHER = 32
"""Records written in one transaction."""


class Records:
    """Records of reads, in order. Belongs to one event loop; `settled` before the database is closed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Callable[[AsyncSession], Awaitable[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()

    async def add(self, write: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Have `write` done soon. It must be repeatable."""
        self._waiting.append(write)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write(), name="moksori-records")
        if len(self._waiting) > MOST_WAITING:
            await self.settled()

    async def settled(self) -> None:
        """Wait until everything added so far was written, or could not be."""
        if self._task is not None and not self._task.done():
            self._wanted.set()
            await asyncio.shield(self._task)

    async def _write(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), BEHIND_S)
        while self._waiting:
            together = tuple(islice(self._waiting, _TOGETHER))

            async def all_of_them(session: AsyncSession, these: Any = together) -> None:
                for write in these:
                    await write(session)

            try:
                await self._database.writing(all_of_them)
            except Exception as why:  # any database, any failure: the callers have their answers
                reason = str(why) if isinstance(why, DatabaseUnusable) else type(why).__name__
                log.error("Reads of the shop could not be recorded (%d): %s", len(together), reason)
            for _ in together:
                self._waiting.popleft()
        self._wanted.clear()


async def record_call(  # noqa: PLR0917 - what a record holds
    session: AsyncSession,
    tool: str,
    arguments: Mapping[str, Any],
    caller: Caller,
    outcome: Done | Refused,
    now: datetime,
    *,
    call_id: str | None = None,
    key_id: str = "",
    confirmation_id: str | None = None,
    customer_id: str | None = None,
    ours: bool = True,
) -> None:
    """Append the record, and note the call it belongs to. `customer_id` is who a verification found.

    `ours` is False where the customer is another system's: a call refers only to customers of this database.
    """
    call_id = caller.call_id if call_id is None else call_id
    who = caller.customer_id or customer_id
    match outcome:
        case Done(value):
            result: Any = value
        case Refused(code, message, _):
            result = {"code": code, "message": dict(message)}
    session.add(
        m.ToolCallRecord(
            at=now,
            call_id=call_id,
            tool=tool,
            arguments=dict(arguments),
            customer_id=who,
            principal=f"{key_id} ({caller.how})".strip(),
            confirmation_id=confirmation_id,
            ok=isinstance(outcome, Done),
            result=result,
        )
    )
    if not call_id:
        return
    known = who if ours else None
    call = await session.get(m.Call, call_id)
    if call is None:
        session.add(m.Call(id=call_id, customer_id=known, first_tool_at=now, last_tool_at=now))
    else:
        call.last_tool_at = now
        if call.customer_id is None:
            call.customer_id = known
