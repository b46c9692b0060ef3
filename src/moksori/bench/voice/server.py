"""A server of the benchmark's own, as a process: for a run without `--url`, and for what is compared with it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from moksori.bench.voice.manifest import ClipSet

STOP_S = 20.0


class ServerFailed(RuntimeError):
    """The server did not come up; the sentence says why."""


@contextlib.contextmanager
def server(config: Path | None, **engine: str) -> Iterator[str]:
    """`moksori serve` on a free port; gives its WebSocket address. `engine` are settings of that section.

    Without a settings file it is profile lite: real ears and a real voice, fixed answers. Raises `ServerFailed`.
    """
    variables = {f"MOKSORI__ENGINE__{name.upper()}": value for name, value in engine.items()}
    command = [sys.executable, "-c", "from moksori.cli import main; main()", "serve", "--port", "0"]
    if config is not None:
        command += ["--config", str(config)]
    else:
        variables.setdefault("MOKSORI__ENGINE__PROFILE", "lite")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise ServerFailed(f"The server did not start: {log.read()[-800:]}")
            ready: dict[str, Any] = json.loads(line)
            yield str(ready["ws"])
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.stdout is not None:
                process.stdout.close()


def parts_alone(clips: ClipSet, turns: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """STT, end of turn and first clause of each answered turn, timed alone by the engine in its own process."""
    by_id = {clip.id: clip for clip in clips.clips}
    lines = [
        json.dumps(
            {
                "wav": str(clips.folder / by_id[turn["id"]].wav),
                "end_ms": by_id[turn["id"]].last_voiced_ms + 64,
                "language": by_id[turn["id"]].language,
                "answer": turn["answer"],
            }
        )
        for turn in turns
    ]
    environment = {"MOKSORI__ENGINE__PROFILE": "lite", **os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "moksori.engine.timing"],
        input="\n".join(lines),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerFailed(f"The parts could not be timed: {done.stderr[-800:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
