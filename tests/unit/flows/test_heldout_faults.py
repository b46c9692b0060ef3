"""What the set by another hand has shown: each is a kind of mistake that led to a wrong write."""

from __future__ import annotations

import pytest

from moksori.shop.flows.details import address_in
from moksori.shop.flows.matching import reason_meant
from moksori.shop.guard.answers import About, Answer, understand

CANCEL = "주문 261118-2001, 텀블러(검정)을 취소하고 25,000원을 환불합니다. 진행할까요?"


@pytest.mark.parametrize(
    "said", ["네 261118-1001 취소요", "네 2611181001 취소해 주세요", "yes, cancel 261118-1001"]
)
def test_a_yes_to_another_order_is_no_yes(said: str) -> None:
    assert understand(said, About.of(CANCEL, (), "cancel_order")) is not Answer.YES


def test_a_yes_with_the_orders_own_number_is_one() -> None:
    assert understand("네 261118-2001 취소해 주세요", About.of(CANCEL, (), "cancel_order")) is Answer.YES


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("고장은 아니고 그냥 마음이 바뀌어서요", "changed_mind"),
        ("it's not broken, I just changed my mind", "changed_mind"),
        ("it's not working", "defective"),
    ],
)
def test_a_reason_that_it_is_not(said: str, reason: str) -> None:
    assert reason_meant(said) == reason


def test_house_and_flat_are_no_postcode() -> None:
    found = address_in("대전광역시 유성구 대학로 99, 104동 502호, 우편번호 34134요")
    assert found is not None and found["postcode"] == "34134"
