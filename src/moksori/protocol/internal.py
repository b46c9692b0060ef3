"""What GA Realtime cannot say, passed between rooms and never sent to a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of an assistant item reached the caller's ear.

    `samples` count from the start of the item's audio at 24 kHz; `text` is every word that had ended by then.
    """

    item_id: str
    samples: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call that was emitted and has no output yet."""

    item_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word (ko: an eojeol) and where it sounds, in samples at 24 kHz from the start of its clause."""

    text: str
    start: int
    end: int
