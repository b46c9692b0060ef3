"""Every upstream × every fault at connect: the next route answers, or the caller is told what was wrong.

For each cell two calls are made by an unmodified `openai` client: one to a model with a second route, one without.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.mocks.upstream import AT_CONNECT, PROFILES, RETRY_AFTER_S, MockUpstream
from tests.unit.gateway.conftest import CONNECT_S, Serve, Served
from tests.unit.gateway.test_upstreams import Caller, client

GUARD_S = 20.0
"""Against waiting for ever; how long a fault may take is `CONNECT_S`, which the server keeps to."""
LAZY = frozenset({"xai"})
"""Dialled when the caller begins, so that a refusal comes as an event."""


@dataclass(frozen=True)
class Told:
    """What the caller is told where no route is left: HTTP status, code, and a part of the sentence."""

    status: int
    code: str
    says: str


UNREACHABLE, KEY_REFUSED = (502, "upstream_unreachable"), (502, "upstream_key_refused")
TIMEOUT, BAD = (504, "upstream_timeout"), (502, "upstream_bad_greeting")
TOLD = {
    "refused": Told(*UNREACHABLE, "cannot be reached"),
    "reset": Told(*UNREACHABLE, "cannot be reached"),
    "not_http": Told(*UNREACHABLE, "did not answer as a WebSocket server"),
    "not_tls": Told(*UNREACHABLE, "cannot be reached"),
    "untrusted": Told(*UNREACHABLE, "cannot be reached"),
    "http_200": Told(502, "upstream_refused", "HTTP 200"),
    "http_302": Told(502, "upstream_refused", "HTTP 302"),
    "http_400": Told(502, "upstream_refused", "HTTP 400"),
    "http_401": Told(*KEY_REFUSED, "(HTTP 401)"),
    "http_403": Told(*KEY_REFUSED, "(HTTP 403)"),
    "http_404": Told(404, "model_not_found", "has no model 'MODEL'"),
    "http_429": Told(429, "rate_limit_exceeded", f"left alone for {RETRY_AFTER_S} s"),
    "http_500": Told(502, "upstream_refused", "HTTP 500"),
    "http_503": Told(502, "upstream_refused", "HTTP 503"),
    "no_upgrade": Told(*TIMEOUT, f"did not greet within {CONNECT_S:g} seconds"),
    "no_greeting": Told(*TIMEOUT, f"did not greet within {CONNECT_S:g} seconds"),
    "no_confirmation": Told(*TIMEOUT, f"did not greet within {CONNECT_S:g} seconds"),
    "bad_greeting": Told(*BAD, "did not greet as a realtime service does"),
    "not_json": Told(*BAD, "did not greet as a realtime service does"),
    "binary_greeting": Told(502, "upstream_closed", "sent a binary message"),
    "error_greeting": Told(*KEY_REFUSED, "(invalid_api_key)"),
    "closes_at_once": Told(502, "upstream_closed", "internal error, key (key)"),
    "refuses_update": Told(502, "invalid_value", "No such voice for key (key)"),
}


@pytest.mark.parametrize("fault", AT_CONNECT)
async def test_every_upstream_falls_over_to_the_next_route_or_its_fault_is_told_truly(
    serve: Serve, fault: str
) -> None:
    bad = {name: MockUpstream(name, frozenset({fault})) for name in PROFILES}
    good = MockUpstream()
    with structlog.testing.capture_logs() as logged:
        served = await serve(
            {**{f"bad-{name}": mock for name, mock in bad.items()}, "good": good},
            models={
                **{f"only-{name}": (f"bad-{name}",) for name in PROFILES},
                **{f"also-{name}": (f"bad-{name}", "good") for name in PROFILES},
            },
        )
        async with asyncio.timeout(GUARD_S):
            told = dict(
                zip(PROFILES, await asyncio.gather(*(refusal(served, n) for n in PROFILES)), strict=True)
            )
            await asyncio.gather(*(answered(served, f"also-{name}") for name in PROFILES))
    want = TOLD[fault]
    for name, (status, code, message) in told.items():
        says = want.says.replace("MODEL", f"{name}-model")
        assert (status, code) == (1011 if name in LAZY else want.status, want.code), (name, message)
        assert says in message, name
    everything = json.dumps([told, logged], default=str) + served.house.telemetry.exposition().decode()
    for name, mock in bad.items():
        assert mock.key not in everything, name
        assert len(mock.requests) <= 2, f"{name} was tried again"  # once for each of the two calls
    failures = served.house.telemetry.exposition().decode().splitlines()
    for name in PROFILES:
        cell = f'moksori_route_failures_total{{code="{want.code}",route="bad-{name}"}} 2.0'
        assert cell in failures, name


async def refusal(served: Served, name: str) -> tuple[int, str, str]:
    """HTTP status or close code, error code and message where the fault's route is the only one."""
    try:
        async with client(served).realtime.connect(model=f"only-{name}") as connection:
            return await told_later(connection)
    except InvalidStatus as refused:
        error: dict[str, Any] = json.loads(refused.response.body or b"")["error"]
        return refused.response.status_code, error["code"], error["message"]


async def told_later(connection: AsyncRealtimeConnection) -> tuple[int, str, str]:
    caller = Caller(connection)
    await caller.until("session.created")
    await connection.response.create()
    error = (await caller.until("error"))["error"]
    try:
        await caller.until("never")
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code, error["code"], error["message"]
    raise AssertionError("still open")


async def answered(served: Served, model: str) -> None:
    """A typed turn, by whichever route is left."""
    async with client(served).realtime.connect(model=model) as connection:
        caller = Caller(connection)
        await caller.until("session.created")
        await caller.type("Hello.")
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
        assert len(caller.audio()) > 0


async def test_no_more_routes_are_tried_than_a_caller_waits_for(serve: Serve) -> None:
    """Given six dead routes, four are tried; the last one's fault is told, not the first's."""
    faults = ("http_401", "no_greeting", "closes_at_once", "http_503", "http_500", "http_500")
    mocks = {f"m{n}": MockUpstream(faults=frozenset({fault})) for n, fault in enumerate(faults)}
    served = await serve(mocks, models={"only-six": tuple(mocks)})
    assert (await refusal(served, "six"))[:2] == (502, "upstream_refused")
    assert [len(mock.requests) for mock in mocks.values()] == [1, 1, 1, 1, 0, 0]


async def test_a_redirect_is_not_followed_with_the_key(serve: Serve) -> None:
    mock = MockUpstream(faults=frozenset({"http_302"}))
    served = await serve({"there": mock}, models={"only-one": ("there",)})
    await refusal(served, "one")
    assert [request.path for request in mock.requests] == ["/v1/realtime?model=openai-model"]
