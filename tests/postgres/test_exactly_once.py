"""Many calls at once, over lines that drop and processes that are killed: no write is doubled, lost or halved."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, select

from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import Confirmation, Plan
from moksori.shop import model as m
from moksori.shop.audit import audit
from moksori.shop.tools.toolset import ShopTools, open_shop
from tests.unit.shop.little import NOW

RIVALS = 3
"""Calls about the same order: another person of the household, an impatient second call."""
SILENT = {"change_customer_address", "set_cart_item"}
"""Writes of which nobody outside is told."""


@dataclass(frozen=True)
class Measure:
    calls: int
    processes: int
    kills: int
    cuts: int
    within_s: float = 240.0
    """A guard against waiting for ever, not a measure of speed: a process takes seconds to start again."""


async def proposals(shop: ShopTools, calls: int, random: Random) -> list[tuple[Plan, Confirmation]]:
    """Writes that are all possible now, `RIVALS` of them for each order: not all can stay possible."""
    async with shop.database.reading() as session:
        rows = list(
            await session.execute(
                select(m.Order.id, m.Order.customer_id, m.Order.status)
                .where(m.Order.status.in_((m.OrderStatus.PAID, m.OrderStatus.DELIVERED)))
                .order_by(m.Order.placed_at.desc())
            )
        )
        methods = defaultdict(list)
        for customer, method in await session.execute(
            select(m.PaymentMethod.customer_id, m.PaymentMethod.id)
        ):
            methods[customer].append(method)
    made: list[tuple[Plan, Confirmation]] = []
    for order_id, customer_id, status in rows:
        for rival in range(RIVALS):
            place = {"line1": f"세종대로 {rival + 1}", "city": "중구", "region": "서울", "postcode": "04524"}
            options: list[tuple[str, dict[str, Any]]]
            if status is m.OrderStatus.PAID:
                options = [
                    ("cancel_order", {"order_id": order_id, "reason": "changed_mind"}),
                    ("change_order_address", {"order_id": order_id, **place}),
                    (
                        "change_order_payment",
                        {"order_id": order_id, "method_id": random.choice(methods[customer_id])},
                    ),
                    ("change_customer_address", place),
                ]
            else:
                lines = [{"line": 1, "quantity": 1}]
                options = [("return_items", {"order_id": order_id, "lines": lines, "reason": "defective"})]
            tool, arguments = random.choice(options)
            caller = Caller(customer_id, "verified", f"call-{len(made)}")
            plan = await shop.plan(tool, arguments, caller, NOW)
            if isinstance(plan, Plan):
                made.append((plan, agreed(len(made), caller)))
            if len(made) == calls:
                return made
    raise AssertionError("the demo shop has too few orders for so many calls")


def agreed(number: int, caller: Caller) -> Confirmation:
    return Confirmation(
        id=f"yes-{number}", session_id=f"sess-{number}", said="…", heard="…", yes_span_ms=(0, 1), at=NOW,
        principal=Principal("key_1", "test"), caller=caller, answer="네",
    )  # fmt: skip


class Crowd:
    """Processes full of callers; one that is killed is started again with what it had not been told yet."""

    def __init__(self, url: str, folder: Path, jobs: list[tuple[Plan, Confirmation]], processes: int) -> None:
        self.url, self.folder = url, folder
        for number in range(processes):
            (folder / f"{number}.jobs").write_bytes(pickle.dumps(jobs[number::processes]))
            (folder / f"{number}.journal").touch()
        self.started = 0
        self.running = {number: self._start(number) for number in range(processes)}

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        self.started += 1
        jobs, journal = self.folder / f"{number}.jobs", self.folder / f"{number}.journal"
        command = [sys.executable, "-m", "tests.postgres.caller", self.url, jobs, journal, str(self.started)]
        return subprocess.Popen(command)

    def told(self) -> dict[str, list[Any]]:
        """Everything any caller was told, by confirmation."""
        heard: dict[str, list[Any]] = defaultdict(list)
        for journal in sorted(self.folder.glob("*.journal")):
            for line in journal.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    said = json.loads(line)
                    heard[said["id"]].append(said["told"])
        return heard

    def kill(self, random: Random) -> bool:
        """SIGKILL one that is in the middle of its calls, and start it again."""
        alive = [number for number, process in self.running.items() if process.poll() is None]
        if not alive:
            return False
        number = random.choice(alive)
        self.running[number].send_signal(signal.SIGKILL)
        self.running[number].wait()
        # A line that was cut short is no answer: the caller asks again.
        journal = self.folder / f"{number}.journal"
        whole = [line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
        journal.write_text("".join(whole))
        self.running[number] = self._start(number)
        return True

    def done(self) -> bool:
        return all(process.poll() is not None for process in self.running.values())

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


async def cut_connections(url: str, random: Random, often: int) -> int:
    """Let the server end some of the callers' connections, as a network or a restart would."""
    connection = await asyncpg.connect(url)
    try:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        pids = [
            row["pid"] for row in await connection.fetch(f"SELECT pid FROM pg_stat_activity WHERE {mine}")
        ]
        chosen = random.sample(pids, min(often, len(pids)))
        for pid in chosen:
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
        return len(chosen)
    finally:
        await connection.close()


@pytest.fixture
def crowds() -> Iterator[list[Crowd]]:
    made: list[Crowd] = []
    yield made
    for crowd in made:
        crowd.end()


async def storm(url: str, folder: Path, measure: Measure, seed: int, crowds: list[Crowd]) -> None:
    """Given the demo shop, when all call at once and lines and processes die, then each write is there once, whole."""
    random = Random(seed)
    shop = await open_shop(url)
    jobs = await proposals(shop, measure.calls, random)
    crowd = Crowd(url, folder, jobs, measure.processes)
    crowds.append(crowd)
    kills = cuts = answers = 0
    # Between kills some answers must have come: so each hits calls that are under way, however slow the machine.
    between = max(1, measure.calls // (measure.kills + 2))
    async with asyncio.timeout(measure.within_s):
        while not crowd.done():
            now = len(crowd.told())
            if now - answers >= between and kills < measure.kills:
                answers = now
                kills += crowd.kill(random)
            if now and cuts < measure.cuts:
                cuts += await cut_connections(url, random, 2)
            await asyncio.sleep(0.05)
    assert [process.returncode for process in crowd.running.values()] == [0] * measure.processes
    assert (kills, cuts >= measure.cuts) == (measure.kills, True), "the storm was one"
    await all_is_well(shop, jobs, crowd.told())
    await shop.close()


async def all_is_well(
    shop: ShopTools, jobs: list[tuple[Plan, Confirmation]], told: dict[str, list[Any]]
) -> None:
    assert set(told) == {sure.id for _, sure in jobs}, "everybody was told something"
    assert [each for each in told.values() if any(other != each[0] for other in each)] == [], (
        "and always the same"
    )
    async with shop.database.reading() as session:
        assert await audit(session) == []
        kept = {row.id: row for row in await session.scalars(select(m.ConfirmedWrite))}
        versions = {key: value for key, value in await session.execute(select(m.Order.id, m.Order.version))}  # noqa: C416
        outbox = Counter(await session.scalars(select(m.OutboxEntry.confirmation_id)))
        calls = Counter(await session.scalars(select(m.ToolCallRecord.confirmation_id)))
        cancelled = await session.scalar(
            select(func.count()).where(m.ConfirmedWrite.tool == "cancel_order", m.ConfirmedWrite.ok)
        )
    assert set(kept) == set(told)
    happened: Counter[str] = Counter()
    for plan, sure in jobs:
        row = kept[sure.id]
        assert row.ok == told[sure.id][0][0], "what was said is what is stored"
        assert calls[sure.id] == 1
        assert outbox[sure.id] == (1 if row.ok and plan.tool not in SILENT else 0)
        if row.ok and "order_id" in plan.arguments:
            happened[str(plan.arguments["order_id"])] += 1
    assert {order: 1 + happened[order] for order in versions} == versions, (
        "each order changed as often as agreed"
    )
    assert cancelled
    assert 0 < sum(not row.ok for row in kept.values()) < len(kept), "rivals met, and not only losers"


def test_30_calls_at_once(
    demo_template: str, copy: Callable[[str], str], tmp_path: Path, crowds: list[Crowd]
) -> None:
    measure = Measure(calls=30, processes=2, kills=2, cuts=6)
    asyncio.run(storm(copy(demo_template), tmp_path, measure, 1, crowds))


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_200_calls_at_once(
    seed: int, demo_template: str, copy: Callable[[str], str], tmp_path: Path, crowds: list[Crowd]
) -> None:
    measure = Measure(calls=200, processes=4, kills=8, cuts=60, within_s=900)
    asyncio.run(storm(copy(demo_template), tmp_path, measure, seed, crowds))
