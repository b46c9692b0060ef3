"""What a page with a locked client secret may not do: make its session another one than it was given. Pure."""

from __future__ import annotations

from typing import Any, Final

from moksori.protocol.client_events import ConversationItemCreate, ResponseCreate, SessionUpdate
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame

LOCKED: Final = frozenset(
    {
        "instructions",
        "prompt",
        "tools",
        "tool_choice",
        "model",
        "max_output_tokens",
        "max_response_output_tokens",
        "input",
    }
)
"""Keys of a session or a response that say what the model is told and may do. `input` replaces the conversation."""
CHECKED: Final = frozenset({"session.update", "response.create", "conversation.item.create"})


def check(frame: Frame) -> None:
    """Raises `ProtocolError` for an event that would widen a locked session; others pass, also malformed ones."""
    if frame.type not in CHECKED:
        return
    try:
        event = frame.as_client()
    except ProtocolError:
        return  # whoever reads it next refuses it
    match event:
        case SessionUpdate(session=given):
            _refuse(given, "session", frame)
        case ResponseCreate(response=given):
            _refuse(given or {}, "response", frame)
        case ConversationItemCreate(item=item) if item.get("role") not in (None, "user", "assistant"):
            raise _locked("item.role", frame)
        case _:
            pass


def _refuse(given: dict[str, Any], path: str, frame: Frame) -> None:
    for key in sorted(LOCKED & given.keys()):
        raise _locked(f"{path}.{key}", frame)


def _locked(param: str, frame: Frame) -> ProtocolError:
    return ProtocolError(
        f"'{param}' cannot be changed with this client secret.",
        "locked_by_client_secret",
        param=param,
        event_id=frame.event_id if isinstance(frame.event_id, str) else None,
    )
