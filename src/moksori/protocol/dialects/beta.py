"""The retired beta dialect, between frames: `OpenAI-Beta: realtime=v1` clients here, and beta servers elsewhere.

Both translators hold no more than one connection's small memory, and neither reads a clock nor raises: a message they
cannot make sense of passes as it is, for the side that can refuse it. Audio from a client passes untouched; audio to a
beta client has its type renamed in the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from moksori.protocol.dialects.beta_shapes import (
    BETA_ITEMS,
    DEFAULT_TEMPERATURE,
    Json,
    beta_error,
    beta_item,
    beta_params,
    beta_response,
    beta_session,
    beta_update,
    ga_error,
    ga_item,
    ga_params,
    ga_response,
    ga_session,
    ga_session_shown,
)
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import Ids, random_id
from moksori.protocol.server_events import decode_server_event

Kind = Literal["realtime", "transcription"]

_CHANGED_FOR_BETA = frozenset(
    (
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.retrieved",
        "conversation.item.completed",
        "response.output_item.added",
        "response.output_item.done",
        "response.created",
        "response.done",
        "response.function_call_arguments.done",
        "error",
    )
)
_SHOWN_WHOLE = ("session.created", "session.updated", "response.created", "response.done")

_TO_BETA = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
_TO_GA = {beta: ga for ga, beta in _TO_BETA.items()}
_UNKNOWN_TO_BETA = frozenset(
    (
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        # GA's `conversation.item.added` becomes this one; a second would double the item.
        "conversation.item.created",
    )
)
_NO_USAGE = {
    "type": "tokens",
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 0},
}
"""Early beta servers do not say what a transcription cost, GA clients require that it is said: nothing counted."""


class BetaEdge:
    """A beta client in front of a GA conversation.

    `conversation_id` is what `conversation.created` shows, made up if not given.
    """

    def __init__(self, ids: Ids = random_id, *, conversation_id: str | None = None) -> None:
        self._ids = ids
        self._conversation_id = conversation_id or ids("conv")
        self._temperature = DEFAULT_TEMPERATURE
        """As the client last set it: GA has none, and beta shows it back."""

    def from_client(self, frame: Frame) -> tuple[Frame, ...]:
        """A beta client's message as GA client events."""
        match frame.type:
            case (
                "session.update"
                | "transcription_session.update"
                | "conversation.item.create"
                | "response.create"
            ):
                return _translated(frame, self._asked)
            case _:
                return (frame,)

    def _asked(self, kind: str, event: Json) -> list[Json]:
        match kind:
            case "session.update" | "transcription_session.update":
                session = event.get("session")
                if isinstance(session, dict):
                    self._remember(session)
                of: Kind = "transcription" if kind.startswith("transcription") else "realtime"
                return [
                    {**event, "type": "session.update", **_member(event, "session", ga_session(session, of))}
                ]
            case "conversation.item.create":
                return [{**event, **_member(event, "item", ga_item(event.get("item")))}]
            case _:
                return [{**event, **_member(event, "response", ga_params(event.get("response")))}]

    def _remember(self, session: Json) -> None:
        temperature = session.get("temperature")
        if isinstance(temperature, int | float) and not isinstance(temperature, bool):
            self._temperature = float(temperature)

    def to_client(self, frame: Frame) -> tuple[Frame, ...]:
        """A GA server event as what a beta client expects in its place, if anything."""
        if frame.type in _UNKNOWN_TO_BETA:
            return ()
        renamed = _TO_BETA.get(frame.type)
        if renamed is not None:
            return (_retyped(frame, renamed),)
        if frame.type not in _CHANGED_FOR_BETA:
            return (frame,)
        return _translated(frame, self._shown)

    def _shown(self, kind: str, event: Json) -> list[Json]:
        match kind:
            case "session.created" | "session.updated":
                return self._session(kind, event)
            case "response.created" | "response.done":
                return [{**event, "response": beta_response(event.get("response"), self._temperature)}]
            case "response.function_call_arguments.done":
                return [{key: value for key, value in event.items() if key != "name"}]
            case "error":
                return [{**event, "error": beta_error(event.get("error"))}]
            case _:
                item = event.get("item")
                if isinstance(item, dict) and item.get("type") not in BETA_ITEMS:
                    return []
                name = "conversation.item.created" if kind == "conversation.item.added" else kind
                return [{**event, "type": name, "item": beta_item(item)}]

    def _session(self, kind: str, event: Json) -> list[Json]:
        session = event.get("session")
        transcribing = isinstance(session, dict) and session.get("type") == "transcription"
        shown = {
            **event,
            "type": "transcription_" + kind if transcribing else kind,
            "session": beta_session(session, self._temperature),
        }
        if kind == "session.updated" or transcribing:
            return [shown]
        conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
        return [
            shown,
            {"type": "conversation.created", "event_id": self._ids("event"), "conversation": conversation},
        ]


class BetaLink:
    """A beta server behind a GA conversation."""

    def __init__(self, ids: Ids = random_id) -> None:
        self._ids = ids
        self._open: dict[str, Any] = {}
        """Items announced and not yet whole, with the id of the item before each."""
        self._names: dict[str, str] = {}
        """The function of each call that is being written, by item id: beta's `.done` does not repeat it."""

    def to_server(self, frame: Frame) -> tuple[Frame, ...]:
        """A GA client event as the beta server knows it, if it knows it."""
        match frame.type:
            case "session.update" | "conversation.item.create" | "response.create":
                return _translated(frame, self._sent)
            case _:
                return (frame,)

    def _sent(self, kind: str, event: Json) -> list[Json]:
        match kind:
            case "session.update":
                session = event.get("session")
                transcribing = isinstance(session, dict) and session.get("type") == "transcription"
                name = "transcription_session.update" if transcribing else kind
                return [{**event, "type": name, **_member(event, "session", beta_update(session))}]
            case "conversation.item.create":
                item = event.get("item")
                if isinstance(item, dict) and item.get("type", "message") not in BETA_ITEMS:
                    return []
                return [{**event, **_member(event, "item", beta_item(item))}]
            case _:
                return [{**event, **_member(event, "response", beta_params(event.get("response")))}]

    def from_server(self, frame: Frame) -> tuple[Frame, ...]:
        """A beta server's event as the GA events that stand for it."""
        renamed = _TO_GA.get(frame.type)
        if renamed is not None and frame.event_id:
            return (_retyped(frame, renamed),)
        frames = _translated(frame, self._received)
        return tuple(_whole(each) if each.type in _SHOWN_WHOLE else each for each in frames)

    def _received(self, kind: str, event: Json) -> list[Json]:
        event.setdefault("event_id", self._ids("event"))
        match kind:
            case "conversation.created":
                return []
            case "session.created" | "session.updated":
                return [{**event, "session": ga_session_shown(event.get("session"), "realtime")}]
            case "transcription_session.created" | "transcription_session.updated":
                shown = ga_session_shown(event.get("session"), "transcription")
                return [{**event, "type": kind.removeprefix("transcription_"), "session": shown}]
            case "conversation.item.created":
                return self._created(event)
            case "conversation.item.retrieved":
                return [{**event, "item": ga_item(event.get("item"))}]
            case "response.output_item.added":
                item = ga_item(event.get("item"))
                if isinstance(item, dict) and item.get("type") == "function_call":
                    self._names[str(item.get("id"))] = str(item.get("name", ""))
                return [{**event, "item": item}]
            case "response.output_item.done":
                item = ga_item(event.get("item"))
                return [*self._finished(item), {**event, "item": item}]
            case "response.function_call_arguments.done":
                return [{"name": self._names.pop(str(event.get("item_id")), ""), **event}]
            case "response.created":
                return [{**event, "response": ga_response(event.get("response"))}]
            case "response.done":
                response = ga_response(event.get("response"))
                output = response["output"] if isinstance(response, dict) else []
                done = [each for item in output for each in self._finished(item)]
                return [*done, {**event, "response": response}]
            case "conversation.item.input_audio_transcription.completed":
                return [{**event, "usage": event.get("usage") or _NO_USAGE}]
            case "rate_limits.updated" if isinstance(event.get("rate_limits"), list):
                known = ("requests", "tokens")
                limits = [
                    each
                    for each in event["rate_limits"]
                    if isinstance(each, dict) and each.get("name") in known
                ]
                return [{**event, "rate_limits": limits}]
            case "error":
                return [{**event, "error": ga_error(event.get("error"))}]
            case _:
                return [{**event, "type": _TO_GA.get(kind, kind)}]

    def _created(self, event: Json) -> list[Json]:
        """One beta event stands for two: an item of the caller's is whole at once, an answer when it is finished."""
        item = ga_item(event.get("item"))
        before = event.get("previous_item_id")
        added = {**event, "type": "conversation.item.added", "previous_item_id": before, "item": item}
        if isinstance(item, dict) and item.get("status") == "in_progress":
            self._open[str(item.get("id"))] = before
            return [added]
        return [added, {**added, "type": "conversation.item.done", "event_id": self._ids("event")}]

    def _finished(self, item: Any) -> list[Json]:
        """The `conversation.item.done` of an answer, once, and only if it is in the conversation."""
        name = str(item.get("id")) if isinstance(item, dict) else ""
        if name not in self._open:
            return []
        return [
            {
                "type": "conversation.item.done",
                "event_id": self._ids("event"),
                "previous_item_id": self._open.pop(name),
                "item": item,
            }
        ]


_encoder = msgspec.json.Encoder()


def _translated(frame: Frame, translate: Callable[[str, Json], list[Json]]) -> tuple[Frame, ...]:
    """The frames that `translate` makes of a message's type and object; the same frame if it is not an object."""
    try:
        event = msgspec.json.decode(frame.raw)
        if not isinstance(event, dict):
            return (frame,)
        made = translate(frame.type, event)
        if made == [event]:
            return (frame,)
        return tuple(Frame.from_raw(_encoder.encode(each), frame.at) for each in made)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        # Not JSON, or JSON that cannot be written again: nested too deeply, integers beyond 64 bits.
        return (frame,)


def _whole(frame: Frame) -> Frame:
    """The frame with every key that GA promises, as far as it can be read at all."""
    try:
        return Frame.from_event(decode_server_event(frame.raw), frame.at)
    except ProtocolError:
        return frame


def _member(event: Json, key: str, value: Any) -> Json:
    """`value` as `key`, unless the event had none: that is for the other side to refuse."""
    return {key: value} if key in event else {}


def _retyped(frame: Frame, kind: str) -> Frame:
    """The same message under another type; usually the type comes first, and nothing is decoded."""
    head = b'{"type":"' + frame.type.encode() + b'"'
    if frame.raw.startswith(head):
        return Frame.from_raw(b'{"type":"' + kind.encode() + b'"' + frame.raw[len(head) :], frame.at)
    return _translated(frame, lambda _, event: [{**event, "type": kind}])[0]
