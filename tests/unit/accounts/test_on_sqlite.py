"""The accounts on SQLite."""

from pathlib import Path

import pytest

from tests.unit.accounts.on_database import *  # noqa: F403


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'accounts.db'}"
