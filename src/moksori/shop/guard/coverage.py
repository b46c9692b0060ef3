"""What a claim of completion may rest on: the commits of this call and the records read in it. Pure.

A claim that somebody on our side did something needs a commit. A claim that something is in a state ("your order
was delivered") may also rest on a record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from moksori.agent.money import MINOR_DIGITS
from moksori.agent.tools import JSON, Plan
from moksori.shop.claims import Claim, claims
from moksori.shop.guard.text import fold, numbers


@dataclass(frozen=True, slots=True)
class Fact:
    """One commit of this call, or one record read in it, as far as claims can rest on it."""

    kinds: frozenset[str]
    digits: str
    numbers: frozenset[Decimal]
    committed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    commits: tuple[Fact, ...] = ()
    records: tuple[Fact, ...] = ()
    latest: tuple[Fact, ...] = ()
    """Records of the last read: what a sentence that names none speaks of."""


@cache
def _allowed() -> tuple[dict[str, frozenset[str]], dict[str, tuple[str, ...]]]:
    """What a committed tool lets be said, by a part of its name; what a state in a record lets be said."""
    data = tomllib.loads(files("moksori.shop").joinpath("claims.toml").read_text(encoding="utf-8"))
    commits = {k: frozenset(v) for k, v in data["commits"].items()}
    return commits, {k: tuple(v) for k, v in data["records"].items()}


def commit_fact(plan: Plan) -> Fact:
    """What a committed plan lets be said."""
    name = f"{plan.tool} {plan.action}".casefold()
    kinds = {k for part, allowed in _allowed()[0].items() if part in name for k in allowed}
    if plan.amount is not None and plan.amount.amount < 0:
        kinds.add("refund")
    if plan.amount is not None and plan.amount.amount > 0:
        kinds.add("pay")
    value: JSON = [dict(plan.arguments), list(plan.objects), plan.facts]
    spoken = set(_numbers_in(value))
    if plan.amount is not None:
        major = Decimal(abs(plan.amount.amount)).scaleb(-MINOR_DIGITS[plan.amount.currency])
        spoken.add(major.normalize())
    return Fact(frozenset(kinds), _digits_in(value), frozenset(spoken), committed=True)


def record_facts(value: JSON) -> tuple[Fact, ...]:
    """What the records in a tool's result let be said, one fact a record."""
    return tuple(
        Fact(frozenset(_states(record)), _digits_in(record), frozenset(_numbers_in(record)), committed=False)
        for record in _records(value)
    )


def uncovered(text: str, facts: Facts) -> Claim | None:
    """The first claim in `text` that nothing covers, or None."""
    for claim in claims(text):
        if not _covered(claim, facts):
            return claim
    return None


def _covered(claim: Claim, facts: Facts) -> bool:
    able = facts.commits if claim.ours or not claim.kinds else (*facts.commits, *_speaking_of(claim, facts))
    named = [f for f in able if all(d in f.digits for d in claim.digits) and claim.amounts <= f.numbers]
    if not claim.kinds:
        return bool(named)
    return all(any(kind in f.kinds for f in named) for kind in claim.kinds)


def _speaking_of(claim: Claim, facts: Facts) -> tuple[Fact, ...]:
    """Records a claim may rest on: those it names, or the last read when all of it agrees."""
    if claim.digits:
        return facts.records
    same = facts.latest and all(claim.kinds <= f.kinds for f in facts.latest)
    return facts.latest if same else ()


_STATE_KEYS = ("status", "state", "transaction_type", "type", "kind", "event", "stage")


def _records(value: JSON) -> Iterator[JSON]:
    """The records of a result: the elements of its lists of objects, else the result itself."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        lists = [
            v
            for v in value.values()
            if isinstance(v, list) and v and isinstance(v[0], dict) and _has_state(v)
        ]
        own = any(_state_text(v) and k.casefold() in _STATE_KEYS for k, v in value.items())
        if own or not lists:
            yield value
        else:
            for rows in lists:
                yield from rows


def _has_state(rows: list[JSON]) -> bool:
    return any(isinstance(r, dict) and any(k.casefold() in _STATE_KEYS for k in r) for r in rows)


def _states(value: JSON) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key.casefold()
            state = _state_text(inner)
            if state and any(name == s or name.endswith(f"_{s}") for s in _STATE_KEYS):
                yield from _states_of(state)
            elif name.endswith("_at") and inner:
                yield from _states_of(name)
            else:
                yield from _states(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _states(inner)


def _state_text(value: JSON) -> str:
    """A state as it is kept: a word, or a code with its words in each language."""
    if isinstance(value, dict) and "code" in value:
        return " ".join(v for v in value.values() if isinstance(v, str))
    return value if isinstance(value, str) else ""


def _states_of(text: str) -> Iterator[str]:
    folded = fold(text).replace("_", " ")
    for kind, stems in _allowed()[1].items():
        if any(s in folded for s in stems):
            yield kind


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _digits_in(value: JSON) -> str:
    return " ".join(
        "".join(c for c in s if c.isdigit()) for s in _strings(value) if any(c.isdigit() for c in s)
    )


def _numbers_in(value: JSON) -> Iterator[Decimal]:
    for text in _strings(value):
        yield from numbers(text)
