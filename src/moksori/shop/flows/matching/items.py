"""Which items of one order are meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moksori.shop.flows.matching.counts import some_of
from moksori.shop.flows.matching.names import mentions, partly
from moksori.shop.flows.matching.options import Line, value_said
from moksori.shop.flows.matching.phrases import excluded, has


def lines_meant(text: str, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The items a sentence names; all of them for "everything"; none where it names none."""
    text, stays = without_what_stays(text, lines)
    wanted, not_wanted = excluded(text)
    pool = [line for line in lines if not _ruled_out(not_wanted, stays, line, lines)] or list(lines)
    named = [line for line in pool if _names(wanted, line)] or [
        line for line in pool if _touches(wanted, line)
    ]
    if has("the_others", text) and len(pool) < len(lines):
        return tuple(pool)
    if has("all", wanted):
        return tuple(named or pool)
    coloured = [line for line in named or pool if _colour(wanted, line)]
    return tuple(coloured if coloured and (named or len(coloured) < len(pool)) else named)


_CLAUSE = re.compile(
    r"(?<=[.?!,;])\s+|\bbut\b|\bwhile\b|(?<=은데)\s|(?<=는데)\s|(?<=고요)\s|(?<=고)\s|(?<=지만)\s|(?<=니까)\s"
)


def without_what_stays(text: str, lines: Sequence[Line]) -> tuple[str, str]:
    """The sentence without its clauses that say an item is fine or is kept ("the slippers are fine"), and those."""
    clauses = _CLAUSE.split(text)
    stays = [c for c in clauses if has("fine", c) and any(_touches(c, line) for line in lines)]
    return " ".join(c for c in clauses if c not in stays), " ".join(stays)


def _ruled_out(not_wanted: str, stays: str, line: Line, lines: Sequence[Line]) -> bool:
    """Whether what is not wanted is this item, and not another colour of the same."""
    said = f"{not_wanted} {stays}"
    alike = [each for each in lines if each["name"] == line["name"] and _colour(said, each)]
    return (_names(not_wanted, line) or _touches(stays, line)) and (not alike or line in alike)


def _touches(text: str, line: Line) -> bool:
    """Whether a sentence has any word of an item's name."""
    return _names(text, line) or any(partly(text, line["name"][language]) for language in ("ko", "en"))


def _names(text: str, line: Line) -> bool:
    return any(mentions(text, line["name"][language]) for language in ("ko", "en"))


def _colour(text: str, line: Line) -> bool:
    return any(value_said(text, value) for value in line["options"].values())


def quantity_meant(text: str, line: Line) -> int | None:
    """How many of an item; None for all there are."""
    count = 1 if has("one", text) else some_of(text)
    return count if count is not None and count < line["quantity"] else None
