"""What a recogniser garbles is known among this caller's few orders, with a margin; what is close to two is asked."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching.heard import name_heard
from moksori.shop.flows.matching.names import mentions
from moksori.shop.flows.matching.orders import refer

TODAY = date(2026, 11, 18)


def order(number: str, ko: str, en: str) -> dict[str, Any]:
    return {
        "order_id": number,
        "placed_at": "2026-11-18T12:00:00+09:00",
        "status": {"code": "paid"},
        "items": {"ko": ko, "en": en},
    }


ORDERS = [
    order("261118-1007", "자전거 펌프(검정)", "Bicycle Pump(black)"),
    order(
        "261118-3554", "전동 드릴(노랑), 드릴 비트 세트(은색)", "Power Drill(yellow), Drill Bit Set(silver)"
    ),
    order("261117-2290", "정원 호스(초록)", "Garden Hose(green)"),
    order("261116-2291", "해먹(파랑)", "Hammock(blue)"),
]


@pytest.mark.parametrize(
    ("heard", "digits"),
    [
        ("one double oh seven", "1007"),
        ("1-0-0-7", "1007"),
        ("one, zero, zero, seven", "1007"),
        ("1, 0, 0, 7", "1007"),
        ("one thousand and seven", "1007"),
        ("two thousand two hundred ninety", "2290"),
        ("three triple five... I mean three double five four", "3554"),
        ("일, 공, 공, 칠이요", "1007"),
        ("이 이 구 공이요", "2290"),
        ("Oh, one double oh seven", "1007"),
    ],
)
def test_digits_however_they_are_grouped(heard: str, digits: str) -> None:
    assert digits in said_digits(heard)


@pytest.mark.parametrize(
    "heard", ["it cost one thousand won", "two thousand points", "thirty one thousand won"]
)
def test_an_amount_is_no_number_of_an_order(heard: str) -> None:
    assert not any(len(digits) >= 4 for digits in said_digits(heard))


@pytest.mark.parametrize(
    ("heard", "means"),
    [
        ("order 1-0-0-07", "261118-1007"),
        ("it's order 107", "261118-1007"),
        ("the number is three five four", "261118-3554"),
        ("107번이요", "261118-1007"),
    ],
)
def test_a_repeated_digit_that_was_lost(heard: str, means: str) -> None:
    assert [o["order_id"] for o in refer(heard, ORDERS, TODAY).orders] == [means]


@pytest.mark.parametrize("heard", ["order 229", "I paid 107 thousand", "size 107 please", "order 147"])
def test_three_digits_that_can_be_two_orders_or_none_are_none(heard: str) -> None:
    assert not refer(heard, ORDERS, TODAY).named


NAMES = ["자전거 펌프", "전동 드릴", "정원 호스", "해먹"]


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("자쩡거 폄프 취소해 주세요", "자전거 펌프"),
        ("정언 오스 언제 와요?", "정원 호스"),
        ("전똥 뜨릴 반품할게요", "전동 드릴"),
        ("전둥 들릴 반품할게요", "전동 드릴"),
    ],
)
def test_a_garbled_name_is_the_one_it_comes_near_to(heard: str, name: str) -> None:
    assert name_heard(heard, NAMES) == name


@pytest.mark.parametrize(
    "heard",
    [
        "취소해 주세요",
        "그거 반품하고 싶은데요",
        "언제 도착하나요?",
        "네, 그렇게 해 주세요",
        "세탁기 취소해 주세요",
        "서울시 마포구 양화로 45",
    ],
)
def test_other_words_are_no_name(heard: str) -> None:
    assert name_heard(heard, NAMES) is None


def test_between_two_names_that_sound_alike_none_is_taken() -> None:
    assert name_heard("무선 마으크 반품이요", ["무선 마우스", "무선 마이크"]) is None


@pytest.mark.parametrize(
    ("said", "name", "there"),
    [
        ("the sneakers don't fit", "Canvas Trainers", True),
        ("I'd like to return the jumper", "Wool Pullover", True),
        ("my rucksack", "School Backpack", True),
        ("my backpack", "Shoulder Bag", False),
        ("the headphones", "Garden Hose", False),
        ("my sweater", "Knit Hat", False),
        ("운동화 반품이요", "여름 단화", True),
        ("니트요", "울 쉐터", True),
    ],
)
def test_everyday_words_name_the_goods_of_any_shop(said: str, name: str, there: bool) -> None:
    assert mentions(said, name) is there
