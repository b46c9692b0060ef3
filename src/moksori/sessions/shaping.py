"""Sessions and frames as tools of the server need them: tools offered, transcripts asked for, audio counted. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from moksori.agent.guard import OfferedTool
from moksori.protocol.session import RealtimeSession
from moksori.protocol.session_object import FunctionTool, Transcription

MILLISECONDS_A_BYTE = {"audio/pcm": 1 / 48, "audio/pcmu": 1 / 8, "audio/pcma": 1 / 8}


def scale(session: RealtimeSession) -> float:
    return MILLISECONDS_A_BYTE.get(str(session.audio.input.format.__struct_config__.tag), 1 / 48)


def samples_in(delta: str, rate: int) -> int:
    """24 kHz samples in a delta of base64 PCM16 (24 kHz) or G.711 (8 kHz)."""
    size = len(delta) * 3 // 4
    return size // 2 if rate != 8000 else size * 3


def function(tool: OfferedTool) -> FunctionTool:
    return FunctionTool(name=tool.name, description=tool.description, parameters=dict(tool.parameters))


def as_json(tool: OfferedTool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def transcribing(session: RealtimeSession, hint: str | None) -> RealtimeSession:
    """A caller who is not written down cannot agree to anything. `hint` is what the recogniser should expect."""
    asked = session.audio.input.transcription or Transcription()
    if asked.prompt is None and hint is not None:
        asked = replace(asked, prompt=hint)
    heard = replace(session.audio.input, transcription=asked)
    return replace(session, audio=replace(session.audio, input=heard))


def without_hint(session: RealtimeSession, hint: str | None) -> RealtimeSession:
    """The session without what `transcribing` put into it."""
    asked = session.audio.input.transcription
    if asked is None or asked.prompt is None or asked.prompt != hint:
        return session
    heard = replace(session.audio.input, transcription=replace(asked, prompt=None))
    return replace(session, audio=replace(session.audio, input=heard))


def transcription_in(update: dict[str, Any]) -> dict[str, Any] | None:
    """The transcription that a client's session update asks for."""
    for name in ("audio", "input"):
        inner = update.get(name)
        update = inner if isinstance(inner, dict) else {}
    found = update.get("transcription")
    return found if isinstance(found, dict) else None


def ask_for_transcripts(update: dict[str, Any], before: dict[str, Any] | None, hint: str | None) -> None:
    """The same for a session update; `before` is what the client asked for earlier."""
    audio = dict(update.get("audio") or {})
    heard = dict(audio.get("input") or {})
    wanted = dict(heard.get("transcription") or before or {"model": Transcription().model})
    if hint is not None and not wanted.get("prompt"):
        wanted["prompt"] = hint
    heard["transcription"] = wanted
    audio["input"] = heard
    update["audio"] = audio
