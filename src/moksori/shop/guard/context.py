"""The caller context a shop signs: claims, clock skew, replay. Documented in docs/reference/caller-context.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from moksori.shop.guard.tokens import Key, verifying_key

AUDIENCE = "moksori"
SKEW = timedelta(seconds=30)
"""How far the shop's clock and ours may differ."""
LONGEST = timedelta(hours=1)
"""The longest time between `iat` and `exp`: a context is made for one call."""


LONGEST_ID = 200
"""Characters of a customer's or a token's id."""


@dataclass(frozen=True, slots=True)
class SignedContext:
    customer_id: str
    token_id: str
    expires_at: datetime


class BadContext(Exception):
    """The context is not taken; `code` is a sentence's, the message is for the operator's log."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Seen(Protocol):
    """Remembers which context was used by which session."""

    async def claim(self, token_id: str, session_id: str, until: datetime, now: datetime) -> bool:
        """True the first time, and again for the same session; False for any other."""
        ...


@dataclass(slots=True)
class SeenHere:
    """`Seen` within one process. Entries go when their context has expired."""

    _owner: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    async def claim(self, token_id: str, session_id: str, until: datetime, now: datetime) -> bool:
        for old in [t for t, (_, end) in self._owner.items() if end < now]:
            del self._owner[old]
        owner, _ = self._owner.setdefault(token_id, (session_id, until))
        return owner == session_id


def read_context(token: str, keys: tuple[Key, ...], now: datetime, audience: str = AUDIENCE) -> SignedContext:
    """Verify a context. Raises `BadContext`.

    Signature by one of `keys` (algorithm fixed by the key), `aud`, `sub`, `jti`, `iat`, `exp` required, `nbf` kept
    if given, at most `LONGEST` from `iat` to `exp`, `SKEW` allowed each way.
    """
    if not keys:
        raise BadContext("no_context_key", "No key of the shop is configured (shop.context_keys).")
    claims = _signed_by_one_of(keys, token, audience)
    customer_id, token_id = _text(claims, "sub"), _text(claims, "jti")
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    if issued > now + SKEW:
        raise BadContext("bad_context", "It was issued in the future: the clocks differ too much.")
    if expires - issued > LONGEST:
        raise BadContext("bad_context", f"It lives longer than {LONGEST}.")
    if expires <= now - SKEW:
        raise BadContext("context_expired", "Its time is over.")
    if "nbf" in claims and _time(claims, "nbf") > now + SKEW:
        raise BadContext("bad_context", "Its time has not begun.")
    return SignedContext(customer_id, token_id, expires + SKEW)


def _signed_by_one_of(keys: tuple[Key, ...], token: str, audience: str) -> dict[str, object]:
    options: Any = {
        "require": ["aud", "sub", "jti", "iat", "exp"],
        "verify_exp": False,  # times are compared with the clock we are given
        "verify_iat": False,
        "verify_nbf": False,
    }
    last: Exception | None = None
    for key in keys:
        try:
            claims: dict[str, object] = jwt.decode(
                token, verifying_key(key), algorithms=[key.algorithm], audience=audience, options=options
            )
        except jwt.InvalidTokenError as why:
            last = why
        else:
            return claims
    raise BadContext("bad_context", f"The context is not valid: {last}.") from last


def _text(claims: dict[str, object], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise BadContext("bad_context", f"The claim {name!r} must be a text of 1 to {LONGEST_ID} characters.")
    return value


def _time(claims: dict[str, object], name: str) -> datetime:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise BadContext("bad_context", f"The claim {name!r} must be a time in seconds.")
    return datetime.fromtimestamp(value, UTC)
