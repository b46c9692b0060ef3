from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.real_server import RealServer, server_with_stub_mind


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with server_with_stub_mind(tmp_path_factory.mktemp("server")) as running:
        yield running
