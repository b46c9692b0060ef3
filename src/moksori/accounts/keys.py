"""API keys, kept only as SHA-256 and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from moksori.agent.principal import Principal

OPEN = Principal(key_id="open", name="this machine")
"""Who everybody is when no key is configured; such a server listens on loopback only."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A configured key; `sha256` is lower-case hex."""

    name: str
    sha256: str


class KeyRing:
    """The configured keys. Empty means that no key is needed."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[KnownKey]) -> None:
        self._keys = tuple(
            (bytes.fromhex(key.sha256), Principal(key_id=f"key_{key.sha256[:16]}", name=key.name))
            for key in keys
        )

    @property
    def empty(self) -> bool:
        return not self._keys

    def principal(self, key: str) -> Principal | None:
        """Whose key this is. Every configured key is compared, so the time does not tell which matched."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        found: Principal | None = None
        for known, principal in self._keys:
            if hmac.compare_digest(known, digest):
                found = principal
        return found
