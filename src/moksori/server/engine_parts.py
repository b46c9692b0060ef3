"""The engine's parts one by one, for the routes that offer them over HTTP: what they need, and who may use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from fastapi import Request

from moksori.agent.brain import BrainFailed
from moksori.agent.principal import Principal
from moksori.agent.speech import SpeechFailed
from moksori.server.errors import SERVER_ERROR, ApiError
from moksori.server.house import House, Parts
from moksori.settings import LOCAL_MODEL

T = TypeVar("T")

MOST_AT_ONCE = 32
"""Requests to these routes that may run or wait: as many as sessions. One more is told to come back."""
RETRY_AFTER_S = 2


class Places:
    """How many requests are inside."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self.taken = 0
        self._most = most

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place while the block runs. Raises `ApiError`."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        if self.taken >= self._most:
            raise busy(f"{self._most} requests are being answered already: try again shortly.")
        self.taken += 1

    def give_back(self) -> None:
        self.taken -= 1


def parts_of(house: House, holder: Principal, model: str) -> Parts:
    """The parts, for a caller who may use `model`. Raises `ApiError`."""
    rules = house.keys.rules(holder)
    if rules is not None and not rules.allows_model(model):
        raise ApiError(
            403, f"This key may not ask for the model '{model}'.", code="model_not_allowed", param="model"
        )
    names_are_told = bool(house.settings.models or house.settings.upstreams)
    if house.speech is None or (names_are_told and model != LOCAL_MODEL):
        raise ApiError(
            404,
            f"The model '{model}' does not hear, think or speak over HTTP here"
            + (f": ask for '{LOCAL_MODEL}'." if house.speech is not None else ": the local engine is off."),
            code="model_not_found",
            param="model",
        )
    house.must_be_open()
    # Such a request is a turn of somebody's running call: it waits, up to `MOST_AT_ONCE` of them.
    return house.speech


def busy(message: str) -> ApiError:
    return ApiError(
        503,
        message,
        code="server_overloaded",
        type=SERVER_ERROR,
        headers={"retry-after": str(RETRY_AFTER_S)},
    )


def failure(error: Exception) -> ApiError:
    """What a part's failure is over HTTP: the caller's fault where the part says so, else this server's."""
    match error:
        case BrainFailed(code="llm_rejected" | "context_length_exceeded"):
            return ApiError(400, str(error), code=error.code)
        case BrainFailed(code="server_warming_up"):
            return ApiError(503, str(error), code=error.code, type=SERVER_ERROR, headers={"retry-after": "2"})
        case BrainFailed():
            return ApiError(502, str(error), code=error.code, type=SERVER_ERROR)
        case SpeechFailed():
            return ApiError(500, str(error), code="speech_failed", type=SERVER_ERROR)
        case _:
            raise error


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when whoever asked hangs up: nobody thinks for nobody."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "The client closed the request.", code="client_closed_request")
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        with suppress(BaseException):
            await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
