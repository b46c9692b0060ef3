"""What the set by another hand has shown: each is a kind of mistake that led to a wrong write."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from moksori.shop.flows.details import address_in, email_in, name_in, phone_in
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.options import without_goal
from moksori.shop.flows.matching.orders import refer
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.wishes import flow_of
from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand

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


# ---------------------------------------------------------------- kinds of mistake that only refused or missed

TODAY = date(2026, 11, 18)


def order(number: str, placed: str, status: str, items: str) -> dict[str, Any]:
    return {
        "order_id": number,
        "placed_at": f"{placed}T10:00:00+09:00",
        "status": {"code": status},
        "items": {"ko": items, "en": items},
    }


ORDERS = [
    order("261118-1007", "2026-11-18", "paid", "텀블러(빨강)"),
    order("261118-1001", "2026-11-18", "paid", "텀블러(파랑), 티셔츠(흰색) 2개"),
    order("261116-1003", "2026-11-16", "shipped", "티셔츠(남색)"),
    order("261113-1004", "2026-11-13", "delivered", "텀블러(파랑) 2개, 티셔츠(흰색)"),
]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("월요일에 받은 티셔츠 반품할게요", "261113-1004"),  # the day of the parcel
        ("월요일에 주문한 티셔츠요", "261116-1003"),  # the day of the order
        ("그 제가 오늘 산 빨간 텀블러요", "261118-1007"),  # not "그제"
        (
            "오늘 산 빨간 텀블러 판교역로 1665, 5층으로 보내 주세요 경기도 성남시 분당구 판교역로 1665",
            "261118-1007",
        ),
    ],
)
def test_the_order_that_is_meant(said: str, first: str) -> None:
    assert refer(said, ORDERS, TODAY).orders[0]["order_id"] == first


def test_the_colour_that_is_wanted_is_not_the_orders() -> None:
    said = without_goal("the blue thing I bought today, I want that in red")
    assert "blue" in said and "red" not in said
    assert "빨간" not in without_goal("파란 텀블러를 빨간색으로 바꿔 주세요")


def test_all_of_the_items_that_are_named() -> None:
    lines = [
        {"line": 1, "name": {"ko": "텀블러", "en": "Tumbler"}, "options": {"colour": "blue"}},
        {"line": 2, "name": {"ko": "김치 세트", "en": "Kimchi Set"}, "options": {}},
    ]
    assert [line["line"] for line in lines_meant("텀블러 두 개 다 반품이요", lines)] == [1]
    assert [line["line"] for line in lines_meant("전부 다 반품이요", lines)] == [1, 2]


@pytest.mark.parametrize(
    ("said", "flow"),
    [
        ("can I have them in grey?", "exchange"),
        ("I'd like to get the white one instead", "exchange"),
        ("could you ship it to my mother's flat", "change_address"),
        ("I want to send it back to the shop", "return"),
        ("throw a mug in my basket please", "cart_add"),
        ("still no sign of my money, any news on the refund?", "refund_status"),
        ("장바구니에 담아 둬 주세요", "cart_add"),
        ("장바구니에 담아 둔 거 뭐죠", "cart"),
        ("매니저님하고 잠깐 직접 통화하고 싶어요", "human"),
    ],
)
def test_wishes_that_name_no_verb_or_another(said: str, flow: str) -> None:
    assert flow_of(said) == flow


def test_a_two_before_the_copula_is_a_digit() -> None:
    assert said_digits("공일공 공공공공 이이이이고요") == ("01000002222",)
    assert said_digits("일공공사이고요") == ("1004",)


@pytest.mark.parametrize(
    "said",
    [
        "166 Pangyoyeok-ro fifth floor Bundang-gu Seongnam Gyeonggi-do 13529",
        "166 Pangyoyeok-ro, floor 5, Bundang-gu, Gyeonggi-do, 13529",
        "send order 261118-1001 to 166 Pangyoyeok-ro, Bundang-gu, Gyeonggi-do, 13529",
    ],
)
def test_an_address_as_it_is_said(said: str) -> None:
    found = address_in(said)
    assert found is not None
    assert (found["line1"], found["region"], found["postcode"]) == (
        "166 Pangyoyeok-ro",
        "Gyeonggi-do",
        "13529",
    )


def test_a_name_and_then_a_number() -> None:
    assert name_in("Lee Minjun, 010-0000-2222") == "Lee Minjun"


@pytest.mark.parametrize(
    ("text", "name", "phone", "email"),
    [
        (
            "010-0005-8144이고 이메일은 yejun.jung@example.com입니다.",
            None,
            "01000058144",
            "yejun.jung@example.com",
        ),
        (
            "네, 이진우고요. 010-0003-0675입니다. 이메일은 lee@example.com이요.",
            "이진우",
            "01000030675",
            "lee@example.com",
        ),
        (
            "공일공 공공공삼 사삼구육이고요, 이메일은 choi@example.com이에요.",
            None,
            "01000034396",
            "choi@example.com",
        ),
        ("저는 최지우예요. 공일공 일이삼사 오육칠팔이요", "최지우", "01012345678", None),
    ],
)
def test_who_somebody_is_in_korean(text: str, name: str | None, phone: str, email: str | None) -> None:
    assert (name_in(text), phone_in(text), email_in(text)) == (name, phone, email)
