"""Vercel's Python runtime: a file under `api/` with an ASGI application named `app`."""

from moksori.server.serverless import app

__all__ = ["app"]
