"""The retired beta's way to a client secret: `POST /v1/realtime/sessions` and `/v1/realtime/transcription_sessions`.

Both answer with the flat session that beta clients read, its `client_secret` nested in it, and beside it the top-level
`value` and `expires_at` that readers of the GA answer look for. The secret opens a session of either dialect.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict

from moksori.protocol.dialects.beta_shapes import DEFAULT_TEMPERATURE, beta_session, ga_session
from moksori.server import context
from moksori.server.access import KeyHolder, TheHouse
from moksori.server.client_secrets import ClientSecretRequest, ExpiresAfter, create
from moksori.server.errors import ErrorAnswer

router = APIRouter(prefix="/v1/realtime", tags=["beta"])

_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The session or its expiry is not valid"},
}


class SecretWish(BaseModel):
    """`client_secret` of the request."""

    expires_after: ExpiresAfter | None = None
    expires_at: ExpiresAfter | None = None
    """What the beta's own types called `expires_after`."""


class BetaSessionRequest(BaseModel):
    """Flat beta session fields (`model`, `voice`, `modalities` …), GA's nested ones, or both."""

    model_config = ConfigDict(extra="allow")

    client_secret: SecretWish | None = None


class SecretShown(BaseModel):
    value: str
    expires_at: int


class BetaSessionAnswer(BaseModel):
    """The session, flat, as beta showed it, and the secret that opens it."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: str
    client_secret: SecretShown
    value: str
    expires_at: int


@router.post("/sessions", summary="A short-lived key in the beta's shape", responses=_REFUSALS)
async def sessions(
    house: TheHouse, holder: KeyHolder, body: Annotated[BetaSessionRequest | None, Body()] = None
) -> BetaSessionAnswer:
    return await _made(house, holder, body, "realtime")


@router.post(
    "/transcription_sessions", summary="The same for a session that only transcribes", responses=_REFUSALS
)
async def transcription_sessions(
    house: TheHouse, holder: KeyHolder, body: Annotated[BetaSessionRequest | None, Body()] = None
) -> BetaSessionAnswer:
    return await _made(house, holder, body, "transcription")


async def _made(
    house: TheHouse, holder: KeyHolder, body: BetaSessionRequest | None, kind: str
) -> BetaSessionAnswer:
    asked = body or BetaSessionRequest()
    flat = dict(asked.model_extra or {})
    wish = asked.client_secret or SecretWish()
    temperature = flat.get("temperature")
    bound_to, session = context.bind(holder, ga_session(flat, kind), flat, house.settings.shop)
    made = await create(
        house,
        bound_to,
        ClientSecretRequest(expires_after=wish.expires_after or wish.expires_at, session=session),
    )
    shown: dict[str, Any] = beta_session(
        msgspec.json.decode(msgspec.json.encode(made.session)),
        temperature if isinstance(temperature, int | float) else DEFAULT_TEMPERATURE,
    )
    secret = SecretShown(value=made.value, expires_at=made.expires_at)
    shown |= {"client_secret": secret, "value": made.value, "expires_at": made.expires_at}
    return BetaSessionAnswer(**shown)
