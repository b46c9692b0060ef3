"""The whole server with real models, as a process, for tests that talk to it as users do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moksori.engine.weights import default_home
from moksori.server.tls import CERTIFICATE
from tests.faults.server_process import environment
from tests.support.chat_stub import chat_stub


@dataclass(frozen=True)
class RealServer:
    http: str
    ws: str
    log: Path
    certificate: Path
    """Of a server with `--tls self-signed`."""


def certificate(env: dict[str, str]) -> Path:
    """Where that server keeps what it signed itself."""
    home = Path(env["MOKSORI_HOME"]) if "MOKSORI_HOME" in env else default_home()
    return home / "tls" / CERTIFICATE


@contextlib.contextmanager
def real_server(folder: Path, *options: str, **variables: str) -> Iterator[RealServer]:
    """`moksori serve` on a free port, profile lite unless told otherwise; its log is in `folder`."""
    log = folder / "server.log"
    env = environment(**{"MOKSORI__ENGINE__PROFILE": "lite", **variables})
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-c", "from moksori.cli import main; main()", "serve", "--port", "0", *options],
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
            yield RealServer(ready["http"], ready["ws"], log, certificate(env))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def server_with_stub_mind(folder: Path, *options: str, **variables: str) -> Iterator[RealServer]:
    """Real ears and voice; the mind is `chat_stub`, so that what is answered is known."""
    with chat_stub() as base_url:
        mind = {
            "MOKSORI__ENGINE__LLM__KIND": "openai",
            "MOKSORI__ENGINE__LLM__BASE_URL": base_url,
            "MOKSORI__ENGINE__LLM__MODEL": "stub",
        }
        with real_server(folder, *options, **mind, **variables) as server:
            yield server
