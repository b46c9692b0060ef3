"""A yes with more in it: what the sentence says already is a yes, what it does not say is never carried out."""

from __future__ import annotations

import pytest

from moksori.agent.guard import CONFIRM
from moksori.shop.flows.state import Call, Goal, Heard, Proposal, State
from moksori.shop.flows.step import step
from tests.unit.shop.little import NOW

FLOWS = {
    "return_items": "return",
    "cancel_order": "cancel",
    "exchange_items": "exchange",
    "set_cart_item": "cart_add",
    "change_order_address": "change_address",
}


def read_out(sentence: str, tool: str) -> State:
    """The conversation where a sentence was read out that asks for a yes."""
    return State(goals=(Goal(FLOWS[tool], ""),), proposal=Proposal(tool, "token", sentence))


def agrees(read: State, said: str) -> bool:
    """Whether the flows have it carried out."""
    _, actions = step(read, Heard(said, NOW.date()))
    return any(isinstance(action, Call) and action.name == CONFIRM for action in actions)


RETURN_EN = read_out(
    "I will request the return of Bluetooth Speaker (green) from order 261122-2590 because of a fault; once we have it "
    "back, 65,000 won is refunded to your KakaoBank bank account ending in 6058. Shall I go ahead?",
    "return_items",
)
BOTH_EN = read_out(
    "I will cancel order 261118-1001, Tumbler (blue) and T-Shirt (white), and refund 50,000 won to your Shinhan card ending "
    "in 1234. Shall I go ahead?",
    "cancel_order",
)
SWAP_EN = read_out(
    "I will exchange in order 261120-3462 Wireless Mouse (black) for Wireless Mouse (green) because you changed your mind, "
    "at the same price. Shall I go ahead?",
    "exchange_items",
)
CART_EN = read_out(
    "I will put 2 × Yoga Mat (green) in your cart, at 32,900 won each. Shall I go ahead?",
    "set_cart_item",
)
PLACE_EN = read_out(
    "I will change the address of order 261118-1001 to 45 Yanghwa-ro, Mapo-gu, Seoul, 04001. Shall I go ahead?",
    "change_order_address",
)
RETURN_KO = read_out(
    "상품 불량으로 주문 261124-8026의 헤어 드라이어(흰색)을 반품 접수합니다. 상품을 회수한 뒤 54,900원을 현대 카드 끝자리 0765로 "
    "환불합니다. 진행할까요?",
    "return_items",
)
BOTH_KO = read_out(
    "주문 261127-9683, 양말 세트(흰색)과 보조 배터리(10000mAh, 검정)을 취소하고 47,800원을 하나 카드 끝자리 8548로 환불합니다. "
    "진행할까요?",
    "cancel_order",
)
SWAP_KO = read_out(
    "단순 변심으로 주문 261120-3462의 무선 마우스(검정) → 무선 마우스(초록)으로 교환합니다. 차액은 없습니다. 진행할까요?",
    "exchange_items",
)
CART_KO = read_out(
    "장바구니에 요가 매트(초록)을 2개 담습니다. 개당 32,900원입니다. 진행할까요?",
    "set_cart_item",
)
PLACE_KO = read_out(
    "주문 261118-1001의 배송지 주소를 서울특별시 마포구 양화로 45 302호로 변경합니다. 진행할까요?",
    "change_order_address",
)

DANGEROUS = [
    (BOTH_EN, [
        "Yes, but only the tumbler.", "Yes, the T-shirt.", "Yes, one of them.", "Both? No.", "Yes, both, but keep the tumbler.",
        "Yes, both orders.", "Yes, all three.", "Both, and 1007 as well.", "Yes, both of them and the mug too.",
        "Yes, just the white one.", "Yes, the blue one only.", "Yes, except the T-shirt.", "Yes, and my other order.",
        "Yes, refund it to points.", "Yes, but to my other card.", "Yes, order 261118-1007.", "Both what?", "Not both.",
        "Yes, the first one.", "Yes, the tumbler, not the shirt.",
    ]),
    (RETURN_EN, [
        "Yes, it's too small.", "Yes, it's the wrong one.", "Yes, but I just changed my mind.", "Yes, the blue one.",
        "Yes, the headphones.", "Yes, from order 261122-2591.", "Yes, exchange it.", "Yes, send me a new one.",
        "Yes, to my Hana card.", "Yes, two of them.", "Yes, but not yet.", "Yes, if it's free.", "Yes, how long does it take?",
        "Yes, it isn't faulty though.",
    ]),
    (SWAP_EN, [
        "Yes, in blue.", "Yes, the red one.", "Yes, black.", "Yes, a keyboard.", "Yes, but white.", "Yes, two green ones.",
        "Yes, green or blue.", "Yes, return it.", "Yes, keep the black one.", "Yes, in a medium.",
    ]),
    (CART_EN, [
        "Yes, three.", "Yes, just one.", "Yes, in pink.", "Yes, and a tumbler.", "Both, in blue.", "Yes, take them out.",
        "Yes, one green and one pink.",
    ]),
    (PLACE_EN, [
        "Yes, number 54.", "Yes, but to the office.", "Yes, flat 302.", "Yes, postcode 04002.", "Yes, for both orders.",
        "Yes, order 1007.",
    ]),
    (BOTH_KO, [
        "네, 양말만요.", "네, 배터리만 취소해 주세요.", "네, 하나만요.", "둘 다요? 아니요.", "네, 둘 다요, 근데 양말은 빼고요.", "네, 세 개 다요.",
        "네, 둘 다랑 텀블러도요.", "네, 배터리 말고요.", "네, 흰색만요.", "네, 다른 주문도요.", "네, 적립금으로 환불해 주세요.",
        "네, 다른 카드로요.", "네, 261127-9684요.", "둘 다 말고요.", "네, 첫 번째 거요.", "둘 다 뭐요?", "네, 양말 세트요.", "네, 두 주문 다요.",
    ]),
    (RETURN_KO, [
        "네, 사이즈가 작아서요.", "네, 다른 게 왔어요.", "네, 그냥 변심이에요.", "네, 검정이요.", "네, 이어폰이요.", "네, 261124-8027이요.",
        "네, 교환으로요.", "네, 새 걸로 보내 주세요.", "네, 하나 카드로요.", "네, 두 개요.", "네, 근데 나중에요.", "네, 무료면요.",
        "네, 얼마나 걸려요?", "네, 고장은 아니에요.",
    ]),
    (SWAP_KO, [
        "네, 파란색으로요.", "네, 빨간 거요.", "네, 검정이요.", "네, 키보드요.", "네, 흰색이요.", "네, 초록 두 개요.", "네, 초록이나 파랑이요.",
        "네, 반품이요.", "네, 검정 그대로요.", "네, 미디엄으로요.",
    ]),
    (CART_KO, ["네, 세 개요.", "네, 하나만요.", "네, 분홍색으로요.", "네, 텀블러도요.", "네, 빼 주세요.", "네, 초록 하나 분홍 하나요."]),
    (PLACE_KO, ["네, 54번지요.", "네, 회사로요.", "네, 303호요.", "네, 우편번호 04002요.", "네, 두 주문 다요.", "네, 1007번이요."]),
]  # fmt: skip


def test_there_are_enough_of_both_languages() -> None:
    said = [answer for _, answers in DANGEROUS for answer in answers]
    korean = sum(any("가" <= c <= "힣" for c in answer) for answer in said)
    assert korean >= 40 and len(said) - korean >= 40


@pytest.mark.parametrize(("read", "said"), [(r, said) for r, answers in DANGEROUS for said in answers])
def test_what_could_be_another_thing_is_no_yes(read: State, said: str) -> None:
    assert not agrees(read, said)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (BOTH_EN, "Yes, both."),
        (BOTH_EN, "Yes, both of them, please."),
        (BOTH_EN, "Yes, cancel both."),
        (CART_EN, "Yes, both."),
        (BOTH_KO, "네, 둘 다요."),
        (BOTH_KO, "네, 둘 다 취소해 주세요."),
        (RETURN_EN, "Yes, it's a fault."),
        (RETURN_KO, "네, 불량이에요."),
    ],
)
def test_what_says_nothing_new_is_a_yes(read: State, said: str) -> None:
    assert agrees(read, said)
