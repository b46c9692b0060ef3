"""The WebSocket `/v1/realtime`: who may connect, in which dialect, to which session.

A plain ASGI application, not a FastAPI endpoint: refusals need HTTP answers, and messages no layers in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from moksori.accounts.client_secrets import UsedUp
from moksori.server.access import Admitted, admit, check_model
from moksori.server.errors import SERVER_ERROR, ApiError
from moksori.server.house import TRY_AGAIN_LATER, House
from moksori.server.wire import ABNORMAL, INTERNAL_ERROR, SocketWire, accept, refuse
from moksori.sessions.registry import ConnectRequest, Refused
from moksori.settings import LOCAL_MODEL
from moksori.telemetry import get_logger

PATHS: Final = ("/v1/realtime", "/v1/realtime/realtime", "/openai/v1/realtime", "/openai/realtime")
"""The second is what an SDK makes of a base URL that already ends in the first; the others are Azure's."""
SUBPROTOCOL: Final = "realtime"
BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
BETA_HEADER_VALUE: Final = "realtime=v1"
OVERLOADED: Final = "server_overloaded"
"""Told on the WebSocket, with 1013, whoever asks: clients come back on that, and give up on an HTTP status."""
NOT_FOUND: Final = "session_not_found"
"""Told on the WebSocket too: who comes back to a call waits for 4404."""

_log = get_logger(__name__)


class RealtimeEndpoint:
    """One connection until it is a conversation; that needs no task."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        wire = SocketWire(stall_s=self._house.settings.limits.stall_s)
        offered: Sequence[str] = websocket.scope["subprotocols"]
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        release: Callable[[], None] | None = None
        try:
            admitted = admit(self._house, websocket)
            self._house.must_be_open()
            request = connect_request(admitted, websocket, offered)
            release = take_place(self._house, admitted, request)
            events = await self._house.sessions.open(wire, replace(request, release=release))
        except Exception as error:
            if release is not None:
                release()
            refusal = _refusal(error)
            self._house.telemetry.refused(refusal.code or "none", status=refusal.status)
            on_the_socket = refusal.code in (OVERLOADED, NOT_FOUND)
            if offered or "origin" in websocket.headers or on_the_socket:
                await refuse(websocket, refusal.as_protocol_error(), refusal.close_code, chosen)
            else:
                await websocket.send_denial_response(refusal.response())
            return
        connection = await accept(websocket, chosen)
        if connection is not None:
            wire.begin(connection, events)
        else:
            events.closed(ABNORMAL, "")


def take_place(house: House, admitted: Admitted, request: ConnectRequest) -> Callable[[], None] | None:
    """A place among the key's sessions, and how to give it back; a call that goes on has one. Raises `ApiError`."""
    check_model(admitted, request.model or LOCAL_MODEL)
    if request.session_id is not None:
        return None
    starts, rules, key_id = house.accounts.starts, admitted.rules, admitted.principal.key_id
    if starts.too_many_at_once(key_id, rules.sessions):
        raise _too_many(f"This key has {rules.sessions} sessions open, which is all it may have.")
    if starts.too_fast(key_id, rules.per_minute):
        raise _too_many(f"This key has begun {rules.per_minute} sessions in a minute, which is all it may.")
    if admitted.secret_value is not None:
        try:
            house.secrets.use(admitted.secret_value)
        except UsedUp:
            raise ApiError(
                401, "The client secret has opened all the sessions it was made for.", code="invalid_api_key"
            ) from None
    return starts.lease(key_id, counted=rules.per_minute is not None)


def _too_many(message: str) -> ApiError:
    return ApiError(
        429, message, code="rate_limit_exceeded", close_code=TRY_AGAIN_LATER, headers={"retry-after": "5"}
    )


def connect_request(admitted: Admitted, websocket: WebSocket, offered: Sequence[str]) -> ConnectRequest:
    """What the client asked for by address, headers and subprotocols; a client secret's own model wins."""
    query = websocket.query_params
    bound = admitted.secret.session if admitted.secret is not None else None
    model = query.get("model") or query.get("deployment")
    intent = query.get("intent")
    if bound is not None:
        bound_model = bound.get("model")
        model = bound_model if isinstance(bound_model, str) else model
        intent = "transcription" if bound.get("type") == "transcription" else intent
    return ConnectRequest(
        model=model,
        intent=intent,
        principal=admitted.principal,
        dialect=_dialect(websocket.headers, offered),
        strict=_yes(query, "strict"),
        extended=query.get("events") == "extended",
        holds=_yes(query, "holds"),
        session_id=query.get("session_id"),
        last_event_id=query.get("last_event_id"),
        secret_session=bound,
        call_id=query.get("call_id"),
        locked=admitted.secret.bounds.locked if admitted.secret is not None else False,
        call_micro=_tighter(
            admitted.rules.call_micro,
            admitted.secret.bounds.budget_micro if admitted.secret is not None else None,
        ),
    )


def _tighter(one: int | None, other: int | None) -> int | None:
    """The smaller of two limits of which each may be missing."""
    return min(one, other) if one is not None and other is not None else one if other is None else other


def _dialect(headers: Headers, offered: Sequence[str]) -> Literal["ga", "beta"]:
    asked = [value.strip() for header in headers.getlist("openai-beta") for value in header.split(",")]
    return "beta" if BETA_HEADER_VALUE in asked or BETA_SUBPROTOCOL in offered else "ga"


def _yes(query: QueryParams, name: str) -> bool:
    return query.get(name, "").lower() in ("1", "true", "yes")


def _refusal(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case Refused():
            return ApiError(error.status, error.message, code=error.code, close_code=error.close_code)
        case _:
            _log.error("session_not_opened", exc_info=error)
            return ApiError(
                500,
                "The server failed to open the session; its log says why.",
                code="server_error",
                type=SERVER_ERROR,
                close_code=INTERNAL_ERROR,
            )
