"""Reads are recorded behind: nobody waits for the disk, a write waits for the reads before it, nothing is forgotten."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.tools.record import MOST_WAITING, Records
from moksori.shop.tools.toolset import ShopTools, open_shop
from moksori.store import Database, DatabaseUnusable
from moksori.store.database import FULL
from tests.unit.shop import little
from tests.unit.shop.test_tools import commit, find, propose, rows


async def recorded(shop: ShopTools) -> list[str]:
    return await rows(shop, select(m.ToolCallRecord.tool).order_by(m.ToolCallRecord.id))


async def test_a_read_is_answered_before_it_is_recorded(shop: ShopTools) -> None:
    await find(shop, "get_order", order_id=little.PAID)
    assert await recorded(shop) == []
    await shop.records.settled()
    assert await recorded(shop) == ["get_order"]


async def test_a_write_stands_behind_the_reads_that_led_to_it(shop: ShopTools) -> None:
    await find(shop, "find_orders")
    await find(shop, "get_order", order_id=little.PAID)
    plan = await propose(shop, "cancel_order", order_id=little.PAID, reason="changed_mind")
    await commit(shop, plan)
    assert await recorded(shop) == ["find_orders", "get_order", "cancel_order"]


async def test_closing_writes_what_waits(shop: ShopTools) -> None:
    url = shop.database.engine.url.render_as_string()
    await find(shop, "find_orders")
    await shop.close()
    again = await open_shop(url)
    try:
        assert await recorded(again) == ["find_orders"]
    finally:
        await again.close()


async def test_warming_leaves_no_record(shop: ShopTools) -> None:
    await shop.warm()
    await shop.records.settled()
    assert await recorded(shop) == []


async def test_what_waits_is_bounded_and_written_in_order(shop: ShopTools) -> None:
    done: list[int] = []

    async def note(number: int) -> None:
        async def write(_: AsyncSession) -> None:
            done.append(number)

        await records.add(write)

    records = Records(shop.database)
    for number in range(MOST_WAITING):
        await note(number)
    assert done == []
    await note(MOST_WAITING)
    assert done == list(range(MOST_WAITING + 1))


async def test_a_full_disk_is_told_and_ends_nothing(
    shop: ShopTools, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise DatabaseUnusable(FULL)

    monkeypatch.setattr(Database, "writing", full)
    with caplog.at_level(logging.ERROR):
        assert (await find(shop, "find_orders"))["found"]
        await shop.records.settled()
    assert f"Reads of the shop could not be recorded (1): {FULL}" in caplog.text
