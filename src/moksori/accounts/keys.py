"""API keys, kept only as SHA-256 and compared in constant time, and what each may do."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moksori.agent.principal import Principal

OPEN = Principal(key_id="open", name="this machine")
"""Who everybody is when no key is configured; such a server listens on loopback only."""
ADMIN = "admin"
"""The scope that may see and change keys and read the ledger."""
SCOPES = frozenset({ADMIN})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a key may do; None is no limit. `expires_at` is in Unix seconds."""

    models: frozenset[str] | None = None
    origins: frozenset[str] | None = None
    sessions: int | None = None
    per_minute: int | None = None
    call_micro: int | None = None
    expires_at: float | None = None

    def allows_model(self, model: str) -> bool:
        return self.models is None or model in self.models


FREE = Rules()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is kept; `sha256` is lower-case hex."""

    name: str
    sha256: str
    key_id: str = ""
    scopes: frozenset[str] = frozenset()
    rules: Rules = FREE
    revoked: bool = False

    @property
    def principal(self) -> Principal:
        return Principal(key_id=self.key_id or f"key_{self.sha256[:16]}", name=self.name, scopes=self.scopes)


class KeyRing:
    """The keys of the settings, which never change, and those of the database, which `replace` brings up to date.

    Empty means that no key is needed; once there was any, even one revoked, that never comes back.
    """

    __slots__ = ("_by_id", "_given", "_keys", "_now", "_required")

    def __init__(
        self, keys: Iterable[KnownKey], *, required: bool = False, now: Callable[[], float] = time.time
    ) -> None:
        self._given = tuple(keys)
        self._required = required
        self._now = now
        self._keys: tuple[tuple[bytes, KnownKey, Principal], ...] = ()
        self._by_id: dict[str, KnownKey] = {}
        self.replace(())

    @property
    def empty(self) -> bool:
        return not self._required and not self._keys

    def require(self) -> None:
        """From now on nobody comes in without a key, though there may be none."""
        self._required = True

    def replace(self, kept: Iterable[KnownKey]) -> frozenset[str]:
        """Take these as the database's keys; the ids of those that may no longer be used."""
        before = set(self._by_id)
        known = (*self._given, *kept)
        self._required = self._required or bool(known)
        alive = [key for key in known if not key.revoked]
        self._keys = tuple((bytes.fromhex(key.sha256), key, key.principal) for key in alive)
        self._by_id = {principal.key_id: key for _, key, principal in self._keys}
        return frozenset(before - set(self._by_id))

    def principal(self, key: str) -> Principal | None:
        """Whose key this is. Every key is compared, so the time does not tell which matched."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        found: tuple[KnownKey, Principal] | None = None
        for known, kept, principal in self._keys:
            if hmac.compare_digest(known, digest):
                found = kept, principal
        return found[1] if found is not None and self._in_time(found[0].rules) else None

    def rules(self, principal: Principal) -> Rules | None:
        """What a principal may do now; None when its key was revoked or has expired meanwhile."""
        if principal.key_id == OPEN.key_id:
            return FREE if self.empty else None
        kept = self._by_id.get(principal.key_id)
        return kept.rules if kept is not None and self._in_time(kept.rules) else None

    def _in_time(self, rules: Rules) -> bool:
        return rules.expires_at is None or rules.expires_at > self._now()
