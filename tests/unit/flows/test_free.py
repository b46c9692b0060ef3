"""What no flow covers: from the policy by a language model where there is one, else by retrieval, else asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from moksori.agent.brain import BrainEvent, BrainFailed, Finished, Said, Thought
from moksori.shop.chat import TextCall
from moksori.shop.chat_cli import open_call
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from tests.unit.shop.little import NOW


class Mind:
    """A language model: keeps what it was asked."""

    def __init__(self, says: str = "상품권은 유효 기간이 없습니다.", fails: bool = False) -> None:
        self.says, self.fails = says, fails
        self.asked: list[Thought] = []

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        self.asked.append(thought)
        if self.fails:
            raise BrainFailed("The language model is still loading.", code="server_warming_up")
        yield Said(self.says)
        yield Finished()


@pytest.fixture
async def desk(little_file: Path, fresh: Callable[[Path], str]) -> AsyncIterator[ShopDesk]:
    shop = ShopDesk(fresh(little_file), clock=lambda: NOW)
    await shop.start()
    yield shop
    await shop.close()


async def call(desk: ShopDesk, mind: Mind | None) -> TextCall:
    flows = FlowsBrain(otherwise=Mind(), clock=lambda: NOW)
    return await open_call(desk, "ko", {"customerId": "C1"}, flows if mind is None else flows.advised(mind))


async def test_the_model_gets_the_question_and_the_passages_and_nothing_else(desk: ShopDesk) -> None:
    mind = Mind()
    talk = await call(desk, mind)
    await talk.say("1001번 주문 취소해 주세요")
    await talk.say("아니요, 그대로 둘게요")
    reply = await talk.say("상품권 그거")
    assert reply.text == mind.says
    (asked,) = mind.asked
    assert [item.content[0].text for item in asked.history] == ["상품권 그거"]  # type: ignore[union-attr]
    assert "유효 기간이 없습니다" in asked.instructions and "제주" not in asked.instructions
    assert asked.tools == () and asked.max_tokens is not None


async def test_a_claim_of_the_model_is_held(desk: ShopDesk) -> None:
    talk = await call(desk, Mind("고객님의 주문을 취소하고 환불해 드렸습니다."))
    reply = await talk.say("상품권 그거")
    assert "환불해 드렸습니다" not in reply.text


@pytest.mark.parametrize("said", ["상품권 유효기간 있어요?", "근데 상품권은 유효기간 없죠"])
@pytest.mark.parametrize("mind", [None, Mind(fails=True)])
async def test_without_a_model_the_passage_itself_answers(
    desk: ShopDesk, mind: Mind | None, said: str
) -> None:
    reply = await (await call(desk, mind)).say(said)
    assert "유효 기간이 없습니다" in reply.text


@pytest.mark.parametrize("said", ["오늘 날씨 어때요", "어 그러니까 그게요", "what's the weather like"])
async def test_what_the_policy_does_not_speak_of_is_asked_again_and_no_model_guesses(
    desk: ShopDesk, said: str
) -> None:
    mind = Mind()
    reply = await (await call(desk, mind)).say(said)
    assert mind.asked == []
    assert "알아듣지 못" in reply.text or "didn't get" in reply.text
