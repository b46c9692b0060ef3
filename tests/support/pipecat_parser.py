"""Would Pipecat read this event? Its own parser says so, in the environment of the published clients.

`make clients-tests` names that environment in MOKSORI_CLIENTS; without it nothing is asked.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "clients" / "programs" / "pipecat_parser.py"


def asked() -> bool:
    """Whether events are put before it in this run."""
    return "MOKSORI_CLIENTS" in os.environ


def validate_with_pipecat(event: dict[str, Any]) -> None:
    """Raises AssertionError if Pipecat would stop reading at this event of a session it can have."""
    if not asked() or not _meant_for_it(event):
        return
    parser = _parser()
    assert parser.stdin is not None and parser.stdout is not None
    parser.stdin.write(json.dumps(event) + "\n")
    parser.stdin.flush()
    verdict = parser.stdout.readline()
    assert verdict, "Pipecat's parser ended"
    assert not verdict.strip(), f"{event['type']}: Pipecat: {json.loads(verdict)}"


def _meant_for_it(event: dict[str, Any]) -> bool:
    """Pipecat opens conversations only, has no MCP tools, lets no model choose among tools by an object, and knows no
    `keywords` of a transcription; nor do its sessions hold what it cannot ask for.
    """
    session, response = event.get("session") or {}, event.get("response") or {}
    transcription = session.get("audio", {}).get("input", {}).get("transcription") or {}
    items = [event.get("item") or {}, *response.get("output", ())]
    return (
        session.get("type") != "transcription"
        and not {"keywords", "languages", "delay"} & transcription.keys()
        and not isinstance(session.get("tool_choice"), dict)
        and not any(tool.get("type") == "mcp" for tool in session.get("tools", ()))
        and not any(str(item.get("type")).startswith("mcp_") for item in items)
    )


@cache
def _parser() -> subprocess.Popen[str]:
    python = Path(os.environ["MOKSORI_CLIENTS"]).absolute() / "bin" / "python"
    started = subprocess.Popen(
        [str(python), str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(started.kill)
    assert started.stdout is not None
    assert started.stdout.readline().strip() == "ready", (
        "Pipecat's parser did not start: run `make clients-tests`"
    )
    return started
