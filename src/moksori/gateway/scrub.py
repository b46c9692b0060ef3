"""Takes keys out of what an upstream says, before a client or a log reads it."""

from __future__ import annotations

import re

_KEYS = re.compile(r"\b(?:sk|ek|mk|xai|key|gsk|pk|rk)[-_][A-Za-z0-9*_\-]{6,}|\b[Bb]earer\s+\S+")
"""Prefixes of providers' keys, also in their masked form (`sk-abc***xyz`)."""
HIDDEN = "(key)"
LONGEST = 500
"""Characters of a foreign message that are passed on."""


def scrubbed(text: str, key: str | None = None) -> str:
    """`text` without the key in use and without anything that looks like one, on one line."""
    if key:
        text = text.replace(key, HIDDEN)
    return " ".join(_KEYS.sub(HIDDEN, text).split())[:LONGEST]
