"""What the client tests have shown, for the tables of docs/reference/conformance.md (`tests.conformance.document`)."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "out" / "conformance" / "clients.json"


def note(package: str, dialect: str, flows: dict[str, bool]) -> None:
    """Keep the result of one client's run beside those of the others."""
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    before = known.get(package, {}).get("flows", {})
    known[package] = {"dialect": dialect, "flows": {**before, **flows}}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True), "utf-8")
