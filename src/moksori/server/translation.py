"""Translation sessions, which this server has not: said in one sentence wherever a client asks for one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket

from moksori.server.access import KeyHolder
from moksori.server.errors import ApiError, ErrorAnswer
from moksori.server.realtime import SUBPROTOCOL
from moksori.server.wire import refuse

PATH = "/v1/realtime/translations"
_MESSAGE = (
    "This server holds conversations and transcribes; it has no translation sessions. Connect to /v1/realtime, with "
    "'intent=transcription' for a transcript."
)

router = APIRouter(prefix=PATH, tags=["realtime"])


def refusal() -> ApiError:
    return ApiError(400, _MESSAGE, code="unsupported_session_type", param="session.type")


@router.post(
    "/client_secrets",
    summary="Refused: there are no translation sessions here",
    status_code=400,
    response_model=ErrorAnswer,
)
async def client_secrets(_holder: KeyHolder) -> Any:
    raise refusal()


async def websocket(socket: WebSocket) -> None:
    """Refuse the connection: by HTTP where the client can read it, else by an `error` event."""
    error = refusal()
    offered = socket.scope["subprotocols"]
    if offered or "origin" in socket.headers:
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await refuse(socket, error.as_protocol_error(), error.close_code, chosen)
    else:
        await socket.send_denial_response(error.response())
