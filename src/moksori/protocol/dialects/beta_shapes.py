"""Sessions, responses and items of the retired beta dialect, as JSON objects, into GA's shapes and back.

Every function takes whatever JSON it is given and never raises: what has not the expected shape passes as it is, for
the side that understands it to refuse. Nothing given is changed.
"""

from __future__ import annotations

import re
from typing import Any

from moksori.protocol.flat import FORMATS, PLACES, nested

Json = dict[str, Any]

BETA_ITEMS = ("message", "function_call", "function_call_output")
DEFAULT_TEMPERATURE = 0.8
"""Beta's documented default; GA has no temperature."""

_FORMAT_NAMES = {str(form["type"]): name for name, form in FORMATS.items()}
_CHOICES = ("auto", "none", "required")
_DETECTION = frozenset(
    ("type", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness", "create_response")
) | {"interrupt_response"}
_TRANSCRIPTION = ("model", "language", "prompt")
_GA_ONLY = frozenset(("type", "truncation", "prompt", "include", "parallel_tool_calls", "reasoning", "audio"))
_RENAMED = {"output_modalities": "modalities", "max_output_tokens": "max_response_output_tokens"}


# Sessions


def ga_session(flat: Any, kind: str) -> Any:
    """A beta `session`, as sent in an update, in GA's shape; `kind` is `realtime` or `transcription`."""
    if not isinstance(flat, dict):
        return flat
    given = dict(flat)
    if kind == "transcription":
        given = {key: value for key, value in given.items() if key != "modalities"}
    session = {"type": kind, **nested(_typed(given))}
    if "tool_choice" in session:
        session["tool_choice"] = ga_choice(session["tool_choice"])
    return session


def _typed(flat: Json) -> Json:
    """Beta left out the type of turn detection; GA requires it."""
    detection = flat.get("turn_detection")
    if isinstance(detection, dict) and detection.get("type") is None:
        return {**flat, "turn_detection": {**detection, "type": "server_vad"}}
    return flat


def ga_session_shown(flat: Any, kind: str) -> Any:
    """A beta session as a server shows it in `session.created`, whole, in GA's shape."""
    if not isinstance(flat, dict):
        return flat
    shown = ga_session(flat, kind)
    shown["object"] = "realtime.session" if kind == "realtime" else "realtime.transcription_session"
    # Older servers left out the type in what they showed, too; `ga_session` has settled that. A key shown as null
    # where GA has a value means its default.
    return {
        key: value
        for key, value in shown.items()
        if value is not None or key in ("prompt", "tracing", "include")
    }


def beta_session(session: Any, temperature: float) -> Any:
    """A GA session as a server shows it, in beta's shape."""
    if not isinstance(session, dict):
        return session
    listening = _table(session, "audio", "input")
    transcription = listening.get("transcription")
    flat: Json = {
        "id": session.get("id"),
        "object": session.get("object"),
        "expires_at": session.get("expires_at"),
        "input_audio_format": beta_format(listening.get("format")),
        "input_audio_transcription": _kept(transcription, _TRANSCRIPTION),
        "input_audio_noise_reduction": _kept(listening.get("noise_reduction"), ("type",)),
        "turn_detection": _kept(listening.get("turn_detection"), _DETECTION),
        "client_secret": None,
    }
    if session.get("type") == "transcription":
        return {**flat, "modalities": ["text"]}
    speaking = _table(session, "audio", "output")
    return {
        **flat,
        "model": session.get("model"),
        "modalities": beta_modalities(session.get("output_modalities")),
        "instructions": session.get("instructions"),
        "voice": _voice(speaking.get("voice")),
        "output_audio_format": beta_format(speaking.get("format")),
        "speed": speaking.get("speed"),
        "tools": _functions(session.get("tools")),
        "tool_choice": beta_choice(session.get("tool_choice")),
        "temperature": temperature,
        "max_response_output_tokens": session.get("max_output_tokens"),
        "tracing": session.get("tracing"),
    }


def beta_update(session: Any) -> Any:
    """A GA `session`, as sent in an update, in beta's shape; absent fields stay absent."""
    if not isinstance(session, dict):
        return session
    flat = {_RENAMED.get(key, key): value for key, value in session.items() if key not in _GA_ONLY}
    if "modalities" in flat:
        flat["modalities"] = beta_modalities(flat["modalities"])
    if "tools" in flat:
        flat["tools"] = _functions(flat["tools"])
    for key, place in PLACES.items():
        table = _table(session, *place[:-1])
        if place[0] == "audio" and place[-1] in table:
            flat[key] = table[place[-1]]
    for key in ("input_audio_format", "output_audio_format"):
        if key in flat:
            flat[key] = beta_format(flat[key])
    if "turn_detection" in flat:
        flat["turn_detection"] = _kept(flat["turn_detection"], _DETECTION)
    if session.get("type") == "transcription" and "include" in session:
        flat["include"] = session["include"]
    return flat


# Responses


def ga_params(flat: Any) -> Any:
    """Beta's `response` of a `response.create` in GA's shape."""
    if not isinstance(flat, dict):
        return flat
    params = nested(flat)
    params = {key: value for key, value in params.items() if value is not None or key == "metadata"}
    if "tool_choice" in params:
        params["tool_choice"] = ga_choice(params["tool_choice"])
    if isinstance(params.get("input"), list):
        params["input"] = [item for each in params["input"] for item in _references(each)]
    return params


def _references(item: Any) -> list[Any]:
    """Beta let a message's content name other items; GA's `input` names them itself."""
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list):
        return [item]
    named = [part for part in content if isinstance(part, dict) and part.get("type") == "item_reference"]
    rest = [part for part in content if part not in named]
    references = [{"type": "item_reference", "id": part.get("id")} for part in named]
    return references + ([ga_item({**item, "content": rest})] if rest or not named else [])


def beta_params(params: Any) -> Any:
    """GA's `response` of a `response.create` in beta's shape."""
    if not isinstance(params, dict):
        return params
    flat = beta_update(params)
    if isinstance(flat.get("input"), list):
        flat["input"] = [beta_item(item) for item in flat["input"] if _in_beta(item)]
    return flat


def beta_response(response: Any, temperature: float) -> Any:
    """A GA response object in beta's shape."""
    if not isinstance(response, dict):
        return response
    speaking = _table(response, "audio", "output")
    flat = {key: value for key, value in response.items() if key not in ("audio", "output_modalities")}
    flat["modalities"] = beta_modalities(response.get("output_modalities"))
    flat["voice"] = _voice(speaking.get("voice"))
    flat["output_audio_format"] = beta_format(speaking.get("format"))
    flat["temperature"] = temperature
    if isinstance(response.get("output"), list):
        flat["output"] = [beta_item(item) for item in response["output"] if _in_beta(item)]
    return flat


def ga_response(response: Any) -> Any:
    """A beta response object in GA's shape, with every key."""
    if not isinstance(response, dict):
        return response
    gone = ("modalities", "voice", "output_audio_format", "temperature")
    whole: Json = {
        "object": "realtime.response",
        "status_details": None,
        "conversation_id": None,
        "usage": None,
    }
    whole |= {"metadata": None, "max_output_tokens": "inf"}
    whole |= {key: value for key, value in response.items() if key not in gone}
    whole["output_modalities"] = ga_modalities(response.get("modalities"))
    whole["max_output_tokens"] = whole["max_output_tokens"] or "inf"
    form = FORMATS.get(str(response.get("output_audio_format")))
    spoken = {"format": form, "voice": response.get("voice")}
    whole["audio"] = {"output": {key: value for key, value in spoken.items() if value is not None}}
    output = response.get("output")
    whole["output"] = [ga_item(item) for item in output] if isinstance(output, list) else []
    return whole


# Items


def ga_item(item: Any) -> Any:
    """A beta item in GA's shape: GA names what an assistant says `output_text` and `output_audio`."""
    if not isinstance(item, dict):
        return item
    made = {key: value for key, value in item.items() if key != "object" and value is not None}
    if isinstance(item.get("content"), list):
        made["content"] = [_ga_part(part, item.get("role")) for part in item["content"]]
    return made


def _ga_part(part: Any, role: Any) -> Any:
    if not isinstance(part, dict):
        return part
    names = {"text": "output_text", "audio": "output_audio"}
    if role != "assistant":
        names = {"text": "input_text", "audio": "input_audio"}
    kind = part.get("type")
    made = {key: value for key, value in part.items() if value is not None or key == "text"}
    return {**made, "type": names.get(kind, kind)} if isinstance(kind, str) else made


def beta_item(item: Any) -> Any:
    """A GA item in beta's shape. Images, which beta had not, are left out of its content."""
    if not isinstance(item, dict):
        return item
    made = {"object": "realtime.item", **{key: value for key, value in item.items() if key != "phase"}}
    if item.get("type") == "item_reference":
        del made["object"]
    if isinstance(item.get("content"), list):
        made["content"] = [
            _beta_part(part)
            for part in item["content"]
            if not (isinstance(part, dict) and part.get("type") == "input_image")
        ]
    return made


def _beta_part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    names = {"output_text": "text", "output_audio": "audio"}
    return {**part, "type": names.get(str(part.get("type")), part.get("type"))}


def _in_beta(item: Any) -> bool:
    return not isinstance(item, dict) or item.get("type") in (*BETA_ITEMS, "item_reference")


# Values


def beta_modalities(modalities: Any) -> Any:
    """GA's audio brings its transcript; beta called that both."""
    return ["audio", "text"] if modalities == ["audio"] else modalities


def ga_modalities(modalities: Any) -> list[str]:
    return ["text"] if modalities == ["text"] else ["audio"]


def beta_format(form: Any) -> Any:
    """GA's format object as beta's name; a name passes, null is beta's default."""
    if isinstance(form, dict):
        return _FORMAT_NAMES.get(str(form.get("type")), "pcm16")
    return form if form is not None else "pcm16"


def ga_choice(choice: Any) -> Any:
    """Beta named a function by a free string."""
    if isinstance(choice, str) and choice not in _CHOICES:
        return {"type": "function", "name": choice}
    return choice


def beta_choice(choice: Any) -> Any:
    if isinstance(choice, dict):
        return choice.get("name") if choice.get("type") == "function" else "auto"
    return choice


def _functions(tools: Any) -> Any:
    """Beta had function tools only."""
    if not isinstance(tools, list):
        return tools
    return [tool for tool in tools if not isinstance(tool, dict) or tool.get("type") == "function"]


def _voice(voice: Any) -> Any:
    return voice.get("id") if isinstance(voice, dict) else voice


def _kept(table: Any, keys: tuple[str, ...] | frozenset[str]) -> Any:
    if not isinstance(table, dict):
        return table
    return {key: value for key, value in table.items() if key in keys and value is not None}


def _table(tree: Json, *way: str) -> Json:
    found: Any = tree
    for step in way:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


# Errors

_PATHS = sorted(((".".join(place), key) for key, place in PLACES.items()), key=lambda pair: -len(pair[0]))
_TO_BETA = re.compile(
    r"\b(session|response)\.("
    + "|".join(re.escape(path) for path, _ in _PATHS)
    + r")(?:(?<=format)\.\w+)?(?!\w)"
)
_TO_GA = re.compile(r"\b(session|response)\.(" + "|".join(key for _, key in _PATHS) + r")(?!\w)")
_BETA_NAMES = dict(_PATHS)
_GA_NAMES = {key: path for path, key in _PATHS}


def beta_error(error: Any) -> Any:
    """An error whose `param` and message name fields as beta does."""
    return _renamed(error, _TO_BETA, _BETA_NAMES)


def ga_error(error: Any) -> Any:
    return _renamed(error, _TO_GA, _GA_NAMES)


def _renamed(error: Any, pattern: re.Pattern[str], names: dict[str, str]) -> Any:
    if not isinstance(error, dict):
        return error

    def name(match: re.Match[str]) -> str:
        return f"{match[1]}.{names[match[2]]}"

    return {
        key: pattern.sub(name, value) if key in ("param", "message") and isinstance(value, str) else value
        for key, value in error.items()
    }
