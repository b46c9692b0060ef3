"""Which weights the settings need: those of the profile, less those of parts that run elsewhere."""

from __future__ import annotations

from pathlib import Path

from moksori.engine import weights
from moksori.settings import Engine

MODELS_OF_PART = {
    "llm": frozenset({"qwen2.5-coder-1.5b"}),
    "stt": frozenset({"whisper-base"}),
    "tts": frozenset({"hibari", "kokoro-ja"}),
}

VOICES = {"en": "hibari", "ko": "kokoro-ja"}


def needed(engine: Engine) -> list[weights.Model]:
    """The models this engine loads, in the order of the catalogue."""
    parts = {"llm": engine.llm, "stt": engine.stt, "tts": engine.tts}
    elsewhere = frozenset[str]().union(
        *(MODELS_OF_PART[name] for name, part in parts.items() if part.kind != "local")
    )
    if engine.tts.kind != "local":
        # A language the endpoint does not speak keeps its voice here.
        elsewhere -= {name for language, name in VOICES.items() if language not in engine.tts.languages}
    return [model for model in weights.of_profile(engine.profile) if model.name not in elsewhere]


def missing(engine: Engine, home: Path | None = None) -> list[weights.Model]:
    """Those of them that are not on disk, or not whole."""
    return [model for model in needed(engine) if not weights.present(model, home)]


def complaint(lacking: list[weights.Model], home: Path | None = None) -> str:
    """One sentence for the person who starts a server without them; `lacking` is not empty."""
    packages = [model for model in lacking if model.kind == "package"]
    if packages:
        names = ", ".join(model.distribution for model in packages)
        return f"The engine needs {names}: run `pip install 'moksori[engine]'`, or set engine.profile to \"off\"."
    for model in lacking:
        try:
            weights.path(model.name, home)
        except weights.WeightsFailed as damage:
            return str(damage)
        except weights.WeightsMissing:
            continue
    names = ", ".join(model.name for model in lacking)
    megabytes = round(weights.total_bytes(lacking) / 1e6)
    return f"Weights are missing ({names}; {megabytes} MB): run `{weights.PULL}`."
