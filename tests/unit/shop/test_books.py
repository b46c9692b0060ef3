"""Money and stock balance after any sequence of tool calls, on SQLite."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.shop.books import Books

SETTINGS = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,  # the same sequences on every machine; `test-all` is where new ones are looked for
    suppress_health_check=list(HealthCheck),
)


def on_sqlite(little_file: Path, folder: Path) -> type[Books]:
    numbers = itertools.count()

    class OnSqlite(Books):
        committed: ClassVar[set[str]] = set()

        def fresh(self) -> str:
            return f"sqlite:///{shutil.copy(little_file, folder / f'{next(numbers)}.db')}"

    return OnSqlite


def test_money_and_stock_balance_after_any_calls(little_file: Path, tmp_path: Path) -> None:
    """Given the little shop, when tools are called in any order and again, then the audit finds nothing."""
    machine = on_sqlite(little_file, tmp_path)
    run_state_machine_as_test(machine, settings=SETTINGS)
    assert len(machine.committed) > 1, "the sequences did something"


@pytest.mark.slow
def test_money_and_stock_balance_after_many_calls(little_file: Path, tmp_path: Path) -> None:
    """The same with new sequences each time, and longer ones."""
    run_state_machine_as_test(
        on_sqlite(little_file, tmp_path),
        settings=settings(SETTINGS, max_examples=60, stateful_step_count=50, derandomize=False),
    )
