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
from moksori.accounts.keys import ADMIN, FREE, OPEN, Rules
from moksori.accounts.limits import network
from moksori.accounts.origins import is_loopback_host, same_origin
from moksori.agent.principal import Principal
from moksori.server.errors import ApiError
from moksori.server.house import House
from moksori.server.page import is_public

KEY_SUBPROTOCOL = "openai-insecure-api-key."
OPEN_TO_ALL_HOSTS = frozenset({"/healthz", "/readyz"})
"""What a load balancer asks by address; it tells nothing of use to a foreign page."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who came in, and the client secret that let them in, if one did."""

    principal: Principal
    secret: ClientSecret | None = None
    secret_value: str | None = None
    rules: Rules = FREE


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
    check_host(house, headers)
    origin = headers.get("origin")
    if not house.origins.allows(origin, headers.get("host")):
        raise ApiError(
            403,
            f"Pages of {origin} may not use this server: add that origin to server.allowed_origins.",
            code="origin_not_allowed",
        )


def check_host(house: House, headers: Headers) -> None:
    """Refuse any but loopback names on a server without a key."""
    if house.keys.empty and not is_loopback_host(headers.get("host")):
        raise ApiError(
            403,
            "This server has no API key and answers only to 127.0.0.1 or localhost: configure a key to use "
            "another name.",
            code="host_not_allowed",
        )


def admit(house: House, connection: HTTPConnection) -> Admitted:
    """Check page, host and key. Raises `ApiError`."""
    check_page_and_host(house, connection.headers)
    subprotocols = connection.scope.get("subprotocols", ())
    key = presented_key(connection.headers, subprotocols, connection.query_params)
    address = network(connection.client.host if connection.client is not None else None)
    if key is not None and house.accounts.attempts.full(address):
        raise ApiError(
            429,
            "Too many wrong keys came from your address: wait a minute.",
            code="rate_limit_exceeded",
            headers={"retry-after": "60"},
        )
    admitted = _admitted(house, key)
    if admitted is None:
        if key is not None:
            house.accounts.attempts.note(address)
        raise _refusal(key)
    _check_origin(admitted, connection.headers.get("origin"))
    return admitted


def _admitted(house: House, key: str | None) -> Admitted | None:
    if key is not None and key.startswith(SECRET_PREFIX):
        secret = house.secrets.find(key)
        # A secret is its key's: it ends with it.
        rules = house.keys.rules(secret.principal) if secret is not None else None
        return (
            Admitted(secret.principal, secret, key, rules)
            if secret is not None and rules is not None
            else None
        )
    if house.keys.empty:
        return Admitted(OPEN)
    principal = house.keys.principal(key) if key is not None else None
    rules = house.keys.rules(principal) if principal is not None else None
    return Admitted(principal, rules=rules) if principal is not None and rules is not None else None


def _refusal(key: str | None) -> ApiError:
    if key is not None and key.startswith(SECRET_PREFIX):
        return ApiError(
            401, "The client secret is unknown or has expired: fetch a new one.", code="invalid_api_key"
        )
    message = (
        "No API key was given: send it in the header 'Authorization: Bearer KEY'."
        if key is None
        else "The API key is not one of this server's keys."
    )
    return ApiError(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})


def _check_origin(admitted: Admitted, origin: str | None) -> None:
    """A key or secret bound to pages is good on those pages and nowhere else, so not without a page either."""
    bound = admitted.secret.bounds.origin if admitted.secret is not None else None
    allowed = admitted.rules.origins
    if (bound is not None and not same_origin(origin, bound)) or (
        allowed is not None and not any(same_origin(origin, known) for known in allowed)
    ):
        raise ApiError(
            403, "This key may be used only by the pages it was made for.", code="origin_not_allowed"
        )


def check_model(admitted: Admitted, model: str) -> None:
    """Refuse a model that the key may not ask for. Raises `ApiError`."""
    if not admitted.rules.allows_model(model):
        raise ApiError(
            403, f"This key may not ask for the model '{model}'.", code="model_not_allowed", param="model"
        )


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


def admin(request: Request, holder: KeyHolder) -> Principal:
    """The holder of a key that may see and change keys. Without any key nobody may."""
    if ADMIN not in holder.scopes:
        raise ApiError(
            403,
            "This needs a key of the settings, or one made with the scope 'admin'.",
            code="insufficient_permissions",
        )
    return holder


Admin = Annotated[Principal, Depends(admin)]
TheHouse = Annotated[House, Depends(house_of)]


class Doorman:
    """ASGI middleware: page and host are checked for everything served over HTTP but the scripts meant for any page."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_TO_ALL_HOSTS:
            check = check_host if is_public(scope["path"]) else check_page_and_host
            try:
                check(self._house, Headers(scope=scope))
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)
