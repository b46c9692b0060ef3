"""Who is asking: the key a request carries, wherever it carries it, and whether page and host may ask at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from moksori.accounts.client_secrets import PREFIX as SECRET_PREFIX
from moksori.accounts.client_secrets import ClientSecret
from moksori.accounts.keys import OPEN
from moksori.accounts.origins import is_loopback_host
from moksori.agent.principal import Principal
from moksori.server.errors import ApiError
from moksori.server.house import House

KEY_SUBPROTOCOL = "openai-insecure-api-key."
OPEN_TO_ALL_HOSTS = frozenset({"/healthz", "/readyz"})
"""What a load balancer asks by address; it tells nothing of use to a foreign page."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who came in, and the client secret that let them in, if one did."""

    principal: Principal
    secret: ClientSecret | None = None


def presented_key(headers: Headers, subprotocols: Sequence[str], query: QueryParams) -> str | None:
    """The key of a request: Bearer, then subprotocol, then `api-key` header, then query, as clients send it."""
    return (
        _bearer(headers.get("authorization"))
        or next(
            (offer[len(KEY_SUBPROTOCOL) :] for offer in subprotocols if offer.startswith(KEY_SUBPROTOCOL)),
            None,
        )
        or headers.get("api-key")
        or query.get("api-key")
        or _bearer(query.get("authorization") or query.get("Authorization"))
        or None
    )


def _bearer(value: str | None) -> str | None:
    scheme, _, key = (value or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def check_page_and_host(house: House, headers: Headers) -> None:
    """Refuse a page of an origin not allowed, and on a server without a key any but loopback names."""
    host = headers.get("host")
    if house.keys.empty and not is_loopback_host(host):
        raise ApiError(
            403,
            "This server has no API key and answers only to 127.0.0.1 or localhost: configure a key to use "
            "another name.",
            code="host_not_allowed",
        )
    origin = headers.get("origin")
    if not house.origins.allows(origin, host):
        raise ApiError(
            403,
            f"Pages of {origin} may not use this server: add that origin to server.allowed_origins.",
            code="origin_not_allowed",
        )


def admit(house: House, connection: HTTPConnection) -> Admitted:
    """Check page, host and key. Raises `ApiError`."""
    check_page_and_host(house, connection.headers)
    subprotocols = connection.scope.get("subprotocols", ())
    key = presented_key(connection.headers, subprotocols, connection.query_params)
    if key is not None and key.startswith(SECRET_PREFIX):
        secret = house.secrets.find(key)
        if secret is None:
            raise ApiError(
                401,
                "The client secret is unknown or has expired: fetch a new one.",
                code="invalid_api_key",
            )
        return Admitted(secret.principal, secret)
    if house.keys.empty:
        return Admitted(OPEN)
    if key is None:
        raise ApiError(
            401,
            "No API key was given: send it in the header 'Authorization: Bearer KEY'.",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )
    principal = house.keys.principal(key)
    if principal is None:
        raise ApiError(
            401,
            "The API key is not one of this server's keys.",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )
    return Admitted(principal)


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


def key_holder(
    request: Request,
    _bearer: Annotated[object, Security(HTTPBearer(auto_error=False, scheme_name="Bearer"))],
    _header: Annotated[
        object, Security(APIKeyHeader(name="api-key", auto_error=False, scheme_name="ApiKey"))
    ],
) -> Principal:
    """The holder of an API key; a client secret is for conversations and opens nothing else."""
    admitted = admit(house_of(request), request)
    if admitted.secret is not None:
        raise ApiError(
            403,
            "A client secret opens conversations only; this needs an API key.",
            code="insufficient_permissions",
        )
    return admitted.principal


KeyHolder = Annotated[Principal, Depends(key_holder)]
TheHouse = Annotated[House, Depends(house_of)]


class Doorman:
    """ASGI middleware: page and host are checked for everything served over HTTP, files included."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_TO_ALL_HOSTS:
            try:
                check_page_and_host(self._house, Headers(scope=scope))
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)
