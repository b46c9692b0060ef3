"""Who guesses at a customer's data meets his own tries again: in another call, in another process, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from moksori.agent.principal import Principal
from moksori.shop.desk import ShopDesk
from moksori.shop.guard.identity import ATTEMPTS_A_VALUE, WINDOW
from tests.unit.shop.little import NOW

PHONE = "010-0000-1111"


class Process:
    """One of several that serve the same shop."""

    def __init__(self, database: str) -> None:
        self.now: datetime = NOW
        self.desk = ShopDesk(database, clock=lambda: self.now)

    async def verifies(self, session: str, name: str, phone: str = PHONE) -> str:
        guard = self.desk.open(session, Principal("k", "page"), language="ko", transcripts="early")
        outcome = await guard.call(
            "verify_customer", {"name": name, "phone": phone}, call_id=f"call_{session}"
        )
        return outcome.code or outcome.kind


async def test_tries_are_counted_over_calls_and_processes(
    little_file: Path, fresh: Callable[[Path], str]
) -> None:
    database = fresh(little_file)
    one, two = Process(database), Process(database)
    await one.desk.start()
    await two.desk.start()
    try:
        said = [await (one, two)[n % 2].verifies(f"s{n}", f"이름이{n}") for n in range(ATTEMPTS_A_VALUE + 2)]
        assert said == ["not_verified"] * ATTEMPTS_A_VALUE + ["verification_locked"] * 2
        # then not even the right name opens that number, in either
        assert await two.verifies("right", "김서연") == "verification_locked"
        # but another customer's is open
        assert await two.verifies("other", "이민준", "010-0000-2222") == "read"
        one.now += WINDOW + timedelta(seconds=1)
        assert await one.verifies("later", "김서연") == "read"
    finally:
        await one.desk.close()
        await two.desk.close()


async def test_guessing_all_at_once_gives_no_more_tries(
    little_file: Path, fresh: Callable[[Path], str]
) -> None:
    process = Process(fresh(little_file))
    await process.desk.start()
    try:
        said = await asyncio.gather(*(process.verifies(f"s{n}", f"이름이{n}") for n in range(12)))
        assert sorted(said) == ["not_verified"] * ATTEMPTS_A_VALUE + ["verification_locked"] * 6
    finally:
        await process.desk.close()


async def test_a_verification_that_succeeds_is_no_failed_try(
    little_file: Path, fresh: Callable[[Path], str]
) -> None:
    process = Process(fresh(little_file))
    await process.desk.start()
    try:
        for n in range(ATTEMPTS_A_VALUE + 2):
            assert await process.verifies(f"s{n}", "김서연") == "read"
    finally:
        await process.desk.close()
