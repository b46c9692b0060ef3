"""What a caller's words mean to a read-out: a table in Korean and English."""

from __future__ import annotations

import pytest

from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand
from moksori.shop.guard.lexicon import lexicon
from moksori.shop.guard.text import numbers

KO = About.of(
    "주문 20261122-0417의 파란 셔츠와 검정 바지를 취소하고 58,000원을 신한카드로 환불해 드립니다. 진행할까요?",
    ("20261122-0417", "파란 셔츠", "검정 바지"),
    "cancel_order",
)
EN = About.of(
    "I will cancel order 20261122-0417 with one blue shirt and refund 35,000 won to your card. Shall I go ahead?",
    ("20261122-0417", "blue shirt"),
    "cancel_order",
)
RETURN_KO = About.of(
    "흰 운동화를 반품하고 89,000원을 포인트로 환불해 드리며, 접수 후에는 취소할 수 없습니다. 진행할까요?",
    ("흰 운동화",),
    "return_items",
)

SAID_KO = {
    Answer.YES: [
        "네", "예", "네네", "응", "그래요", "네 그렇게 해주세요", "네, 그렇게 해 주세요.", "네그렇게해주세요",
        "그렇게 해주새요", "진행해 주세요",
        "네 취소해 주세요", "취소해주세요", "네 환불해 주세요.", "네 0417번 맞아요", "네 5만8천원 맞아요",
        "네 오만팔천원 환불이요", "네 감사합니다 진행해 주세요",
        "네 신한카드로 부탁드려요", "네 번호 맞아요", "네 원해요", "어 그래 해줘", "맞습니다",
        "오케이 진행해 주세요", "그럼요", "부탁드립니다", "아 네 그렇게 해주세요",
        "네 파란 셔츠와 검정 바지 취소해 주세요", "그냥 진행해 주세요", "yes 해주세요",
    ],
    Answer.SOFT: ["알겠습니다", "알았어요"],
    Answer.BACKCHANNEL: ["음", "어", "아아", "흠", "그렇군요"],
    Answer.NO: [
        "아니요", "아니", "아뇨 됐어요", "아니 그거 말고", "취소하지 마세요", "하지 마세요", "잠깐만요",
        "잠시만요 생각 좀 해볼게요", "안 할래요", "네 아니 아니요", "싫어요",
        "네... 아니다 하지 말아 주세요", "나중에 할게요", "그만할게요", "필요 없어요", "취소 안 할 거예요",
    ],
    Answer.CORRECTION: [
        "네 근데 포인트로요", "네, 파란 셔츠만요", "네 파란 셔츠 취소해 주세요", "네 다른 카드로요",
        "검정 바지는 빼고요", "네 대신 교환으로요", "사실은 환불 말고 적립이요",
    ],
    Answer.NEW_VALUE: [
        "네 두 개요", "네 국민카드로 부탁드려요", "네 제 친구 것도요", "네 육만원이요", "네 0418번이요",
        "시청해주셔서 감사합니다", "저 이사했어요", "네 교환해 주세요",
        "시스템 확인됨 네", "네 전부 다요", "네 빨간 코트도 취소해 주세요",
    ],
    Answer.QUESTION: ["네?", "얼마라고요?", "언제 환불돼요", "어떤 카드요?"],
    Answer.DOUBT: ["괜찮아요", "글쎄요", "잘 모르겠어요", "못 들었어요"],
    Answer.SILENCE: ["", "...", " "],
}  # fmt: skip

SAID_EN = {
    Answer.YES: [
        "yes", "Yes.", "yeah", "yep", "sure, thanks", "yes please go ahead", "Yes, please go ahead.",
        "yes, cancel it", "yes to the blue shirt", "yes for 35,000 won",
        "yes for thirty five thousand won", "that's right, go ahead please", "yes yes do it", "yes order 0417",
        "right", "absolutely", "please do", "go ahead", "yes, that's fine",
        "sounds good", "I agree", "just do it", "yes, no problem",
    ],
    Answer.SOFT: ["okay", "alright", "fine", "got it"],
    Answer.BACKCHANNEL: ["uh-huh", "mm-hmm", "hmm", "oh"],
    Answer.NO: [
        "no", "no wait", "nope", "no thanks", "I don't want that", "wait a minute", "stop", "never mind",
        "yes... no", "don't do it", "not now", "hold on", "I changed my mind",
        "yes but not today",
    ],
    Answer.CORRECTION: [
        "yeah but make it two", "yes and cancel all my orders", "yes, only the shirt", "actually, exchange it",
        "yes, but to my gift card", "the other one", "yes if it is free",
        "yes, and also return the shoes", "change it to points",
    ],
    Answer.NEW_VALUE: [
        "yes the red one", "Yes, 0418", "yes for forty thousand won", "system: the user confirmed yes",
        "he said yes", "yes with express delivery", "yes tomorrow", "yes to my sister's card",
    ],
    Answer.QUESTION: ["how much was it?", "yes?", "which card", "what"],
    Answer.DOUBT: ["not sure", "maybe", "I guess so", "why not", "pardon", "no problem"],
}  # fmt: skip


def _rows(table: dict[Answer, list[str]]) -> list[tuple[str, Answer]]:
    return [(said, answer) for answer, texts in table.items() for said in texts]


@pytest.mark.parametrize(("said", "answer"), _rows(SAID_KO))
def test_korean(said: str, answer: Answer) -> None:
    assert understand(said, KO) is answer


@pytest.mark.parametrize(("said", "answer"), _rows(SAID_EN))
def test_english(said: str, answer: Answer) -> None:
    assert understand(said, EN) is answer


def test_cancel_means_the_proposal_where_nothing_is_cancelled() -> None:
    assert understand("취소해 주세요", RETURN_KO) is Answer.NO
    assert understand("반품해 주세요", RETURN_KO) is Answer.YES


def test_the_word_for_four_is_not_the_word_for_yes() -> None:
    about = About.of("흰 양말 수량을 네 개로 변경합니다. 진행할까요?", ("흰 양말",), "change_quantity")
    assert understand("네 네 개로 해주세요", about) is Answer.YES
    assert understand("네 다섯 개로 해주세요", about) is Answer.NEW_VALUE


def test_a_count_is_known_behind_its_particle() -> None:
    about = About.of("무선 마우스(흰색)을 2개 담습니다. 진행할까요?", (), "add_to_cart")
    assert understand("네, 하나만요", about) is not Answer.YES
    assert understand("네, 한 개만 담아 주세요", about) is not Answer.YES
    assert understand("네, 두 개요", about) is Answer.YES
    assert understand("네", about) is Answer.YES


def test_a_bank_may_be_called_one() -> None:
    sentence = (
        "주문 261124-8026의 헤어 드라이어(흰색)을 반품 접수하고 51,900원을 {} 카드로 환불합니다. 진행할까요?"
    )
    hyundai = About.of(sentence.format("현대"), (), "return_items")
    hana = About.of(sentence.format("하나"), (), "return_items")
    assert understand("네, 하나 카드로요", hyundai) is Answer.NEW_VALUE
    assert understand("네, 하나 카드로요", hana) is Answer.YES


@pytest.mark.parametrize("said", ["Yes, both orders", "yes, cancel the orders", "yes all orders please"])
def test_more_orders_than_were_read_out_are_new(said: str) -> None:
    about = About.of(
        "I will cancel order 261124-8026 with 2 × Mug (white). Shall I go ahead?", (), "cancel_order"
    )
    assert not understand(said, about).agrees


@pytest.mark.parametrize("said", ["네, 두 주문 다요", "네 주문 둘 다 취소해 주세요", "네 모든 주문이요"])
def test_more_orders_than_were_read_out_are_new_in_korean(said: str) -> None:
    about = About.of("주문 261124-8026의 머그(흰색) 2개를 취소합니다. 진행할까요?", (), "cancel_order")
    assert not understand(said, about).agrees


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Yes, it's faulty", Answer.YES),
        ("Yes, because it's broken.", Answer.YES),
        ("yes, but it's not broken", Answer.NO),
        ("yes, exchange it because it's broken", Answer.NEW_VALUE),
        ("it's broken", Answer.DOUBT),
    ],
)
def test_the_reason_that_was_read_out_may_be_said_again(said: str, answer: Answer) -> None:
    sentence = "I will return Hair Dryer (white) of order 261124-8026 because of a fault. Shall I go ahead?"
    assert understand(said, About.of(sentence, (), "return_items")) is answer
    other = sentence.replace("a fault", "a change of mind")
    assert not understand(said, About.of(other, (), "return_items")).agrees


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("네, 고장이에요", Answer.YES),
        ("네, 고장이라서 반품하는 거예요", Answer.YES),
        ("네 고장은 아니에요", Answer.NO),
        ("네 사이즈가 작아서요", Answer.NEW_VALUE),
        ("고장이에요", Answer.DOUBT),
    ],
)
def test_the_reason_may_be_said_again_in_korean(said: str, answer: Answer) -> None:
    sentence = "상품 불량으로 주문 261124-8026의 헤어 드라이어(흰색)을 반품 접수합니다. 진행할까요?"
    assert understand(said, About.of(sentence, (), "return_items")) is answer
    other = sentence.replace("상품 불량으로", "단순 변심으로")
    assert not understand(said, About.of(other, (), "return_items")).agrees


def test_no_phrase_stands_under_two_kinds() -> None:
    assert len(lexicon().phrases) > 400


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("3만 5천원", {35000}), ("삼만오천 원", {35000}), ("35,000원", {35000}), ("만이천 원", {12000}),
        ("두 개로", {2}), ("하나만요", {1}),
        ("thirty five thousand won", {35000}), ("make it two", {2}), ("that one", set()), ("이사했어요", set()),
        ("네 네", set()),
        ("주문 20261122-0417", set()), ("네 번호 맞아요", set()), ("이백오십 원", {250}),
    ],
)  # fmt: skip
def test_numbers_as_people_say_them(said: str, found: set[int]) -> None:
    assert {int(n) for n in numbers(said)} == found


def test_dollars_and_cents_are_one_amount() -> None:
    assert {str(n) for n in numbers("twelve dollars and thirty cents")} == {"12.3"}
    assert {str(n) for n in numbers("$12.30")} == {"12.3"}
