"""Kinds of speech that were taken for another wish, each in words the model has not learnt."""

from __future__ import annotations

import pytest

from moksori.shop.flows.wishes import wishes

SAID = [
    ("Could you dig out the reference of what I bought on Tuesday? The kettle, I think.", "orders"),
    ("I've deleted the mail by accident, and I'd need the number for the backpack I got today.", "orders"),
    ("지난주에 산 커튼 주문번호가 어떻게 되죠?", "orders"),
    ("The app says my lamp arrived at noon but the doorstep's empty.", "lost"),
    ("It says my sweater was dropped off today. I was home all morning, there is no parcel.", "lost"),
    ("도착했다고 떴는데 집에 와 보니 아무것도 없어요.", "lost"),
    ("배송 완료라는데 경비실에도 없어요. 택배사에 확인 좀 해 주세요.", "lost"),
    ("How much must I spend so I'm not charged for postage?", "policy"),
    ("얼마 넘으면 배송비 공짜예요?", "policy"),
    ("여기 제주인데 주문하면 며칠 걸려요?", "policy"),
    ("상담원분들 몇 시까지 계세요? 연결은 안 하셔도 돼요.", "policy"),
    ("Are your raincoats any good in heavy rain?", "product"),
    ("방석 세탁기에 돌려도 되나요?", "product"),
    ("거기 에어프라이어 큰 거는 얼마나 해요? 검은색으로.", "product"),
    ("What kind of member am I with you?", "points"),
    ("There was a black mouse in my last order and my son wants a white one now. Possible to exchange?", "exchange"),
    ("장바구니 정리 좀 하려고요. 회색 양말 세트 그거 빼 주세요, 크림은 놔두시고.", "cart_set"),
    ("When does my hoodie arrive, and what's it going to cost me if I don't like it and send it back?", "delivery policy"),
    ("머그컵 취소해 주세요. 그리고 환불은 며칠 걸려요?", "cancel policy"),
    ("I have a complaint. The courier shouted at my son, and I want somebody there to deal with it.", "complaint"),
    ("배송기사가 너무 무례해서 항의하려고요. 상담원 좀 바꿔 주세요.", "complaint"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "flows"), SAID)
def test_a_kind_of_wish(said: str, flows: str) -> None:
    assert " ".join(goal.flow for goal in wishes(said)) == flows


@pytest.mark.parametrize(
    "said",
    [
        "What happens if my parcel gets lost?",
        "Please leave it with my neighbour, I'm not at home.",
        "배송 완료된 지 하루밖에 안 됐는데 반품할 수 없나요?",
        "The sweater was delivered but it's nothing like the photo, I want to return it.",
    ],
)
def test_nobody_is_sent_after_a_parcel_that_is_not_lost(said: str) -> None:
    assert "lost" not in [goal.flow for goal in wishes(said)]
