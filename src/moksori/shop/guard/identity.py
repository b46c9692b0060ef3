"""Who is on the line: signed by the shop, or verified in this call, and never anybody else afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from moksori.agent.principal import Caller

ATTEMPTS_A_CALL = 3
"""Failed verifications after which a call can verify nobody any more."""
ATTEMPTS_A_VALUE = 6
"""Failed verifications that named the same phone, order number or e-mail, over all calls, within the window."""
WINDOW = timedelta(hours=1)


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


def failed(identity: Identity) -> Identity:
    return replace(identity, failures=identity.failures + 1)


@dataclass(slots=True)
class Attempts:
    """Failed verifications by what was named, over all calls of this process; a caller who redials meets it again.

    Changed only on the event loop. Bounded: what is older than the window goes.
    """

    limit: int = ATTEMPTS_A_VALUE
    window: timedelta = WINDOW
    _failed: dict[str, list[datetime]] = field(default_factory=dict)

    def allowed(self, arguments: Mapping[str, object], now: datetime) -> bool:
        return all(len(self._recent(key, now)) < self.limit for key in _keys(arguments))

    def failed(self, arguments: Mapping[str, object], now: datetime) -> None:
        for key in _keys(arguments):
            self._failed[key] = [*self._recent(key, now), now]
        for key in [k for k, times in self._failed.items() if now - times[-1] >= self.window]:
            del self._failed[key]

    def _recent(self, key: str, now: datetime) -> list[datetime]:
        return [t for t in self._failed.get(key, ()) if now - t < self.window]


def _keys(arguments: Mapping[str, object]) -> list[str]:
    """What identifies a person, one key a value; short values (a last name, a birthday's day) are everyone's."""
    folded = {name: re.sub(r"[\W_]", "", str(value).casefold()) for name, value in arguments.items()}
    return [f"{name}={value}" for name, value in sorted(folded.items()) if len(value) >= 5]
