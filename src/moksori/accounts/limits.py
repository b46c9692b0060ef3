"""How often: wrong keys from one address, sessions begun by one key, sessions of one key at once. Clock given."""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable
from functools import lru_cache

WINDOW_S = 60.0
WRONG_KEYS = 30
"""Wrong keys an address may show in a window before all of its requests are refused unread for the rest of it."""
REMEMBERED = 10_000
"""Addresses and keys remembered at once; past it the oldest go, so that nobody fills the memory."""


class Windowed:
    """Counts events by name over the last minute."""

    __slots__ = ("_limit", "_now", "_seen")

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._seen: dict[str, deque[float]] = {}

    def note(self, name: str) -> None:
        seen = self._seen.pop(name, None)
        if seen is None:
            seen = deque(maxlen=self._limit)
            while len(self._seen) >= REMEMBERED:
                del self._seen[next(iter(self._seen))]
        self._seen[name] = seen  # put last: the oldest are at the front
        seen.append(self._now())

    def full(self, name: str) -> bool:
        """Whether `limit` events lie in the last minute."""
        seen = self._seen.get(name)
        return seen is not None and len(seen) == self._limit and seen[0] > self._now() - WINDOW_S


class Attempts(Windowed):
    """Wrong keys by the address they came from."""

    def __init__(self, now: Callable[[], float], limit: int = WRONG_KEYS) -> None:
        super().__init__(limit, now)


@lru_cache(REMEMBERED)
def network(address: str | None) -> str:
    """The name under which an address is counted: an IPv6 one by its /64, of which one person has all."""
    if address is None:
        return "unknown"
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Starts:
    """Sessions begun by each key in the last minute, and those it has now."""

    __slots__ = ("_begun", "_now", "_open")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun: dict[str, deque[float]] = {}
        self._open: dict[str, int] = {}

    def too_many_at_once(self, key_id: str, limit: int | None) -> bool:
        return limit is not None and self._open.get(key_id, 0) >= limit

    def too_fast(self, key_id: str, limit: int | None) -> bool:
        if limit is None:
            return False
        begun = self._begun.get(key_id, deque())
        while begun and begun[0] <= self._now() - WINDOW_S:
            begun.popleft()
        return len(begun) >= limit

    def lease(self, key_id: str, *, counted: bool) -> Callable[[], None]:
        """Take a place; the function gives it back, once however often it is called."""
        self._open[key_id] = self._open.get(key_id, 0) + 1
        if counted:
            self._begun.setdefault(key_id, deque()).append(self._now())
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if given_back:
                return
            given_back = True
            left = self._open[key_id] - 1
            if left:
                self._open[key_id] = left
            else:
                del self._open[key_id]

        return give_back
