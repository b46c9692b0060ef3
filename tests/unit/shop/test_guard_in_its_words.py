"""What was read out, said back in other words or written otherwise by a recogniser, is a yes; anything else is none."""

from __future__ import annotations

import pytest

from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand

HOODIE = About.of(
    "I will put 1 × Zip Hoodie (green, M) in your cart, at 49,900 won each. Shall I go ahead?",
    (),
    "set_cart_item",
)
TOWELS = About.of(
    "I will put 2 × Bath Towel (blue) in your cart, at 12,000 won each. Shall I go ahead?",
    (),
    "set_cart_item",
)
TWO_GOODS = About.of(
    "I will cancel order 261127-9683, Tumbler (blue) and Curtains (beige, large), and refund 47,800 won to your Hana card "
    "ending in 8548. Shall I go ahead?",
    (),
    "cancel_order",
)
JACKET = About.of(
    "I will change order 261127-9994: Down Jacket (black, L) → Down Jacket (beige, M), at the same price. Shall I go ahead?",
    (),
    "change_order_items",
)
CURTAINS = About.of(
    "I will request the return of Blackout Curtains (beige) from order 261122-2590 because of a fault; once we have it back, "
    "56,000 won is refunded to your BC card ending in 5879. Shall I go ahead?",
    (),
    "return_items",
)
DRYER = About.of(
    "I will cancel order 261127-9994, Hair Dryer (white), and refund 54,900 won to your Lotte card ending in 7012. Shall I "
    "go ahead?",
    (),
    "cancel_order",
)
FRYER_KO = About.of(
    "주문 261127-8995의 상품을 에어프라이어(검정, 대형) → 에어프라이어(베이지, 대형)으로 변경합니다. 차액은 없습니다. 진행할까요?",
    (),
    "change_order_items",
)
SMALLER_KO = About.of(
    "주문 261127-8995의 상품을 에어프라이어(검정, 대형) → 에어프라이어(베이지, 중형)으로 변경합니다. 차액은 없습니다. 진행할까요?",
    (),
    "change_order_items",
)
SHIRT_KO = About.of(
    "장바구니에 기본 티셔츠(검정, L)을 2개 담습니다. 개당 15,900원입니다. 진행할까요?", (), "set_cart_item"
)
SNEAKERS_KO = About.of(
    "단순 변심으로 주문 261124-8026의 캔버스 스니커즈(흰색, 270)을 반품 접수합니다. 상품을 회수한 뒤 54,900원을 현대 카드 끝자리 0765로 "
    "환불합니다. 진행할까요?",
    (),
    "return_items",
)
ADDRESS_KO = About.of(
    "주문 261127-6784의 배송지 주소를 부산광역시 해운대구 센텀중앙로 97로 변경합니다. 진행할까요?",
    (),
    "change_order_address",
)
TWO_GOODS_KO = About.of(
    "주문 261127-9683, 캔버스 스니커즈(흰색, 270)과 헤어 드라이어(흰색)을 취소하고 47,800원을 하나 카드 끝자리 8548로 환불합니다. 진행할까요?",
    (),
    "cancel_order",
)

YES = [
    (HOODIE, ["Yes, make it one.", "Yes, make it just the one.", "Yes, medium please.", "Yes, green in medium."]),
    (TOWELS, ["Both, please.", "Both of them, please.", "Yes, both.", "Yes, make it two.", "Yes, make that two please."]),
    (TWO_GOODS, ["Both, please.", "Yes, both of them.", "Yes, Consolute.", "Yes, the both of them please."]),
    (JACKET, [
        "Yes, beige in medium.", "Yes, the medium in beige.", "Yes, make it beige.", "Yes, make it the medium.",
        "Yes, from black to beige.", "Yes, the large to medium.",
    ]),
    (CURTAINS, ["Yes, the curtins.", "Yes, the black out curtains."]),
    (DRYER, ["Yes, the hairdryer.", "Yes, Consolute."]),
    (FRYER_KO, ["네, 베이지 큰 거로요.", "네, 베이지 큰 걸로 해 주세요.", "네, 베이지 라지로요.", "네, 큰 거 베이지요."]),
    (SMALLER_KO, ["네, 베이지 미디엄으로요.", "네, 대형을 중형으로요.", "네, 중간 거 베이지로요."]),
    (SHIRT_KO, ["네, 검은색 라지요.", "네, 라지로 두 장이요.", "네, 엘로 두 장 담아 주세요.", "둘 다 주세요."]),
    (SNEAKERS_KO, ["네, 스니커스요.", "네, 쓰니커즈 반품해 주세요.", "네, 스니커스만요."]),
    (ADDRESS_KO, ["네, 이 주문만 그쪽으로 보내 주세요.", "네, 그 주문만 거기로 보내 주세요."]),
]  # fmt: skip

NONE = [
    (HOODIE, [
        "Yes, make it two.", "Make it one.", "Yes, make it large.", "Yes, the big one.", "Yes, make it black.",
        "Yes, extra large.", "One, in black, please.", "Yes, the small one.",
    ]),
    (TOWELS, ["Both?", "Both.", "Yes, make it one.", "Both, in green, please.", "Yes, make it three.", "Both orders, please."]),
    (TWO_GOODS, [
        "The tumbler, please.", "Yes, the tumblar.", "Yes, just the curtins.", "Not both, please.", "Both? Please, no.",
        "Consolute.", "Yes, consult my husband.", "Yes, consolidate.",
    ]),
    (JACKET, [
        "Yes, large in beige.", "Yes, the large beige one.", "Yes, black in medium.", "Yes, make it black.",
        "Yes, make it the large.", "Yes, in small.", "Yes, beige to black.", "Yes, the big one.", "Yes, make it two.",
    ]),
    (CURTAINS, ["Yes, the cartons.", "Yes, the certain one.", "Yes, Consolute.", "Yes, the slippers."]),
    (DRYER, ["Yes, the dryers and the iron.", "Yes, the tumble dryer.", "Yes, the hair straightener.", "Yes, the council."]),
    (FRYER_KO, ["네, 작은 거로요.", "네, 더 큰 거로요.", "네, 검정 큰 거로요.", "네, 큰 거 말고요.", "네, 제일 큰 거요.", "네, 미디엄으로요."]),
    (SMALLER_KO, ["네, 큰 거 베이지요.", "네, 대형 베이지요.", "네, 베이지 라지로요.", "네, 검정 중형이요."]),
    (SHIRT_KO, ["네, 엑스라지요.", "네, 미디엄이요.", "네, 라지 한 장만요.", "둘 다요?", "둘 다 주지 마세요.", "네, 흰색 라지요."]),
    (SNEAKERS_KO, ["네, 스웨터요.", "네, 스니커즈랑 양말요.", "네, 슬리퍼요."]),
    (TWO_GOODS_KO, ["네, 쓰니커즈만요.", "네, 스니커스요.", "네, 드라이어만 취소요.", "둘 다 주세요."]),
    (ADDRESS_KO, ["네, 다른 주문만 보내 주세요.", "네, 두 주문 다 거기로 보내 주세요.", "네, 집으로 보내 주세요."]),
]  # fmt: skip


@pytest.mark.parametrize(("about", "said"), [(about, said) for about, answers in YES for said in answers])
def test_what_was_read_out_in_other_words_is_a_yes(about: About, said: str) -> None:
    assert understand(said, about) is Answer.YES


@pytest.mark.parametrize(("about", "said"), [(about, said) for about, answers in NONE for said in answers])
def test_what_differs_or_may_be_another_thing_is_none(about: About, said: str) -> None:
    assert not understand(said, about).agrees
