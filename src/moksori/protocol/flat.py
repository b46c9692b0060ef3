"""Where the flat session fields of the retired beta dialect went in GA.

Used by lenient sessions, which take either shape, and by the beta dialect, which turns one into the other.
"""

from __future__ import annotations

from typing import Any

FORMATS: dict[str, dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
"""The beta names of the audio formats."""

PLACES: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "input_audio_format": ("audio", "input", "format"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Beta field and its place in GA."""

GONE = frozenset({"temperature", "client_secret", "input_audio_buffering"})
"""Fields that nothing took the place of."""


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """The same settings with every beta field at its GA place; where both are given, GA wins. Never raises.

    `flat` may already be in GA form, or mixed; it is not changed. Values that GA writes differently are
    rewritten: formats, modalities (`["text", "audio"]` was how beta asked for speech), `turn_detection` of
    type `none`.
    """
    if not any(key in PLACES or key in GONE for key in flat):
        return flat
    result = {key: value for key, value in flat.items() if key not in PLACES and key not in GONE}
    for key, place in PLACES.items():
        if key in flat:
            _put(result, place, _value(key, flat[key]))
    return result


def output_modalities(modalities: Any) -> Any:
    """GA speaks *or* writes: asking for both means speech, which brings its transcript."""
    if (
        isinstance(modalities, list)
        and "audio" in modalities
        and all(m in ("audio", "text") for m in modalities)
    ):
        return ["audio"]
    return modalities


def _value(key: str, value: Any) -> Any:
    match key:
        case "modalities":
            return output_modalities(value)
        case "input_audio_format" | "output_audio_format" if isinstance(value, str):
            return FORMATS.get(value, {"type": value})
        case "turn_detection" if isinstance(value, dict) and value.get("type") == "none":
            return None
        case _:
            return value


def _put(tree: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """Set `place` in `tree` unless it is set, copying the tables on the way."""
    *way, last = place
    for step in way:
        table = tree.get(step)
        if table is not None and not isinstance(table, dict):
            return
        tree[step] = dict(table) if table else {}
        tree = tree[step]
    tree.setdefault(last, value)
