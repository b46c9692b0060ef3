"""`GET /v1/models`: what a client of this server may ask for."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from moksori.server.access import KeyHolder, TheHouse
from moksori.server.errors import ApiError, ErrorAnswer
from moksori.server.house import Remote
from moksori.settings import LOCAL_MODEL, Settings

router = APIRouter(prefix="/v1/models", tags=["models"])

CREATED = 1_795_305_600
"""2026-11-22 UTC. The shape wants a time; a model here has none of its own."""


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = CREATED
    owned_by: str = "moksori"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def known(settings: Settings, remote: Remote | None = None) -> list[Model]:
    """The local engine unless it is off, the names of the settings' [models], and what the gateway reaches."""
    names = [] if settings.engine.profile == "off" else [LOCAL_MODEL]
    there = remote.models() if remote is not None else []
    return [Model(id=name) for name in dict.fromkeys([*names, *settings.models, *there])]


@router.get("", summary="The models of this server")
async def list_models(house: TheHouse, _holder: KeyHolder) -> ModelList:
    return ModelList(data=known(house.settings, house.remote))


@router.get(
    "/{model:path}",
    summary="One model",
    responses={404: {"model": ErrorAnswer, "description": "No such model"}},
)
async def get_model(model: str, house: TheHouse, _holder: KeyHolder) -> Model:
    for found in known(house.settings, house.remote):
        if found.id == model:
            return found
    raise ApiError(404, f"The model '{model}' does not exist here.", code="model_not_found", param="model")
