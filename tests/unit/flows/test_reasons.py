"""Why a thing goes back, in callers' words: no fault is made of what is none."""

from __future__ import annotations

from datetime import date

import pytest

from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.state import Goal, Heard, Proposal, State
from moksori.shop.flows.step import step

SAID = {
    "changed_mind": [
        "There's nothing wrong with it, I just look like a sausage in it.",
        "No fault, we'd just like the other colour.",
        "my daughter insists on a white one now",
        "It's fine, it's just in the way.",
        "None of us likes it.",
        "I clicked the wrong colour",
        "It's no good to me, I've got one already",
        "하자는 아니고 제가 낮은 게 편하더라고요",
        "고장난 건 아니고 그냥 안 쓰게 돼요",
        "문제는 없는데 남편이 싫대요",
        "불량은 아니고 단순 변심이에요.",
    ],
    "defective": [
        "The green speaker won't charge. At all.",
        "the whole box is crushed",
        "the handle's come loose",
        "the button fell off",
        "the box arrived soaked",
        "책상이 물바다예요. 밑에서 줄줄 새요",
        "지퍼가 안 닫혀요",
        "버튼이 안 눌려요",
    ],
    "not_as_described": [
        "You advertise them as waterproof and I had soaked socks in twenty minutes.",
        "The website says it's quiet but it sounds like a jet",
        "you said it was wool and it's not",
        "it's not actually leather",
        "이불이 순면이라 적혀 있어서 샀더니만 만져 보니 면이 아닌디요?",
        "방수라더니 물이 다 들어오던데요",
        "상품 설명하고 달라요.",
        "사진이랑 색이 너무 달라요",
    ],
    "wrong_size": [
        "a bit loose at the heel",
        "The glass containers turned out tiny.",
        "my feet fall straight out of them",
        "I can't get these jeans buttoned.",
        "my own fault, I ordered the wrong size",
        "the duvet is too small for our bed",
        "흰 이불 대형을 샀더니 침대 밖으로 질질 끌리네요.",
        "품이 남아돌아요",
        "커튼이 창문보다 짧아요",
    ],
    "wrong_item": [
        "I ordered black and got white",
        "there's a toaster in the box instead of the kettle",
        "시킨 건 파란색인데 빨간색이 왔어요",
        "다른 물건이 왔어요",
    ],
}


@pytest.mark.parametrize(("said", "reason"), [(s, r) for r, all_ in SAID.items() for s in all_])
def test_a_reason(said: str, reason: str) -> None:
    assert reason_meant(said) == reason


@pytest.mark.parametrize(
    "said",
    ["I'd like to return the mug", "the black one", "Could I exchange it for a 34?", "베개만 반품할래요"],
)
def test_no_reason_is_made_up(said: str) -> None:
    assert reason_meant(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "음, 잠깐만요. 반품 말고 그냥 같은 색 L로 교환할게요.",
        "No, don't return it, exchange it for an L instead.",
    ],
)
def test_an_exchange_in_place_of_a_return_has_its_reason(said: str) -> None:
    goal = Goal("return", "It is too big, I want to return it.", {"reason": "wrong_size"})
    proposal = Proposal("return_items", "token", "You return the jacket, because it does not fit. Shall I?")
    state = State(language="en", goals=(goal,), proposal=proposal)
    after, _ = step(state, Heard(said, date(2026, 11, 27)))
    assert (after.goals[0].flow, after.goals[0].slots["reason"]) == ("exchange", "wrong_size")
