"""Which server events the conformance tests have seen; kept for `tests.conformance.document`."""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "out" / "conformance"
_seen: set[str] = set()


def saw(type: str) -> None:
    if not _seen:
        atexit.register(_keep)
    _seen.add(type)


def _keep() -> None:
    """A file of each process's own: tests run in several at once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"events-{os.getpid()}.json").write_text(json.dumps(sorted(_seen)), "utf-8")


def all_seen() -> set[str]:
    return {kind for file in FOLDER.glob("events-*.json") for kind in json.loads(file.read_text("utf-8"))}
