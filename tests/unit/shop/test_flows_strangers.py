"""A call that was opened for a customer whom the shop does not have: a stranger's, who may say who it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from moksori.agent.tools import Language
from moksori.shop.desk import ShopDesk
from tests.unit.shop.little import NOW
from tests.unit.shop.test_put_right import talk


@pytest.fixture
def opened(little_file: Path, fresh: Callable[[Path], str]) -> Callable[[], ShopDesk]:
    return lambda: ShopDesk(fresh(little_file), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("language", "said", "asked", "who", "then"),
    [
        (
            "en",
            "What are my recent orders?",
            "who you are",
            "It's 010-0000-1111, order number 261118-1001.",
            "1001",
        ),
        (
            "ko",
            "제 주문 내역 좀 알려 주세요.",
            "본인 확인",
            "010-0000-1111이고 주문번호는 261118-1001이에요.",
            "1001",
        ),
        ("en", "How much is shipping?", "won", "What are my recent orders?", "who you are"),
    ],
)
async def test_an_unknown_customer_is_a_stranger(
    language: Language, said: str, asked: str, who: str, then: str,
    opened: Callable[[], ShopDesk], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    desk = opened()
    await desk.start()
    call = await talk(desk, language, {"customerId": "C-nobody"})
    with caplog.at_level(logging.WARNING):
        assert asked in (await call.say(said)).text
    assert [r.message for r in caplog.records if "C-nobody" in r.message]
    assert then in (await call.say(who)).text
    await desk.close()
