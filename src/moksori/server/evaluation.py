"""`moksori eval RUN.yaml`: scripted callers against the shop's flows, or against a chat endpoint, in writing."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from moksori.agent.brain import Brain
from moksori.agent.tools import Language
from moksori.bench.eval import Report, RunUnusable, Scenario, page, read_scenarios, run
from moksori.shop.chat import TextCall
from moksori.shop.chat_cli import open_call
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.shop.snapshot import changes, snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: the shop (a SQLite file, copied for every conversation), the time it is, the files, and who answers."""

    name: str
    database: Path
    now: datetime | None
    scenarios: Path
    phrasings: tuple[Path, ...]
    mind: Mapping[str, str] = field(default_factory=dict)


def read_plan(path: Path) -> Plan:
    """Paths in it are relative to it. Raises `RunUnusable`."""
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
        phrasings = given["phrasings"]
        return Plan(
            name=str(given.get("name", path.stem)),
            database=path.parent / given["database"],
            now=_time(given.get("now")),
            scenarios=path.parent / given["scenarios"],
            phrasings=tuple(
                path.parent / p for p in (phrasings if isinstance(phrasings, list) else [phrasings])
            ),
            mind=given.get("mind") or {},
        )
    except OSError as why:
        raise RunUnusable(f"{path} cannot be read: {why.strerror}.") from why
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as why:
        raise RunUnusable(
            f"{path} must name database, scenarios and phrasings (and may name now, name, mind): {why}."
        ) from why


def _time(given: Any) -> datetime | None:
    if given is None:
        return None
    moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class _Silent:
    async def think(self, thought: Any) -> Any:
        raise NotImplementedError
        yield


@dataclass(slots=True)
class _Talk:
    desk: ShopDesk
    call: TextCall
    before: Mapping[str, str]
    folder: Path

    async def say(self, text: str) -> tuple[str, tuple[str, ...]]:
        reply = await self.call.say(text)
        return reply.text, tuple(f"{t.name}:{t.kind}" for t in reply.tools)

    async def close(self) -> Mapping[str, str]:
        assert self.desk.tools is not None
        changed = changes(self.before, await snapshot(self.desk.tools))
        await self.desk.close()
        await asyncio.to_thread(shutil.rmtree, self.folder)
        return changed


async def evaluate(plan: Plan, brain: Brain | None = None) -> list[Report]:
    """One report for each file of sentences."""
    if not plan.database.is_file():
        raise RunUnusable(f"There is no database {plan.database}; it must be a SQLite file.")

    async def open_one(scenario: Scenario) -> _Talk:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="moksori-eval-"))
        await asyncio.to_thread(shutil.copy, plan.database, folder / "shop.db")
        now = plan.now

        def clock() -> datetime:
            return now if now is not None else datetime.now(UTC)

        language = cast("Language", scenario.language)
        desk = ShopDesk(f"sqlite:///{folder / 'shop.db'}", language=language, clock=clock)
        await desk.start()
        assert desk.tools is not None
        zone = desk.tools.zone
        flows = FlowsBrain(
            otherwise=_Silent(), language=language, today=lambda: clock().astimezone(zone).date()
        )
        variables: dict[str, Any] = {"customerId": scenario.caller} if scenario.caller else {}
        call = await open_call(desk, language, variables, brain or flows)
        return _Talk(desk, call, await snapshot(desk.tools), folder)

    return [
        await run(f"{plan.name}: {file.stem}", read_scenarios(plan.scenarios, file), open_one)
        for file in plan.phrasings
    ]


def main(path: Path, report_to: Path | None, json_to: Path | None) -> int:
    """Run it, write the page and the JSON, print a line for each file. 1 when a conversation went wrong."""
    plan = read_plan(path)
    brain: Brain | None = None
    if plan.mind:
        from moksori.engine.chat import ChatBrain

        brain = ChatBrain(plan.mind["base_url"], plan.mind["model"], plan.mind.get("api_key"), timeout_s=60)
    reports = asyncio.run(evaluate(plan, brain))
    for report in reports:
        good, of = report.rate()
        print(f"{report.name}: {good} of {of} good, {report.wrong_writes} wrong writes")
        for verdict in report.verdicts:
            for why in verdict.wrong:
                print(f"  {verdict.scenario.id} ({verdict.scenario.language}): {why}")
    if report_to is not None:
        report_to.write_text("\n".join(page(each) for each in reports), "utf-8")
    if json_to is not None:
        json_to.write_text(json.dumps([r.as_json() for r in reports], ensure_ascii=False, indent=1), "utf-8")
    return 0 if all(v.good for r in reports for v in r.verdicts) else 1
