"""Errors over HTTP, in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from moksori.protocol.errors import INVALID_REQUEST, ProtocolError
from moksori.telemetry import get_logger

SERVER_ERROR = "server_error"
_log = get_logger(__name__)


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(BaseModel):
    """What every refused request is answered with."""

    error: ErrorBody


class ApiError(Exception):
    """A request that is refused. The message is a sentence for whoever sent it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        type: str = INVALID_REQUEST,
        param: str | None = None,
        close_code: int = 1008,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.type = type
        self.param = param
        self.close_code = close_code  # for a WebSocket that was accepted so that a browser can be told
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        return error_response(
            self.status, self.message, type=self.type, code=self.code, param=self.param, headers=self.headers
        )

    def as_protocol_error(self) -> ProtocolError:
        return ProtocolError(self.message, self.code, type=self.type, param=self.param)


def error_response(
    status: int,
    message: str,
    *,
    type: str = INVALID_REQUEST,
    code: str | None = None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    body = ErrorAnswer(error=ErrorBody(message=message, type=type, code=code, param=param))
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every failure of `app` in this shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        return error.response()

    @app.exception_handler(ProtocolError)
    async def invalid(request: Request, error: ProtocolError) -> JSONResponse:
        return error_response(400, error.message, type=error.type, code=error.code, param=error.param)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first: dict[str, Any] = dict(error.errors()[0])
        if first["type"] == "json_invalid":
            return error_response(400, "The request's body is not valid JSON.", code="invalid_json")
        param = ".".join(str(step) for step in first["loc"][1:])
        what = str(first["msg"])
        subject = f"'{param}'" if param else "the request's body"
        message = f"Invalid value for {subject}: {what[:1].lower()}{what[1:]}."
        return error_response(400, message, code="invalid_value", param=param or None)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        message, code = str(error.detail), "http_error"
        if error.status_code == 404:
            message, code = f"There is nothing at {request.method} {request.url.path}.", "not_found"
        elif error.status_code == 405:
            message, code = f"{request.url.path} does not take {request.method}.", "method_not_allowed"
        headers = dict(error.headers) if error.headers else None
        if error.status_code == 405:
            headers = {"allow": _allowed(request, (headers or {}).get("Allow", ""))}
        return error_response(error.status_code, message, code=code, headers=headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        _log.error("request_failed", path=request.url.path, exc_info=error)
        return error_response(
            500,
            "The server failed at this request; its log says why.",
            type=SERVER_ERROR,
            code="server_error",
        )


def _allowed(request: Request, routed: str) -> str:
    """Every documented method of an address: each is a route of its own, and the router names the first one's."""
    for path, operations in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.url.path):
            return ", ".join(sorted(method.upper() for method in operations))
    return routed
