"""How callers name one of their orders: by its hour, its price, what else is in it, and the day it came."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from moksori.shop.flows.matching.marks import hours_said
from moksori.shop.flows.matching.orders import refer

TODAY = date(2026, 11, 27)


def _order(number: str, at: str, things: list[tuple[str, str, str, str]], total: int) -> dict[str, Any]:
    return {
        "order_id": number,
        "placed_at": f"2026-11-{at}+09:00",
        "status": {"code": "paid"},
        "items": {
            "ko": ", ".join(f"{ko}({option_ko})" for ko, _, option_ko, _ in things),
            "en": ", ".join(f"{en} ({option_en})" for _, en, _, option_en in things),
        },
        "total": {"minor": total},
    }


SOCKS = ("양말 세트", "Sock Set", "회색", "grey")
FAN = ("서큘레이터", "Air Circulator", "흰색", "white")
BOOTS = ("등산화", "Hiking Boots", "검정, 260", "black, 260")
ORDERS = [
    _order("261127-0001", "27T13:10", [SOCKS], 12_000),
    _order("261127-0002", "27T09:05", [SOCKS, FAN], 61_900),
    _order("261125-0003", "25T20:30", [SOCKS, BOOTS], 132_000),
]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("The socks from around one o'clock.", "261127-0001"),
        ("the socks I ordered at nine this morning", "261127-0002"),
        ("the one with the socks and the boots", "261125-0003"),
        ("the order with just the socks in it", "261127-0001"),
        ("the socks for 132,000 won", "261125-0003"),
        ("점심때 시킨 양말이요", "261127-0001"),
        ("아침 아홉 시쯤 주문한 양말", "261127-0002"),
        ("양말이랑 등산화 같이 시킨 거요", "261125-0003"),
        ("양말만 시킨 거요", "261127-0001"),
        ("육만 이천 원짜리 양말 주문이요", "261127-0002"),
    ],
)
def test_an_order_is_named_by_what_tells_it_from_the_others(said: str, number: str) -> None:
    meant = refer(said, ORDERS, TODAY)
    assert [order["order_id"] for order in meant.best(meant.orders)] == [number]


def test_both_are_not_narrowed() -> None:
    meant = refer("both sock orders, the one from nine this morning too", ORDERS, TODAY)
    assert len(meant.best(meant.orders)) > 1


@pytest.mark.parametrize(
    ("said", "hour", "there"),
    [
        ("around half past nine this morning", 9, True),
        ("at two in the afternoon", 14, True),
        ("at two in the afternoon", 2, False),
        ("오후 세 시쯤에요", 15, True),
        ("시간이 없어서요", 15, False),
    ],
)
def test_hours(said: str, hour: int, there: bool) -> None:
    assert (hour in hours_said(said)) is there
