"""A yes that asks for the same thing once more is a yes; with anything in it that could be another thing it is none."""

from __future__ import annotations

import pytest

from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand

ADDRESS = About.of(
    "주문 261118-1001의 배송지 주소를 서울특별시 마포구 양화로 45 302호로 변경합니다. 진행할까요?",
    (),
    "change_order_address",
)
PAYMENT_KO = About.of(
    "주문 261118-1001의 결제 수단을 상품권으로 변경해 50,000원을 결제하고, 신한 카드 끝자리 1234 결제는 취소합니다. 진행할까요?",
    (),
    "change_order_payment",
)
PAYMENT_EN = About.of(
    "I will change the payment of order 261118-1001 to your gift card, charge 50,000 won there, and give it back to your "
    "Shinhan card ending in 1234. Shall I go ahead?",
    (),
    "change_order_payment",
)
ITEMS = About.of(
    "주문 261118-1001의 상품을 티셔츠(흰색) 2개 → 티셔츠(남색)으로 변경하고 차액 6,000원을 환불합니다. 진행할까요?",
    ("티셔츠(흰색)", "티셔츠(남색)"),
    "change_order_items",
)
ONE = About.of(
    "주문 261113-1004의 텀블러(파랑)을 반품 접수합니다. 상품을 회수한 뒤 20,000원을 환불합니다. 진행할까요?",
    ("텀블러(파랑)",),
    "return_items",
)
TWO = About.of(
    "I will request the return of 2 × Tumbler (blue) from order 261113-1004; once we have it back, 40,000 won is refunded. "
    "Shall I go ahead?",
    ("Tumbler (blue)",),
    "return_items",
)
SEVERAL = About.of(
    "I will cancel order 261118-1001, Tumbler (blue) and 2 × T-Shirt (white), and refund 50,000 won. Shall I go ahead?",
    ("Tumbler (blue)", "T-Shirt (white)"),
    "cancel_order",
)
SEVERAL_KO = About.of(
    "주문 261127-9683, 양말 세트(흰색), 보조 배터리(10000mAh, 검정)을 취소하고 47,800원을 하나 카드 끝자리 8548로 환불합니다. 진행할까요?",
    ("양말 세트", "보조 배터리"),
    "cancel_order cancel_order",
)
ONE_EN = About.of(
    "I will request the return of Bluetooth Speaker (green) from order 261122-2590 because of a fault; once we have it back, "
    "65,000 won is refunded to your KakaoBank bank account ending in 6058. Shall I go ahead?",
    ("Bluetooth Speaker",),
    "return_items",
)
OUT = About.of(
    "I will take 2 × Wireless Mouse (pink) out of your cart. Shall I go ahead?", (), "set_cart_item"
)
OUT_KO = About.of("장바구니에서 양말 세트(회색)을 빼 드립니다. 진행할까요?", (), "set_cart_item")
PUT = About.of(
    "I will put 1 × Yoga Mat (green) in your cart, at 32,900 won each. Shall I go ahead?", (), "set_cart_item"
)
MIXED = About.of(
    "운동화 2켤레와 티셔츠(흰색)을 반품하고 50,000원을 환불합니다. 진행할까요?",
    ("운동화", "티셔츠(흰색)"),
    "return_items",
)
CART = About.of(
    "장바구니에 티셔츠(남색)을 1개 담습니다. 개당 12,000원입니다. 진행할까요?", (), "set_cart_item"
)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (ADDRESS, "네 맞습니다 그 주소로 바꿔 주십시오"),
        (PAYMENT_KO, "네 그렇게 바꿔주세요"),
        (PAYMENT_EN, "Yes, please switch it"),
        (ITEMS, "네 바꿔주세요"),
        (ONE, "네 하나만 반품해 주세요"),
        (ONE, "네 텀블러만요"),
        (ITEMS, "네 두 장 다 바꿔 주세요"),
        (ADDRESS, "네, 새 주소 맞아요"),
        (TWO, "Yes, both of them"),
        (TWO, "yes, send them back"),
        (SEVERAL, "Yes please, the 1001 one"),
        (SEVERAL, "Yes, call it off."),
        (SEVERAL, "Yes, just that order."),
        (SEVERAL, "Yes, the tumbler order, please"),
        (SEVERAL, "Yes please, if you would."),
        (SEVERAL_KO, "네네, 그 주문만요."),
        (SEVERAL_KO, "네, 없던 걸로 해 주세요."),
        (SEVERAL_KO, "네, 보조배터리 들어 있는 주문만요"),
        (SEVERAL_KO, "네, 물러 주세요."),
        (ONE, "네, 도로 가져가세요"),
        (ONE, "네 그 텀블러만 반품해 주세요"),
        (ONE_EN, "Yes, just the speaker."),
        (ONE_EN, "Yes, only the green speaker please."),
        (ONE_EN, "Yes, come and collect it."),
        (ONE_EN, "Yes please, if it's no trouble, love"),
        (OUT, "Yes, both."),
        (OUT, "Yes, take them out."),
        (OUT_KO, "네, 양말만 빼 주세요."),
        (PAYMENT_KO, "네, 상품권으로 돌려 주세요"),
        (PAYMENT_EN, "Yes, move it to the gift card"),
        (CART, "네에 담아 주세요"),
    ],
)
def test_the_wish_said_again_with_a_yes_is_a_yes(about: About, said: str) -> None:
    assert understand(said, about) is Answer.YES


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (ADDRESS, "바꿔 주세요"),
        (ADDRESS, "네 집 주소로 바꿔 주세요"),
        (ADDRESS, "네 마포구로 바꿔 주세요"),
        (ADDRESS, "네 다른 주소로 바꿔 주세요"),
        (PAYMENT_KO, "네 신한 카드로 바꿔 주세요"),
        (PAYMENT_KO, "네 담아 주세요"),
        (PAYMENT_EN, "Yes, switch it back"),
        (PAYMENT_EN, "Yes, switch it to my Shinhan card"),
        (PAYMENT_EN, "change it"),
        (PAYMENT_EN, "yes but change it"),
        (ITEMS, "네 흰색으로 바꿔 주세요"),
        (ITEMS, "네 한 장만 바꿔 주세요"),
        (ONE, "네 둘 다 반품해 주세요"),
        (TWO, "yes, just the one"),
        (TWO, "yes, one of them"),
        (SEVERAL, "yes, just the one"),
        (SEVERAL, "yes, both"),
        (MIXED, "네 하나만요"),
        (MIXED, "네 티셔츠만요"),
        (SEVERAL, "yes please, the 1007 one"),
        (SEVERAL_KO, "네, 보조배터리만요"),
        (ONE, "네, 없던 걸로 해 주세요"),
        (ONE_EN, "Yes, just the shoes."),
        (ONE_EN, "Yes, if it's free"),
        (OUT, "Yes, just one"),
        (PUT, "Yes, take it out"),
        (CART, "담아 주세요"),
        (CART, "네 두 개 담아 주세요"),
        (CART, "네 흰색도 담아 주세요"),
    ],
)
def test_what_could_be_another_thing_is_no_yes(about: About, said: str) -> None:
    assert understand(said, about).voids
