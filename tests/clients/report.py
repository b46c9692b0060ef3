"""What the client tests have shown, for the tables of docs/reference/conformance.md (`tests.conformance.document`)."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "out" / "conformance" / "clients.json"


def note(package: str, dialect: str, flows: dict[str, bool], *, by_rule: bool = False) -> None:
    """Keep the result of one client's run beside those of the others; `by_rule`: without real models."""
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    kept = known.setdefault(package, {"dialect": dialect, "flows": {}, "by_rule": {}})
    kept["by_rule" if by_rule else "flows"].update(flows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True), "utf-8")
