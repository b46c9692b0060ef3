"""What came of conversations: verdicts, rates, and the JSON they are kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moksori.bench.eval.scenario import LANGUAGES, Scenario
from moksori.bench.voice.score import spread

SCHEMA = "moksori.eval/1"


@dataclass(frozen=True, slots=True)
class Turn:
    said: str
    answered: str
    tools: tuple[str, ...]
    ms: float
    """In writing until the whole answer; spoken from the last voiced sample to the first that says something."""
    heard: str | None = None
    """What was understood of a spoken turn."""
    manner: str = ""
    """How it was spoken: the voice, and what was peculiar."""
    stages_ms: Mapping[str, int] = field(default_factory=dict)
    """Where the time of a spoken turn went, as the server tells it (`response.usage.moksori`)."""


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
    spoken: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Machine, commit, voices: what a reader has to know of the run."""

    def rate(self, language: str | None = None) -> tuple[int, int]:
        """How many are good, of how many."""
        chosen = [v for v in self.verdicts if language in (None, v.scenario.language)]
        return sum(v.good for v in chosen), len(chosen)

    @property
    def wrong_writes(self) -> int:
        return sum(v.wrong_write for v in self.verdicts)

    def waits(self, language: str | None = None) -> list[float]:
        """How long each answer let the caller wait, ms."""
        return [
            t.ms
            for v in self.verdicts
            if language in (None, v.scenario.language)
            for t in v.turns
            if t.answered and t.ms > 0
        ]

    def as_json(self) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        for each in (None, *LANGUAGES):
            good, of = self.rate(each)
            summary[each or "all"] = {"good": good, "of": of, "wait_ms": spread(self.waits(each))}
        return {
            "schema": SCHEMA,
            "name": self.name,
            "spoken": self.spoken,
            "facts": dict(self.facts),
            "summary": summary | {"wrong_writes": self.wrong_writes},
            "scenarios": [_verdict_json(v) for v in self.verdicts],
        }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    scenario = verdict.scenario
    return {
        "id": scenario.id,
        "language": scenario.language,
        "caller": scenario.caller,
        "expected": dict(scenario.changes),
        "good": verdict.good,
        "wrong": list(verdict.wrong),
        "changed": dict(verdict.changed),
        "turns": [
            {"said": t.said, "answered": t.answered, "tools": list(t.tools), "ms": round(t.ms, 1)}
            | ({"heard": t.heard} if t.heard is not None else {})
            | ({"manner": t.manner} if t.manner else {})
            | ({"stages_ms": dict(t.stages_ms)} if t.stages_ms else {})
            for t in verdict.turns
        ],
    }


def verdicts_in(result: Mapping[str, Any], scenarios: Sequence[Scenario]) -> list[Verdict]:
    """The verdicts of an earlier result on these scenarios: to go on where a run was stopped."""
    by_key = {each.key: each for each in scenarios}
    found = []
    for kept in result.get("scenarios", ()):
        scenario = by_key.get(f"{kept['language']}/{kept['id']}")
        if scenario is None:
            continue
        turns = tuple(
            Turn(
                t["said"],
                t["answered"],
                tuple(t["tools"]),
                t["ms"],
                t.get("heard"),
                t.get("manner", ""),
                t.get("stages_ms", {}),
            )
            for t in kept["turns"]
        )
        found.append(Verdict(scenario, turns, kept["changed"], tuple(kept["wrong"])))
    return found
