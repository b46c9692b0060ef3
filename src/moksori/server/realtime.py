"""The WebSocket `/v1/realtime`: who may connect, in which dialect, to which session.

A plain ASGI application, not a FastAPI endpoint: refusals need HTTP answers, and messages no layers in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from moksori.server.access import Admitted, admit
from moksori.server.errors import SERVER_ERROR, ApiError
from moksori.server.house import House
from moksori.server.wire import ABNORMAL, INTERNAL_ERROR, SocketWire, accept, refuse
from moksori.sessions.registry import ConnectRequest, Refused
from moksori.telemetry import get_logger

PATHS: Final = ("/v1/realtime", "/v1/realtime/realtime")
"""The second is what an SDK makes of a base URL that already ends in the first."""
SUBPROTOCOL: Final = "realtime"
BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
BETA_HEADER_VALUE: Final = "realtime=v1"

_log = get_logger(__name__)


class RealtimeEndpoint:
    """One connection from handshake to close."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        offered: Sequence[str] = scope["subprotocols"]
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        wire = SocketWire(scope, stall_s=self._house.settings.limits.stall_s)
        try:
            admitted = admit(self._house, websocket)
            self._house.must_be_open()
            events = await self._house.sessions.open(wire, connect_request(admitted, websocket, offered))
        except Exception as error:
            refusal = _refusal(error)
            self._house.telemetry.refused(refusal.code or "none", status=refusal.status)
            if offered or "origin" in websocket.headers:
                await refuse(websocket, refusal.as_protocol_error(), refusal.close_code, chosen)
            else:
                await websocket.send_denial_response(refusal.response())
            return
        if await accept(websocket, chosen):
            await wire.run(events)
        else:
            events.closed(ABNORMAL, "")


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
        session_id=query.get("session_id"),
        last_event_id=query.get("last_event_id"),
        secret_session=bound,
        call_id=query.get("call_id"),
    )


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
