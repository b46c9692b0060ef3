"""Who gets in over the WebSocket and over HTTP, and how those who do not are told."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from moksori.accounts.keys import OPEN
from moksori.sessions.registry import Refused

from .conftest import KEY, Running, Start

BEARER = {"Authorization": f"Bearer {KEY}"}
KEY_PROTOCOL = f"openai-insecure-api-key.{KEY}"


async def call(server: Running, query: str = "", path: str = "", **options: object) -> ClientConnection:
    """Connect, with nothing a browser would add unless asked."""
    return await connect(f"{server.address.ws}{path}{query}", **{"compression": None, **options})


async def refused_by_http(server: Running, query: str = "", **options: object) -> tuple[int, dict]:
    with pytest.raises(InvalidStatus) as refusal:
        await call(server, query, **options)
    response = refusal.value.response
    assert response.headers["content-type"] == "application/json"
    error = json.loads(response.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].endswith(".")
    return response.status_code, error


async def refused_by_event(server: Running, **options: object) -> tuple[ClientConnection, dict]:
    client = await call(server, **options)
    event = json.loads(await client.recv())
    await client.wait_closed()
    assert event["type"] == "error"
    assert event["event_id"].startswith("event_")
    return client, event["error"]


# The four places of a key.


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {"additional_headers": BEARER}),
        ("", {"additional_headers": {"authorization": f"bearer  {KEY} "}}),
        ("", {"subprotocols": ["realtime", KEY_PROTOCOL]}),
        ("", {"additional_headers": {"api-key": KEY}}),
        (f"?api-key={KEY}", {}),
        (f"?Authorization={quote('Bearer ' + KEY)}", {}),
    ],
)
async def test_a_key_is_found_wherever_clients_put_it(start: Start, query: str, options: dict) -> None:
    server = await start(key=True)
    await call(server, query, **options)
    (session,) = server.sessions.opened
    assert session.request.principal.name == "test"
    assert KEY not in repr(session.request)


async def test_the_header_goes_before_the_other_places(start: Start) -> None:
    server = await start(key=True)
    await call(server, "?api-key=wrong", additional_headers={**BEARER, "api-key": "wrong"})
    status, error = await refused_by_http(
        server, f"?api-key={KEY}", additional_headers={"Authorization": "Bearer wrong", "api-key": KEY}
    )
    assert (status, error["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk-wrong"},
        {"Authorization": KEY},
        {"Authorization": "Bearer "},
        {"api-key": ""},
    ],
)
async def test_a_server_client_without_the_right_key_is_refused_by_status(
    start: Start, headers: dict
) -> None:
    server = await start(key=True)
    status, error = await refused_by_http(server, additional_headers=headers)
    assert (status, error["code"], error["type"]) == (401, "invalid_api_key", "invalid_request_error")
    assert "sk-wrong" not in error["message"]
    assert server.sessions.opened == []


async def test_a_browser_is_accepted_told_and_closed(start: Start) -> None:
    server = await start(key=True)
    client, error = await refused_by_event(server, subprotocols=["realtime", "openai-insecure-api-key.wrong"])
    assert error["code"] == "invalid_api_key"
    assert client.subprotocol == "realtime"
    assert client.close_code == 1008
    assert client.close_reason == "invalid_request_error.invalid_api_key"
    assert server.sessions.opened == []


async def test_without_configured_keys_any_key_or_none_will_do(start: Start) -> None:
    server = await start()
    await call(server)
    await call(server, additional_headers={"Authorization": "Bearer sk-anything"})
    assert [session.request.principal for session in server.sessions.opened] == [OPEN, OPEN]


# Subprotocols.


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        (None, None),
        (["realtime"], "realtime"),
        (["openai-agents-sdk.0.2", KEY_PROTOCOL, "realtime"], "realtime"),
        ([KEY_PROTOCOL], None),
    ],
)
async def test_only_realtime_is_ever_selected(
    start: Start, offered: list[str] | None, selected: str | None
) -> None:
    server = await start(key=offered is not None and KEY_PROTOCOL in offered)
    client = await call(server, subprotocols=offered)
    assert client.subprotocol == selected


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"OpenAI-Beta": "realtime=v1"}},
        {"subprotocols": ["realtime", "openai-beta.realtime-v1"]},
    ],
)
async def test_the_beta_dialect_is_asked_for_by_header_or_subprotocol(start: Start, options: dict) -> None:
    server = await start()
    await call(server, **options)
    assert server.sessions.opened[0].request.dialect == "beta"


async def test_what_the_address_asks_reaches_the_session(start: Start) -> None:
    server = await start()
    await call(server, "?model=my%2Fmodel%3Ax&intent=transcription&strict=1&events=extended&call_id=rtc_1")
    await call(server, "?deployment=d&session_id=sess_1&last_event_id=event_2", path="/realtime")
    first, second = (session.request for session in server.sessions.opened)
    assert (first.model, first.intent, first.call_id) == ("my/model:x", "transcription", "rtc_1")
    assert (first.strict, first.extended, first.dialect) == (True, True, "ga")
    assert (second.model, second.session_id, second.last_event_id) == ("d", "sess_1", "event_2")
    assert (second.strict, second.extended, second.secret_session) == (False, False, None)


# Refusals of the sessions themselves.


async def test_a_refusal_of_the_sessions_becomes_a_status(start: Start) -> None:
    server = await start()
    server.sessions.refuse_with = Refused(
        "model_not_found", "There is no model 'x' here.", close_code=4404, status=404
    )
    status, error = await refused_by_http(server, "?model=x")
    assert (status, error["code"]) == (404, "model_not_found")
    client, told = await refused_by_event(server, subprotocols=["realtime"])
    assert (told["code"], client.close_code) == ("model_not_found", 4404)


async def test_a_fault_while_opening_is_a_500_without_its_details(start: Start) -> None:
    server = await start()
    server.sessions.refuse_with = RuntimeError("internal detail")
    status, error = await refused_by_http(server)
    assert (status, error["type"]) == (500, "server_error")
    assert "internal detail" not in error["message"]


# Origin and host.


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("http://127.0.0.1:{port}", True),
        ("https://shop.example", True),
        ("https://SHOP.example:443", True),
        ("http://shop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://evil.example", False),
        ("http://127.0.0.1:1", False),
        ("http://localhost:{port}", False),
        ("null", False),
        ("", False),
        ("file://", False),
    ],
)
async def test_pages_of_allowed_origins_only(start: Start, origin: str, let_in: bool) -> None:
    server = await start(allowed_origins=("self", "https://shop.example"))
    origin = origin.replace("{port}", str(server.address.port))
    headers = {"Origin": origin}
    answer = await server.client.post("/v1/realtime/client_secrets", headers=headers, json={})
    if let_in:
        await call(server, additional_headers=headers)
        assert answer.status_code == 200
    else:
        _, error = await refused_by_event(server, additional_headers=headers)
        assert error["code"] == "origin_not_allowed"
        assert "allowed_origins" in error["message"]
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert len(server.sessions.opened) == let_in


@pytest.mark.parametrize(
    ("host", "let_in"),
    [
        ("localhost:{port}", True),
        ("127.0.0.1", True),
        ("[::1]:{port}", True),
        ("shop.localhost", True),
        ("evil.example:{port}", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("192.168.0.7", False),
        ("localhost@evil.example", False),
    ],
)
async def test_without_a_key_only_loopback_names_are_answered(start: Start, host: str, let_in: bool) -> None:
    """DNS rebinding: a foreign name that points here makes its page "self", but cannot change `Host`."""
    server = await start()
    host = host.replace("{port}", str(server.address.port))
    page = {"Host": host, "Origin": f"http://{host}"}
    answer = await server.client.post("/v1/realtime/client_secrets", headers=page, json={})
    assert (answer.status_code == 200) == let_in
    if not let_in:
        assert answer.json()["error"]["code"] == "host_not_allowed"


async def test_with_a_key_the_server_may_be_called_by_any_name(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.get("/v1/models", headers={**BEARER, "Host": "voice.shop.example"})
    assert answer.status_code == 200


async def test_cors_answers_allowed_origins_only(start: Start) -> None:
    server = await start(key=True, allowed_origins=("self", "https://shop.example"))
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await server.client.options(
        "/v1/realtime/client_secrets", headers={"Origin": "https://shop.example", **asks}
    )
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    foreign = await server.client.options(
        "/v1/realtime/client_secrets", headers={"Origin": "https://evil.example", **asks}
    )
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    refused = await server.client.get("/v1/models", headers={"Origin": "https://shop.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


# Client secrets.


async def make_secret(server: Running, body: dict | None = None) -> dict:
    answer = await server.client.post("/v1/realtime/client_secrets", headers=BEARER, json=body or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_client_secret_opens_sessions_with_what_it_is_bound_to(start: Start) -> None:
    server = await start(key=True)
    bound = {"type": "realtime", "model": "shop-voice", "instructions": "Be brief."}
    secret = await make_secret(
        server, {"session": bound, "expires_after": {"anchor": "created_at", "seconds": 60}}
    )
    assert secret["value"].startswith("ek_")
    assert secret["session"]["instructions"] == "Be brief."
    assert secret["session"]["expires_at"] == 0
    assert secret["session"]["object"] == "realtime.session"

    for _ in range(2):
        await call(
            server, "?model=another", subprotocols=["realtime", f"openai-insecure-api-key.{secret['value']}"]
        )
    for session in server.sessions.opened:
        assert session.request.principal.name == "test"
        assert session.request.secret_session == bound
        assert session.request.model == "shop-voice"


async def test_a_transcription_secret_opens_transcription(start: Start) -> None:
    server = await start(key=True)
    secret = await make_secret(server, {"session": {"type": "transcription"}})
    assert secret["session"]["object"] == "realtime.transcription_session"
    await call(server, additional_headers={"Authorization": f"Bearer {secret['value']}"})
    assert server.sessions.opened[0].request.intent == "transcription"


@pytest.mark.parametrize("key", [True, False])
async def test_an_expired_or_invented_secret_is_refused(start: Start, key: bool) -> None:
    server = await start(key=key)
    value, secret = server.house.secrets.create(OPEN, None, 10)
    server.house.secrets._now = lambda: secret.expires_at
    for presented in (value, "ek_invented"):
        _, error = await refused_by_event(
            server, subprotocols=["realtime", f"openai-insecure-api-key.{presented}"]
        )
        assert error["code"] == "invalid_api_key"


async def test_a_secret_makes_no_secrets_and_reads_no_models(start: Start) -> None:
    server = await start(key=True)
    secret = {"Authorization": f"Bearer {(await make_secret(server))['value']}"}
    for answer in (
        await server.client.post("/v1/realtime/client_secrets", headers=secret, json={}),
        await server.client.get("/v1/models", headers=secret),
        await server.client.get("/metrics", headers=secret),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "insufficient_permissions"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ('{"expires_after": {"seconds": 9}}', "expires_after.seconds"),
        ('{"expires_after": {"seconds": 7201}}', "expires_after.seconds"),
        ('{"expires_after": {"anchor": "epoch"}}', "expires_after.anchor"),
        ('{"session": 3}', "session"),
        ('{"session": {"audio": {"output": {"speed": "fast"}}}}', "session.audio.output.speed"),
        ("{", None),
        ("[]", None),
    ],
)
async def test_a_bad_secret_request_names_the_field(start: Start, body: str, param: str | None) -> None:
    server = await start()
    answer = await server.client.post(
        "/v1/realtime/client_secrets", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


# While the server cannot take sessions.


async def test_while_warming_and_draining_sessions_are_refused_and_readyz_says_so(start: Start) -> None:
    server = await start()
    assert (await server.client.get("/readyz")).json() == {
        "ready": True,
        "parts": {"stt": "ready", "llm": "ready", "tts": "ready"},
    }
    server.engine.state = {"stt": "ready", "llm": "warming", "tts": "ready"}
    assert (await server.client.get("/readyz")).json() == {"ready": True, "parts": server.engine.state}
    server.engine.state = {"stt": "ready", "llm": "failed: It is too large.", "tts": "ready"}
    assert (await server.client.get("/readyz")).json() == {"ready": False, "parts": server.engine.state}
    await call(server)

    server.engine.state = {"stt": "warming", "llm": "warming", "tts": "ready"}
    answer = await server.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "parts": server.engine.state})
    status, error = await refused_by_http(server)
    assert (status, error["code"]) == (503, "server_warming_up")

    server.engine.state = {"stt": "failed: The file is gone."}
    _, error = await refused_by_http(server)
    assert error["code"] == "engine_failed"
    assert "The file is gone." in error["message"]

    server.engine.state = {"stt": "ready"}
    server.house.draining = True
    status, error = await refused_by_http(server)
    assert (status, error["code"]) == (503, "server_draining")
    client, _ = await refused_by_event(server, subprotocols=["realtime"])
    assert client.close_code == 1012
    answer = await server.client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["server"]) == (503, "draining")
    assert (await server.client.get("/healthz")).status_code == 200
