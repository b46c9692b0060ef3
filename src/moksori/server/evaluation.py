"""`moksori eval RUN.yaml`: callers by script against the shop, in writing or aloud."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from moksori.agent.brain import Brain
from moksori.agent.tools import Language
from moksori.bench.eval.facts import commit, machine
from moksori.bench.eval.judge import Aftermath, judge, run
from moksori.bench.eval.logged import calls_in, written
from moksori.bench.eval.page import page
from moksori.bench.eval.report import Report, Turn, Verdict, verdicts_in
from moksori.bench.eval.scenario import RunUnusable, Scenario, as_yaml, read_scenarios
from moksori.bench.eval.sounds import Manner
from moksori.shop.chat import TextCall
from moksori.shop.chat_cli import open_call
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.shop.snapshot import changes, snapshot

VOICES = {
    "en": ("flite:slt", "flite:rms", "flite:awb"),
    "ko": ("kokoro:jf_alpha", "kokoro:jf_tebukuro", "kokoro:jf_gongitsune"),
}
"""Who calls where a run names nobody: none of them is the voice that answers. espeak-ng's Korean is understood by no
recogniser here, so it says nothing about a conversation."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: the shop (a SQLite file, copied for every conversation), the time it is, the files, and who answers."""

    name: str
    database: Path
    now: datetime | None
    scenarios: Path | None
    phrasings: tuple[Path, ...]
    mind: Mapping[str, str] = field(default_factory=dict)
    spoken: Manner | None = None
    """How the callers speak; None for a run in writing."""
    only: tuple[str, ...] = ()
    """Scenarios that are held, "en/cancel-number" or "cancel-number"; all where it is empty."""
    config: Path | None = None
    """The settings file of the server of a spoken run."""
    profile: str = "lite"

    def conversations(self, file: Path) -> list[Scenario]:
        """Raises `RunUnusable`, also for a name in `only` that is nowhere."""
        found = read_scenarios(file, self.scenarios)
        if not self.only:
            return found
        kept = [each for each in found if each.id in self.only or each.key in self.only]
        names = {name for each in kept for name in (each.id, each.key)}
        if unknown := [name for name in self.only if name not in names]:
            raise RunUnusable(f"{file} has no conversation called {', '.join(unknown)}.")
        return kept


def read_plan(path: Path) -> Plan:
    """Paths in it are relative to it. Raises `RunUnusable`."""
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
        phrasings = given["phrasings"] or []
        if not phrasings:
            raise ValueError("no phrasings")
        scenarios, config = given.get("scenarios"), given.get("config")
        return Plan(
            name=str(given.get("name", path.stem)),
            database=path.parent / given["database"],
            now=_time(given.get("now")),
            scenarios=path.parent / scenarios if scenarios else None,
            phrasings=tuple(
                path.parent / p for p in (phrasings if isinstance(phrasings, list) else [phrasings])
            ),
            mind=given.get("mind") or {},
            spoken=_manner(given.get("spoken"), given),
            only=tuple(str(name) for name in given.get("only") or ()),
            config=path.parent / config if config else None,
            profile=str(given.get("profile", "lite")),
        )
    except OSError as why:
        raise RunUnusable(f"{path} cannot be read: {why.strerror}.") from why
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as why:
        raise RunUnusable(
            f"{path} must name database and phrasings (and may name now, name, scenarios, only, mind, spoken, voices, "
            f"noise_dbfs, pauses, barge_in, backchannel, patience, config, profile): {why}."
        ) from why


def _manner(spoken: Any, given: Mapping[str, Any]) -> Manner | None:
    if not spoken:
        return None
    voices = given.get("voices") or {}
    usual = Manner({})
    return Manner(
        voices={each: tuple(voices.get(each) or VOICES[each]) for each in VOICES},
        noise_dbfs=tuple(float(n) for n in given.get("noise_dbfs") or usual.noise_dbfs),
        pauses=float(given.get("pauses", 0)),
        barge_in=float(given.get("barge_in", 0)),
        backchannel=float(given.get("backchannel", 0)),
        patience=int(given.get("patience", usual.patience)),
        detection=str(given.get("detection", usual.detection)),
    )


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
    """A conversation in writing."""

    desk: ShopDesk
    call: TextCall
    before: Mapping[str, str]
    folder: Path

    async def say(self, text: str) -> Turn:
        began = time.perf_counter()
        reply = await self.call.say(text)
        took = (time.perf_counter() - began) * 1000
        return Turn(text, reply.text, tuple(f"{t.name}:{t.kind}" for t in reply.tools), took)

    async def close(self) -> Aftermath:
        assert self.desk.tools is not None
        changed = changes(self.before, await snapshot(self.desk.tools))
        await self.desk.close()
        await asyncio.to_thread(shutil.rmtree, self.folder)
        return Aftermath(changed)


def _written(plan: Plan, brain: Brain | None) -> Callable[[Scenario], Any]:
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
        flows = FlowsBrain(otherwise=_Silent(), language=language, zone=desk.tools.zone.key, clock=clock)
        variables: dict[str, Any] = {"customerId": scenario.caller} if scenario.caller else {}
        call = await open_call(desk, language, variables, brain or flows)
        return _Talk(desk, call, await snapshot(desk.tools), folder)

    return open_one


@dataclass(frozen=True, slots=True)
class Going:
    """How far a run goes: what was done before, until when, and who is told."""

    earlier: Mapping[str, Any] = field(default_factory=dict)
    """Verdicts of an earlier run by the report's name: these conversations are not held again."""
    until: float | None = None
    """Monotonic seconds after which no further conversation begins."""
    told: Callable[[Report], None] | None = None
    """Gets the report as it stands after every conversation."""
    wavs: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


async def evaluate(plan: Plan, brain: Brain | None = None, going: Going | None = None) -> list[Report]:
    """One report for each file of sentences. Raises `RunUnusable`."""
    going = going or Going()
    if not plan.database.is_file():
        raise RunUnusable(f"There is no database {plan.database}; it must be a SQLite file.")
    if plan.spoken is None:
        return [await _held(plan, file, _written(plan, brain), 0, going) for file in plan.phrasings]
    from moksori.server.evaluation_spoken import Served, Speakers, opener

    speakers = Speakers()
    try:
        async with Served.start(plan.now, plan.config, plan.profile) as served:
            open_one = opener(served, plan.database, plan.spoken, speakers, going.wavs)
            return [await _held(plan, file, open_one, plan.spoken.patience, going) for file in plan.phrasings]
    finally:
        speakers.close()


async def _held(
    plan: Plan, file: Path, open_one: Callable[[Scenario], Any], patience: int, going: Going
) -> Report:
    scenarios = plan.conversations(file)
    name = f"{plan.name}: {file.stem}"
    kept = verdicts_in(going.earlier.get(name, {}), scenarios)
    report = Report(name, tuple(kept), plan.spoken is not None, going.facts)
    done = {v.scenario.key for v in kept}

    def told(verdict: Verdict) -> None:
        nonlocal report
        report = replace(report, verdicts=(*report.verdicts, verdict))
        if going.told is not None:
            going.told(report)

    await run(
        [each for each in scenarios if each.key not in done],
        open_one,
        patience=patience,
        told=told,
        go_on=lambda: going.until is None or time.monotonic() < going.until,
    )
    return report


def save(path: Path, log: Path, to: Path) -> int:
    """Hold the calls of a log on the run's shop, in writing, and save them with what they came to.

    Prints where a call now ends in other changes than it did; returns how many do. Raises `RunUnusable`.
    """
    plan = read_plan(path)
    calls = calls_in(log)

    async def held() -> list[Verdict]:
        if not plan.database.is_file():
            raise RunUnusable(f"There is no database {plan.database}; it must be a SQLite file.")
        return [await judge(each, _written(plan, None)) for each in calls]

    kept, others = [], 0
    for verdict in asyncio.run(held()):
        call = verdict.scenario
        tools = written(tool for turn in verdict.turns for tool in turn.tools)
        if tools != call.tools:
            others += 1
            print(
                f"{call.id}: logged {', '.join(call.tools) or 'no change'}, now {', '.join(tools) or 'none'}"
            )
        kept.append(replace(call, changes=verdict.changed, tools=tools))
    to.write_text(as_yaml(kept), "utf-8")
    print(
        f"{len(kept)} calls are in {to}, each with what it comes to now: put right what should be otherwise."
    )
    return others


def main(
    path: Path,
    report_to: Path | None,
    json_to: Path | None,
    *,
    go_on: bool = False,
    minutes: float | None = None,
    wavs: Path | None = None,
) -> int:
    """Run it, write the page and the JSON, print a line for each file. 1 when a conversation went wrong."""
    plan = read_plan(path)
    brain: Brain | None = None
    if plan.mind:
        from moksori.engine.chat import ChatBrain

        brain = ChatBrain(plan.mind["base_url"], plan.mind["model"], plan.mind.get("api_key"), timeout_s=60)
    standing: dict[str, Report] = {}

    def told(report: Report) -> None:
        standing[report.name] = report
        if report.verdicts and plan.spoken is not None:
            last = report.verdicts[-1]
            print(f"  {'good' if last.good else 'WRONG'} {last.scenario.key}", flush=True)
        if json_to is not None:
            json_to.write_text(_json(list(standing.values())), "utf-8")

    earlier = {}
    if go_on:
        if json_to is None or not json_to.is_file():
            raise RunUnusable("--continue goes on from the result that --json names, and there is none yet.")
        earlier = {each["name"]: each for each in json.loads(json_to.read_text("utf-8"))}
    going = Going(
        earlier=earlier,
        until=time.monotonic() + minutes * 60 if minutes is not None else None,
        told=told,
        wavs=wavs,
        facts={"commit": commit(), "machine": machine()} | _how(plan),
    )
    reports = asyncio.run(evaluate(plan, brain, going))
    for report in reports:
        good, of = report.rate()
        print(f"{report.name}: {good} of {of} good, {report.wrong_writes} wrong writes")
        for verdict in report.verdicts:
            for why in verdict.wrong:
                print(f"  {verdict.scenario.id} ({verdict.scenario.language}): {why}")
    if report_to is not None:
        report_to.write_text(page(reports), "utf-8")
    if json_to is not None:
        json_to.write_text(_json(reports), "utf-8")
    return 0 if all(v.good for r in reports for v in r.verdicts) else 1


def _json(reports: list[Report]) -> str:
    return json.dumps([r.as_json() for r in reports], ensure_ascii=False, indent=1) + "\n"


def _how(plan: Plan) -> dict[str, Any]:
    if plan.spoken is None:
        return {"answers": plan.mind.get("model", "flows") if plan.mind else "flows"}
    how = plan.spoken
    return {
        "answers": f"profile {plan.profile}",
        "voices": ", ".join(f"{k}: {' '.join(v)}" for k, v in how.voices.items()),
        "noise": " ".join(f"{n:.0f}" for n in how.noise_dbfs) + " dBFS",
        "pauses": how.pauses,
        "barge_in": how.barge_in,
        "backchannel": how.backchannel,
    }
