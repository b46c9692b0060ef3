"""Attacks on who may come in, as a table: every one ends closed, opens no session, and leaves no key in a log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from moksori.accounts import keystore
from moksori.accounts.client_secrets import Bounds
from moksori.accounts.keystore import NewKey
from moksori.accounts.limits import WRONG_KEYS
from moksori.agent.principal import Principal

from .conftest import KEY, Running, Start

SHOP = "https://shop.example"
CLOSED = {400, 401, 403, 404, 405, 426, 429, 431}


@dataclass
class Prey:
    """A server with keys of every kind, by name: `plain`, `narrow`, `expired`, `revoked`, `ek_…`."""

    server: Running
    keys: dict[str, str] = field(default_factory=dict)

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}


@pytest.fixture
async def prey(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Prey:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    server = await start(key=True, allowed_origins=("self", SHOP))
    accounts = server.house.accounts
    found = Prey(server, {"settings": KEY})
    ids: dict[str, str] = {}
    for key in (
        NewKey("plain"),
        NewKey("narrow", models=("shop-voice",), origins=(SHOP,)),
        NewKey("single", sessions=1),
        NewKey("slow", per_minute=1),
        NewKey("revoked"),
        NewKey("dropped"),
    ):
        ids[key.name], found.keys[key.name] = await accounts.create(key)
    before = datetime.now(UTC) - timedelta(days=2)
    database = await accounts.database()
    late = NewKey("expired", expires_at=before + timedelta(days=1))
    ids["expired"], found.keys["expired"] = await keystore.create(database, late, before)

    def secret(name: str, of: str, seconds: int = 600, bounds: Bounds = Bounds(), **session: Any) -> None:  # noqa: B008
        principal = Principal(ids[of], of)
        found.keys[name], _ = accounts.secrets.create(principal, session or None, seconds, bounds)

    secret("ek_plain", "plain")
    secret("ek_late", "plain", seconds=-1)
    secret("ek_page", "plain", bounds=Bounds(origin=SHOP))
    secret("ek_once", "plain", bounds=Bounds(uses=1))
    secret("ek_narrow", "narrow")
    secret("ek_of_expired", "expired")
    secret("ek_of_dropped", "dropped")
    accounts.secrets.use(found.keys["ek_once"])
    await accounts.revoke(ids["revoked"])
    await accounts.revoke(ids["dropped"])
    await accounts.refresh()
    return found


Options = dict[str, Any]
Ask = Callable[[Prey], Options]


def headers(**given: str) -> Ask:
    return lambda prey: {"headers": {name.replace("_", "-"): value for name, value in given.items()}}


def bearing(name: str, origin: str | None = None, query: str = "", **more: str) -> Ask:
    extra = {"Origin": origin} if origin is not None else {}
    return lambda prey: {"headers": {**prey.bearer(name), **extra, **more}, "query": query}


def offering(*protocols: str, origin: str | None = None) -> Ask:
    def ask(prey: Prey) -> Options:
        filled = [each.format(**prey.keys) for each in protocols]
        return {"subprotocols": filled, "headers": {"Origin": origin} if origin is not None else {}}

    return ask


WRONG = "mk_" + "x" * 43
OVER_THE_WEBSOCKET: dict[str, Ask] = {
    # guessing
    "no key": headers(),
    "an empty bearer": headers(Authorization="Bearer "),
    "a key without its scheme": lambda prey: {"headers": {"Authorization": prey.keys["plain"]}},
    "basic instead of bearer": lambda prey: {"headers": {"Authorization": f"Basic {prey.keys['plain']}"}},
    "a guess": headers(Authorization=f"Bearer {WRONG}"),
    "half a key": lambda prey: {"headers": {"Authorization": f"Bearer {prey.keys['plain'][:-1]}"}},
    "a key and a bit": lambda prey: {"headers": {"Authorization": f"Bearer {prey.keys['plain']}x"}},
    "a key in capitals": lambda prey: {"headers": {"Authorization": f"Bearer {prey.keys['plain'].upper()}"}},
    "two keys in one header": lambda prey: {"headers": {"Authorization": f"Bearer {WRONG}, Bearer {prey.keys['plain']}"}},
    "the hash of a key": headers(Authorization="Bearer " + "a" * 64),
    "a key of sixty thousand characters": headers(Authorization="Bearer " + "a" * 60_000),
    "the name of a key": headers(Authorization="Bearer plain"),
    "the word null": headers(Authorization="Bearer null"),
    "an SQL quote": headers(Authorization="Bearer ' OR '1'='1"),
    "a wild card": headers(Authorization="Bearer %"),
    "the name of everybody": headers(Authorization="Bearer open"),
    # keys that were
    "a revoked key": bearing("revoked"),
    "an expired key": bearing("expired"),
    "a revoked key in the query": lambda prey: {"query": f"?api-key={prey.keys['revoked']}"},
    "a revoked key as api-key": lambda prey: {"headers": {"api-key": prey.keys["revoked"]}},
    # places: the first that carries a key counts, and no other is looked at
    "a wrong header before a right query": lambda prey: {
        "headers": {"Authorization": f"Bearer {WRONG}"}, "query": f"?api-key={prey.keys['plain']}"},
    "a wrong subprotocol before a right api-key": lambda prey: {
        "subprotocols": ["realtime", f"openai-insecure-api-key.{WRONG}"], "headers": {"api-key": prey.keys["plain"]}},
    "a key under a made-up header": lambda prey: {"headers": {"X-Api-Key": prey.keys["plain"]}},
    "a key in a cookie": lambda prey: {"headers": {"Cookie": f"api-key={prey.keys['plain']}"}},
    "a key under a made-up parameter": lambda prey: {"query": f"?key={prey.keys['plain']}"},
    "a forwarded user": headers(X_Forwarded_User="admin", X_Remote_User="admin"),
    # subprotocols
    "a subprotocol with an empty key": offering("realtime", "openai-insecure-api-key."),
    "a subprotocol in capitals": offering("realtime", "OPENAI-INSECURE-API-KEY.{plain}"),
    "a key as a subprotocol of its own": offering("realtime", "{plain}"),
    "an expired secret as a subprotocol": offering("realtime", "openai-insecure-api-key.{ek_late}"),
    "two keys as subprotocols, the wrong one first": offering(
        "realtime", f"openai-insecure-api-key.{WRONG}", "openai-insecure-api-key.{plain}"),
    # secrets
    "a forged secret": headers(Authorization="Bearer ek_" + "x" * 43),
    "the prefix of a secret alone": headers(Authorization="Bearer ek_"),
    "an expired secret": bearing("ek_late"),
    "a replayed secret": bearing("ek_once"),
    "a secret whose key has expired": bearing("ek_of_expired"),
    "a secret whose key was revoked": bearing("ek_of_dropped"),
    "a secret of one page on another": bearing("ek_page", "https://shop.example.evil.example"),
    "a secret of a page without a page": bearing("ek_page"),
    "a secret of a page, that page over http": bearing("ek_page", "http://shop.example"),
    "a secret of a page, another port": bearing("ek_page", "https://shop.example:8443"),
    "a secret widened to another model": bearing("ek_narrow", SHOP, "?model=moksori-local"),
    "a secret widened by the Azure name of the parameter": bearing("ek_narrow", SHOP, "?deployment=gpt-realtime"),
    "a secret of a page's key, without the page": bearing("ek_narrow", query="?model=shop-voice"),
    # bound keys
    "a key bound to models, another model": bearing("narrow", SHOP, "?model=gpt-realtime"),
    "a key bound to models, no model": bearing("narrow", SHOP),
    "a key bound to models, a model that only begins so": bearing("narrow", SHOP, "?model=shop-voice-2"),
    "a key bound to models, in capitals": bearing("narrow", SHOP, "?model=SHOP-VOICE"),
    "a key bound to models, another name twice": bearing("narrow", SHOP, "?model=shop-voice&model=gpt-realtime"),
    "a key bound to pages, no page": bearing("narrow", query="?model=shop-voice"),
    # origins
    "a foreign page with a right key": bearing("plain", "https://evil.example"),
    "the null origin of a sandbox": bearing("plain", "null"),
    "a file": bearing("plain", "file://"),
    "an allowed page's name as a user": bearing("plain", "https://shop.example@evil.example"),
    "an allowed page's name in a path": bearing("plain", "https://evil.example/https://shop.example"),
    "an allowed page's name in a fragment": bearing("plain", "https://evil.example#https://shop.example"),
    "an allowed page's name with a tail": bearing("plain", "https://shop.example.evil.example"),
    "an allowed page's name with a head": bearing("plain", "https://evilshop.example"),
    "an extension": bearing("plain", "chrome-extension://abcdef"),
    "this machine's page on another port": bearing("plain", "http://127.0.0.1:1"),
}  # fmt: skip


async def knock(prey: Prey, options: Options) -> int:
    """The HTTP status, or the close code of what was accepted only to be told."""
    address = prey.server.address.ws + options.get("query", "")
    offered = options.get("subprotocols")
    try:
        async with connect(
            address,
            additional_headers=options.get("headers", {}),
            subprotocols=offered,
            compression=None,
            user_agent_header=None,
        ) as socket:
            event = json.loads(await socket.recv())
            assert event["type"] == "error", event
            await socket.wait_closed()
            assert socket.close_code is not None
            return socket.close_code
    except InvalidStatus as refused:
        return refused.response.status_code
    except InvalidHandshake:
        return 400  # cut off before any answer: the request was too large


@pytest.mark.parametrize("name", OVER_THE_WEBSOCKET)
async def test_over_the_websocket(prey: Prey, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    status = await knock(prey, OVER_THE_WEBSOCKET[name](prey))
    assert status in CLOSED | {1008}
    assert prey.server.sessions.opened == []
    logged = "".join(capfd.readouterr())
    assert not [key for key in prey.keys.values() if key in logged]


Raw = Callable[[Prey], str]


def line(path: str, name: str | None = "plain", method: str = "GET", body: str = "", **more: str) -> Raw:
    def ask(prey: Prey) -> str:
        lines = [
            f"{method} {path.format(**prey.keys)} HTTP/1.1",
            f"Host: 127.0.0.1:{prey.server.address.port}",
        ]
        if name is not None:
            lines.append(f"Authorization: Bearer {prey.keys[name]}")
        lines += [f"{header.replace('_', '-')}: {value}" for header, value in more.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "Connection: close", "", body])

    return ask


NEW_KEY = '{"name":"mine","scopes":["admin"]}'
OVER_HTTP: dict[str, Raw] = {
    # what an ordinary key may not do
    "list keys without a key": line("/v1/admin/keys", None),
    "list keys with an ordinary key": line("/v1/admin/keys"),
    "make an admin's key with an ordinary one": line("/v1/admin/keys", "plain", "POST", NEW_KEY, content_type="application/json"),
    "revoke with an ordinary key": line("/v1/admin/keys/key_0", "plain", "DELETE"),
    "list keys with a secret": line("/v1/admin/keys", "ek_plain"),
    "list models with a secret": line("/v1/models", "ek_plain"),
    "make a secret with a secret": line("/v1/realtime/client_secrets", "ek_plain", "POST", "{}", content_type="application/json"),
    "make a secret for a model the key may not ask for": line(
        "/v1/realtime/client_secrets", "narrow", "POST", '{"session":{"type":"realtime","model":"gpt-realtime"}}',
        content_type="application/json", origin=SHOP),
    "make a secret with a revoked key": line("/v1/realtime/client_secrets", "revoked", "POST", "{}"),
    "read metrics without a key": line("/metrics", None),
    # paths
    "climb out of an open path": line("/healthz/../v1/admin/keys"),
    "climb, encoded": line("/healthz/%2e%2e/v1/admin/keys"),
    "climb with an encoded slash": line("/healthz%2f..%2fv1%2fadmin%2fkeys"),
    "a doubled slash": line("//v1/admin/keys"),
    "capitals": line("/V1/ADMIN/KEYS"),
    "a parameter in the path": line("/v1/admin/keys;a=/healthz"),
    "a null byte": line("/v1/admin/keys%00/healthz"),
    "a file above the page": line("/../../pyproject.toml", None),
    "a file above the page, encoded": line("/%2e%2e/%2e%2e/etc/passwd", None),
    "a file above the assets": line("/assets/..%2f..%2f..%2fetc/passwd", None),
    "a backslash": line("/..\\..\\etc\\passwd", None),
    "an address in place of a path": line("http://evil.example/v1/admin/keys"),
    "an id that climbs": line("/v1/admin/keys/..%2f..%2fmodels", "plain", "DELETE"),
    # headers
    "a space before the colon": lambda prey: line("/v1/models", None)(prey).replace(
        "Connection", f"Authorization : Bearer {prey.keys['plain']}\r\nConnection"),
    "two Authorization headers, the wrong one first": lambda prey: line("/v1/models", None)(prey).replace(
        "Connection", f"Authorization: Bearer {WRONG}\r\nAuthorization: Bearer {prey.keys['plain']}\r\nConnection"),
    "another method by header": line("/v1/admin/keys", "plain", "POST", "{}", x_http_method_override="GET"),
    "another path by header": line("/v1/admin/keys", "plain", x_original_url="/healthz", x_rewrite_url="/healthz"),
    "two lengths": lambda prey: line("/v1/models", None, "POST", "{}")(prey).replace(
        "Connection", "Content-Length: 7\r\nConnection"),
    "a length and chunks": lambda prey: line("/v1/models", None, "POST", "{}")(prey).replace(
        "Connection", "Transfer-Encoding: chunked\r\nConnection"),
    "a foreign page over HTTP": line("/v1/models", "plain", origin="https://evil.example"),
    "a foreign page asks leave": line(
        "/v1/models", None, "OPTIONS", origin="https://evil.example", access_control_request_method="GET"),
}  # fmt: skip


async def send(prey: Prey, request: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", prey.server.address.port)
    try:
        writer.write(request.encode("latin-1"))
        async with asyncio.timeout(10):
            answer = (await reader.read()).decode("latin-1")
    finally:
        writer.close()
    return int(answer.split(" ", 2)[1]), answer


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_over_http(prey: Prey, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, answer = await send(prey, OVER_HTTP[name](prey))
    assert status in CLOSED
    assert "access-control-allow-origin: https://evil.example" not in answer.lower()
    keys = await prey.server.house.accounts.listed()
    assert "mine" not in {key.name for key in keys}
    logged = "".join(capfd.readouterr())
    assert not [key for key in prey.keys.values() if key in logged or key in answer]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "127.0.0.1@evil.example",
        "0.0.0.0",
        "192.168.0.1",
        "[::ffff:192.168.0.1]",
        "",
    ],
)
async def test_a_name_made_to_point_here_opens_nothing_on_a_server_without_keys(
    start: Start, host: str
) -> None:
    server = await start()
    prey = Prey(server)
    request = f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    status, _ = await send(prey, request)
    assert status == 403 or (host == "" and status in CLOSED)


async def test_without_any_key_nobody_is_an_admin(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    server = await start()
    for method, path in (
        ("GET", "/v1/admin/keys"),
        ("POST", "/v1/admin/keys"),
        ("DELETE", "/v1/admin/keys/key_0"),
    ):
        answer = await server.client.request(
            method, path, json={"name": "mine"} if method == "POST" else None
        )
        assert answer.status_code == 403
    assert not (tmp_path / "accounts.db").exists()


async def test_whoever_guesses_is_locked_out_and_nobody_else(prey: Prey) -> None:
    for _ in range(WRONG_KEYS):
        assert await knock(prey, {"headers": {"Authorization": f"Bearer {WRONG}"}}) == 401
    assert await knock(prey, bearing("plain")(prey)) == 429
    assert prey.server.sessions.opened == []
    # The same server, asked from another address through a proxy on this machine.
    other = {"X-Forwarded-For": "203.0.113.9"}
    async with connect(
        prey.server.address.ws, additional_headers={**prey.bearer("plain"), **other}, compression=None
    ):
        assert len(prey.server.sessions.opened) == 1


async def test_a_key_has_no_more_sessions_than_it_may(prey: Prey) -> None:
    for name in ("single", "slow"):
        async with connect(prey.server.address.ws, additional_headers=prey.bearer(name), compression=None):
            assert await knock(prey, bearing(name)(prey)) == 429


async def test_the_last_key_gone_leaves_the_server_closed(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    server = await start()
    key_id, _ = await server.house.accounts.create(NewKey("only"))
    await server.house.accounts.revoke(key_id)
    assert await knock(Prey(server), {}) == 401


async def test_secrets_by_their_values_in_queries_are_not_logged(
    prey: Prey, capfd: pytest.CaptureFixture[str]
) -> None:
    query = f"?Authorization={quote('Bearer ' + prey.keys['revoked'])}"
    assert await knock(prey, {"query": query}) == 401
    assert prey.keys["revoked"] not in "".join(capfd.readouterr())


def test_there_are_sixty_and_more() -> None:
    assert len(OVER_THE_WEBSOCKET) + len(OVER_HTTP) >= 60
