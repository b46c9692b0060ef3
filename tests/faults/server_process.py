"""`moksori serve` as a process of its own, for the tests that must see what a user sees."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PATIENCE_S = 60.0
"""After which a process that neither gets ready nor ends is a failed test, not a slow one."""


def environment(home: Path | None = None, **variables: str) -> dict[str, str]:
    """This process's environment without moksori's own variables; `home` is where weights are looked for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOKSORI")}
    if home is not None:
        kept["MOKSORI_HOME"] = str(home)
    elif "MOKSORI_HOME" in os.environ:
        kept["MOKSORI_HOME"] = os.environ["MOKSORI_HOME"]
    return {**kept, **variables}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


COMMAND = (sys.executable, "-c", "from moksori.cli import main; main()")


@cache
def _namespaces() -> bool:
    """Whether this user may make disks of his own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def on_a_disk(folder: Path, size: str, *then: str) -> list[str]:
    """What to put before a command that shall find a small disk of its own at `folder`; `then` are shell commands.

    Others see it under `/proc/PID/root`. The test is skipped where no such disk can be made.
    """
    if not _namespaces():
        pytest.skip("no user namespaces here, so no disk of our own")
    folder.mkdir(parents=True, exist_ok=True)
    script = [f"mount -t tmpfs -o size={size} tmpfs {folder}", *then, 'exec "$@"']
    return ["unshare", "-rm", "sh", "-c", " && ".join(script), "sh"]


def free_port() -> int:
    """A port that nothing listens on, for a server whose ready line is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as briefly:
        port: int = briefly.getsockname()[1]
    return port


def run(*arguments: str, cwd: Path, env: Mapping[str, str], before: Sequence[str] = ()) -> Ended:
    """A command that is expected to end by itself."""
    done = subprocess.run(
        [*before, *COMMAND, *arguments],
        cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


class ServerProcess:
    """A running server. `http` and `ws` are from its ready line."""

    def __init__(self, process: subprocess.Popen[str], http: str, ws: str) -> None:
        self._process = process
        self.http = http
        self.ws = ws

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.http.rsplit(":", 1)[1])

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> Ended:
        """Wait for the process to end by itself."""
        out, err = self._process.communicate(timeout=PATIENCE_S)
        return Ended(self._process.returncode, out, err)


@contextlib.contextmanager
def server(
    *arguments: str, cwd: Path, env: Mapping[str, str], before: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """Start `moksori serve --port 0 …` and wait for its ready line."""
    with subprocess.Popen(
        [*before, *COMMAND, "serve", "--port", "0", *arguments],
        cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"no ready line; on stderr: {process.communicate(timeout=PATIENCE_S)[1]}"
            ready = json.loads(line)
            yield ServerProcess(process, ready["http"], ready["ws"])
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
