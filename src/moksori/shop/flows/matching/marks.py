"""What tells orders apart that fit the words alike: the hour, the price, that nothing else is in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from moksori.shop.flows.data import data
from moksori.shop.flows.matching.counts import COUNTS
from moksori.shop.flows.matching.phrases import has
from moksori.shop.guard.text import fold, numbers

NEAR_WON = 1000
"""How far an amount that is said may be from an order's."""
_EN_HOURS = {way[0]: at for at, way in enumerate(COUNTS, 1)} | {"eleven": 11, "twelve": 12}
_KO_HOURS = {way[1]: at for at, way in enumerate(COUNTS, 1)} | {"열한": 11, "열두": 12}
_CLOCK = re.compile(
    rf"\b(?P<en>{'|'.join(_EN_HOURS)}|1[0-2]|[1-9])(?:[: ](?:\d\d|thirty|fifteen|forty ?five))?"
    r" ?(?=oclock|[ap]\.?m\b|(?:or so |ish )?(?:this|in the|yesterday) (?:morning|afternoon|evening))"
    rf"|(?<![가-힣\d])(?P<ko>{'|'.join(sorted(_KO_HOURS, key=len, reverse=True))}|1[0-2]|[1-9]) ?시(?!간|켰|킨|켜)"
)
_NUMERAL = "영일이삼사오육칠팔구십백천만"
AMOUNT = re.compile(rf"\d[\d,]* ?won\b|(?<!\S)[\d{_NUMERAL}][\d,{_NUMERAL} ]* ?원(?!피스|목|래|하|단|통)")
"""A price, which is no order's number."""


def hours_said(text: str) -> frozenset[int]:
    """The hours of the day in which something was, as it is said ("at lunchtime", "아홉 시쯤"); none where none is."""
    folded = fold(text)
    parts = [
        {hour % 24 for hour in range(*hours)} for pattern, hours in data().hours if pattern.search(folded)
    ]
    clock = _CLOCK.search(folded)
    if clock is None:
        return frozenset().union(*parts)
    said = clock["en"] or clock["ko"]
    hour = _EN_HOURS.get(said) or _KO_HOURS.get(said) or int(said)
    near = {each % 24 for h in (hour, hour + 12) for each in (h - 1, h, h + 1)}
    return frozenset(near.intersection(*parts) if parts else near)


def mark_of(text: str, order: dict[str, Any], names: Sequence[str]) -> int:
    """By how many such marks an order is the one that is spoken of."""
    at = datetime.fromisoformat(str(order["placed_at"]))
    several = len(names) > 1
    found = int(at.hour in hours_said(text))
    found += several if has("several_things", text) else not several and has("one_thing", text)
    if (price := AMOUNT.search(fold(text))) is not None:
        found += any(abs(int(each) - order["total"]["minor"]) <= NEAR_WON for each in numbers(price.group()))
    return found
