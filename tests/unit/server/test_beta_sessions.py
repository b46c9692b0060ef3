"""The REST of the retired beta, and the translation sessions that are not here."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.beta.realtime import SessionCreateResponse, TranscriptionSession
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from .conftest import KEY, Start

BEARER = {"Authorization": f"Bearer {KEY}"}


async def test_a_beta_session_has_its_secret_nested_and_on_top(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.post(
        "/v1/realtime/sessions",
        headers=BEARER,
        json={"model": "shop-voice", "voice": "verse", "modalities": ["audio", "text"], "temperature": 0.7},
    )
    assert answer.status_code == 200
    made = answer.json()
    SessionCreateResponse.model_validate(made)
    assert made["id"].startswith("sess_")
    assert made["client_secret"] == {"value": made["value"], "expires_at": made["expires_at"]}
    assert made["value"].startswith("ek_")
    assert (made["model"], made["voice"], made["modalities"], made["temperature"]) == (
        "shop-voice", "verse", ["audio", "text"], 0.7,
    )  # fmt: skip
    async with connect(
        f"{server.address.ws}", additional_headers={"Authorization": f"Bearer {made['value']}"}
    ):
        (session,) = server.sessions.opened
    assert session.request.model == "shop-voice"
    assert session.request.secret_session is not None
    assert session.request.secret_session["audio"]["output"]["voice"] == "verse"


async def test_a_beta_transcription_session_opens_one_that_only_transcribes(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.post(
        "/v1/realtime/transcription_sessions",
        headers=BEARER,
        json={"input_audio_format": "g711_ulaw", "input_audio_transcription": {"model": "whisper-1"}},
    )
    made = answer.json()
    TranscriptionSession.model_validate(made)
    assert made["input_audio_format"] == "g711_ulaw"
    assert made["value"] == made["client_secret"]["value"]
    async with connect(server.address.ws, additional_headers={"Authorization": f"Bearer {made['value']}"}):
        (session,) = server.sessions.opened
    assert session.request.intent == "transcription"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("sessions", {"voice": 7}, "session.audio.output.voice"),
        ("sessions", {"turn_detection": {"type": "guess"}}, "session.audio.input.turn_detection.type"),
        ("sessions", {"client_secret": {"expires_after": {"seconds": 1}}}, "client_secret.expires_after.seconds"),
        ("transcription_sessions", {"turn_detection": {"type": "semantic_vad"}}, "session.audio.input.turn_detection.type"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(start: Start, path: str, body: dict[str, Any], param: str) -> None:
    server = await start(key=True)
    answer = await server.client.post(f"/v1/realtime/{path}", headers=BEARER, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_translation_is_refused_in_words(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.post("/v1/realtime/translations/client_secrets", headers=BEARER, json={})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unsupported_session_type"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{server.address.ws}/translations?model=m", additional_headers=BEARER):
            pass
    assert refused.value.response.status_code == 400
    assert b"no translation sessions" in (refused.value.response.body or b"")
    assert server.sessions.opened == []
