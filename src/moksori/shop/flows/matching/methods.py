"""Which way of paying is meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from moksori.shop.flows.data import data
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching.phrases import excluded
from moksori.shop.guard.text import fold


def methods_meant(text: str, methods: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The payment methods a sentence names, by kind, brand or last digits."""
    wanted, _ = excluded(text)
    folded = data().words["taken_from"].sub(" ", fold(wanted))
    by_name = [m for m in methods if _branded(folded, m)]
    if by_name:
        return tuple(by_name)
    for code, pattern in data().methods.items():
        if pattern.search(folded):
            return tuple(m for m in methods if m["kind"]["code"] == code)
    return ()


def _branded(folded: str, method: dict[str, Any]) -> bool:
    digits = re.findall(r"\d{4}", f"{method['ko']}")
    korean = str(method["ko"]).split()[0]
    english = fold(method["en"]).removeprefix("your ").split()[0]
    return any(d in said_digits(folded) for d in digits) or (
        method["kind"]["code"] in ("card", "account")
        and (
            (len(korean) > 1 and korean in folded)
            or re.search(rf"\b{re.escape(english)}\b", folded) is not None
        )
    )
