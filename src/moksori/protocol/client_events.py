"""The eleven events a client may send.

The payloads `session`, `response` and `item` stay plain JSON objects in an event: what is legal in them
depends on the session. `session.merge`, `response.params_from_client` and `items.item_from_client` check
them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from moksori.protocol.errors import ProtocolError
from moksori.protocol.items import base64_bytes
from moksori.protocol.records import Tagged
from moksori.protocol.validate import convert, invalid_value, missing, out_of_range, wrong_type

Whole = Annotated[int, Meta(ge=0)]

APPEND_LIMIT = 15 * 1024 * 1024
"""Documented limit of one append, in bytes of audio."""


class SessionUpdate(Tagged, frozen=True, tag="session.update"):
    session: dict[str, Any]
    event_id: str | None = None


class InputAudioBufferAppend(Tagged, frozen=True, tag="input_audio_buffer.append"):
    """`audio` is base64 in the session's input format; `decode_audio` checks and decodes it."""

    audio: str
    event_id: str | None = None


class InputAudioBufferCommit(Tagged, frozen=True, tag="input_audio_buffer.commit"):
    event_id: str | None = None


class InputAudioBufferClear(Tagged, frozen=True, tag="input_audio_buffer.clear"):
    event_id: str | None = None


class OutputAudioBufferClear(Tagged, frozen=True, tag="output_audio_buffer.clear"):
    event_id: str | None = None


class ConversationItemCreate(Tagged, frozen=True, tag="conversation.item.create"):
    """`previous_item_id`: `root` is the front, None the end."""

    item: dict[str, Any]
    previous_item_id: str | None = None
    event_id: str | None = None


class ConversationItemRetrieve(Tagged, frozen=True, tag="conversation.item.retrieve"):
    item_id: str
    event_id: str | None = None


class ConversationItemTruncate(Tagged, frozen=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: Whole
    audio_end_ms: Whole
    event_id: str | None = None


class ConversationItemDelete(Tagged, frozen=True, tag="conversation.item.delete"):
    item_id: str
    event_id: str | None = None


class ResponseCreate(Tagged, frozen=True, tag="response.create"):
    response: dict[str, Any] | None = None
    event_id: str | None = None


class ResponseCancel(Tagged, frozen=True, tag="response.cancel"):
    """Without `response_id`, the one of the default conversation."""

    response_id: str | None = None
    event_id: str | None = None


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
)

CLIENT_EVENTS: dict[str, type[Tagged]] = {
    str(event.__struct_config__.tag): event for event in get_args(ClientEvent)
}
"""Every client event by its `type`."""


class _Name(msgspec.Struct):
    """As much of an event as an error needs."""

    event_id: Any = None


_decoder: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_name_decoder = msgspec.json.Decoder(_Name)
_any_decoder = msgspec.json.Decoder()
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises for JSON that is none; UnicodeDecodeError is a ValueError."""


def decode_client_event(raw: bytes | str, *, strict: bool = False) -> ClientEvent:
    """One client event from one text message.

    Of two equal keys the last counts. Strict refuses unknown keys at the top of the event, and audio that is
    not base64. Costs about 2 µs for an append of 20 ms, whose audio is copied once.

    Raises `ProtocolError`, and nothing else, whatever the input. Its `event_id` is the event's own where
    there is one; of JSON that is broken, where one is found in its first 64 KiB.
    """
    try:
        event = _decoder.decode(raw)
        if strict:
            _check_keys(raw)
            if isinstance(event, InputAudioBufferAppend):
                decode_audio(event)
    except ProtocolError as error:
        raise error.caused_by(_event_id(raw)) from None
    except _UNREADABLE:
        return _explained(raw, strict)
    if isinstance(event, InputAudioBufferAppend):
        _check_length(event)
    return event


def decode_audio(append: InputAudioBufferAppend) -> bytes:
    """The audio of an append, in the session's input format.

    Raises `ProtocolError` for what is not base64.
    """
    try:
        return base64_bytes(append.audio, "audio")
    except ProtocolError as error:
        raise error.caused_by(append.event_id) from None


def _check_length(append: InputAudioBufferAppend) -> None:
    if len(append.audio) > (APPEND_LIMIT + 2) // 3 * 4:
        raise out_of_range("audio", f"{len(append.audio)} characters", "at most 15 MiB of audio").caused_by(
            append.event_id
        )


def _check_keys(raw: bytes | str) -> None:
    """Strict sessions only: refuse unknown keys at the top."""
    given = _any_decoder.decode(raw)
    convert(given, CLIENT_EVENTS[given["type"]], "", strict=True)


def _explained(raw: bytes | str, strict: bool) -> ClientEvent:
    """Find out why msgspec refused `raw`; a duplicated key is the one case in which it is right after all."""
    event_id = _event_id(raw)
    try:
        given = _any_decoder.decode(raw)
    except RecursionError:
        raise ProtocolError("The event is nested too deeply.", "invalid_event", event_id=event_id) from None
    except _UNREADABLE as refusal:
        raise ProtocolError(
            f"The event is not valid JSON: {_reason(refusal)}.", "invalid_event", event_id=event_id
        ) from None
    try:
        return _converted(given, strict)
    except ProtocolError as error:
        raise error.caused_by(event_id) from None


def _converted(given: Any, strict: bool) -> ClientEvent:
    if not isinstance(given, dict):
        raise ProtocolError("An event must be a JSON object.", "invalid_event")
    if given.get("type") is None:
        raise ProtocolError("The 'type' field is missing.", "invalid_event")
    kind = given["type"]
    if not isinstance(kind, str):
        raise wrong_type("type", "a string", kind)
    if kind not in CLIENT_EVENTS:
        raise invalid_value("type", kind, CLIENT_EVENTS)
    payload = _PAYLOADS.get(kind)
    if payload is not None and payload in given and not isinstance(given[payload], dict):
        if given[payload] is None and kind != "response.create":
            raise missing(payload)
        if given[payload] is not None:
            raise wrong_type(payload, "an object", given[payload])
    event: ClientEvent = convert(given, CLIENT_EVENTS[kind], "", strict=strict)
    if isinstance(event, InputAudioBufferAppend):
        _check_length(event)
        if strict:
            decode_audio(event)
    return event


_PAYLOADS = {"session.update": "session", "conversation.item.create": "item", "response.create": "response"}


_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"(\s*+:)?|["{}\[\]]', re.DOTALL)
_SCANNED = 64 * 1024
_TOKENS = 2000
"""Bounds of the search in broken JSON, which anybody may send as much of as a message holds."""


def _event_id(raw: bytes | str) -> str | None:
    try:
        found = _name_decoder.decode(raw).event_id
    except _UNREADABLE:
        found = _searched(raw[:_SCANNED])
    return found if isinstance(found, str) else None


def _searched(raw: bytes | str) -> str | None:
    """The `event_id` at the top level of JSON that may be broken further on."""
    data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
    depth = 0
    due = False
    for count, token in enumerate(_TOKEN.finditer(data)):
        text, colon = token.group(1), token.group(2)
        mark = token.group(0)
        if count > _TOKENS or mark == b'"':
            return None
        if text is None:
            depth += 1 if mark in b"{[" else -1
        elif due and depth == 1:
            try:
                value: str = msgspec.json.decode(b'"' + text + b'"', type=str)
            except _UNREADABLE:
                return None
            return value
        due = colon is not None and depth == 1 and text == b"event_id"
    return None


def _reason(refusal: BaseException) -> str:
    if isinstance(refusal, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(refusal).rstrip(".").removeprefix("JSON is malformed: ")
