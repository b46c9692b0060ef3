"""A process full of callers, for `test_exactly_once`: each confirms one write, over lines that drop.

    python -m tests.postgres.caller URL JOBS JOURNAL SEED

JOBS is a pickled list of (plan, confirmation). What a caller was told goes to JOURNAL before anything else happens,
so that the process may be killed at any moment and started again.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
from pathlib import Path
from random import Random

from sqlalchemy.exc import SQLAlchemyError

from moksori.agent.tools import Confirmation, Done, Plan, Refused
from moksori.shop.tools.toolset import ShopTools, open_shop
from tests.unit.shop.little import NOW

DROPS = 0.4
"""How often a caller's connection is cut while the write is under way."""
LONGEST_S = 0.05
REPEATS = 0.3
"""How often a caller who had an answer asks once more."""


def told(answer: Done | Refused) -> list[object]:
    if isinstance(answer, Done):
        return [True, answer.value, list(answer.rows)]
    return [False, answer.code, list(answer.possible)]


async def call(shop: ShopTools, plan: Plan, confirmation: Confirmation, random: Random) -> Done | Refused:
    """Ask until there is an answer; every cut and every lost race is asked again with the same confirmation."""
    while True:
        asking = asyncio.ensure_future(shop.commit(plan, confirmation, NOW))
        if random.random() < DROPS:
            await asyncio.wait({asking}, timeout=random.uniform(0, LONGEST_S))
            asking.cancel()
        try:
            return await asking
        except (asyncio.CancelledError, SQLAlchemyError, OSError):
            continue


async def main(url: str, jobs: list[tuple[Plan, Confirmation]], out: int, seed: int) -> None:
    shop = await open_shop(url)

    async def one(plan: Plan, confirmation: Confirmation) -> None:
        random = Random(f"{seed}/{confirmation.id}")
        for _ in range(2 if random.random() < REPEATS else 1):
            answer = told(await call(shop, plan, confirmation, random))
            os.write(out, json.dumps({"id": confirmation.id, "told": answer}).encode() + b"\n")

    await asyncio.gather(*(one(plan, sure) for plan, sure in jobs))
    await shop.close()


if __name__ == "__main__":
    _, url, jobs, journal, seed = sys.argv
    told_before = {json.loads(line)["id"] for line in Path(journal).read_text().splitlines()}
    waiting = [job for job in pickle.loads(Path(jobs).read_bytes()) if job[1].id not in told_before]
    asyncio.run(main(url, waiting, os.open(journal, os.O_WRONLY | os.O_APPEND), int(seed)))
