"""Which server events the conformance tests have seen, and by whom they were read, for `tests.conformance.document`."""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path

from tests.support.pipecat_parser import asked

FOLDER = Path(__file__).parents[2] / "out" / "conformance"
_seen: set[str] = set()


def saw(type: str) -> None:
    if not _seen:
        atexit.register(_keep)
    _seen.add(type)


def _keep() -> None:
    """A file of each process's own: tests run in several at once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = {"seen": sorted(_seen), "pipecat": asked()}
    (FOLDER / f"events-{os.getpid()}.json").write_text(json.dumps(known), "utf-8")


def all_seen() -> tuple[set[str], bool]:
    """The events' types, and whether Pipecat's parser read all of them."""
    runs = [json.loads(file.read_text("utf-8")) for file in FOLDER.glob("events-*.json")]
    return {kind for run in runs for kind in run["seen"]}, all(run["pipecat"] for run in runs)
