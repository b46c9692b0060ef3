"""What serving a wish comes to. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from moksori.shop.flows.state import Goal

CERTAIN = 9.0
"""Score of the policy's search from which on a passage is what was asked for."""
OFFERED = 3
"""Choices named in one question: more nobody keeps in mind."""


@dataclass(frozen=True, slots=True)
class Need:
    """A tool has to be asked; its result will be known as `key`."""

    key: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Propose:
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    text: str
    slot: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """Served. `more` are wishes that come of it."""

    text: str
    more: tuple[Goal, ...] = ()
    over: bool = False


Outcome: TypeAlias = Need | Propose | Ask | Done
Served: TypeAlias = tuple[Goal, Outcome]
