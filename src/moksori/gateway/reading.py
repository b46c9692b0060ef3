"""What an upstream says, read with tolerance: services leave out ids, add fields, and get shapes wrong."""

from __future__ import annotations

from typing import Any

import msgspec

from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.response import Response
from moksori.telemetry import get_logger

_log = get_logger(__name__)


class _ErrorSaid(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    param: str | None = None


class _ErrorFrame(msgspec.Struct):
    error: _ErrorSaid | str | None = None


def error_of(frame: Frame) -> tuple[str | None, str]:
    """Code and message of an `error` event in whatever shape."""
    try:
        error = msgspec.json.decode(frame.raw, type=_ErrorFrame).error
    except msgspec.MsgspecError:
        return None, "it said no more than that."
    if isinstance(error, _ErrorSaid):
        return (
            str(error.code) if error.code is not None else None
        ), error.message or "it said no more than that."
    return None, error or "it said no more than that."


def is_about_voice(frame: Frame) -> bool:
    """Whether an `error` event says that there is no such voice."""
    try:
        error = msgspec.json.decode(frame.raw, type=_ErrorFrame).error
    except msgspec.MsgspecError:
        return False
    return isinstance(error, _ErrorSaid) and (error.param or "").endswith("voice")


def decoded(frame: Frame) -> Any:
    """The whole event; None where it is not what GA says, which is logged by its type alone."""
    try:
        return frame.event
    except ProtocolError as error:
        _log.warning("upstream_event_odd", type=frame.type, param=error.param)
        return None


class _RoughResponse(msgspec.Struct):
    id: str
    status: str = "completed"


class _RoughDone(msgspec.Struct):
    response: _RoughResponse


def rough_response(frame: Frame) -> Response | None:
    """Of a `response.done` that cannot be read whole, what ends the response."""
    try:
        rough = msgspec.json.decode(frame.raw, type=_RoughDone).response
    except msgspec.MsgspecError:
        return None
    known = ("completed", "cancelled", "incomplete", "failed")
    status: Any = rough.status if rough.status in known else "completed"
    return Response(id=rough.id, status=status)


def named(frame: Frame) -> Frame:
    """The same event with an id, which some services leave out and strict clients want."""
    event_id = random_id("event")
    raw = frame.raw.lstrip()
    made = b'{"event_id":"' + event_id.encode() + b'",' + raw[1:]
    return Frame.from_raw(made, frame.at)
