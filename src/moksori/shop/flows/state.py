"""What the flows know of a conversation, what happens to it and what they do about it. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from moksori.agent.tools import Language


@dataclass(frozen=True, slots=True)
class Goal:
    """One wish on its way. `slots` hold what is settled; `asked` is the slot the caller was last asked for."""

    flow: str
    text: str
    """All the caller said about it."""
    slots: dict[str, Any] = field(default_factory=dict)
    asked: str | None = None
    choices: tuple[str, ...] = ()
    """Ids of what was offered when `asked`."""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """The write that was read out and waits for a yes."""

    tool: str
    token: str
    sentence: str


@dataclass(frozen=True, slots=True)
class State:
    language: Language = "ko"
    goals: tuple[Goal, ...] = ()
    """The one being served first."""
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What tools returned, by what was asked."""
    waiting: str | None = None
    """What the tool call under way will be known as."""
    proposal: Proposal | None = None
    told: str = ""
    """Said already for this answer, to be spoken with what follows."""
    unclear: int = 0
    """Answers to what was read out that were neither yes nor no, in a row."""
    misses: int = 0
    """Sentences in a row that were not understood."""
    before: str = ""
    """What was said of a thing without saying what shall be done, until the next turn says it."""
    missed: str = ""
    """The sentence before, where it was not understood: it may have named the thing that the next one is about."""
    topic: str | None = None
    """The order that was spoken of last."""
    left: Goal | None = None
    """The wish that was turned down last, until there is another: what is named next may be what was meant."""
    between: tuple[str, ...] = ()
    """The two wishes the caller was asked to choose from."""
    wanted: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    last_said: str = ""
    last_heard: str = ""
    over: bool = False


# what happens


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller spoke; "" for silence."""

    text: str
    today: date


@dataclass(frozen=True, slots=True)
class Returned:
    """The tool call under way came back, with the guard's output."""

    output: dict[str, Any]
    today: date


Event: TypeAlias = Heard | Returned

# what is done


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Free:
    """Covered by no flow: for a language model, if there is one, which may say what `passages` of the policy say.

    `otherwise` is what to say without.
    """

    text: str
    otherwise: str
    passages: tuple[str, ...] = ()


Action: TypeAlias = Say | Call | Free
