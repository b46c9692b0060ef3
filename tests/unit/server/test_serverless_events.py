"""The session function as platforms invoke it: recorded events of Lambda (REST v1, HTTP v2) and of Vercel's runtime.

With a recording in them, the whole turn is held: a real server, real ears and voice, the shop's flows.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moksori.audio import wav
from moksori.audio.pcm import from_float
from moksori.server.serverless import Handler
from tests.support.real_server import RealServer, real_server
from tests.support.speech import needs, say

ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "tests/data/serverless"
HEARING_RATE = 16_000

Json = dict[str, Any]
Invoke = Callable[[Handler, Json], tuple[int, Json]]


def with_body(event: Json, **more: Any) -> Json:
    """The event with more in its request's body."""
    return {**event, "body": json.dumps({**json.loads(event["body"]), **more})}


def on_lambda(app: Handler, event: Json) -> tuple[int, Json]:
    mangum = pytest.importorskip("mangum", reason="needs the package mangum")
    answer = mangum.Mangum(app, lifespan="off")(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def on_lambda_in_base64(app: Handler, event: Json) -> tuple[int, Json]:
    """As a REST API with binary media types hands it over."""
    body = base64.b64encode(event["body"].encode()).decode()
    return on_lambda(app, {**event, "body": body, "isBase64Encoded": True})


def on_vercel(app: Handler, event: Json) -> tuple[int, Json]:
    """What Vercel's runtime does with an ASGI application: its request's scope, the body in one message."""
    request = json.loads(event["body"])
    body = base64.b64decode(request["body"]) if request["encoding"] == "base64" else request["body"].encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request["method"],
        "path": request["path"],
        "raw_path": request["path"].encode(),
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in request["headers"].items()],
        "scheme": request["headers"]["x-forwarded-proto"],
        "server": (request["headers"]["x-forwarded-host"], 80),
        "client": (request["headers"]["x-forwarded-for"], 0),
        "root_path": "",
    }
    sent: list[Any] = []

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(m.get("body", b"") for m in sent[1:]))


def vercel_with_body(event: Json, **more: Any) -> Json:
    request = json.loads(event["body"])
    asked = {**json.loads(base64.b64decode(request["body"])), **more}
    request["body"] = base64.b64encode(json.dumps(asked).encode()).decode()
    return {**event, "body": json.dumps(request)}


PLATFORMS: dict[str, tuple[str, Invoke, Callable[..., Json]]] = {
    "Lambda behind an HTTP API": ("lambda-post.json", on_lambda, with_body),
    "Lambda behind a REST API": ("lambda-rest-v1.json", on_lambda, with_body),
    "Lambda behind a REST API, in base64": ("lambda-rest-v1.json", on_lambda_in_base64, with_body),
    "Vercel": ("vercel-post.json", on_vercel, vercel_with_body),
}


def event_of(file: str) -> Json:
    event: Json = json.loads((EVENTS / file).read_text("utf-8"))
    return event


def test_vercel_finds_the_application() -> None:
    spec = importlib.util.spec_from_file_location("session", ROOT / "examples/serverless/api/session.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module.app, Handler)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_recording_that_is_none_is_refused_on_every_platform(platform: str) -> None:
    file, invoke, with_more = PLATFORMS[platform]
    status, answer = invoke(Handler({}), with_more(event_of(file), audioData="AAAA"))
    assert (status, answer["code"]) == (400, "audio_data")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    flows = {"MOKSORI__ENGINE__LLM__KIND": "flows", "MOKSORI__SHOP__DEMO": "true"}
    folder = tmp_path_factory.mktemp("voice")
    with real_server(folder, **flows, MOKSORI__SHOP__DATABASE=f"sqlite:///{folder}/shop.db") as server:
        yield server


@pytest.mark.models
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_spoken_turn_by_http(platform: str, voice: RealServer) -> None:
    """Given a recorded question, the function says it in a session, and answers with words and a recording."""
    needs("flite")
    file, invoke, with_more = PLATFORMS[platform]
    question = wav.write(from_float(say("How much is shipping?", "flite:slt")), HEARING_RATE)
    event = with_more(
        event_of(file),
        audioData=base64.b64encode(question).decode(),
        userContext={"language": "en"},
    )
    status, answer = invoke(Handler({"MOKSORI_URL": voice.http}), event)
    assert status == 200, answer
    assert answer["sessionId"] == "page-1" and answer["clientSecret"]
    assert "shipping" in answer["transcript"].lower()
    assert "3,000" in answer["text"]
    spoken = wav.read(base64.b64decode(answer["audio"]))
    samples = np.frombuffer(spoken.mono(), "<i2").astype(float)
    assert spoken.rate == 24_000 and len(samples) > spoken.rate
    assert np.sqrt(np.mean(samples**2)) > 300
