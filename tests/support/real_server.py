"""The whole server with real models, as a process, for tests that talk to it as users do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.server_process import environment
from tests.support.chat_stub import chat_stub


@dataclass(frozen=True)
class RealServer:
    http: str
    ws: str
    log: Path


@contextlib.contextmanager
def real_server(folder: Path, **variables: str) -> Iterator[RealServer]:
    """`moksori serve` on a free port, profile lite unless told otherwise; its log is in `folder`."""
    log = folder / "server.log"
    env = environment(**{"MOKSORI__ENGINE__PROFILE": "lite", **variables})
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-c", "from moksori.cli import main; main()", "serve", "--port", "0"],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"no ready line; its log says: {log.read_text()}"
            ready = json.loads(line)
            yield RealServer(ready["http"], ready["ws"], log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def server_with_stub_mind(folder: Path, **variables: str) -> Iterator[RealServer]:
    """Real ears and voice; the mind is `chat_stub`, so that what is answered is known."""
    with chat_stub() as base_url:
        mind = {
            "MOKSORI__ENGINE__LLM__KIND": "openai",
            "MOKSORI__ENGINE__LLM__BASE_URL": base_url,
            "MOKSORI__ENGINE__LLM__MODEL": "stub",
        }
        with real_server(folder, **mind, **variables) as server:
            yield server
