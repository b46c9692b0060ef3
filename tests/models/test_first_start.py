"""What a newcomer does: a fresh clone, `make run`, a spoken question, an answer; and again without a network.

The weights are those of this machine (`MOKSORI_HOME`), everything else is made anew. `pytest -m slow -rP` prints what
is seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from moksori.agent.speech import HEARING_RATE
from moksori.audio import pcm, wav
from moksori.audio.resample import resample
from moksori.bench.normalise import compare
from moksori.engine import weights
from moksori.engine.whisper import Whisper
from tests.faults.server_process import environment, free_port
from tests.support import speech

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1800)]

REPOSITORY = Path(__file__).parents[2]
QUESTION = "Can you hear me?"
ANSWER = "Yes, I can hear you well."
"""Of profile lite. The language model may say it in other words."""
INSTALL_S, STOP_S = 1500, 60
OFFLINE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Before a command: no network but loopback."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer") / "moksori"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def question(clone: Path) -> Path:
    place = clone.parent / "question.wav"
    speech.needs("flite")
    subprocess.run(["flite", "-voice", "slt", "-t", QUESTION, "-o", str(place)], check=True)
    return place


@contextlib.contextmanager
def make_run(clone: Path, profile: str, before: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """`make run`; the ready line, while it runs. It is stopped by Ctrl-C and must end without complaint."""
    env = environment(PORT=str(free_port()), MOKSORI__ENGINE__PROFILE=profile)
    env.pop("PYTHONPATH", None)  # the clone runs its own code
    log = clone.parent / f"run-{'offline' if before else 'first'}-{profile}.log"
    with (
        log.open("w") as err,
        subprocess.Popen(
            [*before, "make", "run"],
            cwd=clone, env=env, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            print(
                f"$ make run{'   # no network' if before else ''}\n{log.read_text().strip()}\n{line.strip()}"
            )
            yield {**json.loads(line), "pid": str(process.pid)}
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_S)
            assert "Traceback" not in log.read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def talk(clone: Path, question: Path, answer: Path, ws: str, before: Sequence[str]) -> str:
    command = [
        *before,
        ".venv/bin/moksori",
        "talk",
        "--url",
        ws,
        "--file",
        str(question),
        "--out",
        str(answer),
    ]
    env = environment()
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(f"$ moksori talk --file question.wav --out answer.wav\n{done.stdout.strip()}")
    return done.stdout


def transcribed(answer: Path) -> str:
    sound = wav.read(answer.read_bytes())
    samples = pcm.to_float(resample(sound.mono(), sound.rate, HEARING_RATE))
    heard = Whisper(weights.path("whisper-base")).decode(samples, language="en")
    print(f"answer.wav, transcribed: {heard.text}")
    return heard.text


@pytest.mark.parametrize("profile", ["lite", "full"])
def test_a_fresh_clone_answers_and_a_second_start_needs_no_network(
    clone: Path, question: Path, tmp_path: Path, profile: str
) -> None:
    with make_run(clone, profile) as ready:
        said = talk(clone, question, tmp_path / "answer.wav", ready["ws"], ())
    heard = transcribed(tmp_path / "answer.wav")
    assert "hear me" in said.lower()
    if profile == "lite":
        assert compare(ANSWER, heard).rate <= 0.1
    assert heard.strip()

    if not shutil.which("unshare") or subprocess.run([*OFFLINE, "true"], check=False).returncode:
        pytest.skip("no network namespaces here: the second start was left out")
    with make_run(clone, profile, OFFLINE) as ready:
        inside = ("nsenter", "-t", ready["pid"], "-U", "-n", "--preserve-credentials")
        talk(clone, question, tmp_path / "again.wav", ready["ws"], inside)
    assert transcribed(tmp_path / "again.wav").strip()
