"""Whole conversations on the little shop without a model: what they leave behind in the database is what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from moksori.bench.eval.page import page
from moksori.bench.eval.scenario import read_scenarios
from moksori.server.evaluation import Plan, evaluate
from tests.unit.shop.little import NOW

DATA = Path(__file__).parents[2] / "data" / "conversations"
MUST = {"phrasings": 0.95, "held-out": 0.85}
"""Share of the conversations that must end as they should."""


@pytest.mark.parametrize("name", MUST)
async def test_conversations_end_as_they_should(
    name: str, little_file: Path, record_property: pytest.FixtureRequest
) -> None:
    plan = Plan(name, little_file, NOW, DATA / "scenarios.yaml", (DATA / f"{name}.yaml",))
    (report,) = await evaluate(plan)
    good, of = report.rate()
    record_property("good", f"{good} of {of}")  # type: ignore[operator]
    wrong = [(v.scenario.id, v.scenario.language, v.wrong) for v in report.verdicts if v.wrong]
    assert report.wrong_writes == 0, wrong
    assert good >= MUST[name] * of, wrong
    assert page([report]).startswith("<!doctype html>")


def test_there_are_enough_and_half_are_korean() -> None:
    for name in MUST:
        scenarios = read_scenarios(DATA / f"{name}.yaml", DATA / "scenarios.yaml")
        assert len(scenarios) >= 80
        assert sum(s.language == "ko" for s in scenarios) * 2 == len(scenarios)
