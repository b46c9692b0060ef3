"""The guard's sentences, from `texts.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from moksori.agent.tools import Language, Refused
from moksori.shop.guard.lexicon import load


@cache
def _catalogue() -> dict[str, dict[str, dict[str, str]]]:
    return load("texts.toml")


def text(group: str, name: str, language: Language, **values: str) -> str:
    """One sentence, filled in. Raises `KeyError` for a name the catalogue does not have."""
    return _catalogue()[group][name][language].format(**values)


def refusal(code: str, *, possible: tuple[str, ...] = (), **values: str) -> Refused:
    """A refusal of the guard's own, in both languages."""
    message: Mapping[str, str] = {
        "ko": text("refusal", code, "ko", **values),
        "en": text("refusal", code, "en", **values),
    }
    return Refused(code, message, possible)
