"""`GET /page.json`: what the page at `/` asks for when its address names nothing else."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from moksori.server.access import TheHouse
from moksori.server.models import known

router = APIRouter(include_in_schema=False)


class PageDefaults(BaseModel):
    model: str | None
    """The first of the server's models; None where there is none."""
    prompt: str | None
    """The shop's, where the server has a shop."""


@router.get("/page.json")
async def page_defaults(house: TheHouse) -> PageDefaults:
    models = known(house.settings, house.remote)
    return PageDefaults(
        model=models[0].id if models else None,
        prompt=house.settings.shop.prompt if house.shop is not None else None,
    )
