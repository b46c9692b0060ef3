"""What callers wish, said in words that are in none of the utterances the model has learnt."""

from __future__ import annotations

from importlib.resources import files

import pytest

from moksori.shop.flows.intents import BUCKETS, features, intents
from moksori.shop.flows.matching.options import as_it_is, value_said
from moksori.shop.flows.matching.phrases import excluded
from moksori.shop.flows.wishes import BETWEEN, wishes

SAID = [
    ("I've two totes and would rather not have the white one, so please cancel that order.", "cancel"),
    ("I'd like to send them back rather than swap.", "return"),
    ("Which day will I see my lamp?", "delivery"),
    ("Could I have the sneakers in white rather than black?", "exchange"),
    ("How much must I spend so that delivery is free?", "policy"),
    ("My account should say 7 Donghae-daero, Haeundae-gu, Busan, 48000.", "account_address"),
    ("Could you find me somebody real to talk to?", "human"),
    ("My password is gone. Could somebody real ring me about that?", "human"),
    ("Can someone call me when it is delivered?", "policy"),
    ("Thanks, I think I've got everything. Goodbye.", "goodbye"),
    ("Cancel the mug, and tell me where the lantern is.", "cancel delivery"),
    ("교환 말고 반품할게요.", "return"),
    ("등산화는 그냥 안 보내 주셔도 되겠어요.", "cancel"),
    ("스탠드가 어디쯤 왔는지랑 적립금 얼마 있는지 알려 주세요.", "delivery points"),
    ("초록 노트는 빨간 거 말고 파란 걸로 부탁드려요.", "exchange"),
    ("그 돈 돌려준다더니 언제 들어와요?", "refund_status"),
    ("욕을 하던데요, 그 기사님. 불만 접수해 주세요.", "complaint"),
]


@pytest.mark.parametrize(("said", "flows"), SAID)
def test_a_wish_in_other_words(said: str, flows: str) -> None:
    learnt = "".join(
        files("moksori.shop.flows").joinpath(f"utterances-{language}.tsv").read_text("utf-8")
        for language in ("ko", "en")
    )
    assert f"\t{said}\n" not in learnt
    assert " ".join(goal.flow for goal in wishes(said)) == flows


@pytest.mark.parametrize("said", ["the white tote", "네 맞아요", "I see", "우편번호는 06236이에요"])
def test_an_answer_is_no_wish(said: str) -> None:
    assert wishes(said, 0.85) == []


def test_shares_sum_to_one_and_are_in_order() -> None:
    shares = list(intents().read("where is my order").values())
    assert sum(shares) == pytest.approx(1, abs=1e-4) and shares == sorted(shares, reverse=True)
    index, values = features("where is my order", ("delivery",))
    assert len(set(index.tolist())) == len(index) == len(values) and index.max() < BUCKETS


def test_the_caller_is_asked_only_about_wishes_that_have_a_name() -> None:
    for said in (
        "스니커즈 그거 좀 어떻게",
        "the thing with the lamp, could you sort that",
        "my order, you know",
    ):
        for goal in wishes(said):
            assert goal.flow != BETWEEN or len(goal.choices) == 2


def test_what_an_order_has_is_not_what_it_shall_become() -> None:
    assert "blue" not in as_it_is("I'd like blue ones instead of white") and "white" in as_it_is(
        "I'd like blue ones instead of white"
    )
    korean = as_it_is("흰색 키보드 말고 까만 걸로 보내 주세요")
    assert "흰색" in korean and "까만" not in korean


@pytest.mark.parametrize(
    ("said", "code", "there"),
    [
        ("엑스라지로 주세요", "XL", True),
        ("엑스라지로 주세요", "L", False),
        ("라지요", "L", True),
        ("이백오십으로", "250", True),
        ("the 350 one", "350ml", True),
        ("4 kilo", "4kg", True),
    ],
)
def test_sizes_as_they_are_said(said: str, code: str, there: bool) -> None:
    assert value_said(said, code) is there


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("단백질 바만 제가 먹고 나머지는 전부 반품할게요.", "단백질 바"),
        ("양말만 가지고 나머지는 취소해 주세요", "양말"),
        ("티셔츠만 교환하고 나머지는 반품할게요.", ""),
    ],
)
def test_what_is_kept_is_not_among_the_rest(said: str, kept: str) -> None:
    assert excluded(said)[1] == kept
