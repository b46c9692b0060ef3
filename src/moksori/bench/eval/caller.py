"""The caller of a conversation: a script, then a simple mind that answers what it is asked. Pure."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.bench.eval.scenario import Scenario

MOST_TURNS = 14
"""Then even a patient caller hangs up."""
AGAIN = {"yes": 2}
"""How often each answer is given; once, unless it stands here."""
LAST = 4
"""Digits of an order's number by which it is called."""
_KEYS: dict[str, tuple[str, ...]] = {"item": ("item", "product"), "product": ("product", "item")}
_ORDER = re.compile(r"\b\d{6}-\d{4}\b")


@cache
def _questions() -> dict[str, Any]:
    return tomllib.loads(files("moksori.bench.eval").joinpath("questions.toml").read_text("utf-8"))


def asked(answer: str, language: str) -> str | None:
    """What an answer asks of the caller: the last question in it, by its name in `questions.toml`."""
    found: tuple[int, str] | None = None
    for kind, patterns in _questions().items():
        if kind == "objection":
            continue
        ends = [match.end() for match in re.finditer(patterns[language], answer)]
        if ends and (found is None or ends[-1] > found[0]):
            found = (ends[-1], kind)
    return found[1] if found else None


class Caller:
    """Says the script, then answers questions. `patience`: times something is said again that was not understood.

    A patient caller also listens: a sentence about another order than theirs gets a no, not the next line, and never a
    yes.
    """

    def __init__(self, scenario: Scenario, patience: int = 0) -> None:
        self._scenario = scenario
        self._script = list(scenario.turns)
        self._patience = patience
        self._given: Counter[str] = Counter()
        self._last: str | None = None
        self._objected = False
        self._said = 0

    def next(self, answer: str | None) -> str | None:
        """The next thing said after `answer` (None at the beginning), or None: the caller hangs up."""
        self._said += 1
        if self._said > MOST_TURNS:
            return None
        said = self._next(answer)
        self._last = said if said is not None else self._last
        return said

    def _next(self, answer: str | None) -> str | None:
        language = self._scenario.language
        question = asked(answer, language) if answer is not None else None
        if answer is not None and self._patience:
            if question == "yes" and self._another_order(answer):
                self._objected = True
                self._patience -= 1
                return str(_questions()["objection"][language])
            if self._objected and question != "yes":
                self._objected = False
                return self._scenario.turns[0]
            if self._last and (not answer or _misheard(answer, language)):
                self._patience -= 1
                return self._last
        if self._script:
            return self._script.pop(0)
        if question is None or answer is None or (question == "yes" and self._another_order(answer)):
            return None
        for key in _KEYS.get(question, (question,)):
            if key in self._scenario.answers and self._may_give(key):
                self._given[key] += 1
                return self._scenario.answers[key]
        if self._patience and self._last and question in ("yes", "repeat") and not self._scenario.answers:
            self._patience -= 1
            return self._last
        return None

    def _may_give(self, key: str) -> bool:
        """Whether this answer is given (again): a patient caller says once more what was asked once more."""
        if self._given[key] < AGAIN.get(key, 1):
            return True
        if not self._patience or key == "yes":
            return False
        self._patience -= 1
        return True

    def _another_order(self, answer: str) -> bool:
        """Whether a sentence is about another order than the conversation is, or than was named just now."""
        wanted = {key.split("/")[1] for key in self._scenario.changes if key.startswith("order/")}
        named = set(_ORDER.findall(answer))
        said = re.sub(r"\D", "", self._last or "")
        meant = {each for each in named if each[-LAST:] in said}
        return bool(wanted and named and not (wanted | meant) & named)


def _misheard(answer: str, language: str) -> bool:
    return re.search(_questions()["repeat"][language], answer) is not None
