"""When the model may go on after function calls: the bookkeeping of who owes whom what. Pure.

The server never continues by itself after a client's function call: it wants every output of that response, then one
`response.create`, and refuses that while a response is running (a caller who speaks meanwhile starts one).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Desk:
    """`running` calls have no output yet, `unseen` outputs are sent but not yet in the conversation."""

    running: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    owed: bool = False  # outputs no response has taken up
    active: frozenset[str] = frozenset()  # responses in the making
    asked: bool = False  # our response.create is out


@dataclass(frozen=True, slots=True)
class Called:
    """A function of ours was called and begins to run."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """It returned; its output was sent as `item_id`."""

    call_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The server announced an item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Began:
    """`response.created`."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`response.done`."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Our response.create met a running response."""


Event = Called | Answered | Seen | Began | Ended | Denied


def step(desk: Desk, event: Event) -> tuple[Desk, bool]:
    """Advance by one event; True asks the caller to send `response.create` now. Total and pure."""
    match event:
        case Called(call_id):
            return replace(desk, running=desk.running | {call_id}), False
        case Answered(call_id, item_id):
            desk = replace(desk, running=desk.running - {call_id}, unseen=desk.unseen | {item_id}, owed=True)
        case Seen(item_id):
            return replace(desk, unseen=desk.unseen - {item_id}), False
        case Began(response_id):
            # Whoever asked for it, a response that begins after our outputs are in takes them up.
            owed = desk.owed and bool(desk.unseen or desk.running)
            desk = replace(desk, active=desk.active | {response_id}, owed=owed, asked=False)
        case Ended(response_id):
            desk = replace(desk, active=desk.active - {response_id})
        case Denied():
            desk = replace(desk, owed=True, asked=False)
            if not desk.active:
                return desk, False  # the running response is not announced yet; its end will ask again
        case _:
            assert_never(event)
    if desk.owed and not desk.running and not desk.active and not desk.asked:
        return replace(desk, owed=False, asked=True), True
    return desk, False
