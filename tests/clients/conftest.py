from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.support.real_server import RealServer, server_with_stub_mind

from .report import note

OPENAI_FLOWS = {
    "test_a_typed_turn": "typed",
    "test_a_spoken_turn_under_server_vad": "spoken",
    "test_a_function_call_round_trip": "tool",
    "test_an_interruption_is_truncated_where_the_client_says": "interruption",
    "test_a_lost_connection_is_made_again": "reconnection",
}
"""Tests of `test_openai_python.py` and the flow each holds."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with server_with_stub_mind(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Each flow of the openai package is a test of its own; its result goes into the document's table."""
    made = yield
    flow = OPENAI_FLOWS.get(item.name)
    if made.when == "call" and flow is not None:
        note("openai (PyPI)", "GA", {flow: made.passed})
    return made
