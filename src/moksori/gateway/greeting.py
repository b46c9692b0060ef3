"""What an upstream is told of a session: at the beginning, at each update, and of what was said before. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from moksori.agent.backend import Opening
from moksori.gateway.catalog import Provider
from moksori.protocol.client_events import ConversationItemCreate, SessionUpdate
from moksori.protocol.errors import ProtocolError
from moksori.protocol.flat import nested
from moksori.protocol.items import FunctionCall, FunctionCallOutput, Item, Message
from moksori.protocol.session import RealtimeSession, Session

OURS: Final = frozenset({"id", "object", "expires_at", "model"})
"""Keys of the session object an upstream is never told: the names are this server's, the model is the route's."""
ONLY_IF_SET: Final = ("instructions", "tools", "tracing", "prompt", "include")
"""Left out while empty, so that the service's own defaults stand."""


def opening_update(session: Session, provider: Provider, model: str) -> dict[str, Any]:
    """The `session` of the first `session.update`: the session as our client was told it begins."""
    whole: dict[str, Any] = msgspec.to_builtins(session)
    asked = {key: value for key, value in whole.items() if key not in OURS and value is not None}
    for key in ONLY_IF_SET:
        if not asked.get(key):
            asked.pop(key, None)
    if isinstance(session, RealtimeSession):
        for key, default in (("tool_choice", "auto"), ("max_output_tokens", "inf"), ("truncation", "auto")):
            if asked.get(key) == default:
                del asked[key]
    audio = asked["audio"]
    audio["input"] = {k: v for k, v in audio["input"].items() if v is not None or k == "turn_detection"}
    if provider.model_in == "session":
        asked["model"] = model
    return _with_known_voice(asked, provider)


def rewritten_update(
    event: SessionUpdate, session: Session, provider: Provider, *, strict: bool
) -> SessionUpdate:
    """A client's `session.update` as its upstream may read it.

    Lenient, beta fields go to their GA places, a missing `type` is the session's own, and a voice the service does
    not have is left out: what it then uses comes back in `session.updated`. Raises `ProtocolError` when strict.
    """
    given = event.session
    kind = "realtime" if isinstance(session, RealtimeSession) else "transcription"
    if strict:
        if given.get("type") is None:
            raise ProtocolError(
                "Missing required parameter: 'session.type'.",
                "missing_required_parameter",
                param="session.type",
            )
    else:
        given = {"type": kind, **nested(given)}
        given["type"] = given["type"] or kind
    asked = {key: value for key, value in given.items() if key not in OURS}
    if not strict:
        asked = _with_known_voice(asked, provider)
    return SessionUpdate(session=asked, event_id=event.event_id)


def history_events(opening: Opening) -> list[ConversationItemCreate]:
    """What was said before this upstream took over, as items it may read: text, calls and their results."""
    return [
        ConversationItemCreate(item=item) for each in opening.history if (item := _readable(each)) is not None
    ]


def _readable(item: Item) -> dict[str, Any] | None:
    match item:
        case FunctionCall() | FunctionCallOutput():
            whole: dict[str, Any] = msgspec.to_builtins(item)
            whole.pop("status", None)
            return whole
        case Message():
            kind = "output_text" if item.role == "assistant" else "input_text"
            texts = [
                text
                for part in item.content
                if (text := getattr(part, "text", None) or getattr(part, "transcript", None))
            ]
            if not texts:
                return None
            content = [{"type": kind, "text": text} for text in texts]
            return {"type": "message", "id": item.id, "role": item.role, "content": content}
        case _:
            return None


def _with_known_voice(asked: dict[str, Any], provider: Provider) -> dict[str, Any]:
    """The same without a voice the service is known not to have."""
    audio = asked.get("audio")
    output = audio.get("output") if isinstance(audio, dict) else None
    if not provider.voices or not isinstance(audio, dict) or not isinstance(output, dict):
        return asked
    voice = output.get("voice")
    return asked if voice is None or voice in provider.voices else without_voice(asked)


def without_voice(asked: dict[str, Any]) -> dict[str, Any]:
    """The same without a voice, so that the service uses its own; the very same where there is none in it."""
    audio = asked.get("audio")
    output = audio.get("output") if isinstance(audio, dict) else None
    if not isinstance(audio, dict) or not isinstance(output, dict) or "voice" not in output:
        return asked
    kept = {key: value for key, value in output.items() if key != "voice"}
    return {**asked, "audio": {**audio, "output": kept}}
