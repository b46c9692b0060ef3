"""`/healthz` is the process alive, `/readyz` can it hold a conversation, `/metrics` what has it done."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from moksori.server.access import KeyHolder, TheHouse

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`parts` names each part of the engine: "ready", "warming", "off" or "failed: why"."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz", summary="Whether the server listens")
async def healthz() -> Alive:
    return Alive()


@router.get(
    "/readyz",
    summary="Whether the server can hold a conversation",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Still loading, failed, or stopping"}},
)
async def readyz(house: TheHouse) -> JSONResponse:
    body = Readiness(ready=house.ready, parts=house.parts())
    return JSONResponse(body.model_dump(), status_code=200 if body.ready else 503)


_EXPOSITION: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, responses=_EXPOSITION)
async def metrics(house: TheHouse, _holder: KeyHolder) -> Response:
    return Response(house.telemetry.exposition(), media_type=CONTENT_TYPE_LATEST)
