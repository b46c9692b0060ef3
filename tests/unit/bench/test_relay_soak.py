"""A short soak against a real server: what the generator, the upstream and our books say, agrees."""

from __future__ import annotations

import shutil

import pytest

from moksori.bench.relay.soak import SCHEMA, _growth, _wrong, soak

EACH = [["sess_a", 3, 3, 1, 1], ["sess_b", 2, 2, 1, 1]]
SAID = {
    "sent": 5,
    "received": 5,
    "wrong": 0,
    "alive": 2,
    "asked": 2,
    "answered": 2,
    "cost_micro": 10,
    "each": EACH,
}
HEARD = {"heard": [3, 2], "out_of_order": 0, "answered": 2}
METRICS = {"messages_in": 7, "messages_out": 11, "sessions": 2, "turns": 2, "refused": 0, "parked": 0}
LEDGER = {"rows": 2, "micro": 10, "calls": 2}


def test_books_that_agree_are_not_complained_of() -> None:
    assert _wrong(SAID, HEARD, METRICS, LEDGER, ["", ""]) == []


@pytest.mark.parametrize(
    ("said", "heard", "metrics", "ledger", "resumed"),
    [
        ({"each": [["sess_a", 3, 2, 1, 1], EACH[1]]}, {}, {}, {}, ""),
        ({"each": [["sess_a", 3, 3, 1, 0], EACH[1]]}, {}, {}, {}, ""),
        ({"alive": 1}, {}, {}, {}, ""),
        ({"wrong": 1}, {}, {}, {}, ""),
        ({}, {"heard": [3, 1]}, {}, {}, ""),
        ({}, {"heard": [3]}, {}, {}, ""),
        ({}, {"out_of_order": 1}, {}, {}, ""),
        ({}, {"answered": 3}, {}, {}, ""),
        ({}, {}, {"messages_in": 6}, {}, ""),
        ({}, {}, {"messages_out": 12}, {}, ""),
        ({}, {}, {"turns": 1}, {}, ""),
        ({}, {}, {"parked": 1}, {}, ""),
        ({}, {}, {}, {"rows": 1}, ""),
        ({}, {}, {}, {"micro": 11}, ""),
        ({}, {}, {}, {}, "sess_a: a gap"),
    ],
)
def test_whatever_disagrees_is_told(
    said: dict[str, object],
    heard: dict[str, object],
    metrics: dict[str, object],
    ledger: dict[str, object],
    resumed: str,
) -> None:
    assert _wrong(
        {**SAID, **said}, {**HEARD, **heard}, {**METRICS, **metrics}, {**LEDGER, **ledger}, [resumed]
    )


def test_memory_is_judged_after_the_warm_up() -> None:
    assert _growth([(at, 1000) for at in range(0, 60, 5)]) is None
    rising = [(float(at), 5000 if at < 60 else 1000 + at) for at in range(0, 605, 5)]
    assert _growth(rising) == 540


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="the load generator is C")
def test_nothing_is_lost_in_a_few_seconds() -> None:
    result = soak(20, 20, 5.0)
    assert result["schema"] == SCHEMA
    assert (result["holds"], result["wrong"]) == (True, [])
    assert result["messages"]["sent"] >= 20 * 200
    assert result["messages"]["answers_had"] > 0 and result["ledger"]["micro"] > 0
    assert result["resumed"] == {"sessions": 20, "whole": 20}
