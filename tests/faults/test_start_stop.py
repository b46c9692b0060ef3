"""SIGTERM at any moment: the process ends by itself with 0, and no library is torn down while its threads run."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm
from moksori.audio.resample import resample
from tests.support.chat_stub import STORY, chat_stub
from tests.support.speech import spoken

from .server_process import COMMAND, PATIENCE_S, environment, free_port, server

pytestmark = pytest.mark.models

ROUNDS = 4
UNCLEAN = (
    "Traceback",
    "terminate called",
    "Fatal Python error",
    "Segmentation",
    "core dumped",
    "never retrieved",
)


class Starting:
    """A server that has been started, and perhaps is not ready yet."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self._http = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}/v1/realtime"

    def parts(self) -> dict[str, str]:
        """What `/readyz` says of the parts; nothing while nobody listens."""
        try:
            parts: dict[str, str] = httpx.get(f"{self._http}/readyz").json()["parts"]
        except httpx.TransportError:
            assert self._process.poll() is None, self._process.communicate()[1]
            return {}
        return parts

    def until(self, there: Callable[[dict[str, str]], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not there(self.parts()):
            assert time.monotonic() < give_up, self.parts()
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM; the process must end by itself, cleanly."""
        self._process.send_signal(signal.SIGTERM)
        _, err = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, err
        assert not [words for words in UNCLEAN if words in err], err


@contextmanager
def starting(folder: Path, profile: str, **variables: str) -> Iterator[Starting]:
    port = free_port()
    env = environment(MOKSORI__ENGINE__PROFILE=profile, MOKSORI__LIMITS__DRAIN_S="0", **variables)
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield Starting(process, port)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def send(call: ClientConnection, **event: Any) -> None:
    call.send(json.dumps(event))


def ask(call: ClientConnection, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    send(call, type="conversation.item.create", item=item)
    send(call, type="response.create")


def until(call: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(call.recv(PATIENCE_S))
        assert event["type"] != "error", event
        if event["type"] == kind:
            return event


def while_it_begins(server: Starting) -> None:
    server.until(bool)


def while_hearing_loads(server: Starting) -> None:
    server.until(lambda parts: parts.get("tts") == "ready")


def right_after_ready(server: Starting) -> None:
    server.until(lambda parts: parts.get("stt") == "ready")


def during_a_decode(server: Starting) -> None:
    right_after_ready(server)
    question = resample(
        pcm.from_float(spoken("Where is my order?", "flite:slt").samples), HEARING_RATE, SPEAKING_RATE
    )
    with connect(server.ws) as call:
        off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        send(call, type="session.update", session=off)
        send(call, type="input_audio_buffer.append", audio=base64.b64encode(question * 8).decode())
        send(call, type="input_audio_buffer.commit")
        until(call, "input_audio_buffer.committed")
        server.stop()


def while_the_mind_is_read(server: Starting) -> None:
    server.until(lambda parts: parts.get("stt") == "ready" and parts.get("llm") == "warming")


def while_the_mind_thinks(server: Starting) -> None:
    server.until(lambda parts: parts.get("llm") == "ready")
    with connect(server.ws) as call:
        send(call, type="session.update", session={"type": "realtime", "output_modalities": ["text"]})
        ask(call, "Tell me a long story about a bird.")
        until(call, "response.output_text.delta")
        server.stop()


LITE = (while_it_begins, while_hearing_loads, during_a_decode)
FULL = (*LITE, right_after_ready, while_the_mind_is_read, while_the_mind_thinks)


@pytest.mark.parametrize("moment", LITE, ids=lambda moment: moment.__name__)
def test_sigterm_at_any_moment_ends_cleanly(tmp_path: Path, moment: Callable[[Starting], None]) -> None:
    with starting(tmp_path, "lite") as running:
        moment(running)
        if moment is not during_a_decode:
            running.stop()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_again_and_again_with_the_language_model(tmp_path: Path) -> None:
    """Twenty-four starts and stops, each in another phase than the one before."""
    for _ in range(ROUNDS):
        for moment in FULL:
            with starting(tmp_path, "full") as running:
                moment(running)
                if moment not in (during_a_decode, while_the_mind_thinks):
                    running.stop()
                print(moment.__name__, "clean")


@pytest.mark.parametrize(("drain_s", "whole"), [("60", True), ("0.5", False)])
def test_sigterm_while_it_speaks_is_polite(tmp_path: Path, drain_s: str, whole: bool) -> None:
    """Given an answer being spoken, server is told to stop: within the grace time the answer comes to its end; after it
    the call is closed all the same. Either way with the code on which clients connect again."""
    with chat_stub() as base_url:
        env = environment(
            MOKSORI__ENGINE__PROFILE="lite", MOKSORI__LIMITS__DRAIN_S=drain_s, MOKSORI__ENGINE__LLM__KIND="openai",
            MOKSORI__ENGINE__LLM__BASE_URL=base_url, MOKSORI__ENGINE__LLM__MODEL="stub",
        )  # fmt: skip
        with server(cwd=tmp_path, env=env) as running, connect(running.ws, max_size=None) as call:
            ask(call, "Tell me a story." if whole else "Tell me a story, slowly.")
            until(call, "response.output_audio.delta")
            running.signal(signal.SIGTERM)
            said, status = "", None
            try:
                while True:
                    event = json.loads(call.recv(PATIENCE_S))
                    said = (
                        event["transcript"]
                        if event["type"] == "response.output_audio_transcript.done"
                        else said
                    )
                    status = event["response"]["status"] if event["type"] == "response.done" else status
            except ConnectionClosed:
                pass
            assert call.close_code in (1001, 1012)
            ended = running.ended()
    if whole:
        assert (said, status) == (STORY, "completed")
    assert ended.code == 0
    assert not [words for words in UNCLEAN if words in ended.err], ended.err
