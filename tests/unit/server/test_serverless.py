"""The session function: as an ASGI application, and on AWS Lambda."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from moksori.server.serverless import Handler

ROOT = Path(__file__).parents[3]
KNOWS = {"MOKSORI_URL": "https://voice.example.com/", "MOKSORI_API_KEY": "sk-shop"}


class Voice:
    """The voice server: keeps what it was asked and answers as told."""

    def __init__(self, status: int = 200, body: Any = None) -> None:
        self.asked: list[httpx.Request] = []
        self.status, self.body = (
            status,
            body if body is not None else {"value": "ek_1", "expires_at": 1795744860},
        )

    def transport(self) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return httpx.Response(self.status, json=self.body)

        return httpx.MockTransport(answer)


async def ask(voice: Voice, method: str = "POST", **request: Any) -> httpx.Response:
    app = Handler(KNOWS, voice.transport())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:
        return await client.request(method, "/api/session", **request)


async def test_a_session_is_opened_with_the_pages_context() -> None:
    voice = Voice()
    answer = await ask(
        voice, json={"sessionId": "page-1", "userContext": {"cartTotal": "40,000원", "language": "en"}}
    )
    assert answer.status_code == 200
    assert answer.json() == {"sessionId": "page-1", "clientSecret": "ek_1", "expiresAt": 1795744860}
    (sent,) = voice.asked
    assert str(sent.url) == "https://voice.example.com/v1/realtime/sessions"
    assert sent.headers["authorization"] == "Bearer sk-shop"
    assert json.loads(sent.content)["userContext"] == {"cartTotal": "40,000원", "language": "en"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post(method: str) -> None:
    answer = await ask(Voice(), method)
    assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"content": b"{"}, "not_json"),
        ({"json": []}, "not_json"),
        ({"json": {}}, "session_id"),
        ({"json": {"sessionId": 7}}, "session_id"),
        ({"json": {"sessionId": "a", "userContext": "gold"}}, "user_context"),
        ({"json": {"sessionId": "a", "audioData": "AAAA"}}, "audio_data"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_the_callers_language(request_: Any, code: str) -> None:
    korean = await ask(Voice(), headers={"accept-language": "ko-KR"}, **request_)
    english = await ask(Voice(), headers={"accept-language": "en-GB"}, **request_)
    assert korean.status_code == english.status_code == 400
    assert korean.json()["code"] == english.json()["code"] == code
    assert any("가" <= c <= "힣" for c in korean.json()["error"])
    assert english.json()["error"].isascii()


@pytest.mark.parametrize(("status", "ours"), [(401, 502), (400, 502), (429, 503), (503, 503), (500, 502)])
async def test_a_voice_server_that_refuses(status: int, ours: int) -> None:
    answer = await ask(Voice(status, {"error": {"message": "sk-shop is wrong"}}), json={"sessionId": "a"})
    assert answer.status_code == ours
    assert "sk-shop" not in answer.text


async def test_a_voice_server_that_is_not_there() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    app = Handler(KNOWS, httpx.MockTransport(gone))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:
        assert (await client.post("/", json={"sessionId": "a"})).status_code == 502


def test_a_recorded_event_of_lambda() -> None:
    mangum = pytest.importorskip("mangum", reason="needs the package mangum")
    voice = Voice()
    handler = mangum.Mangum(Handler(KNOWS, voice.transport()), lifespan="off")
    event = json.loads((ROOT / "tests/data/serverless/lambda-post.json").read_text("utf-8"))
    answer = handler(event, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["clientSecret"] == "ek_1"
    assert json.loads(voice.asked[0].content)["userContext"]["membership"] == "골드"
