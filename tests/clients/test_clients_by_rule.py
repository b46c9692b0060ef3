"""The published clients against the server whose ears, voice and mind are rules: the protocol alone, in two minutes.

What `test_published_clients.py` does with real models; a failure here and not there, or the other way round, tells
which side of the wire to look at.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from moksori.server.tls import CERTIFICATE
from tests.support.real_server import RealServer

from . import test_openai_beta_python as beta_package
from . import test_openai_python as package
from .report import note
from .test_published_clients import CLIENTS, Client, hold

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def server_by_rule(folder: Path, *, tls: bool) -> Iterator[RealServer]:
    log = folder / "server.log"
    options = [str(folder)] if tls else []
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.program", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            while not (line := process.stdout.readline()).startswith("{"):
                assert line, f"it did not start: {log.read_text()}"
            ready = json.loads(line)
            yield RealServer(ready["http"], ready["ws"], log, folder / CERTIFICATE)
        finally:
            process.stdin.close()
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def by_rule(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with server_by_rule(tmp_path_factory.mktemp("server"), tls=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Any sound is a question to this server."""
    folder = tmp_path_factory.mktemp("tones")
    for name, seconds in (("question", 1.6), ("stop", 1.2)):
        wave = np.sin(np.arange(int(24_000 * seconds)) * 0.05) * 9000
        (folder / f"{name}.pcm").write_bytes(wave.astype("<i2").tobytes())
    return folder


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.program)
def test_the_client_holds_its_flows(client: Client, by_rule: RealServer, tones: Path) -> None:
    if client.tls != by_rule.http.startswith("https"):
        pytest.skip("each client has the one address it can speak to")
    hold(client, by_rule, tones, by_rule=True)


PACKAGE = {
    "typed": package.test_a_typed_turn_answered_in_text,
    "spoken": package.test_a_spoken_turn_under_server_vad,
    "tool": package.test_a_function_call_round_trip,
    "reconnection": package.test_a_lost_connection_is_made_again,
}
"""Its interruption is checked against real speech only: how many words are heard in two seconds."""


@pytest.mark.parametrize("flow", PACKAGE)
async def test_the_openai_package_holds_its_flows(flow: str, by_rule: RealServer) -> None:
    if by_rule.http.startswith("https"):
        pytest.skip("over TLS it is the package for Node that is run")
    await PACKAGE[flow](by_rule)
    note("openai (PyPI)", "GA", {flow: True}, by_rule=True)


async def test_the_openai_packages_beta_resources_hold_every_flow(by_rule: RealServer) -> None:
    if by_rule.http.startswith("https"):
        pytest.skip("over TLS it is the package for Node that is run")
    note("openai (PyPI), beta resources", "beta", await beta_package.held(by_rule), by_rule=True)
