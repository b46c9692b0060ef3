"""Published clients, unmodified, each against the whole server: typed turn, spoken turn, tool call, interruption.

Each runs as a program of its own, in an environment of its own (`make clients-tests` installs both), and prints a JSON
line a flow. A failure names client, flow and the last event the client saw.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moksori.audio.pcm import from_float
from moksori.audio.resample import resample
from tests.support.real_server import RealServer, server_with_stub_mind
from tests.support.speech import spoken

from .report import note

pytestmark = [pytest.mark.models, pytest.mark.slow]

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("MOKSORI_CLIENTS", HERE.parents[1] / ".venv-clients")) / "bin" / "python"
PATIENCE_S = 280
FLOWS = ("typed", "tool", "spoken", "interruption")


@dataclass(frozen=True)
class Client:
    """`package` as its registry calls it; `flows` are the lines its program prints."""

    package: str
    program: str
    dialect: str = "GA"
    flows: tuple[str, ...] = FLOWS
    tls: bool = False

    @property
    def command(self) -> list[str]:
        if self.program.endswith(".mjs"):
            return ["node", str(HERE / "node" / self.program)]
        return [str(PYTHON), str(HERE / "programs" / self.program)]

    def need(self) -> None:
        """Skip without the client's environment; in CI it has to be there."""
        there = (
            shutil.which("node") is not None and (HERE / "node" / "node_modules").is_dir()
            if self.program.endswith(".mjs")
            else PYTHON.exists()
        )
        if not there:
            reason = f"{self.package} is not installed: run `make clients-tests`"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)


CLIENTS = (
    Client("openai-agents (PyPI)", "openai_agents.py"),
    Client("livekit-plugins-openai (PyPI)", "livekit_plugin.py", flows=(*FLOWS, "reconnection")),
    Client("pipecat-ai (PyPI)", "pipecat_service.py"),
    Client("@openai/agents-realtime (npm)", "openai_agents.mjs"),
    Client("openai (npm), over TLS", "openai_npm.mjs", tls=True),
    Client("openai-realtime-api (npm)", "openai_realtime_api.mjs", dialect="beta"),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, text in (
        ("question", "Can you tell me about your return policy?"),
        ("stop", "Wait a moment, please stop."),
    ):
        clip = spoken(text, "flite:slt")
        (folder / f"{name}.pcm").write_bytes(resample(from_float(clip.samples), 16_000, 24_000))
    return folder


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with server_with_stub_mind(tmp_path_factory.mktemp("tls"), "--tls", "self-signed") as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_the_client_holds_its_flows(client: Client, clips: Path, request: pytest.FixtureRequest) -> None:
    server: RealServer = request.getfixturevalue("tls_server" if client.tls else "server")
    hold(client, server, clips)


def hold(client: Client, server: RealServer, clips: Path, *, by_rule: bool = False) -> None:
    """Run the client's program against the server; fails naming client, flow and event."""
    client.need()
    place = (
        ["--https", server.http, "--ca", str(server.certificate)] if client.tls else ["--http", server.http]
    )
    clip = [
        argument for name in ("question", "stop") for argument in (f"--{name}", str(clips / f"{name}.pcm"))
    ]
    done = subprocess.run(
        [*client.command, *place, *clip],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    lines = {line["flow"]: line for line in map(json.loads, filter(None, done.stdout.splitlines()))}
    held = {flow: bool(lines.get(flow, {}).get("ok")) for flow in client.flows}
    note(client.package, client.dialect, held, by_rule=by_rule)
    for flow in client.flows:
        assert flow in lines, f"{client.package}: {flow}: its program ended before it: {done.stderr[-2000:]}"
        line = lines[flow]
        assert line["ok"], f"{client.package}: {flow}: after {line['event']}: {line['error']}"
