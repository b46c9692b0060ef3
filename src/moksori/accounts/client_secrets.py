"""Client secrets (`ek_…`): short-lived keys a page's own server fetches, each bound to a session's settings.

They live in this process. A secret may open several sessions until it expires, and a running session
outlives it, as on the real service.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moksori.agent.principal import Principal

PREFIX = "ek_"
MIN_SECONDS = 10
DEFAULT_SECONDS = 600
MAX_SECONDS = 7200
MAX_ALIVE = 100_000
"""Unexpired secrets held at once; a key that mints in a loop is refused instead of filling the memory."""
_PURGE_EVERY = 256


class TooManySecrets(Exception):
    """So many secrets are alive that no more are made."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a secret is narrowed to beyond its principal and session; None is no further bound."""

    origin: str | None = None
    """The only page that may use it, such as `https://shop.example`."""
    uses: int | None = None
    """How many sessions it opens."""
    budget_micro: int | None = None
    """What each of its calls may cost, in millionths of the ledger's currency."""
    locked: bool = False
    """The page may not change what the session was told to be: instructions, prompt, tools."""


UNBOUND = Bounds()


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What a secret stands for.

    `session` is the session object as it was asked for, not yet merged; `expires_at` is in Unix seconds.
    """

    principal: Principal
    session: dict[str, Any] | None
    expires_at: int
    bounds: Bounds = UNBOUND


class UsedUp(Exception):
    """A secret was good for a number of sessions, and they have been opened."""


class ClientSecrets:
    """The living secrets, found by hash: the values themselves are not kept."""

    __slots__ = ("_alive", "_made", "_now", "_used")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now  # Unix seconds
        self._alive: dict[bytes, ClientSecret] = {}
        self._used: dict[bytes, int] = {}  # sessions opened, for secrets that count them
        self._made = 0

    def create(
        self,
        principal: Principal,
        session: dict[str, Any] | None,
        seconds: int = DEFAULT_SECONDS,
        bounds: Bounds = UNBOUND,
    ) -> tuple[str, ClientSecret]:
        """A new secret's value and what it stands for. Raises `TooManySecrets`."""
        self._made += 1
        if self._made % _PURGE_EVERY == 0 or len(self._alive) >= MAX_ALIVE:
            self._purge()
        if len(self._alive) >= MAX_ALIVE:
            raise TooManySecrets
        value = PREFIX + secrets.token_urlsafe(32)
        secret = ClientSecret(principal, session, int(self._now()) + seconds, bounds)
        self._alive[_hash(value)] = secret
        return value, secret

    def find(self, value: str) -> ClientSecret | None:
        """The secret, unless it never was or has expired. Looked up by hash, so the time says nothing."""
        secret = self._alive.get(_hash(value))
        return secret if secret is not None and secret.expires_at > self._now() else None

    def use(self, value: str) -> None:
        """Count a session opened with this living secret. Raises `UsedUp` when it has none left."""
        name = _hash(value)
        uses = self._alive[name].bounds.uses
        if uses is None:
            return
        if self._used.get(name, 0) >= uses:
            raise UsedUp
        self._used[name] = self._used.get(name, 0) + 1

    def forget(self, key_ids: frozenset[str]) -> None:
        """End the secrets of these keys."""
        if key_ids:
            self._alive = {
                name: secret for name, secret in self._alive.items() if secret.principal.key_id not in key_ids
            }

    def _purge(self) -> None:
        now = self._now()
        self._alive = {key: secret for key, secret in self._alive.items() if secret.expires_at > now}
        self._used = {key: used for key, used in self._used.items() if key in self._alive}


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
