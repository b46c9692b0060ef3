"""The flows and their words, read once from `flows.toml` and `texts.toml`."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.agent.tools import Language
from moksori.shop.guard.text import fold
from moksori.shop.texts.catalogue import entries, fill


@dataclass(frozen=True, slots=True)
class Flow:
    """One thing callers want. `tool` is the write it ends in, if it `writes`."""

    name: str
    patterns: tuple[re.Pattern[str], ...]
    writes: bool
    tool: str | None


@dataclass(frozen=True, slots=True)
class Data:
    flows: tuple[Flow, ...]
    split: re.Pattern[str]
    sounded: tuple[str, ...]
    words: Mapping[str, re.Pattern[str]]
    reasons: Mapping[str, re.Pattern[str]]
    methods: Mapping[str, re.Pattern[str]]
    hours: tuple[tuple[re.Pattern[str], tuple[int, int]], ...]
    """Parts of the day, each from an hour to another."""
    units: Mapping[str, tuple[str, ...]]
    """How units are said, by how they are written."""
    sizes: Mapping[str, tuple[str, ...]]
    """How sizes are said, by the value they stand as."""
    same: tuple[tuple[str, ...], ...]
    """Groups of everyday words for one kind of thing, in lower case."""
    vague: frozenset[str]
    """Words of several such groups."""


FILLERS = frozenset(
    tomllib.loads(files("moksori.shop.flows").joinpath("flows.toml").read_text("utf-8"))["fillers"]
)
"""Words of a question about a product that name none."""
PARTICLES = (
    "이에요",
    "인가요",
    "으로",
    "에서",
    "이요",
    "예요",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "도",
    "로",
    "요",
)


@cache
def data() -> Data:
    raw = _read("flows.toml")
    same = tuple(tuple(fold(word) for word in group) for group in _read("things.toml")["same"])
    often = Counter(word for group in same for word in dict.fromkeys(group))

    def either(texts: Mapping[str, str]) -> re.Pattern[str]:
        return re.compile(f"{texts['ko']}|{texts['en']}")

    return Data(
        flows=tuple(
            Flow(
                each["name"],
                tuple(re.compile(p) for language in ("ko", "en") for p in each[language]),
                each.get("writes", False),
                each.get("tool"),
            )
            for each in raw["flow"]
        ),
        split=re.compile(f"{raw['split']['ko']}|{raw['split']['en']}", re.IGNORECASE),
        sounded=tuple(raw["sounded"]),
        words={name: either(texts) for name, texts in raw["words"].items()},
        reasons={name: either(texts) for name, texts in raw["reason"].items()},
        hours=tuple((either(each), (each["from"], each["to"])) for each in raw["hours"]),
        units={unit: tuple(ways) for unit, ways in raw["unit"].items()},
        sizes={size: tuple(ways) for size, ways in entries("words")["size"].items()},
        same=same,
        vague=frozenset(word for word, groups in often.items() if groups > 1),
        methods={name: either(texts) for name, texts in raw["method"].items()},
    )


@cache
def common_words() -> frozenset[str]:
    """The words with which callers say what they wish, whatever it is about: none of them names a product."""
    found: set[str] = set()
    for language in ("ko", "en"):
        text = files("moksori.shop.flows").joinpath(f"utterances-{language}.tsv").read_text("utf-8")
        for line in text.splitlines():
            said = re.sub(r"\{[^}]*\}\S*", " ", line.partition("\t")[2])
            for way in (said.casefold(), said.casefold().replace("'", "")):  # "there's": "there", "theres"
                found.update(re.findall(r"[a-z0-9-]+|[가-힣]+", way))
    return frozenset(found)


@cache
def topics() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Questions of policy that are asked in many ways, and the words by which their passage is found."""
    return tuple((re.compile(f"{t['ko']}|{t['en']}"), t["query"]) for t in _read("flows.toml")["topic"])


def topic_of(text: str) -> str | None:
    """The words by which the passage is found that a question of policy is about; None where none is known."""
    folded = fold(text)
    return next((query for pattern, query in topics() if pattern.search(folded)), None)


@cache
def _tickets() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(f"{t['ko']}|{t['en']}"), t["topic"]) for t in _read("flows.toml")["ticket"])


def ticket_topic(text: str) -> str:
    """What a colleague is asked for."""
    folded = fold(text)
    return next((topic for pattern, topic in _tickets() if pattern.search(folded)), "other")


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("moksori.shop.flows").joinpath(name).read_text(encoding="utf-8"))


def templates(language: Language) -> tuple[str, ...]:
    """All that the flows say, holes unfilled. A summary is written for colleagues, not said."""
    return tuple(
        texts[language] for key, texts in _read("texts.toml").items() if not key.startswith("summary")
    )


def say(key: str, language: Language, **facts: Any) -> str:
    """A sentence of the catalogue. Raises `KeyError` for a key or fact that is missing."""
    return fill(_read("texts.toml")[key][language], language, facts)


def enumerate_(things: Sequence[str], language: Language) -> str:
    """ "A, B and C"."""
    if len(things) < 2:
        return "".join(things)
    if language == "ko" and len(things) > 2:
        return ", ".join(things)
    return say("join", language, all_but_last=", ".join(things[:-1]), last=things[-1])
