"""A budget is used up in the middle of a call: the caller hears a goodbye in the local voice, and is not cut off.

A whole server with its real voices; the model behind it is a mock that costs money. What came over the line as sound is
given to Whisper.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from moksori.agent.speech import HEARING_RATE
from moksori.audio import g711, pcm
from moksori.audio.resample import resample
from moksori.bench.normalise import compare
from moksori.engine import weights
from moksori.engine.whisper import Whisper
from moksori.sessions.goodbye import texts
from tests.mocks.upstream import MockUpstream
from tests.support.openai_schema import validate_server_event
from tests.support.real_server import real_server

pytestmark = pytest.mark.models

PATIENCE_S = 120
BUDGET = "0.0040"
MOST_WRONG = {"en": 0.2, "ko": 0.35}
"""Of the goodbye's words as Whisper base hears them; a cut in the middle costs half."""

SETTINGS = f"""
version = 1
[upstreams.there]
base_url = "BASE_URL"
api_key = "KEY"
model = "m"
provider = "compatible"
[models]
voice = ["there"]
[accounts]
prices = "prices.toml"
call_budget = "{BUDGET}"
"""
PRICES = """
version = "test"
currency = "USD"
[[prices]]
provider = "compatible"
models = ["m"]
per_million = { text_in = "4", cached_text_in = "0.40", text_out = "24", audio_in = "32", cached_audio_in = "0.40", audio_out = "64" }
source = "this test"
"""


@pytest.mark.parametrize(
    ("language", "kind"),
    [
        ("en", "audio/pcm"),
        pytest.param("ko", "audio/pcm", marks=pytest.mark.slow),
        pytest.param("en", "audio/pcmu", marks=pytest.mark.slow),
    ],
)
async def test_a_goodbye_is_heard_when_the_budget_is_used_up(
    tmp_path: Path, language: str, kind: str
) -> None:
    """Given a call that may cost 0.4 cents, client asks for answers until there is no more, and hears why."""
    home = tmp_path / "home"
    home.mkdir()
    for kept in ("models", "phrases"):
        (home / kept).symlink_to(weights.default_home() / kept)
    (tmp_path / "prices.toml").write_text(PRICES)
    async with MockUpstream("compatible").running() as mock:
        settings = SETTINGS.replace("BASE_URL", mock.base_url).replace("KEY", mock.key)
        (tmp_path / "moksori.toml").write_text(settings)
        with contextlib.ExitStack() as stack:
            starting = real_server(tmp_path, MOKSORI_HOME=str(home))
            server = await asyncio.to_thread(stack.enter_context, starting)
            log, closed = await hold(server.ws, language, kind)
            await asyncio.to_thread(stack.close)

    for event in log:
        validate_server_event(event)
    assert (closed.code, closed.reason) == (1008, "The budget of this call is used up.")
    assert [event["error"]["code"] for event in log if event["type"] == "error"] == ["insufficient_quota"]
    assert log[-1]["type"] == "error"

    done = [event["response"] for event in log if event["type"] == "response.done"]
    *answers, goodbye = done
    assert goodbye["status"] == "completed"
    assert goodbye["output"][0]["content"][0]["transcript"] == texts()[language]
    assert Decimal(goodbye["usage"]["moksori"]["cost"]) == 0

    # What the ledger says is what the answers said, and the budget is overrun by less than the last of them.
    costs = [Decimal(answer["usage"]["moksori"]["cost"]) for answer in answers]
    assert sum(costs) >= Decimal(BUDGET) > sum(costs[:-1])
    with contextlib.closing(sqlite3.connect(home / "accounts.db")) as books:
        rows = books.execute("SELECT reference, micro FROM accounts_usage ORDER BY serial").fetchall()
    assert rows == [
        (answer["id"], int(cost * 1_000_000)) for answer, cost in zip(answers, costs, strict=True)
    ]

    heard = Whisper(weights.path("whisper-base")).decode(sound(log, goodbye["id"], kind), language=language)
    assert compare(texts()[language], heard.text).rate <= MOST_WRONG[language], heard.text


async def hold(address: str, language: str, kind: str) -> tuple[list[dict[str, Any]], Close]:
    """Ask for answers until the line is closed; what came, and how it was closed."""
    output: dict[str, Any] = {"format": {"type": kind, **({"rate": 24000} if kind == "audio/pcm" else {})}}
    transcription = {"model": "whisper-1", "language": language}
    session = {"type": "realtime", "audio": {"input": {"transcription": transcription}, "output": output}}
    log: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(f"{address}?model=voice", compression=None, max_size=None) as socket,
    ):
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        await socket.send(json.dumps({"type": "response.create"}))
        with contextlib.suppress(ConnectionClosed):
            while True:
                log.append(json.loads(await socket.recv()))
                if log[-1]["type"] == "response.done":
                    with contextlib.suppress(ConnectionClosed):  # what came before is still to be read
                        await socket.send(json.dumps({"type": "response.create"}))
        assert socket.close_code is not None
        return log, Close(socket.close_code, socket.close_reason or "")


def sound(log: list[dict[str, Any]], response_id: str, kind: str) -> NDArray[np.float32]:
    """What a client can have heard of one answer, 16 kHz."""
    deltas = [
        event["delta"]
        for event in log
        if event["type"] == "response.output_audio.delta" and event["response_id"] == response_id
    ]
    data = b"".join(map(base64.b64decode, deltas))
    if kind == "audio/pcmu":
        return pcm.to_float(resample(g711.mu_law_to_pcm(data), g711.SAMPLE_RATE, HEARING_RATE))
    return pcm.to_float(resample(data, 24_000, HEARING_RATE))
