"""What a shop offers to a conversation: tools that read, and tools that write in two steps.

A write never happens from a model's call. `plan` works out, without any effect, what would happen; the guard reads
it out, hears the caller's yes, and only then calls `commit` with a unique confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from moksori.agent.money import Money
from moksori.agent.principal import Caller, Principal

__all__ = ["JSON", "Caller", "Confirmation", "Done", "Language", "Plan", "Refused", "ToolSet", "ToolSpec"]

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Language = Literal["ko", "en"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as it is offered. `parameters` is the JSON Schema of an object; texts are by language."""

    name: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    parameters: dict[str, JSON]
    writes: bool
    needs_customer: bool
    verifies: bool = False
    """Finds out who is calling: its `Done` carries `customer_id`. Attempts are limited by the guard."""
    confirm: bool = True
    """False only for a write that moves no money, goods or customer data and that anyone may ask for (a ticket for
    a human): the guard commits it at once, still exactly once."""
    quotes: tuple[str, ...] = ()
    """Names of fields in the result whose text other people wrote (notes, reviews, descriptions): quoted as data."""


@dataclass(frozen=True, slots=True)
class Done:
    value: JSON
    customer_id: str | None = None
    """Set only by a tool that verifies: who the caller turned out to be."""
    rows: tuple[str, ...] = ()
    """The rows a commit changed, as "table:key"; they go into the receipt."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The shop says no. `message` by language says why; `possible` names what can be done instead (codes or tools)."""

    code: str
    message: Mapping[str, str]
    possible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a write would do. Making one has no effect, ever."""

    tool: str
    arguments: dict[str, JSON]
    """Normalised: two ways of asking for the same thing give equal arguments."""
    customer_id: str | None
    action: str
    """What kind of thing happens, as a stable code ("cancel_order")."""
    objects: tuple[str, ...]
    """The words by which the read-out sentence names what is acted on (order number, product names)."""
    amount: Money | None
    """What the caller pays (positive) or gets back (negative); None when no money moves."""
    facts: dict[str, JSON]
    """All the read-out sentence needs."""
    digest: str
    """Over every row and amount the plan depends on: a commit whose plan would differ is refused as `changed`."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Proof that the caller agreed to one plan. `id` is unique for all time: it makes the commit happen once."""

    id: str
    session_id: str
    said: str
    """The sentence that was read out."""
    heard: str
    """As much of it as had reached the caller's ear when the yes began."""
    yes_span_ms: tuple[int, int]
    """Where the yes lies in the session's input audio, in ms from its start; (0, 0) where there is no audio."""
    at: datetime
    principal: Principal
    caller: Caller = field(default_factory=Caller)
    answer: str = ""
    """The caller's words that were taken as the yes."""
    evidence: str = ""
    """The signed record of all of the above (a compact JWS); kept with the confirmation's row."""


class ToolSet(Protocol):
    """A shop's tools. `now` is always given, aware and in UTC."""

    def specs(self) -> tuple[ToolSpec, ...]: ...

    async def read(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Done | Refused:
        """Run a tool that does not write. A record of another customer is refused as if it did not exist."""
        ...

    async def plan(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Plan | Refused:
        """Work out what a write would do. No effect."""
        ...

    async def commit(self, plan: Plan, confirmation: Confirmation, now: datetime) -> Done | Refused:
        """Do it, in one transaction; a repeated confirmation id returns the first result again."""
        ...

    def read_out(self, plan: Plan, language: Language) -> str:
        """The sentence that says action, objects and amount, and asks for a yes."""
        ...
