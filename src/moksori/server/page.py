"""The voice page at `/`, and the scripts other pages import: `/moksori.js`, `/voice-realtime-client.js`, …

Served from the package (`moksori/web_dist`), or from `web/dist` of a checkout. Nothing inline runs: the policy
has no `unsafe-inline`, so markup in a transcript stays text even if a script should forget to escape it.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import moksori

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "permissions-policy": "microphone=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # Files keep their names from build to build: a browser asks each time, and is mostly told 304.
    "cache-control": "no-cache",
}
PUBLIC_HEADERS = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
API_PREFIXES = ("/v1/", "/shop/", "/admin/")
SCRIPT_ENDINGS = (".js", ".d.ts")
"""What pages elsewhere import. It holds no secret; whether such a page may open a call is asked when it does."""
NOT_BUILT = "The voice page is not built: run `make web` in the checkout, then start the server again.\n"


def is_public(path: str) -> bool:
    """Whether a page of any origin may read this: the widget must come up before it can say why it may not call."""
    return path.endswith(SCRIPT_ENDINGS) and not path.startswith(API_PREFIXES)


def folder() -> Path | None:
    """Where the built page is, if it is anywhere."""
    package = Path(moksori.__file__).parent
    for place in (package / "web_dist", package.parents[1] / "web" / "dist"):
        if (place / "index.html").is_file():
            return place
    return None


class PageFiles(StaticFiles):
    """The built files, with the headers above."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        if path.endswith(SCRIPT_ENDINGS):
            response.headers.update(PUBLIC_HEADERS)
        if path.endswith(".d.ts"):  # types for editors, not the MPEG stream their ending is registered for
            response.headers["content-type"] = "text/plain; charset=utf-8"
        return response


class PageMount(Mount):
    """Everything but the API: an unknown API path must stay a 404 or 405 of the API."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"].startswith(API_PREFIXES):
            return Match.NONE, {}
        return super().matches(scope)


def routes() -> list[BaseRoute]:
    place = folder()
    if place is None:
        return [Route("/", _not_built)]
    return [PageMount("/", PageFiles(directory=place, html=True), name="page")]


async def _not_built(request: object) -> Response:
    return PlainTextResponse(NOT_BUILT, status_code=404, headers=HEADERS)
