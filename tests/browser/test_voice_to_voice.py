"""How much later an answer is heard in the page than it reaches a socket: the bench's figure beside the page's own.

Not a test of speed: the figures go to `out/browser/voice-to-voice.json`, the page's with their parts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.real_server import RealServer, server_with_stub_mind

from .conftest import SHOTS
from .sound import RATE, join, silence, spoken, write_wav
from .test_tutorial import PAGE, of

pytestmark = [pytest.mark.models, pytest.mark.slow]
QUESTIONS = (
    "Where is my order?",
    "What is your return policy?",
    "How long does the delivery take?",
    "Can I exchange this shirt for a larger size?",
    "When will I get my refund?",
    "Do you ship to Canada?",
)
APART_S = 9.0
"""From one question's end to the next: longer than any answer."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with server_with_stub_mind(tmp_path_factory.mktemp("server")) as running:
        yield running


def at_the_socket(server: RealServer, voices: list[np.ndarray], folder: Path) -> list[float]:
    """Voice to voice (ms) of each question, by `moksori bench voice`."""
    lines = []
    for number, (text, voice) in enumerate(zip(QUESTIONS, voices, strict=True)):
        write_wav(folder / f"{number}.wav", join(voice, silence(0.5)))
        lines.append(
            {
                "id": str(number),
                "wav": f"{number}.wav",
                "language": "en",
                "text": text,
                "last_voiced_ms": round(len(voice) / RATE * 1000),
                "pauses_ms": [],
                "kind": "question",
            }
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = folder / "result.json"
    command = [sys.executable, "-c", "from moksori.cli import main; main()", "bench", "voice"]
    command += ["--url", server.ws, "--set", str(folder), "--turns", str(len(QUESTIONS))]
    subprocess.run([*command, "--no-overlaps", "--json", str(result)], check=True, timeout=300)
    return [t["v2v_ms"] for t in json.loads(result.read_text())["turns"] if t["v2v_ms"] is not None]


def test_the_page_beside_the_bench(server: RealServer, launch, tmp_path: Path) -> None:
    voices = [spoken(text) for text in QUESTIONS]
    socket = at_the_socket(server, voices, tmp_path)
    microphone = join(silence(1), *(part for v in voices for part in (v, silence(APART_S))), silence(30))
    page = launch(microphone=microphone, language="en")
    page.goto(f"{server.http}/healthz")
    page.set_content(PAGE)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    page.wait_for_function(
        f"log.filter((e) => e[0] === 'latency').length === {len(QUESTIONS)}",
        timeout=(APART_S + 6) * len(QUESTIONS) * 1000,
    )
    heard = [turn for _, _, turn in of(page, "latency")]
    for turn in heard:
        assert abs(turn["voice_to_voice_ms"] - sum(turn["parts"].values())) <= 3, "the parts are the whole"
    middle = {
        "socket_ms": statistics.median(socket),
        "page_ms": statistics.median(t["voice_to_voice_ms"] for t in heard),
        **{part: statistics.median(t["parts"][part] for t in heard) for part in heard[0]["parts"]},
    }
    measured = {"p50": middle, "socket": socket, "page": heard}
    (SHOTS / "voice-to-voice.json").write_text(json.dumps(measured, indent=1))
