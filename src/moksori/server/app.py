"""The composition root: which engine, which sessions, which routes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from moksori import __version__
from moksori.accounts import prices
from moksori.accounts.billing import Books
from moksori.agent.speech import Voice
from moksori.server import (
    beta_sessions,
    client_secrets,
    errors,
    health,
    keys_admin,
    models,
    openai_audio,
    openai_chat,
    page,
    page_defaults,
    translation,
    usage_admin,
)
from moksori.server.access import Doorman
from moksori.server.errors import ErrorAnswer, error_response
from moksori.server.house import MCP_PATH, Engine, House
from moksori.server.realtime import PATHS, RealtimeEndpoint
from moksori.sessions.meter import Metering
from moksori.settings import Settings, SettingsError
from moksori.telemetry import Telemetry

DESCRIPTION = (
    "A voice server that speaks OpenAI's Realtime protocol: connect a WebSocket to `/v1/realtime`. "
    "Over HTTP it lists models and makes client secrets."
)
CORS_HEADERS = ["authorization", "content-type", "api-key", "openai-beta", "x-openai-agents-sdk"]
CORS_EXPOSED = ["location", "x-request-id"]

_plain_http = APIRouter(include_in_schema=False)


@_plain_http.get(PATHS[0])
@_plain_http.get(PATHS[1])
@_plain_http.get(PATHS[2])
@_plain_http.get(PATHS[3])
async def upgrade_required() -> JSONResponse:
    return error_response(
        426,
        "This is a WebSocket address: connect to it with ws:// or wss://.",
        code="upgrade_required",
        headers={"upgrade": "websocket"},
    )


def compose(settings: Settings) -> House:
    """The house as the settings want it; nothing is loaded before its engine is started."""
    from moksori.engine.engine import Engine as LocalEngine
    from moksori.gateway.gateway import Gateway
    from moksori.server import phrases_ahead
    from moksori.server.shop_calls import flows_brain, open_for_calls
    from moksori.server.shop_house import ShopHouse
    from moksori.sessions.registry import Sessions

    telemetry = Telemetry()
    shop = open_for_calls(settings)
    flows = flows_brain(settings) if shop is not None else None
    phrases_ahead.register(settings)
    engine = LocalEngine.create(settings.engine, flows) if settings.engine.profile != "off" else None
    gateway = Gateway(settings)
    sessions = Sessions(settings=settings, engine=engine, telemetry=telemetry, remote=gateway, shop=shop)
    house = House.build(settings, sessions, engine, telemetry, gateway)
    house.shop = ShopHouse(shop, house) if shop is not None else None
    house.speech = engine
    house.accounts.on_ended = sessions.end_keys
    if gateway.upstreams:
        sessions.metering = metering(house, gateway.charging(), engine)
    return house


def metering(house: House, charging: frozenset[str], engine: Engine | None) -> Metering:
    """The meters of calls that cost money. Raises `SettingsError` for a price table that cannot be used."""
    from moksori.sessions.goodbye import LastWords

    given = house.settings.accounts
    try:
        table = prices.load(given.prices)
    except prices.PricesUnusable as error:
        raise SettingsError(str(error)) from error
    call_micro = prices.micro_of(given.call_budget) if given.call_budget is not None else None
    books = house.accounts.books = Books(
        table,
        house.accounts.ledger,
        charging=charging,
        call_micro=call_micro,
        told=house.telemetry.cost,
    )

    def voice() -> Voice | None:
        """The local voice, once it is there."""
        speaking = engine is not None and engine.parts().get("tts") == "ready"
        return getattr(engine, "voice", None) if speaking else None

    return Metering(books, LastWords(voice))


class Application(FastAPI):
    """FastAPI for all but conversations: their sockets pass none of the layers and routes made for HTTP."""

    conversations: RealtimeEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] in PATHS:
            await self.conversations(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(house: House) -> FastAPI:
    """The ASGI application over an existing house. Starts nothing."""
    app = Application(
        title="moksori",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        responses={
            401: {"model": ErrorAnswer, "description": "No key, or not one of this server's"},
            403: {"model": ErrorAnswer, "description": "The page, the host name or the key may not do this"},
            429: {
                "model": ErrorAnswer,
                "description": "Too many wrong keys from one address, or too much asked for",
            },
        },
    )
    app.state.house = house
    errors.install(app)
    for routes in (
        health,
        models,
        client_secrets,
        beta_sessions,
        translation,
        keys_admin,
        page_defaults,
        usage_admin,
    ):
        app.include_router(routes.router)
    for parts in (openai_audio, openai_chat):
        app.include_router(parts.router)
    app.include_router(_plain_http)
    app.conversations = RealtimeEndpoint(house)
    app.router.routes.append(WebSocketRoute(translation.PATH, translation.websocket))
    if house.shop is not None:
        app.router.routes.append(Route(MCP_PATH, endpoint=house.shop))
    app.router.routes.extend(page.routes())
    app.add_middleware(Doorman, house=house)
    app.add_middleware(
        CORSMiddleware,  # outermost: refusals, too, must be readable to an allowed page
        allow_origins=house.origins.foreign,
        allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
        allow_headers=CORS_HEADERS,
        expose_headers=CORS_EXPOSED,
        max_age=600,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, without the 422 that this server answers as 400."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path, operations in document["paths"].items():
            for operation in operations.values():
                answers = operation["responses"]
                answers.pop("422", None)
                if path in ("/healthz", "/readyz"):
                    answers.pop("401", None)
                    answers.pop("403", None)
                    answers.pop("429", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema
