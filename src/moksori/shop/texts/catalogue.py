"""Reads the text files once and fills their templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.shop.texts.particles import with_particle

LANGUAGES = ("ko", "en")
HOLE = re.compile(r"\{(\w+)(?:\|([^}]+))?\}")


@cache
def _file(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


def entries(file: str) -> Mapping[str, Any]:
    """The tables of one file of the catalogue."""
    return _file(file)


def fill(template: str, language: str, facts: Mapping[str, Any]) -> str:
    """Put facts into a template. A fact that is {"ko", "en"} gives its text of that language. Raises `KeyError`."""

    def put(hole: re.Match[str]) -> str:
        value = facts[hole[1]]
        word = str(value[language] if isinstance(value, Mapping) else value)
        return with_particle(word, hole[2]) if hole[2] else word

    return HOLE.sub(put, template)


def sentence(file: str, key: str, language: str, facts: Mapping[str, Any] | None = None) -> str:
    """One text of the catalogue, filled. Raises `KeyError` for a key or a fact that is missing."""
    return fill(_file(file)[key][language], language, facts or {})


def both(file: str, key: str, facts: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The text in every language."""
    return {language: sentence(file, key, language, facts) for language in LANGUAGES}


def term(kind: str, code: str) -> dict[str, str]:
    """The word for a code ("status", "shipped"), or the code itself where the catalogue has none."""
    known = _file("words").get(kind, {}).get(code)
    return dict(known) if known else dict.fromkeys(LANGUAGES, code)


def passages() -> list[dict[str, Any]]:
    """The policy's passages, unfilled."""
    found = _file("passages")["passage"]
    assert isinstance(found, list)
    return found
