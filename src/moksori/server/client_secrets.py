"""`POST /v1/realtime/client_secrets`: a short-lived key for a page, bound to a session's settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from moksori.accounts.client_secrets import (
    DEFAULT_SECONDS,
    MAX_SECONDS,
    MIN_SECONDS,
    Bounds,
    TooManySecrets,
)
from moksori.accounts.prices import micro_of
from moksori.protocol.ids import random_id
from moksori.protocol.session import (
    Session,
    default_session,
    default_transcription_session,
    merge,
    without_secrets,
)
from moksori.server.access import KeyHolder, TheHouse
from moksori.server.errors import ApiError, ErrorAnswer
from moksori.settings import LOCAL_MODEL

router = APIRouter(prefix="/v1/realtime", tags=["realtime"])


class ExpiresAfter(BaseModel):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=MIN_SECONDS, le=MAX_SECONDS)] = DEFAULT_SECONDS


class BoundsRequest(BaseModel):
    """Bounds of ours, which the real service does not know."""

    origin: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")] | None = None
    """The only page that may use the secret."""
    uses: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many sessions it opens."""
    budget: Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$")] | None = None
    """What each of its calls may cost, in US dollars, such as "0.50"."""
    lock: bool = False
    """The page may not change instructions, prompt, tools or model."""


class ClientSecretRequest(BaseModel):
    """`session` is a realtime or transcription session object, as in `session.update`."""

    expires_after: ExpiresAfter | None = None
    session: dict[str, Any] | None = None
    moksori: BoundsRequest | None = None


class ClientSecretAnswer(BaseModel):
    """`value` opens sessions until `expires_at` (Unix seconds); `session` is what they begin with."""

    value: str
    expires_at: int
    session: dict[str, Any]


@router.post(
    "/client_secrets",
    summary="A short-lived key for a browser",
    responses={
        400: {"model": ErrorAnswer, "description": "The session or its expiry is not valid"},
        429: {"model": ErrorAnswer, "description": "Too many secrets are alive"},
    },
)
async def create(
    house: TheHouse, holder: KeyHolder, body: Annotated[ClientSecretRequest | None, Body()] = None
) -> ClientSecretAnswer:
    asked = body or ClientSecretRequest()
    session = begin(asked.session)
    rules = house.keys.rules(holder)
    model = (asked.session or {}).get("model")
    if rules is None or (isinstance(model, str) and not rules.allows_model(model)):
        raise ApiError(
            403,
            f"This key may not ask for the model '{model}'.",
            code="model_not_allowed",
            param="session.model",
        )
    seconds = (asked.expires_after or ExpiresAfter()).seconds
    narrowed = asked.moksori or BoundsRequest()
    bounds = Bounds(
        origin=narrowed.origin,
        uses=narrowed.uses,
        budget_micro=micro_of(narrowed.budget) if narrowed.budget is not None else None,
        locked=narrowed.lock,
    )
    try:
        value, secret = house.secrets.create(holder, asked.session, seconds, bounds)
    except TooManySecrets:
        raise ApiError(
            429, "Too many client secrets are alive: wait until some expire.", code="rate_limit_exceeded"
        ) from None
    shown: dict[str, Any] = msgspec.to_builtins(without_secrets(session))
    return ClientSecretAnswer(value=value, expires_at=secret.expires_at, session={**shown, "expires_at": 0})


def begin(asked: dict[str, Any] | None) -> Session:
    """The session a client with this secret starts in. Raises `ProtocolError`."""
    asked = asked or {}
    identity = random_id("sess")
    if asked.get("type") == "transcription":
        return merge(default_transcription_session(identity, 0), asked, strict=False)
    model = asked.get("model")
    session = default_session(identity, model if isinstance(model, str) else LOCAL_MODEL, 0)
    return merge(session, asked, strict=False)
