"""The wishes in what a caller says: by clause, from expressions and the model of intents together. Pure.

An expression that fits stands unless the model is sure of something else; where none fits the model decides, and
where it cannot tell two wishes apart, the caller is asked which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from moksori.shop.flows import matching
from moksori.shop.flows.data import data
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.intents import FAULT, NONE, intents
from moksori.shop.flows.sounds import by_sound
from moksori.shop.flows.state import Goal
from moksori.shop.guard.text import fold, words

SMALL_TALK = ("greeting", "thanks", "goodbye")
BETWEEN = "between"
"""Two wishes that were equally likely; the caller is asked which."""
SURE = 0.85
"""From here on the model alone is believed, whatever else was asked."""
LIKELY = 0.5
PLAUSIBLE = 0.2
"""Below this the model holds an expression's flow for wrong, if it is sure of another."""
OVERRULES = 0.7
TELLING = 0.12
"""How far the likeliest wish of a whole turn must be from the next."""
ABOUT_THINGS = ("cancel", "return", "exchange")
"""Wishes of which one thing can have only one."""
_SAME_THING = re.compile(r"\b(it|that|them|this|these|those)\b|그거|그걸|이거|이걸|그건|이건|그냥")


@dataclass(frozen=True, slots=True)
class Reading:
    """`flow` is None where a sentence says no wish. `sure`: how likely it is."""

    flow: str | None
    sure: float
    shares: Mapping[str, float]
    ruled: bool
    """Whether an expression says so."""


def hits(text: str) -> tuple[str, ...]:
    """The flows of which an expression fits, in their order."""
    folded = fold(text)
    return tuple(f.name for f in data().flows if any(p.search(folded) for p in f.patterns))


def read(text: str) -> Reading:
    """What one clause wishes."""
    found = hits(text)
    shares = intents().read(text, found)
    best = next(iter(shares))
    if found:
        rule = found[0]
        if best == rule or shares[best] < OVERRULES or shares[rule] >= PLAUSIBLE:
            return Reading(rule, max(shares[rule], LIKELY), shares, ruled=True)
    elif shares[best] < LIKELY:
        return Reading(None, 0.0, shares, ruled=False)
    flow = None if best in (NONE, FAULT) else best
    return Reading(flow, shares[best] if flow else 0.0, shares, ruled=False)


def flow_of(clause: str) -> str | None:
    return read(clause).flow


def wishes(text: str, sure: float = 0.0) -> list[Goal]:
    """The wishes in a turn, in order; what names none belongs to the one before it.

    `sure`: how likely a wish must be that no expression names, where something else is being talked about.
    """
    found: list[Goal] = []
    likely: list[float] = []
    lead = ""
    for part in data().split.split(text):
        clause = (part or "").strip(" ,.")
        if not clause:
            continue
        reading = read(clause)
        flow = reading.flow if reading.ruled or reading.sure >= sure else None
        if flow is None or (flow in SMALL_TALK and found):
            if found:
                found[-1] = replace(found[-1], text=f"{found[-1].text} {clause}")
            else:
                lead = f"{lead} {clause}".strip()
        elif found and found[-1].flow in SMALL_TALK:
            found[-1], likely[-1] = Goal(flow, f"{lead} {clause}".strip()), reading.sure
        elif found and _same_thing(found[-1], flow, clause):
            kept = flow if reading.sure >= likely[-1] else found[-1].flow
            found[-1] = replace(found[-1], flow=kept, text=f"{found[-1].text} {clause}")
            likely[-1] = max(likely[-1], reading.sure)
        else:
            found.append(Goal(flow, f"{lead} {clause}".strip()))
            likely.append(reading.sure)
            lead = ""
    if not found and sure == 0.0:
        found = _of_the_whole(text)
    if likely and any(
        writes(goal.flow) for goal in found
    ):  # "I ordered it twice, cancel one" does not ask for the orders
        found = [g for g, p in zip(found, likely, strict=False) if g.flow != "orders" or p >= SURE]
    if len(found) == 1:
        found = [replace(found[0], text=text)]
    return found


def _of_the_whole(text: str) -> list[Goal]:
    """The wish of a turn none of whose clauses says one."""
    reading = read(text)
    if reading.flow is not None:
        return [Goal(reading.flow, text)]
    if (likely := by_sound(text, data().sounded)) is not None and hits(likely):
        return wishes(likely, SURE)
    wanted = [flow for flow in reading.shares if flow != NONE][:2]
    first, second = (reading.shares[flow] for flow in wanted)
    if first < reading.shares[NONE] or first < PLAUSIBLE:
        return []
    if wanted[0] == FAULT or first - second >= TELLING:
        return [Goal(wanted[0], text)]
    if FAULT in wanted or any(flow in SMALL_TALK for flow in wanted):
        return [Goal(FAULT, text)] if FAULT in wanted else []
    return [Goal(BETWEEN, text, choices=(wanted[0], wanted[1]))]


def _same_thing(before: Goal, flow: str, clause: str) -> bool:
    """Whether a clause goes on with the wish before it, perhaps by another verb ("Can I return it?")."""
    if before.flow == flow:
        return not _another(before.text, clause)
    both = flow in ABOUT_THINGS and before.flow in ABOUT_THINGS
    return both and not _another(before.text, clause) and _SAME_THING.search(fold(clause)) is not None


def _another(before: str, clause: str) -> bool:
    """Whether two clauses of one kind of wish speak of two orders."""
    numbers = [{d for d in said_digits(t) if len(d) >= matching.SHORTEST_NUMBER} for t in (before, clause)]
    return bool(numbers[0] and numbers[1] and numbers[0] != numbers[1])


def writes(flow: str) -> bool:
    return next((f.writes for f in data().flows if f.name == flow), False)


def short(text: str) -> bool:
    return len(words(text)) <= 4
