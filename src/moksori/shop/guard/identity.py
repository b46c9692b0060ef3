"""Who is on the line: signed by the shop, or verified in this call, and never anybody else afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, Protocol

from moksori.agent.principal import Caller

ATTEMPTS_A_CALL = 3
"""Failed verifications after which a call can verify nobody any more."""
ATTEMPTS_A_VALUE = 6
"""Failed verifications that named the same phone, order number or e-mail, over all calls, within the window."""
WINDOW = timedelta(hours=1)
SHORTEST_VALUE = 5


class Refusal(Enum):
    """Why somebody is not taken for a customer; each is the code of a sentence."""

    ANOTHER = "another_customer"
    LOCKED = "verification_locked"
    NOT_VERIFIED = "not_verified"


@dataclass(frozen=True, slots=True)
class Identity:
    caller: Caller
    failures: int = 0

    @property
    def locked(self) -> bool:
        return self.failures >= ATTEMPTS_A_CALL


def known(
    identity: Identity, customer_id: str, how: Literal["signed", "verified"]
) -> tuple[Identity, Refusal | None]:
    """Somebody turned out to be `customer_id`. A call that belongs to a customer stays with that customer."""
    if identity.caller.customer_id not in (None, customer_id):
        return identity, Refusal.ANOTHER
    if how == "verified" and identity.locked:
        return identity, Refusal.LOCKED
    if identity.caller.how == "signed":
        return identity, None
    caller = Caller(customer_id=customer_id, how=how, call_id=identity.caller.call_id)
    return replace(identity, caller=caller), None


def unknown(identity: Identity) -> Identity:
    """The shop has no such customer: the call is a stranger's, who may be verified like any other."""
    return replace(identity, caller=Caller(call_id=identity.caller.call_id))


def failed(identity: Identity) -> Identity:
    return replace(identity, failures=identity.failures + 1)


class Attempts(Protocol):
    """Failed verifications by what was named, over all calls; a caller who redials meets them again."""

    async def take(self, arguments: Mapping[str, object], now: datetime) -> tuple[int, ...] | None:
        """One try, counted as failed from now on; None where something that is named was tried too often."""
        ...

    async def give_back(self, taken: tuple[int, ...]) -> None:
        """The try was none: it succeeded, or the shop could not say."""
        ...


@dataclass(slots=True)
class AttemptsHere:
    """`Attempts` of this process alone, for tools that are not our shop's. What is older than the window goes."""

    _failed: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    _next: int = 0

    async def take(self, arguments: Mapping[str, object], now: datetime) -> tuple[int, ...] | None:
        self._failed = {k: (v, at) for k, (v, at) in self._failed.items() if now - at < WINDOW}
        named = values_named(arguments)
        tried = [value for value, _ in self._failed.values()]
        if any(tried.count(value) >= ATTEMPTS_A_VALUE for value in named):
            return None
        taken = tuple(range(self._next, self._next + len(named)))
        self._next += len(named)
        self._failed |= {n: (value, now) for n, value in zip(taken, named, strict=True)}
        return taken

    async def give_back(self, taken: tuple[int, ...]) -> None:
        for each in taken:
            self._failed.pop(each, None)


def values_named(arguments: Mapping[str, object]) -> list[str]:
    """What identifies a person, one text a value; short values (a last name, a birthday's day) are everyone's."""
    folded = {name: re.sub(r"[\W_]", "", str(value).casefold()) for name, value in arguments.items()}
    return [f"{name}={value}" for name, value in sorted(folded.items()) if len(value) >= SHORTEST_VALUE]
