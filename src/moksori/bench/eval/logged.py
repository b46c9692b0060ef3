"""Calls that were logged, as conversations that can be held again.

Two logs are read: a server's own (`log.format = "json"`, `log.log_transcripts = true`), which has a line a call of the
shop, and the JSON of an evaluation, whose spoken callers are taken as they were heard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from moksori.agent.guard import CONFIRM
from moksori.bench.eval.report import SCHEMA
from moksori.bench.eval.scenario import LANGUAGES, RunUnusable, Scenario

EVENT = "conversation"
"""The server's line: `call`, `language`, `customer` (signed by the shop, or null), `said`, `tools`."""


def calls_in(path: Path) -> list[Scenario]:
    """Every call with words in it; `tools` are those that changed something. Raises `RunUnusable`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise RunUnusable(f"{path} cannot be read: {why}.") from why
    found = {each.key: each for each in _calls(text)}
    if not found:
        raise RunUnusable(
            f'{path} has no call in it. A server logs calls with log.format = "json" and log.log_transcripts = true.'
        )
    return list(found.values())


def _calls(text: str) -> Iterator[Scenario]:
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, list):
        for report in whole:
            if isinstance(report, dict) and report.get("schema") == SCHEMA:
                yield from map(_of_evaluation, report.get("scenarios", ()))
        return
    for line in text.splitlines():
        try:
            logged = json.loads(line)
        except ValueError:
            continue
        if isinstance(logged, dict) and logged.get("event") == EVENT and isinstance(logged.get("said"), list):
            yield _of_server(logged)


def _of_server(logged: Mapping[str, Any]) -> Scenario:
    customer = logged.get("customer")
    return Scenario(
        id=str(logged["call"]),
        language=logged["language"] if logged.get("language") in LANGUAGES else LANGUAGES[0],
        turns=tuple(str(each) for each in logged["said"]),
        caller=str(customer) if customer else None,
        changes={},
        tools=written(logged.get("tools") or ()),
    )


def _of_evaluation(held: Mapping[str, Any]) -> Scenario:
    turns = held["turns"]
    return Scenario(
        id=str(held["id"]),
        language=str(held["language"]),
        turns=tuple(str(turn.get("heard", turn["said"])) for turn in turns),
        caller=held.get("caller"),
        changes={},
        tools=written(tool for turn in turns for tool in turn["tools"]),
        about="as it was heard" if any("heard" in turn for turn in turns) else "",
    )


def written(tools: Iterable[str]) -> tuple[str, ...]:
    """Of "cancel_order:proposed", "confirm_action:committed" and the like, the names of the tools that wrote."""
    found: list[str] = []
    proposed = ""
    for each in tools:
        name, _, kind = str(each).partition(":")
        proposed = name if kind == "proposed" else proposed
        if kind == "committed":
            found.append(proposed if name == CONFIRM and proposed else name)
    return tuple(dict.fromkeys(found))
