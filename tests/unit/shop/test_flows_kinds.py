"""Kinds of sentences that strangers said: what each wishes, and what is answered on the little shop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moksori.agent.tools import Language
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.matching.options import variant_meant
from moksori.shop.flows.matching.phrases import excluded, last_said
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.state import Heard, Say, State
from moksori.shop.flows.step import step
from moksori.shop.flows.wishes import wishes
from moksori.shop.snapshot import changes, snapshot
from tests.unit.shop.little import NOW
from tests.unit.shop.test_put_right import talk


@pytest.mark.parametrize(
    ("said", "flows"),
    [
        ("If the coffee turns out too bitter for us, could I send it back?", "policy"),
        ("Suppose the boots don't fit, can I exchange them?", "policy"),
        ("If it isn't too much trouble, could I return the pump?", "return"),
        ("The pump is broken, so it's going back.", "return"),
        ("호스 반품 신청해 놓은 거 있잖아요. 그 돈은 어떻게 되고 있어요?", "refund_status"),
        ("제주에 있는 조카한테 선물을 하나 보낼까 하는데 거기는 오래 걸리죠?", "policy"),
        (
            "오늘 시킨 호스를 사무실로 보내 주시면 좋겠고요, 배송은 보통 며칠이나 걸려요?",
            "change_address policy",
        ),
        ("제가 어제 뭘 주문했는지 기억이 안 나요. 봐 주실 수 있어요?", "orders"),
    ],
)
def test_what_is_wished(said: str, flows: str) -> None:
    assert sorted(goal.flow for goal in wishes(said)) == sorted(flows.split())


def test_what_is_not_wanted_may_have_a_preposition() -> None:
    wanted, not_wanted = excluded("put it on the gift card rather than on my Woori card")
    assert "gift card" in wanted and "woori card" in not_wanted


@pytest.mark.parametrize(
    ("said", "options"),
    [
        (
            "make it navy ... actually no, leave the beige. Medium instead of large",
            {"color": "beige", "size": "M"},
        ),
        ("네이비로, 아니, 색은 그대로 두고 엠으로요", {"color": "beige", "size": "M"}),
        ("navy and medium", {"color": "navy", "size": "M"}),
    ],
)
def test_what_was_taken_back_is_not_wanted(said: str, options: dict[str, str]) -> None:
    line = {"options": {"color": "beige", "size": "L"}}
    variants = [{"options": {"color": c, "size": s}} for c in ("beige", "navy") for s in ("M", "L")]
    found = variant_meant(last_said(said), line, variants) or variant_meant(said, line, variants)
    assert found is not None and found["options"] == options


@pytest.mark.parametrize(
    ("language", "between", "said", "flow"),
    [
        ("en", ("delivery", "cancel"), "The second one.", "cancel"),
        ("en", ("delivery", "refund_status"), "The first.", "delivery"),
        ("ko", ("delivery", "return"), "두 번째요.", "return"),
        ("ko", ("policy", "cart"), "장바구니 쪽이요.", "cart"),
    ],
)
def test_the_question_about_two_wishes_can_be_answered(
    language: Language, between: tuple[str, str], said: str, flow: str
) -> None:
    state, _ = step(State(language=language, between=between, before="the pump"), Heard(said, NOW.date()))
    assert state.goals and state.goals[0].flow == flow


def test_neither_of_two_wishes_is_asked_anew() -> None:
    state, actions = step(State(language="en", between=("delivery", "cancel")), Heard("Neither.", NOW.date()))
    assert not state.goals and not any(
        isinstance(action, Say) and "agent" in action.text for action in actions
    )


@pytest.fixture
def opened(little_file: Path, fresh: Callable[[Path], str]) -> Callable[[], ShopDesk]:
    return lambda: ShopDesk(fresh(little_file), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("language", "said", "there"),
    [
        ("en", "Which day did I order the vacuum?", "November 17"),
        ("ko", "청소기 언제 주문했죠?", "11월 17일"),
        ("en", "Will the navy t-shirt come between two and four?", "not the time of day"),
        ("ko", "남색 티셔츠 두 시 전에 오나요?", "몇 시"),
        ("en", "If the kimchi turns out not to be to my taste, could I send it back?", "food"),
    ],
)
async def test_what_is_answered(
    language: Language, said: str, there: str, opened: Callable[[], ShopDesk]
) -> None:
    desk = opened()
    await desk.start()
    call = await talk(desk, language, {"customerId": "C1"})
    assert there in (await call.say(said)).text
    await desk.close()


RETURN = "order/261113-1004/returns"


@pytest.mark.parametrize(
    ("language", "turns", "left"),
    [
        ("en", ["The kimchi of order 1004 was mouldy, I want to return it.", "Yes, it's too small.", "Hm."], {}),
        ("en", ["Return the t-shirt of order 1004, it's torn.", "Yes, I changed my mind.", "Yes."],
         {RETURN: "3x1 changed_mind"}),
        ("ko", ["1004번 티셔츠 찢어져서 반품할게요.", "네, 사이즈가 작아서요.", "네."], {RETURN: "3x1 wrong_size"}),
        ("en", ["The black tumbler of order 1005 stays. The t-shirt from 1004 is torn, so it goes back.", "Yes, but only the tumbler."],
         {}),
        ("en", ["We don't want the t-shirt of order 1004 after all, we just don't like it.", "Yes."], {RETURN: "3x1 changed_mind"}),
        ("en", ["Cancel order 1004.", "Yes."], {}),
        ("ko", ["장바구니에 김치 세트 두 개 담아 주세요.", "네, 하나만요.", "네."], {"cart/C1": "P1-redx2,P3-greenx1"}),
        ("ko", ["장바구니에 김치 세트 두 개 담아 주세요.", "네, 세 개요."], {}),
        ("en", ["Put three kimchi sets in my cart.", "Yes, just one.", "Yes."], {"cart/C1": "P1-redx2,P3-greenx1"}),
        ("en", ["Return the t-shirt of order 1004, it's torn.", "Yes, to my Hana card."], {}),
        ("ko", ["1004번 티셔츠 찢어져서 반품할게요.", "네, 하나 카드로요."], {}),
    ],
)  # fmt: skip
async def test_a_yes_that_says_another_thing_is_read_out_again(
    language: Language, turns: list[str], left: dict[str, str], opened: Callable[[], ShopDesk]
) -> None:
    desk = opened()
    await desk.start()
    assert desk.tools is not None
    before = await snapshot(desk.tools)
    call = await talk(desk, language, {"customerId": "C1"})
    said = [(turn, (await call.say(turn)).text) for turn in turns]
    assert changes(before, await snapshot(desk.tools)) == left, said
    await desk.close()


@pytest.mark.parametrize(
    ("said", "flows"),
    [
        ("I'd like to cancel the sweater. No, hang on, don't cancel it. Just make it a medium.", "exchange"),
        ("Cancel the socks please. No wait, don't cancel it.", "leave"),
        ("양말 취소해 주세요. 아니다, 취소하지 마시고 그냥 두세요.", "leave"),
        (
            "Cancel the fryer, please, and the jacket I ordered this morning, change that to L.",
            "cancel exchange",
        ),
        ("Add three helmets to my cart. Sorry, not three. Two is enough.", "cart_add"),
        ("기계 말고 사람 좀 바꿔 줘요. 환불받는 거 때문에 물어볼 게 있어.", "human"),
        ("결제를 카드로 해 버렸어요. 바꿔 주세요.", "change_payment"),
    ],
)
def test_what_is_taken_back_or_said_beside(said: str, flows: str) -> None:
    assert sorted(goal.flow for goal in wishes(said)) == sorted(flows.split())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("김치에 이상이 있는 건 아니고, 그냥 입에 안 맞아서요.", "changed_mind"),
        ("I've just gone off it, to be honest.", "changed_mind"),
        ("The kimchi had gone off.", "defective"),
    ],
)
def test_why(text: str, reason: str) -> None:
    assert reason_meant(text) == reason
