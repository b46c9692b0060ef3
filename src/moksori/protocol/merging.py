"""How a `session.update` changes a session: given fields are taken, absent ones keep, null clears."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from moksori.protocol.errors import ProtocolError
from moksori.protocol.flat import FORMATS, nested, output_modalities
from moksori.protocol.records import Record
from moksori.protocol.session_object import (
    DEFAULT_TRANSCRIPTION_MODEL,
    TRANSCRIPTION_MODELS,
    VOICES,
    AudioInput,
    FunctionTool,
    McpTool,
    NoiseReduction,
    RealtimeSession,
    SemanticVad,
    ServerVad,
    Session,
    Tool,
    Transcription,
    TranscriptionSession,
)
from moksori.protocol.validate import convert, invalid_value, missing, unknown, wrong_type

S = TypeVar("S", RealtimeSession, TranscriptionSession)


class Supported(Record, frozen=True):
    """What stands behind a session, for the fields whose values are not in the protocol.

    `refused` holds paths of fields that nothing implements, such as `audio.input.noise_reduction` or
    `include`: setting one is an error in strict mode and has no effect, visibly, otherwise.
    """

    voices: frozenset[str] = frozenset(VOICES)
    transcription_models: frozenset[str] = frozenset(TRANSCRIPTION_MODELS)
    transcription_model: str = DEFAULT_TRANSCRIPTION_MODEL
    """What an unknown transcription model becomes in a lenient session."""
    refused: frozenset[str] = frozenset()


STANDARD = Supported()

_WHY = {
    "prompt": "this server keeps no prompts: put the text into 'instructions'",
    "reasoning": "the model of this session does not reason",
}
"""Of refused fields that need more words than that nothing implements them."""

_FIXED = ("id", "object", "expires_at")
"""Keys of the session object that are the server's."""
_PARTS = (("audio",), ("audio", "input"), ("audio", "output"))
"""Tables that group settings: an update of one is an update of what is in it."""
_OPTIONS = (
    ("audio", "input", "turn_detection"),
    ("audio", "input", "transcription"),
    ("audio", "input", "noise_reduction"),
)
"""Tables that can be off (null); while they are on, and stay of the same type, absent keys keep."""


def merge(
    session: Session,
    update: dict[str, Any],
    *,
    strict: bool,
    voice_locked: bool = False,
    supported: Supported = STANDARD,
) -> Session:
    """The session after `session.update`'s `session`; `session` itself is not changed.

    Absent fields keep their value. Null clears: what can be off goes off, anything else goes back to its
    default. `turn_detection` of another type starts from that type's defaults. `voice_locked` says that audio
    has been spoken, after which the voice cannot change.

    Strict refuses as the real service does. Lenient, an absent `type` is the session's own, beta fields are
    taken to their GA places, unknown keys and a differing `model` are ignored, a voice or transcription model
    that is not there becomes one that is, and so does a voice given too late: the returned session says what
    is used.

    Raises `ProtocolError` with `param` such as `session.audio.output.speed`.
    """
    _check_type(session, update, strict)
    if strict:
        for key in _FIXED:
            if key in update:
                raise unknown(f"session.{key}")
        check_refused(update, supported)
        detection = _at(update, ("audio", "input", "turn_detection"))
        if detection is not None and detection.get("type") is None:
            raise missing("session.audio.input.turn_detection.type")
    else:
        update = _tolerated(session, update, supported)
    update = _plain(update)
    before = msgspec.json.decode(msgspec.json.encode(session))
    after = _merged(before, update, ())
    after.update({key: before[key] for key in _FIXED})
    match session:
        case RealtimeSession():
            if not strict or update.get("model") is None:
                after["model"] = session.model
            return _checked_realtime(
                session,
                convert(after, RealtimeSession, "session", strict=strict),
                strict,
                voice_locked,
                supported,
            )
        case TranscriptionSession():
            made: TranscriptionSession = convert(after, TranscriptionSession, "session", strict=strict)
            if isinstance(made.audio.input.turn_detection, SemanticVad):
                raise invalid_value(
                    "session.audio.input.turn_detection.type", "semantic_vad", ("server_vad",)
                )
            return replace(
                made, audio=replace(made.audio, input=_checked_input(made.audio.input, strict, supported))
            )


def _check_type(session: Session, update: dict[str, Any], strict: bool) -> None:
    kind = update.get("type")
    if kind is None:
        if strict:
            raise missing("session.type")
        return
    if not isinstance(kind, str):
        raise wrong_type("session.type", "a string", kind)
    if kind not in ("realtime", "transcription"):
        raise invalid_value("session.type", kind, ("realtime", "transcription"))
    if kind != session.type:
        raise ProtocolError(
            f"This is a {session.type} session and cannot become a {kind} session: open a new connection"
            + (" with 'intent=transcription'." if kind == "transcription" else " with a 'model'."),
            "invalid_value",
            param="session.type",
        )


def check_refused(given: dict[str, Any], supported: Supported, where: str = "session") -> None:
    """Raise `ProtocolError` for the first field of `given` that nothing here implements."""
    for path in sorted(supported.refused):
        found: Any = given
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None and found != []:
            why = f": {_WHY[path]}" if path in _WHY else ""
            raise ProtocolError(
                f"'{where}.{path}' is not supported by this server{why}; leave it out or send null.",
                "invalid_value",
                param=f"{where}.{path}",
            )


def _tolerated(session: Session, update: dict[str, Any], supported: Supported) -> dict[str, Any]:
    """A lenient client's update as a strict one would have written it."""
    update = {key: value for key, value in nested(update).items() if key not in _FIXED}
    if "output_modalities" in update:
        update["output_modalities"] = output_modalities(update["output_modalities"])
    for direction in ("input", "output"):
        part = _at(update, ("audio", direction))
        if part is None:
            continue
        part = dict(part)
        if isinstance(part.get("format"), str):
            part["format"] = FORMATS.get(part["format"], {"type": part["format"]})
        detection = part.get("turn_detection")
        if isinstance(detection, dict):
            now = session.audio.input.turn_detection
            kind = detection.get("type") or (now.type if now else "server_vad")
            part["turn_detection"] = None if kind == "none" else {**detection, "type": kind}
        update["audio"] = {**update["audio"], direction: part}
    for path in supported.refused:
        *way, last = path.split(".")
        table = _at(update, tuple(way))
        if table is not None and last in table:
            update = _replaced(update, tuple(way), {**table, last: None})
    return update


def _plain(update: dict[str, Any]) -> dict[str, Any]:
    """`update` with each `voice` and `format` in the one form that a session keeps."""
    audio = update.get("audio")
    if not isinstance(audio, dict):
        return update
    parts = {key: plain_audio(part) if isinstance(part, dict) else part for key, part in audio.items()}
    return {**update, "audio": parts}


def plain_audio(part: dict[str, Any]) -> dict[str, Any]:
    """Audio settings with a voice object as its id, and no null in the format: the schema allows either."""
    part = dict(part)
    voice, form = part.get("voice"), part.get("format")
    if isinstance(voice, dict) and isinstance(voice.get("id"), str):
        part["voice"] = voice["id"]
    if isinstance(form, dict):
        part["format"] = {key: value for key, value in form.items() if value is not None}
    return part


def _at(tree: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any] | None:
    for step in way:
        found = tree.get(step)
        if not isinstance(found, dict):
            return None
        tree = found
    return tree


def _replaced(tree: dict[str, Any], way: tuple[str, ...], table: dict[str, Any]) -> dict[str, Any]:
    if not way:
        return table
    return {**tree, way[0]: _replaced(tree[way[0]], way[1:], table)}


def _merged(old: dict[str, Any], new: dict[str, Any], way: tuple[str, ...]) -> dict[str, Any]:
    """`old` with the keys of `new`; a null takes a key away, so that the default of its type applies.

    A null for a key that `old` lacks stays, for the types to judge: the key may be one that there is not.
    """
    result = dict(old)
    for key, value in new.items():
        here = (*way, key)
        kept = old.get(key)
        if value is None:
            if key not in old:
                result[key] = None
            elif here not in _PARTS:
                del result[key]
        elif isinstance(value, dict) and isinstance(kept, dict) and here in _PARTS:
            result[key] = _merged(kept, value, here)
        elif isinstance(value, dict) and here in _OPTIONS:
            same = isinstance(kept, dict) and value.get("type", kept.get("type")) == kept.get("type")
            start = kept if same and kept else _fresh(key, value.get("type"))
            result[key] = _merged(start, value, here)
        else:
            result[key] = value
    return result


def _fresh(key: str, kind: Any) -> dict[str, Any]:
    """What an option is when it is turned on."""
    match key, kind:
        case "turn_detection", "server_vad":
            start: Record = ServerVad()
        case "turn_detection", "semantic_vad":
            start = SemanticVad()
        case "transcription", _:
            start = Transcription()
        case "noise_reduction", _:
            start = NoiseReduction()
        case _:
            return {}
    fresh: dict[str, Any] = msgspec.to_builtins(start)
    return fresh


def _checked_realtime(
    before: RealtimeSession, after: RealtimeSession, strict: bool, voice_locked: bool, supported: Supported
) -> RealtimeSession:
    if after.model != before.model:
        raise ProtocolError(
            f"The model of a session cannot be changed: it is '{before.model}'.",
            "invalid_value",
            param="session.model",
        )
    if after.output_modalities not in (("audio",), ("text",)):
        raise invalid_value("session.output_modalities", list(after.output_modalities), (["text"], ["audio"]))
    if before.tracing is not None and after.tracing not in (None, before.tracing):
        if strict:
            raise ProtocolError(
                "Tracing cannot be changed once it is on; it can be turned off with null.",
                "invalid_value",
                param="session.tracing",
            )
        after = replace(after, tracing=before.tracing)
    check_tools(after.tools, "session.tools")
    voice = _checked_voice(before, after, strict, voice_locked, supported)
    audio = replace(
        after.audio,
        input=_checked_input(after.audio.input, strict, supported),
        output=replace(after.audio.output, voice=voice),
    )
    return replace(after, audio=audio)


def _checked_voice(
    before: RealtimeSession, after: RealtimeSession, strict: bool, voice_locked: bool, supported: Supported
) -> str:
    old, new = before.audio.output.voice, after.audio.output.voice
    if new == old:
        return old
    if new not in supported.voices:
        if strict:
            raise invalid_value("session.audio.output.voice", new, sorted(supported.voices))
        return old
    if voice_locked:
        if strict:
            raise ProtocolError(
                "Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice"
            )
        return old
    return new


def _checked_input(audio: AudioInput, strict: bool, supported: Supported) -> AudioInput:
    transcription = audio.transcription
    if transcription is None or transcription.model in supported.transcription_models:
        return audio
    if strict:
        raise invalid_value(
            "session.audio.input.transcription.model",
            transcription.model,
            sorted(supported.transcription_models),
        )
    return replace(audio, transcription=replace(transcription, model=supported.transcription_model))


def check_tools(tools: tuple[Tool, ...], path: str) -> None:
    """What the types of tools cannot say. Raises `ProtocolError`."""
    for index, tool in enumerate(tools):
        match tool:
            case McpTool():
                places = [p for p in (tool.server_url, tool.connector_id, tool.tunnel_id) if p is not None]
                if not places:
                    raise missing(f"{path}[{index}].server_url")
                if len(places) > 1:
                    raise ProtocolError(
                        f"'{path}[{index}]' may name one of 'server_url', 'connector_id', 'tunnel_id' only.",
                        "invalid_value",
                        param=f"{path}[{index}]",
                    )
            case FunctionTool():
                pass
