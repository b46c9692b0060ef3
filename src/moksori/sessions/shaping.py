"""Sessions and frames as tools of the server need them: tools offered, transcripts asked for, audio counted. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from moksori.agent.guard import OfferedTool
from moksori.protocol.frame import Frame
from moksori.protocol.session import RealtimeSession
from moksori.protocol.session_object import FunctionTool, Transcription

MILLISECONDS_A_BYTE = {"audio/pcm": 1 / 48, "audio/pcmu": 1 / 8, "audio/pcma": 1 / 8}


def scale(session: RealtimeSession) -> float:
    return MILLISECONDS_A_BYTE.get(str(session.audio.input.format.__struct_config__.tag), 1 / 48)


def audio_bytes(frame: Frame) -> int:
    """Bytes of audio in an append, by the length of its base64: the text itself is not decoded."""
    if frame.pcm is not None:
        return len(frame.pcm)
    raw = frame.raw
    begins = raw.find(b'"audio"')
    opens = raw.find(b'"', raw.find(b":", begins) + 1) if begins >= 0 else -1
    closes = raw.find(b'"', opens + 1) if opens >= 0 else -1
    return max(closes - opens - 1, 0) * 3 // 4


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


def transcribing(session: RealtimeSession) -> RealtimeSession:
    """A caller who is not written down cannot agree to anything."""
    if session.audio.input.transcription is not None:
        return session
    heard = replace(session.audio.input, transcription=Transcription())
    return replace(session, audio=replace(session.audio, input=heard))


def ask_for_transcripts(update: dict[str, Any]) -> None:
    audio = dict(update.get("audio") or {})
    heard = dict(audio.get("input") or {})
    if not heard.get("transcription"):
        heard["transcription"] = {"model": Transcription().model}
        audio["input"] = heard
        update["audio"] = audio
