"""`/v1/admin/usage` and `/v1/admin/sessions`: what calls have cost, and what those that are running cost so far."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from moksori.accounts.prices import shown
from moksori.accounts.usage import ALL, Asked, By, added_up
from moksori.server.access import Admin, TheHouse
from moksori.server.errors import ApiError, ErrorAnswer
from moksori.sessions.registry import LiveCall

router = APIRouter(prefix="/v1/admin", tags=["admin"])

Seconds = Annotated[int, Query(ge=0, le=4_102_444_800, description="Unix seconds.")]
Name = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Usage(BaseModel):
    """One sum; of `key`, `customer`, `model`, `route` and `day` those are set that were asked by."""

    key: str | None = None
    key_name: str | None = None
    customer: str | None = None
    model: str | None = None
    route: str | None = None
    day: str | None = None
    """In UTC, such as 2026-11-27."""
    calls: int
    responses: int
    estimated: int
    """Uses whose service did not say what they were."""
    unpriced: int
    """Uses of models without a price; they are in no sum."""
    cost: str
    """Exact decimal."""
    currency: str


class UsageList(BaseModel):
    """The dearest first, at most a thousand. The ledger is written a quarter of a second behind the calls."""

    data: list[Usage]


class Call(BaseModel):
    """A call that is running. `cost` is null where it costs nothing here, `budget_left` where nothing limits it."""

    id: str
    model: str
    route: str
    key: str
    key_name: str
    customer: str | None
    began_at: int
    """Unix seconds."""
    seconds: int
    waiting: bool
    """Its connection was lost, and its client may come back."""
    messages_in: int
    messages_out: int
    audio_in_ms: int
    cost: str | None
    budget_left: str | None
    currency: str | None


class CallList(BaseModel):
    data: list[Call]


@router.get(
    "/usage",
    summary="What calls have cost, added up",
    responses={400: {"model": ErrorAnswer, "description": "Something about the query is not valid"}},
)
async def usage(
    house: TheHouse,
    _admin: Admin,
    *,
    by: Annotated[
        str, Query(max_length=64, description="Any of key, customer, model, route, day.")
    ] = "key,model",
    since: Seconds | None = None,
    until: Seconds | None = None,
    key: Name | None = None,
    customer: Name | None = None,
    model: Name | None = None,
) -> UsageList:
    groups = _groups(by)
    database = await house.accounts.database()
    asked = Asked(groups, _moment(since), _moment(until), key, customer, model)
    names = {each.id: each.name for each in await house.accounts.listed()} if "key" in groups else {}
    data = []
    for line in await added_up(database, asked):
        group = dict(zip(groups, line.group, strict=True))
        data.append(
            Usage(
                **group,
                key_name=names.get(group.get("key") or ""),
                calls=line.calls,
                responses=line.responses,
                estimated=line.estimated,
                unpriced=line.unpriced,
                cost=shown(line.micro),
                currency=line.currency,
            )
        )
    return UsageList(data=data)


@router.get("/sessions", summary="The calls that are running, with their cost so far")
async def sessions(house: TheHouse, _admin: Admin) -> CallList:
    return CallList(data=[_call(each) for each in house.sessions.calls()])


def _groups(by: str) -> tuple[By, ...]:
    given = [name.strip() for name in by.split(",")]
    groups: tuple[By, ...] = tuple(name for name in ALL if name in given)
    if len(groups) != len(given):
        raise ApiError(
            400, f"'by' lists any of {', '.join(ALL)}, each once.", code="invalid_value", param="by"
        )
    return groups


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _call(each: LiveCall) -> Call:
    money = each.money
    return Call(
        id=each.id,
        model=each.model,
        route=each.route,
        key=each.key_id,
        key_name=each.key_name,
        customer=each.customer_id,
        began_at=each.began_at,
        seconds=max(0, int(time.time()) - each.began_at),
        waiting=each.waiting,
        messages_in=each.messages_in,
        messages_out=each.messages_out,
        audio_in_ms=each.audio_in_ms,
        cost=shown(money.micro) if money is not None else None,
        budget_left=shown(max(0, money.left)) if money is not None and money.left is not None else None,
        currency=money.currency if money is not None else None,
    )
