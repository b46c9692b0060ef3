"""Without tools nothing was done: what a model claims then is not spoken."""

from __future__ import annotations

import pytest

from moksori.shop.claims import claims
from moksori.shop.unfounded import unfounded
from tests.unit.shop.test_claims import labelled

HELD = 0.9
PASSED = 0.85
"""Of the sentences that claim nothing; what the detector itself takes for a claim is held as it is on a call."""


@pytest.mark.parametrize("name", ["ko", "en", "ko-held-out", "en-held-out"])
def test_the_labelled_claims_are_held(name: str) -> None:
    """Whatever the detector finds is held here, but for claims that are about no business of the caller's."""
    rows = labelled(name)
    found = [text for text, claim in rows if claim and claims(text)]
    held = [text for text in found if unfounded(text) is not None]
    assert len(held) >= HELD * len(found), set(found) - set(held)
    innocent = [text for text, claim in rows if not claim]
    passed = [text for text in innocent if unfounded(text) is None]
    assert len(passed) >= PASSED * len(innocent), set(innocent) - set(passed)


@pytest.mark.parametrize(
    "said",
    [
        "Yes, your refund is complete.",
        "Your order is being processed.",
        "환불이 완료되었습니다.",
        "주문이 처리 중입니다.",
    ],
)
def test_what_the_local_model_was_heard_to_invent(said: str) -> None:
    instead = unfounded(said)
    assert instead is not None
    assert unfounded(instead) is None
    assert instead.isascii() == said.isascii()


@pytest.mark.parametrize(
    "said",
    [
        "The Eiffel Tower was completed in 1889.",
        "The capital was moved to Brasilia in 1960.",
        "I can't look that up here.",
        "에펠탑은 1889년에 완공되었습니다.",
        "무엇을 도와드릴까요?",
    ],
)
def test_what_a_model_may_tell(said: str) -> None:
    assert unfounded(said) is None
