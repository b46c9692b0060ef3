"""`/v1/admin/keys`: keys made, listed and revoked over HTTP, by those who may."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from moksori.accounts.keystore import KeyRefused, ListedKey, NewKey
from moksori.accounts.prices import micro_of, shown
from moksori.server.access import Admin, TheHouse
from moksori.server.errors import ApiError, ErrorAnswer

router = APIRouter(prefix="/v1/admin/keys", tags=["admin"])
KEY_ID = re.compile(r"[a-z0-9_]{1,64}")

Dollars = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$")]
Limit = Annotated[int, Field(ge=1, le=1_000_000)]


class KeyRequest(BaseModel):
    """What is not given is not limited. Money is in US dollars, such as "5.00"."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    scopes: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    origins: tuple[str, ...] | None = None
    sessions: Limit | None = None
    per_minute: Limit | None = None
    credit: Dollars | None = None
    call_budget: Dollars | None = None
    expires_at: Annotated[int, Field(ge=0, le=4_102_444_800)] | None = None
    """Unix seconds."""


class Key(BaseModel):
    """A key as it may be shown; `hint` is the end of its value."""

    id: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    origins: tuple[str, ...] | None
    sessions: int | None
    per_minute: int | None
    call_budget: str | None
    credit: str | None
    spent: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class KeyList(BaseModel):
    data: list[Key]


class NewKeyAnswer(BaseModel):
    """`value` is the key itself, shown this once."""

    id: str
    value: str


@router.get("", summary="All keys, without their values")
async def list_keys(house: TheHouse, _admin: Admin) -> KeyList:
    return KeyList(data=[_shown(key) for key in await house.accounts.listed()])


@router.post(
    "",
    status_code=201,
    summary="A new key",
    responses={400: {"model": ErrorAnswer, "description": "Something about the key is not valid"}},
)
async def create_key(house: TheHouse, _admin: Admin, body: KeyRequest, response: Response) -> NewKeyAnswer:
    try:
        key_id, value = await house.accounts.create(
            NewKey(
                name=body.name,
                scopes=body.scopes,
                models=body.models,
                origins=body.origins,
                sessions=body.sessions,
                per_minute=body.per_minute,
                call_micro=_micro(body.call_budget),
                credit_micro=_micro(body.credit),
                expires_at=datetime.fromtimestamp(body.expires_at, UTC)
                if body.expires_at is not None
                else None,
            )
        )
    except KeyRefused as refused:
        raise ApiError(400, str(refused), code="invalid_value") from None
    response.headers["cache-control"] = "no-store"
    return NewKeyAnswer(id=key_id, value=value)


@router.delete(
    "/{key_id}",
    status_code=204,
    summary="End a key and its calls",
    responses={404: {"model": ErrorAnswer, "description": "No such key"}},
)
async def revoke_key(house: TheHouse, _admin: Admin, key_id: str) -> None:
    try:
        if not KEY_ID.fullmatch(key_id):
            raise KeyRefused("There is no key of that id.")
        await house.accounts.revoke(key_id)
    except KeyRefused as refused:
        raise ApiError(404, str(refused), code="not_found", param="key_id") from None


def _micro(dollars: str | None) -> int | None:
    return micro_of(dollars) if dollars is not None else None


def _shown(key: ListedKey) -> Key:
    return Key(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        models=key.models,
        origins=key.origins,
        sessions=key.sessions,
        per_minute=key.per_minute,
        call_budget=shown(key.call_micro) if key.call_micro is not None else None,
        credit=shown(key.credit_micro) if key.credit_micro is not None else None,
        spent=shown(key.spent_micro),
        created_at=int(key.created_at.timestamp()),
        expires_at=int(key.expires_at.timestamp()) if key.expires_at is not None else None,
        revoked_at=int(key.revoked_at.timestamp()) if key.revoked_at is not None else None,
    )
