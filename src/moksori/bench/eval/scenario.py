"""What a conversation is for, what its caller says and what it must come to. Read from YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("ko", "en")
FIRST_CALLER = "C1"
"""Who is signed in where a scenario names nobody."""


class RunUnusable(Exception):
    """The run file cannot be used; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`caller` is signed in from the start; None is a stranger. `says`: one of these is in some answer."""

    id: str
    language: str
    turns: tuple[str, ...]
    """Said in this order, whatever is answered; "" is silence."""
    caller: str | None
    changes: Mapping[str, str]
    says: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    """Said afterwards, as long as something of it is asked: `questions.toml` names what can be asked."""
    tools: tuple[str, ...] = ()
    """Tools that must have run."""
    never: tuple[str, ...] = ()
    """Tools that must not have run."""
    within_ms: int | None = None
    """The longest an answer may take to begin."""
    about: str = ""

    @property
    def key(self) -> str:
        return f"{self.language}/{self.id}"


def read_scenarios(phrasings: Path, scenarios: Path | None = None) -> list[Scenario]:
    """Every conversation of a file of sentences. Raises `RunUnusable`.

    Either a list of whole conversations (`id`, `language`, `say`, `answers`, `caller`, `changes`, `says` …), or
    sentences by language and scenario; what those must come to then stands in `scenarios`.
    """
    said = _yaml(phrasings)
    found = _listed(phrasings, said) if isinstance(said, list) else _by_language(phrasings, said, scenarios)
    seen: set[str] = set()
    for each in found:
        if each.key in seen:
            raise RunUnusable(f"{phrasings} has two conversations called {each.id} ({each.language}).")
        seen.add(each.key)
    return found


def _listed(path: Path, said: Sequence[Any]) -> list[Scenario]:
    found = []
    for at, spec in enumerate(said, 1):
        if not isinstance(spec, dict) or spec.get("language") not in LANGUAGES or "say" not in spec:
            raise RunUnusable(f"{path}: conversation {at} must have id, language (ko or en) and say.")
        found.append(_scenario(str(spec.get("id", at)), str(spec["language"]), spec["say"], spec))
    return found


def _by_language(path: Path, said: Mapping[str, Any], scenarios: Path | None) -> list[Scenario]:
    if scenarios is None:
        raise RunUnusable(f"{path} holds sentences only: name the file of scenarios that they belong to.")
    wanted = _yaml(scenarios)
    found = []
    for language, by_id in said.items():
        if not isinstance(by_id, dict):
            raise RunUnusable(f"{path}: {language} must hold scenarios and their sentences.")
        for name, turns in by_id.items():
            if name not in wanted:
                raise RunUnusable(f"{path} has sentences for {name}, which is no scenario of {scenarios}.")
            found.append(_scenario(name, language, turns, wanted[name] or {}))
    return found


def _scenario(name: str, language: str, turns: Any, spec: Mapping[str, Any]) -> Scenario:
    def texts(key: str) -> tuple[str, ...]:
        return tuple(str(each) for each in spec.get(key) or ())

    within = spec.get("within_ms")
    return Scenario(
        id=name,
        language=language,
        turns=tuple(str(t) for t in ([turns] if isinstance(turns, str) else turns)),
        caller=spec.get("caller", FIRST_CALLER),
        changes={str(k): str(v) for k, v in (spec.get("changes") or {}).items()},
        says=texts("says"),
        answers={_answer_name(k): str(v) for k, v in (spec.get("answers") or {}).items()},
        tools=texts("tools"),
        never=texts("never"),
        within_ms=None if within is None else int(within),
        about=str(spec.get("about", "")),
    )


def _answer_name(key: object) -> str:
    """YAML reads a bare `yes` as true."""
    return "yes" if key is True else str(key)


def as_yaml(scenarios: Sequence[Scenario]) -> str:
    """Conversations as a file that `read_scenarios` takes."""
    listed = []
    for each in scenarios:
        spec: dict[str, Any] = {"id": each.id, "language": each.language, "caller": each.caller}
        spec |= {"about": each.about} if each.about else {}
        spec |= {"say": list(each.turns)}
        spec |= {"answers": dict(each.answers)} if each.answers else {}
        spec |= {"changes": dict(each.changes)}
        spec |= {"says": list(each.says)} if each.says else {}
        spec |= {"tools": list(each.tools)} if each.tools else {}
        spec |= {"never": list(each.never)} if each.never else {}
        spec |= {"within_ms": each.within_ms} if each.within_ms is not None else {}
        listed.append(spec)
    return yaml.safe_dump(listed, allow_unicode=True, sort_keys=False, width=120)


def _yaml(path: Path) -> Any:
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except OSError as why:
        raise RunUnusable(f"{path} cannot be read: {why.strerror}.") from why
    except yaml.YAMLError as why:
        raise RunUnusable(f"{path} is not YAML: {why}") from why
    if not isinstance(loaded, dict | list):
        raise RunUnusable(f"{path} must hold conversations, or names and what belongs to them.")
    return loaded
