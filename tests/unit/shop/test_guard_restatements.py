"""A yes that restates the proposal is one, and a yes that speaks of anything else is none: no wrong write, ever.

Proposals are made as `texts/read_out.toml` says them, restatements out of their own words and others' words.
"""

from __future__ import annotations

import itertools

import pytest

from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand

YES_EN = ("Yes, {}", "Yes {} please", "yeah, {}", "Sure, {}")
YES_KO = ("네, {}", "네 {}", "예 {}", "응 {}")
COLOURS = {"white": "흰색", "blue": "파랑", "black": "검정", "red": "빨강"}
GOODS = {"Running Shoes": "러닝화", "Bluetooth Earbuds": "블루투스 이어폰", "Knit Sweater": "니트 스웨터"}


def cancel(good: str, colour: str, language: str) -> About:
    if language == "en":
        said = f"I will cancel order 261127-9994, {good} ({colour}), and refund 109,000 won to your Lotte card ending in 7012. Shall I go ahead?"
    else:
        said = f"주문 261127-9994, {GOODS[good]}({COLOURS[colour]})을 취소하고 109,000원을 롯데 카드 끝자리 7012로 환불합니다. 진행할까요?"
    return About.of(said, (), "cancel_order")


def change(good: str, old: str, new: str, language: str) -> About:
    if language == "en":
        said = f"I will change order 261127-9994: {good} ({old}) → {good} ({new}), at the same price. Shall I go ahead?"
    else:
        thing = GOODS[good]
        said = f"주문 261127-9994의 상품을 {thing}({COLOURS[old]}) → {thing}({COLOURS[new]})으로 변경합니다. 차액은 없습니다. 진행할까요?"
    return About.of(said, (), "change_order_items")


def all_of(texts: tuple[str, ...], restated: str) -> list[str]:
    return [text.format(restated) for text in texts]


@pytest.mark.parametrize(("good", "colour"), list(itertools.product(GOODS, COLOURS)))
def test_a_cancellation(good: str, colour: str) -> None:
    head = good.rsplit(maxsplit=1)[-1].lower()
    about = cancel(good, colour, "en")
    for other in COLOURS:
        for said in all_of(YES_EN, f"cancel the {other} {head}") + all_of(YES_EN, f"the {other} ones"):
            assert (understand(said, about) is Answer.YES) is (other == colour), said
    for another in GOODS:
        for said in all_of(YES_EN, f"cancel the {another.rsplit(maxsplit=1)[-1].lower()}"):
            assert (understand(said, about) is Answer.YES) is (another == good), said
    about = cancel(good, colour, "ko")
    for other, colour_ko in COLOURS.items():
        for said in all_of(YES_KO, f"{colour_ko} {GOODS[good]} 취소해 주세요"):
            assert (understand(said, about) is Answer.YES) is (other == colour), said
    for another, thing in GOODS.items():
        for said in all_of(YES_KO, f"{thing} 취소요") + all_of(YES_KO, f"{thing}요"):
            assert (understand(said, about) is Answer.YES) is (another == good), said


@pytest.mark.parametrize(
    ("good", "old", "new"), [(g, o, n) for g in GOODS for o, n in itertools.permutations(COLOURS, 2)]
)
def test_a_change(good: str, old: str, new: str) -> None:
    about = change(good, old, new, "en")
    for other in COLOURS:
        for said in (
            all_of(YES_EN, f"the {other} ones")
            + all_of(YES_EN, f"change it to {other}")
            + all_of(YES_EN, f"in {other}")
        ):
            assert (understand(said, about) is Answer.YES) is (other == new), said
    assert understand(f"Yes, change the {old} ones to {new}", about) is Answer.YES
    assert understand(f"Yes, change the {new} ones to {old}", about) is not Answer.YES
    about = change(good, old, new, "ko")
    for other, colour_ko in COLOURS.items():
        for said in all_of(YES_KO, f"{colour_ko}으로 바꿔 주세요") + all_of(YES_KO, f"{colour_ko}으로요"):
            assert (understand(said, about) is Answer.YES) is (other == new), said
    assert understand(f"네 {COLOURS[new]}을 {COLOURS[old]}으로요", about) is not Answer.YES


RETURN_EN = "I will request the return of Waterproof Backpack (black) and Denim Jeans (blue, 30) from order 261124-7042; once we have it back, 133,220 won is refunded to your Shinhan card ending in 3335, the return fee of 3,000 won already taken off. Shall I go ahead?"
RETURN_KO = "주문 261125-3160의 서큘레이터(검정), 실내 슬리퍼(남색, 대형) 외 1개를 반품 접수합니다. 상품을 회수한 뒤 반품비 3,000원을 뺀 94,706원을 농협은행 계좌 끝자리 1012로 환불합니다. 진행할까요?"
PAY_EN = "I will change the payment of order 261127-9008 to your gift card, charge 79,000 won there, and give it back to your Hana card ending in 5985. Shall I go ahead?"
PAY_KO = "주문 261127-8750의 결제 수단을 농협은행 계좌 끝자리 1012로 변경해 79,000원을 결제하고, 현대 카드 끝자리 4021 결제는 취소합니다. 진행할까요?"
PERSON = "I will pass this on to a colleague as a question about: other."


@pytest.mark.parametrize(
    ("sentence", "action", "said"),
    [
        (RETURN_EN, "return_items", "Yes, all of it"),
        (RETURN_EN, "return_items", "Yes, send them back"),
        (RETURN_EN, "return_items", "Yes, both items"),
        (RETURN_EN, "return_items", "Yes, the backpack and the jeans"),
        (RETURN_KO, "return_items", "네, 전부요"),
        (RETURN_KO, "return_items", "네 다 반품해 주세요"),
        (PAY_EN, "change_order_payment", "Yes, use the gift card"),
        (PAY_EN, "change_order_payment", "Yes, put it on my gift card"),
        (PAY_KO, "change_order_payment", "네 농협 계좌로 해 주세요"),
        (PAY_KO, "change_order_payment", "네 농협으로 바꿔 주세요"),
        (PERSON, "hand_over", "Yes, please put me through"),
    ],
)
def test_words_that_say_the_same(sentence: str, action: str, said: str) -> None:
    assert understand(said, About.of(sentence, (), action)) is Answer.YES


@pytest.mark.parametrize(
    ("sentence", "action", "said"),
    [
        (RETURN_EN, "return_items", "Yes, the backpack"),
        (RETURN_EN, "return_items", "Yes, return the shoes"),
        (RETURN_EN, "return_items", "Yes, just the jeans"),
        (RETURN_KO, "return_items", "네 서큘레이터요"),
        (RETURN_KO, "return_items", "네 슬리퍼만 반품할게요"),
        (PAY_EN, "change_order_payment", "Yes, use the Hana card"),
        (PAY_EN, "change_order_payment", "Yes, use the card"),
        (PAY_EN, "change_order_payment", "Yes, with my points"),
        (PAY_EN, "change_order_payment", "cancel that"),
        (PAY_KO, "change_order_payment", "네 현대 카드로 해 주세요"),
        (PAY_KO, "change_order_payment", "취소"),
    ],
)
def test_words_that_may_mean_another(sentence: str, action: str, said: str) -> None:
    assert not understand(said, About.of(sentence, (), action)).agrees


def test_the_verb_alone_means_a_proposed_cancellation() -> None:
    assert understand("cancel it please", cancel("Running Shoes", "white", "en")) is Answer.YES
    assert understand("취소", cancel("Running Shoes", "white", "ko")) is Answer.YES
    assert understand("don't cancel it", cancel("Running Shoes", "white", "en")) is Answer.NO
    assert understand("취소하지 마세요", cancel("Running Shoes", "white", "ko")) is Answer.NO


SIZE_KO = "주문 261127-4991의 상품을 등산화(회색, 260) → 등산화(회색, 270)으로 변경합니다. 차액은 없습니다. 진행할까요?"
SIZE_EN = "I will change order 261127-4991: Hiking Boots (grey, 260) for Hiking Boots (grey, 270), at the same price. Shall I go ahead?"
TWO_KO = "주문 261127-4250, 경량 패딩(검정, XL), 논스틱 프라이팬(28cm)을 취소하고 136,900원을 삼성 카드 끝자리 4467로 환불합니다. 진행할까요?"


@pytest.mark.parametrize(
    ("sentence", "action", "said", "agrees"),
    [
        (SIZE_KO, "change_order_items", "네, 270으로요.", True),
        (SIZE_KO, "change_order_items", "네, 260 말고 270이요.", True),
        (SIZE_KO, "change_order_items", "네, 270 사이즈로 부탁드려요.", True),
        (SIZE_KO, "change_order_items", "네, 260으로요.", False),
        (SIZE_KO, "change_order_items", "네, 이백육십으로요.", False),
        (SIZE_KO, "change_order_items", "네, 270 말고 280이요.", False),
        (SIZE_EN, "change_order_items", "Yes, 270 instead of 260.", True),
        (SIZE_EN, "change_order_items", "Yes, 260 instead of 270.", False),
        (SIZE_EN, "change_order_items", "Yes, 280 instead of 260.", False),
        (TWO_KO, "cancel_order", "네, 패딩이랑 프라이팬 그거요.", True),
        (TWO_KO, "cancel_order", "네, 패딩이랑요.", False),
        (TWO_KO, "cancel_order", "네, 패딩이랑 이불이요.", False),
    ],
)
def test_what_goes_and_what_comes(sentence: str, action: str, said: str, agrees: bool) -> None:
    assert understand(said, About.of(sentence, (), action)).agrees is agrees


def test_a_postcode_that_is_not_read_out_may_be_said_again() -> None:
    sentence = "주문 261127-5316의 배송지 주소를 제주특별자치도 제주시 연삼로 410 2동 301호로 변경합니다. 진행할까요?"
    about = About.of(sentence, (), "change_order_address", "63291")
    assert understand("네, 63291 맞아요.", about).agrees
    assert not understand("네, 63219 맞아요.", about).agrees
