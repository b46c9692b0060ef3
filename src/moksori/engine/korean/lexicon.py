"""The reader's dictionary, `lexicon.toml`, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Lexicon:
    """See the comments of `lexicon.toml` for what each table holds."""

    native: Mapping[str, int]
    """Counter to the largest number said with a native numeral."""
    sino: frozenset[str]
    numbered: tuple[str, ...]
    labels: tuple[str, ...]
    persons: frozenset[str]
    emergency: frozenset[str]
    emergency_before: tuple[str, ...]
    units: Mapping[str, str]
    before: Mapping[str, str]
    currency: Mapping[str, str]
    cents: Mapping[str, str]
    signs: Mapping[str, str]
    letters: Mapping[str, str]
    tokens: Mapping[str, str]
    words: Mapping[str, str]
    counters: tuple[str, ...]
    """Both kinds, longest first."""


def _read() -> Lexicon:
    table = tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
    native = {counter: int(limit) for limit, words in table["native"].items() for counter in words.split()}
    sino = frozenset(table["sino"]["words"].split())
    return Lexicon(
        native=native,
        sino=sino,
        numbered=tuple(table["numbered"]["words"].split()),
        labels=tuple(table["labels"]["words"].split()),
        persons=frozenset(table["persons"]["words"].split()),
        emergency=frozenset(table["emergency"]["numbers"].split()),
        emergency_before=tuple(table["emergency"]["before"].split()),
        units=table["units"],
        before=table["before"],
        currency=table["currency"],
        cents=table["cents"],
        signs=table["signs"],
        letters=table["letters"],
        tokens=table["tokens"],
        words=table["words"],
        counters=tuple(sorted({*native, *sino}, key=len, reverse=True)),
    )


LEXICON = _read()
