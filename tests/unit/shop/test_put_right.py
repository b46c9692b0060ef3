"""Callers who put right what was understood, on the little shop: what they leave behind is what they meant last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moksori.agent.tools import Language
from moksori.shop.chat import TextCall
from moksori.shop.chat_cli import open_call
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.shop.flows.matching.counts import count_said
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.methods import methods_meant
from moksori.shop.flows.matching.phrases import ordinal
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.wishes import wishes
from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand
from moksori.shop.snapshot import changes, snapshot
from tests.unit.shop.little import NOW

RETURNS, EXCHANGE = "order/261113-1004/returns", "order/261113-1004/exchange"
CONVERSATIONS: list[tuple[Language, list[str], dict[str, str]]] = [
    # another item of the order, while the reason is asked
    ("en", ["I'd like to send back the tumbler from order 261113-1004.",
            "Hang on, no, I mean the T-shirt. It's too small. The tumbler is fine.", "Yes."], {RETURNS: "3x1 wrong_size"}),
    ("en", ["Return the t-shirt of 1004, please.", "Sorry, it's the kimchi I mean, it was mouldy. I keep the shirt.", "Yes, please."],
     {RETURNS: "2x1 defective"}),
    ("ko", ["261113-1004 주문 텀블러 반품할게요.", "아 잠깐만요, 텀블러 말고 티셔츠요. 작아서요.", "네."], {RETURNS: "3x1 wrong_size"}),
    ("ko", ["1004번 티셔츠 반품이요.", "아니 김치 세트요, 상했어요. 티셔츠는 괜찮아요.", "네, 그래 주이소."], {RETURNS: "2x1 defective"}),
    # another reason, after the sentence
    ("en", ["Return the t-shirt of order 1004, it's too small.", "No, it's torn, that's the reason.", "Yes."],
     {RETURNS: "3x1 defective"}),
    ("ko", ["1004번 주문 티셔츠 작아서 반품할게요.", "아니요, 찢어졌어요. 사이즈 때문이 아니고요.", "네."], {RETURNS: "3x1 defective"}),
    # another option, after the sentence
    ("en", ["The t-shirt from order 1004, I don't like the colour. Could I have a navy one?", "No wait, the black tumbler. I mean the tumblers, in red.",
            "Yes."], {EXCHANGE: "1>P1-redx2 changed_mind"}),
    ("ko", ["1004번 텀블러 마음에 안 들어서 빨간색으로 교환할래요.", "아니 빨간색 말고 검정이요.", "네, 그렇게 해 주세요."],
     {EXCHANGE: "1>P1-blackx2 changed_mind"}),
    # a day of arrival that no order has: it is asked which is meant, and not the latest taken
    ("en", ["The black tumbler I received on the 24th of October leaks, I want to return it as faulty.", "Yes, please."],
     {"order/261020-1005/returns": "1x1 defective"}),
    # a refusal stays one
    ("en", ["Cancel order 261118-1001.", "No, leave it."], {}),
    ("ko", ["261118-1001 취소해 주세요.", "아니요, 그냥 둘게요."], {}),
    # something came between, then the yes
    ("en", ["Could you cancel order 261118-1001?", "", "Sorry, the doorbell. Yes, cancel it."],
     {"order/261118-1001/status": "cancelled"}),
    ("ko", ["261118-1001 취소해 주세요.", "", "아, 죄송해요, 초인종이 울려서요. 네, 취소해 주세요."],
     {"order/261118-1001/status": "cancelled"}),
    # the cart
    ("en", ["There are two tumblers in my cart, the red ones. I only want one.", "Yes."], {"cart/C1": "P1-redx1"}),
    ("en", ["Take the tumbler out of my basket, please.", "Yes, go ahead."], {"cart/C1": ""}),
    ("ko", ["장바구니에 텀블러가 두 개 있는데 하나만 할게요.", "네."], {"cart/C1": "P1-redx1"}),
    ("ko", ["장바구니에서 텀블러 빼 주세요.", "네, 빼 주세요."], {"cart/C1": ""}),
    ("ko", ["장바구니에 김치 세트 하나만 담아 주세요.", "네, 담아 주세요."], {"cart/C1": "P1-redx2,P3-greenx1"}),
    ("en", ["Take the vacuum out of my basket.", "Yes."], {}),
    # two wishes for one order
    ("ko", ["261118-1001 결제는 상품권으로 바꾸고 배송지도 바꿔 주세요.", "네.", "서울특별시 마포구 월드컵로 45, 우편번호 04001이요.", "네."],
     {"order/261118-1001/address": "04001", "order/261118-1001/method": "gift-1"}),
]  # fmt: skip


async def talk(desk: ShopDesk, language: Language, variables: dict[str, str]) -> TextCall:
    flows = FlowsBrain(otherwise=None, language=language, clock=lambda: NOW)  # type: ignore[arg-type]
    return await open_call(desk, language, variables, flows)


@pytest.fixture
def opened(little_file: Path, fresh: Callable[[Path], str]) -> Callable[[], ShopDesk]:
    return lambda: ShopDesk(fresh(little_file), clock=lambda: NOW)


@pytest.mark.parametrize(("language", "turns", "left"), CONVERSATIONS, ids=[t[1][-2] for t in CONVERSATIONS])
async def test_what_was_meant_last_is_done(
    language: Language, turns: list[str], left: dict[str, str], opened: Callable[[], ShopDesk]
) -> None:
    desk = opened()
    await desk.start()
    assert desk.tools is not None
    before = await snapshot(desk.tools)
    call = await talk(desk, language, {"customerId": "C1"})
    said = [(turn, (await call.say(turn)).text) for turn in turns]
    assert changes(before, await snapshot(desk.tools)) == left, said
    assert all(answer for _, answer in said)
    await desk.close()


@pytest.mark.parametrize(
    ("language", "said", "there"),
    [
        ("en", "Is there an amount where delivery's free?", "won"),
        ("en", "And suppose you sent me the wrong thing, until when could I return it?", "days"),
        ("ko", "얼마 이상 사면 배송이 무료예요?", "원"),
        ("ko", "만약에 불량이면 언제까지 반품할 수 있어요?", "일"),
    ],
)
async def test_the_rules_are_told_to_anybody(
    language: Language, said: str, there: str, opened: Callable[[], ShopDesk]
) -> None:
    desk = opened()
    await desk.start()
    call = await talk(desk, language, {})
    reply = await call.say(said)
    assert there in reply.text and {tool.name for tool in reply.tools} <= {"search_policy"}, reply
    await desk.close()


@pytest.mark.parametrize(
    ("language", "said", "amount"),
    [
        ("en", "How much did I pay for the vacuum I ordered yesterday?", "300,000"),
        ("en", "What did the whole of order 261118-1001 come to? I mean how much did I pay?", "50,000"),
        ("ko", "어제 청소기 산 거 얼마 주고 샀더라?", "300,000"),
    ],
)
async def test_what_was_paid_is_told(
    language: Language, said: str, amount: str, opened: Callable[[], ShopDesk]
) -> None:
    desk = opened()
    await desk.start()
    call = await talk(desk, language, {"customerId": "C1"})
    assert amount in (await call.say(said)).text
    await desk.close()


async def test_the_same_is_never_asked_a_third_time_in_the_same_words(opened: Callable[[], ShopDesk]) -> None:
    desk = opened()
    await desk.start()
    call = await talk(desk, "en", {"customerId": "C1"})
    answers = [
        (await call.say(said)).text for said in ("I'd like to return something.", "Hm.", "Well.", "Er.")
    ]
    assert len(set(answers)) == len(answers), answers
    assert any("agent" in answer for answer in answers[2:])
    await desk.close()


# ---------------------------------------------------------------- the parts

LINES = [
    {"line": at, "name": {"ko": ko, "en": en}, "options": {"color": colour}, "quantity": 1}
    for at, (ko, en, colour) in enumerate(
        [("실내 슬리퍼", "House Slippers", "navy"), ("니트 스웨터", "Knit Sweater", "red"), ("니트 스웨터", "Knit Sweater", "black")], 1
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("the red sweater. The slippers are fine.", [2]),
        ("I keep the slippers, but the black sweater goes back", [3]),
        ("슬리퍼는 괜찮은데 빨간 스웨터가 작아요", [2]),
        ("슬리퍼는 그냥 쓸게요. 검정 스웨터만요", [3]),
    ],
)
def test_what_is_fine_is_not_meant(said: str, lines: list[int]) -> None:
    assert [line["line"] for line in lines_meant(said, LINES)] == lines


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Everything in the box was smashed.", "defective"),
        ("I've gone off the coffee, it's unopened.", "changed_mind"),
        ("It won't hold a charge.", "defective"),
        ("What came isn't the one I ordered.", "wrong_item"),
        ("It's a bit tight round the shoulders.", "wrong_size"),
        ("It doesn't match my sofa.", "changed_mind"),
        ("커서요", "wrong_size"),
        ("금이 가 있어요", "defective"),
        ("제가 시킨 게 아니에요", "wrong_item"),
        ("막상 보니까 너무 튀네요", "changed_mind"),
        ("고장은 아니고 그냥 싫증이 나서요", "changed_mind"),
    ],
)
def test_reasons_in_other_words(said: str, reason: str) -> None:
    assert reason_meant(said) == reason


@pytest.mark.parametrize(
    ("said", "count"),
    [("There are two of them, I only want one", 1), ("세 개 말고 두 개만요", 2), ("make it 3", 3)],
)  # fmt: skip
def test_how_many(said: str, count: int | None) -> None:
    assert count_said(said) == count


def test_which_of_what_was_offered() -> None:
    assert ordinal("the second one", 3) == 1
    assert ordinal("마지막 거요", 3) == -1
    assert ordinal("the third one", 2) is None


METHODS = [
    {"method_id": "gift", "kind": {"code": "gift_card"}, "ko": "상품권", "en": "your gift card"},
    {"method_id": "hana", "kind": {"code": "card"}, "ko": "하나 카드 끝자리 5985", "en": "your Hana card ending in 5985"},
    {"method_id": "bc", "kind": {"code": "card"}, "ko": "비씨 카드 끝자리 9334", "en": "your BC card ending in 9334"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "method"),
    [
        ("Move it from the gift card to my Hana card", "hana"),
        ("상품권에서 비씨 카드로 옮겨 주세요", "bc"),
        ("put it on the gift card instead of the BC card", "gift"),
    ],
)
def test_the_way_of_paying_that_is_left_is_not_meant(said: str, method: str) -> None:
    assert [m["method_id"] for m in methods_meant(said, METHODS)] == [method]


CANCEL = About.of(
    "I will cancel order 261127-3810, Basic T-Shirt (white, S), and refund 18,900 won to your Lotte card ending in 5131. "
    "Shall I go ahead?",
    (),
    "cancel_order",
)
CANCEL_KO = About.of(
    "주문 261118-2001, 텀블러(검정)을 취소하고 25,000원을 환불합니다. 진행할까요?", (), "cancel_order"
)


@pytest.mark.parametrize(
    ("about", "said", "yes"),
    [
        (CANCEL, "Sorry, the doorbell. Yes, cancel it.", True),
        (CANCEL, "Sorry, I was miles away. Yes please.", True),
        (CANCEL, "Sorry, the kettle. Yes, cancel it.", False),
        (CANCEL, "Sorry?", False),
        (CANCEL, "Sorry.", False),
        (CANCEL_KO, "네, 그래 주이소.", True),
        (CANCEL_KO, "죄송해요, 전화가 와서요. 네, 취소해 주세요.", True),
        (CANCEL_KO, "그려요, 해 줘유.", True),
        (CANCEL_KO, "죄송해요, 머그컵이요. 네.", False),
    ],
)
def test_a_yes_beside_words_without_weight(about: About, said: str, yes: bool) -> None:
    assert (understand(said, about) is Answer.YES) is yes


@pytest.mark.parametrize(
    ("said", "flows"),
    [
        ("That sweater I bought this morning, I went overboard. Can we just call it off?", "cancel"),
        ("결제는 기프트 카드로 바꾸고 배송지도 바꿔 주세요", "change_payment change_address"),
        ("I've two mugs in my basket and I just need one of them", "cart_set"),
        ("What percent off do I get with my level?", "points"),
    ],
)
def test_wishes_in_other_words(said: str, flows: str) -> None:
    assert " ".join(goal.flow for goal in wishes(said)) == flows
