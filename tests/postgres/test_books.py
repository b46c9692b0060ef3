"""Money and stock balance after any sequence of tool calls, on PostgreSQL."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.postgres.conftest import Server
from tests.unit.shop.books import Books

SETTINGS = settings(
    max_examples=5,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def on_postgres(server: Server, template: str) -> type[Books]:
    class OnPostgres(Books):
        committed: ClassVar[set[str]] = set()

        def fresh(self) -> str:
            self.name = server.create(template)
            return server.address(self.name)

        def teardown(self) -> None:
            super().teardown()
            server.drop(self.name)

    return OnPostgres


def test_money_and_stock_balance_after_any_calls(server: Server, little_template: str) -> None:
    """Given the little shop, when tools are called in any order and again, then the audit finds nothing."""
    machine = on_postgres(server, little_template)
    run_state_machine_as_test(machine, settings=SETTINGS)
    assert len(machine.committed) > 1, "the sequences did something"


@pytest.mark.slow
def test_money_and_stock_balance_after_many_calls(server: Server, little_template: str) -> None:
    run_state_machine_as_test(
        on_postgres(server, little_template),
        settings=settings(SETTINGS, max_examples=40, stateful_step_count=40, derandomize=False),
    )
