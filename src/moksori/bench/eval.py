"""Conversations by script against something that answers, judged by what they left behind and what was said.

A run file names scenarios (what each must come to) and sentences (what its caller says, turn by turn). Who answers is
given as `Open`, so that flows, a model behind a chat endpoint and a live server are judged the same way.
"""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

LANGUAGES = ("ko", "en")


class RunUnusable(Exception):
    """The run file cannot be used; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`caller` is signed in from the start; None is a stranger. `says`: one of these is in some answer."""

    id: str
    language: str
    turns: tuple[str, ...]
    caller: str | None
    changes: Mapping[str, str]
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    said: str
    answered: str
    tools: tuple[str, ...]
    ms: float


class Conversation(Protocol):
    """One scenario under way."""

    async def say(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The answer and the names of the tools that ran."""
        ...

    async def close(self) -> Mapping[str, str]:
        """End it; what it changed."""
        ...


Open = Callable[[Scenario], Awaitable[Conversation]]


@dataclass(frozen=True, slots=True)
class Verdict:
    scenario: Scenario
    turns: tuple[Turn, ...]
    changed: Mapping[str, str]
    wrong: tuple[str, ...]
    """Why it failed, sentence by sentence; empty where it did not."""

    @property
    def good(self) -> bool:
        return not self.wrong

    @property
    def wrong_write(self) -> bool:
        """Something changed that should not have."""
        return any(self.scenario.changes.get(k) != v for k, v in self.changed.items())


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    verdicts: tuple[Verdict, ...] = field(default=())

    def rate(self, language: str | None = None) -> tuple[int, int]:
        """How many are good, of how many."""
        chosen = [v for v in self.verdicts if language in (None, v.scenario.language)]
        return sum(v.good for v in chosen), len(chosen)

    @property
    def wrong_writes(self) -> int:
        return sum(v.wrong_write for v in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": "moksori.eval/1",
            "name": self.name,
            "summary": {
                each or "all": dict(zip(("good", "of"), self.rate(each), strict=True))
                for each in (None, *LANGUAGES)
            }
            | {"wrong_writes": self.wrong_writes},
            "scenarios": [
                {
                    "id": v.scenario.id,
                    "language": v.scenario.language,
                    "good": v.good,
                    "wrong": list(v.wrong),
                    "changed": dict(v.changed),
                    "turns": [
                        {"said": t.said, "answered": t.answered, "tools": list(t.tools), "ms": round(t.ms, 1)}
                        for t in v.turns
                    ],
                }
                for v in self.verdicts
            ],
        }


def read_scenarios(scenarios: Path, phrasings: Path) -> list[Scenario]:
    """Every scenario in every language it has sentences for. Raises `RunUnusable`."""
    wanted, said = _yaml(scenarios), _yaml(phrasings)
    found: list[Scenario] = []
    for language, by_id in said.items():
        if not isinstance(by_id, dict):
            raise RunUnusable(f"{phrasings}: {language} must hold scenarios and their sentences.")
        for name, turns in by_id.items():
            if name not in wanted:
                raise RunUnusable(
                    f"{phrasings} has sentences for {name}, which is no scenario of {scenarios}."
                )
            spec = wanted[name] or {}
            found.append(
                Scenario(
                    id=name,
                    language=language,
                    turns=tuple(str(t) for t in turns),
                    caller=spec.get("caller", "C1"),
                    changes={str(k): str(v) for k, v in (spec.get("changes") or {}).items()},
                    says=tuple(str(s) for s in spec.get("says") or ()),
                )
            )
    return found


def _yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except OSError as why:
        raise RunUnusable(f"{path} cannot be read: {why.strerror}.") from why
    except yaml.YAMLError as why:
        raise RunUnusable(f"{path} is not YAML: {why}") from why
    if not isinstance(loaded, dict):
        raise RunUnusable(f"{path} must hold names and what belongs to them.")
    return loaded


async def run(name: str, scenarios: list[Scenario], open_one: Open) -> Report:
    return Report(name, tuple([await judge(each, open_one) for each in scenarios]))


async def judge(scenario: Scenario, open_one: Open) -> Verdict:
    """Hold one conversation and say what is wrong with it."""
    conversation = await open_one(scenario)
    turns: list[Turn] = []
    try:
        for said in scenario.turns:
            began = time.perf_counter()
            answered, tools = await conversation.say(said)
            turns.append(Turn(said, answered, tools, (time.perf_counter() - began) * 1000))
    finally:
        changed = await conversation.close()
    wrong = [
        f"{key} is {changed.get(key, 'as before')!r}, not {value!r}."
        for key, value in scenario.changes.items()
        if changed.get(key) != value
    ]
    wrong += [f"{k} became {v!r}." for k, v in changed.items() if k not in scenario.changes]
    if scenario.says and not any(word in turn.answered for turn in turns for word in scenario.says):
        wrong.append(f"No answer says {' or '.join(scenario.says)}.")
    return Verdict(scenario, tuple(turns), changed, tuple(wrong))


def page(report: Report) -> str:
    """The report as one HTML page without anything from elsewhere."""
    good, of = report.rate()
    rows = "".join(_row(v) for v in sorted(report.verdicts, key=lambda v: (v.good, v.scenario.id)))
    by_language = ", ".join(f"{each}: {report.rate(each)[0]}/{report.rate(each)[1]}" for each in LANGUAGES)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(report.name)}</title>'
        "<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "details{border-left:4px solid #2a7d46;padding:.2rem .8rem;margin:.4rem 0}"
        "details.bad{border-color:#b3261e}.wrong{color:#b3261e}q{color:#555}</style>"
        f"<h1>{html.escape(report.name)}</h1><p>{good} of {of} good ({by_language}); "
        f"wrong writes: {report.wrong_writes}.</p>{rows}</html>"
    )


def _row(verdict: Verdict) -> str:
    scenario = verdict.scenario
    talk = "".join(
        f"<p><q>{html.escape(t.said) or '…'}</q><br>{html.escape(t.answered)}"
        f"<br><small>{html.escape(', '.join(t.tools))} {t.ms:.0f} ms</small></p>"
        for t in verdict.turns
    )
    wrong = "".join(f'<p class="wrong">{html.escape(w)}</p>' for w in verdict.wrong)
    state = "" if verdict.good else ' class="bad" open'
    return f"<details{state}><summary>{scenario.id} ({scenario.language})</summary>{wrong}{talk}</details>"
