"""The ledger added up, for an operator: by key, customer, model, route and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import case, func, literal_column, select

from moksori.accounts.tables import UsageRow
from moksori.store import Database

By = Literal["key", "customer", "model", "route", "day"]
ALL: tuple[By, ...] = get_args(By)
MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What to add up. None is no limit; `until` itself is left out."""

    by: tuple[By, ...]
    since: datetime | None = None
    until: datetime | None = None
    key_id: str | None = None
    customer_id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One sum. `group` has a value for each of what was asked by, in that order; a day is `2026-11-27`, in UTC."""

    group: tuple[str | None, ...]
    calls: int
    responses: int
    estimated: int
    """Uses whose service did not say what they were."""
    unpriced: int
    """Uses of models without a price; they are in no sum."""
    micro: int
    currency: str


async def added_up(database: Database, asked: Asked) -> list[UsageLine]:
    """The sums, the dearest first, at most `MOST_LINES` of them; currencies are never mixed."""
    columns = [_column(by, database.kind).label(f"by_{by}") for by in asked.by]
    micro = func.coalesce(func.sum(UsageRow.micro), 0).label("total")
    query = select(
        *columns,
        UsageRow.currency,
        func.count(func.distinct(UsageRow.call_id)),
        func.sum(case((UsageRow.kind == "response", 1), else_=0)),
        func.sum(case((UsageRow.estimated, 1), else_=0)),
        func.sum(case((UsageRow.prices == "none", 1), else_=0)),
        micro,
    )
    if asked.since is not None:
        query = query.where(UsageRow.at >= asked.since)
    if asked.until is not None:
        query = query.where(UsageRow.at < asked.until)
    for column, wanted in (
        (UsageRow.key_id, asked.key_id),
        (UsageRow.customer_id, asked.customer_id),
        (UsageRow.model, asked.model),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    query = query.group_by(*columns, UsageRow.currency).order_by(micro.desc(), *columns).limit(MOST_LINES)
    async with database.reading() as session:
        rows = (await session.execute(query)).all()
    width = len(columns)
    return [
        UsageLine(
            group=tuple(str(value) if value is not None else None for value in row[:width]),
            currency=row[width],
            calls=int(row[width + 1]),
            responses=int(row[width + 2]),
            estimated=int(row[width + 3]),
            unpriced=int(row[width + 4]),
            micro=int(row[width + 5]),
        )
        for row in rows
    ]


def _column(by: By, kind: str) -> Any:
    match by:
        case "key":
            return UsageRow.key_id
        case "customer":
            return UsageRow.customer_id
        case "model":
            return UsageRow.model
        case "route":
            return UsageRow.route
        case "day":
            # Moments are UTC: SQLite keeps them so, PostgreSQL would show the session's own zone.
            moment = (
                func.timezone(literal_column("'UTC'"), UsageRow.at) if kind == "postgresql" else UsageRow.at
            )
            return func.date(moment)
