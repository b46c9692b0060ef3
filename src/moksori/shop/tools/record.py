"""Writes down every call of a tool: who, what, with which confirmation, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.tools import Caller, Done, Refused
from moksori.shop import model as m


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
