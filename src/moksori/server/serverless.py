"""A function that opens voice sessions for a shop's pages: `POST {sessionId, userContext}` gives a client secret.

With `audioData`, a recording, it also says that and answers with what was understood and replied. It holds the key of
a moksori server and nothing else: `MOKSORI_URL` and `MOKSORI_API_KEY` in its environment. A plain ASGI application, so
that AWS Lambda (through Mangum), Vercel's Python runtime and any ASGI server can run it.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import cache
from importlib.resources import files
from typing import Any

import httpx

from moksori.agent.language import language_from
from moksori.agent.tools import Language
from moksori.server.serverless_turn import NotAudio, TurnFailed, pcm_of, spoken_turn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LONGEST_BODY = 4 * 1024 * 1024
"""Bytes of a request that are read: what function platforms take, nearly all of it the recording."""
LONGEST_ID = 200
TIMEOUT_S = 8.0
"""Below the ten seconds after which the shortest function plans give up."""
TURN_S = 25.0
"""How long a spoken turn may take, where `MOKSORI_TURN_S` says nothing: gateways give up after 29 seconds."""


class Handler:
    """`client` is for tests; otherwise one is made for each call, as a function may be frozen between two."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._environment = environment
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        status, body = await self._answer(scope, receive)
        payload = json.dumps(body, ensure_ascii=False).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(payload)).encode()),
        ]
        if status == 405:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        language = language_from(_header(scope, b"accept-language"), "ko")
        if scope["method"] != "POST":
            return 405, {"error": "Method not allowed"}
        raw = await _body(receive)
        if raw is None:
            return 413, _error("too_large", language)
        try:
            asked = json.loads(raw or b"{}")
        except ValueError:
            return 400, _error("not_json", language)
        if not isinstance(asked, dict):
            return 400, _error("not_json", language)
        context = asked.get("userContext")
        if isinstance(context, dict):
            language = language_from(context.get("language"), language)
        session_id = asked.get("sessionId")
        if not isinstance(session_id, str) or not 0 < len(session_id) <= LONGEST_ID:
            return 400, _error("session_id", language)
        if context is not None and not isinstance(context, dict):
            return 400, _error("user_context", language)
        recording: bytes | None = None
        if asked.get("audioData") is not None:
            try:
                recording = pcm_of(asked["audioData"])
            except NotAudio as why:
                return 400, _error(why.code, language)
        status, opened = await self._open(session_id, context or {}, language)
        if status != 200 or recording is None:
            return status, {k: v for k, v in opened.items() if k != "model"}
        return await self._turn(opened, recording, language)

    async def _turn(
        self, opened: dict[str, Any], recording: bytes, language: Language
    ) -> tuple[int, dict[str, Any]]:
        """The recording said, in a session of the secret that was just made."""
        model = opened.pop("model")
        try:
            seconds = float(self._variable("MOKSORI_TURN_S") or TURN_S)
        except ValueError:
            seconds = TURN_S
        try:
            answered = await spoken_turn(
                self._variable("MOKSORI_URL") or "",
                opened["clientSecret"],
                recording,
                language=language,
                model=model,
                seconds=seconds,
            )
        except TurnFailed as why:
            return 504 if why.code == "turn_timeout" else 502, _error(why.code, language)
        return 200, {
            **opened,
            "transcript": answered.transcript,
            "text": answered.text,
            "audio": answered.audio,
        }

    def _variable(self, name: str) -> str | None:
        return (os.environ if self._environment is None else self._environment).get(name)

    async def _open(
        self, session_id: str, context: dict[str, Any], language: Language
    ) -> tuple[int, dict[str, Any]]:
        url, key = self._variable("MOKSORI_URL"), self._variable("MOKSORI_API_KEY")
        if not url:
            return 500, _error("not_configured", language)
        body = {"sessionId": session_id, "userContext": {"language": language, **context}}
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as client:
                answer = await client.post(
                    f"{url.rstrip('/')}/v1/realtime/sessions",
                    json=body,
                    headers={"authorization": f"Bearer {key}"} if key else {},
                )
        except httpx.HTTPError:
            return 502, _error("unreachable", language)
        if answer.status_code in (429, 503):
            return 503, _error("busy", language)
        try:
            made = answer.json()
            return 200, {
                "sessionId": session_id,
                "clientSecret": made["value"],
                "expiresAt": made["expires_at"],
                "model": made.get("model"),
            }
        except (ValueError, KeyError, TypeError):
            return 502, _error("refused", language)


app = Handler()
"""For any ASGI server, and for Vercel, which looks for a variable of this name."""


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is longer than is read."""
    whole: bytes = b""
    while True:
        message = await receive()
        whole += bytes(message.get("body", b""))
        if len(whole) > LONGEST_BODY:
            return None
        if not message.get("more_body"):
            return whole


def _header(scope: Scope, name: bytes) -> str:
    return next((v.decode("latin-1") for k, v in scope.get("headers", ()) if k.lower() == name), "")


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("moksori.server").joinpath("serverless.toml").read_text("utf-8"))


def _error(code: str, language: Language) -> dict[str, Any]:
    return {"error": _texts()[code][language], "code": code}
