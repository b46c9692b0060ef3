"""One server with real ears and voice for the tests of this folder that only talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.real_server import RealServer, server_with_stub_mind


@pytest.fixture(scope="package")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Who comes back to a call must do so within a second."""
    folder = tmp_path_factory.mktemp("talking")
    with server_with_stub_mind(folder, MOKSORI__LIMITS__RESUME_WINDOW_S="1") as running:
        yield running
