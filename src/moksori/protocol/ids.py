"""Identifiers in the recorded form: a prefix and 21 base62 characters."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

Ids = Callable[[str], str]
"""Makes a new id for a prefix such as `event`, `item`, `resp`, `sess`, `conv` or `call`."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 21
_TABLE = (_ALPHABET * 5).encode()[:256]
"""A character for every byte. Eight of them come up a quarter more often than the rest, which costs an id
less than half a bit and makes it ten times cheaper than exact digits would be."""


def random_id(prefix: str) -> str:
    """`prefix_` and 21 random base62 characters (124 bits), unguessable."""
    return f"{prefix}_{secrets.token_bytes(_LENGTH).translate(_TABLE).decode()}"


class CountingIds:
    """Ids a test can foretell: `item_1`, `item_2`, `resp_1`; each prefix counts for itself."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def __call__(self, prefix: str) -> str:
        self._given[prefix] += 1
        return f"{prefix}_{self._given[prefix]}"
