"""Everyday requests as callers make them: roundabout, elderly, hurried, in two sentences; none of them was learnt."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from moksori.shop.flows.matching.methods import methods_meant
from moksori.shop.flows.matching.orders import refer
from moksori.shop.flows.reads import delivery
from moksori.shop.flows.state import Goal, State
from moksori.shop.flows.wishes import wishes

SAID = """
orders | Morning. My wife placed something on our account last night and I'd like to know what it was.
orders | I closed the confirmation page too quickly, so I've no idea what my order number is.
orders | Did my purchase from this morning actually register? I never got an email.
orders | What have I spent with you this month, I mean, what did I buy?
delivery | It was meant to be here yesterday and I've been sat in all day. Any idea what's going on with my parcel?
delivery | Hiya, any news on the heater?
delivery | I'm going away on Monday. Will the suitcase be here before then?
delivery | Is the kettle on a van yet or still sitting in your warehouse?
delivery | Can you tell me whereabouts my boots have got to, love?
delivery | The courier website isn't loading. What's the tracking code for my shelves?
delivery | I ordered three days ago and heard nothing since. Has it even been posted?
lost | It says it was handed to a resident, but nobody here has it and I've looked everywhere.
lost | Your site claims it was delivered at ten this morning. I've been in all day and no one came.
change_address | If the toaster hasn't been sent yet, could it go to my sister? She is at 12 Seobu-ro, Jinju, 52704.
change_address | I've just realised my last order is going to my old flat. Can that be fixed before you post it?
change_address | We're at my mother's until Friday, so please have the blankets brought there.
change_address | I put the wrong house number on today's order.
change_address | Send the mug to work rather than home, would you?
account_address | We've moved house, so could you put our new address on file for future orders?
exchange | I went for large but I reckon I need a medium. It hasn't gone out yet, has it? Could you swap it over?
exchange | The jumper's lovely but it's a bit snug. Have you got the next size up?
exchange | Could I have the cushion in green instead? I ordered the yellow one this morning.
exchange | These trainers rub at the heel. I'd like the same pair half a size bigger.
exchange | On second thoughts the white one will show every mark. Make it the black, please.
exchange | The left speaker is dead. I don't want my money back, just a working set.
change_payment | It's set to come out of my bank, but I'd rather it went on my credit card.
change_payment | I picked the wrong card at the checkout. Can the order go on the other one?
change_payment | Could you use my points for that instead of charging the card?
change_payment | My card's about to expire. Take it from my account for the rug I ordered.
cancel | Forget the lamp I ordered this morning, my husband has already got one.
cancel | I ordered two of the same by accident, so one of those orders has to go.
cancel | I've changed my mind about the tent. Is it too late to stop it?
cancel | My daughter was playing with the phone and bought a drone. We don't want it.
cancel | I saw it cheaper elsewhere, so please call the order off.
return | It came on Tuesday, but honestly it's not what I pictured and I'd like my money back.
return | The zip on the bag broke the first time I used it. I want to send it back.
return | Somebody gave me the same book, so I don't need this one. How do I give it back?
return | I'd like someone to come and pick up the chair, I'm not keeping it.
return | You sent me the wrong colour. I don't want another one, I'd just like a refund.
refund_status | I sent the shoes back a week ago and I've still not seen a penny.
refund_status | Where are we with my money for the blender?
refund_status | Has the cancelled order been paid back yet?
policy | If I'm not happy with a thing, how long have I got to send it back?
policy | How many days before the money's back if I paid by card?
policy | Just out of curiosity, do I pay the postage when I return something?
policy | Do you deliver to Jeju, and does it take longer?
policy | Until when can I ring you in the evening?
policy | How much do I need to spend to get free delivery?
product | How much is the electric blanket, and does it come in grey?
product | Have you any of those folding chairs left?
cart_add | Could you pop two of the blue towels in my basket?
cart | Remind me what's sitting in my basket at the moment?
cart_set | There's a pan in my basket that I no longer want, take it out please.
cart_set | I've got three candles in my cart, make that one.
points | How many points have I got left to spend?
points | Am I a gold member yet?
complaint | I'd like to make a complaint. Your driver threw the box over my fence.
complaint | This is the third time it's late. I'm really not happy and I want that put on record.
human | I'd rather talk to an actual person, please.
human | Can you just put me through to somebody?
cart_set points | Take the socks out of my basket, and how many points do I have?
return policy | I want to send the kettle back. What will that cost me?
delivery refund_status | Where's my parcel, and has the refund for the other order gone through?
goodbye | No, that's everything, thank you. Bye.
orders | 어젯밤에 우리 남편이 뭘 시켰다는데 그게 뭔지 좀 봐 줘요.
orders | 주문하고 창을 닫아 버려서 번호를 못 적었어요. 번호가 뭐예요?
orders | 제가 파란 담요를 샀는지 회색을 샀는지 가물가물해서요.
orders | 아침에 결제했는데 확인 메일이 안 와서, 주문이 들어가긴 했나요?
orders | 이번 달에 제가 뭐 뭐 샀죠?
delivery | 어제 온다던 게 아직도 안 오네요. 어떻게 된 거예요?
delivery | 히터 소식 좀 알 수 있을까요?
delivery | 월요일에 여행 가는데 캐리어 그 전에 받을 수 있을까요?
delivery | 전기포트 차에 실렸어요, 아니면 아직 창고에 있어요?
delivery | 아이고, 내 장화는 어디까지 왔는지 모르겠네.
delivery | 송장번호 좀 불러 주실래요, 선반 시킨 거요.
delivery | 사흘 전에 시켰는데 감감무소식이네요. 보내긴 했어요?
delivery | 오늘 오기로 한 커튼 지금 어디 있어요?
lost | 받았다고 뜨는데 우리 집엔 아무도 받은 사람이 없어요.
lost | 열 시에 배달됐다는데 하루 종일 집에 있었거든요. 아무도 안 왔어요.
change_address | 토스터 아직 안 나갔으면 언니네 집으로 좀 돌려 주세요. 주소는 진주시 서부로 12, 우편번호 52704예요.
change_address | 방금 보니까 예전 집으로 주문을 넣었더라고요. 보내시기 전에 고칠 수 있을까요?
change_address | 금요일까지 친정에 있을 거라 이불은 거기로 보내 주셨으면 해요.
change_address | 오늘 주문한 거 동 호수를 틀리게 적었어요.
change_address | 머그컵 집 말고 회사로 보내 주실래요?
account_address | 저희 이사했거든요. 앞으로 시킬 거 새 주소로 등록해 주세요.
exchange | 라지로 시켰는데 아무래도 미디엄이 맞을 것 같아요. 아직 안 나갔죠? 바꿔 주실 수 있어요?
exchange | 니트 예쁜데 좀 껴요. 한 치수 위로 있을까요?
exchange | 운동화가 뒤꿈치가 까져요. 반 사이즈 큰 걸로 바꾸고 싶은데.
exchange | 생각해 보니 흰색은 때가 잘 탈 것 같아서, 검정으로 해 주세요.
exchange | 스피커 한쪽이 안 나와요. 환불은 됐고 멀쩡한 걸로 새로 보내 주세요.
change_payment | 통장에서 빠져나가게 해 놨는데 그냥 신용카드로 낼 수 있나요?
change_payment | 결제할 때 카드를 잘못 골랐어요. 다른 카드로 해 주실 수 있어요?
change_payment | 그거 카드 말고 적립금으로 까 주세요.
change_payment | 카드가 곧 만료돼서요, 러그는 계좌에서 빼 주세요.
cancel | 아침에 시킨 스탠드 그냥 없던 걸로 해 줘요, 남편이 벌써 사 왔네.
cancel | 실수로 똑같은 걸 두 번 주문했어요. 하나는 빼 주세요.
cancel | 텐트 마음이 바뀌었는데 지금이라도 멈출 수 있어요?
cancel | 애가 핸드폰 만지다가 드론을 주문해 버렸어요. 안 사려고요.
cancel | 다른 데가 더 싸더라고요. 그 주문 안 할래요.
return | 화요일에 받았는데 생각했던 거랑 달라서 돈으로 돌려받고 싶어요.
return | 가방 지퍼가 한 번 쓰고 망가졌어요. 돌려보낼게요.
return | 똑같은 책을 선물 받아서요. 이건 필요 없는데 어떻게 돌려드려요?
return | 의자 안 쓸 거니까 가지러 와 주세요.
return | 색이 다른 게 왔어요. 다시 받는 건 싫고 환불만 해 주세요.
refund_status | 신발 돌려보낸 지 일주일 됐는데 돈이 한 푼도 안 들어왔어요.
policy | 마음에 안 들면 며칠 안에 보내야 돼요?
policy | 카드로 낸 건 돈이 며칠 만에 돌아와요?
policy | 그냥 궁금해서 그런데 반품할 때 택배비는 제가 내나요?
policy | 제주도도 배달돼요? 더 오래 걸리나요?
policy | 저녁에 몇 시까지 전화받으세요?
policy | 얼마 이상 사야 배송비 안 받아요?
product | 전기장판 얼마예요? 회색도 있어요?
product | 접이식 의자 남은 거 있나요?
cart_add | 파란 수건 두 장 장바구니에 좀 담아 주실래요?
cart | 지금 제 장바구니에 뭐 들어 있어요?
cart_set | 장바구니에 프라이팬 이제 필요 없으니까 빼 주세요.
cart_set | 장바구니에 양초 세 개 있는데 하나로 해 주세요.
points | 쓸 수 있는 적립금이 얼마나 남았죠?
points | 저 이제 골드 됐어요?
complaint | 기사님이 상자를 담 너머로 던지고 갔어요. 이건 정식으로 항의할래요.
complaint | 이번이 세 번째로 늦는 거예요. 정말 기분 나쁘니까 꼭 남겨 주세요.
human | 기계 말고 사람이랑 얘기하고 싶어요.
human | 그냥 담당자 좀 바꿔 줘요.
cart_set points | 장바구니에서 양말은 빼 주시고, 포인트 얼마 있는지도 알려 주세요.
return policy | 주전자 돌려보내려고요. 그러면 돈이 얼마나 드나요?
delivery refund_status | 택배 어디 있어요? 그리고 다른 주문 환불은 들어왔나요?
goodbye | 아니요, 그게 다예요. 고맙습니다.
"""


@pytest.mark.parametrize("line", SAID.strip().splitlines())
def test_an_everyday_request(line: str) -> None:
    flows, _, said = line.partition(" | ")
    assert sorted(goal.flow for goal in wishes(said)) == sorted(flows.split())


KINDS = """
orders | I paid for a lamp half an hour ago and never noted the order number.
orders | The window shut before I'd copied the order number. What is it?
orders | I couldn't find a pen for the order number, and now the page is gone. Which number was it?
orders | 주문하자마자 꺼져서 번호를 못 봤거든요. 번호 좀 불러 주실래요?
orders | 삼십 분 전에 산 건데 주문번호를 안 적어 놨어요.
policy | In general, if I send back something I paid for by bank transfer, how many days until the money's there?
policy | I've no order, I'd just like to know how long a refund takes.
policy | 그냥 여쭤보는 건데요, 계좌로 낸 거 반품하면 며칠 만에 들어와요?
delivery | There's a box with a pillow and some slippers due today. How far off is it?
delivery | 오늘 온다던 베개 들어 있는 상자 지금 어디쯤이에요?
change_address | If it's still at yours, could you send it to my nephew's flat instead?
change_address | If they are still there, send the blocks to my brother: 97 Centum-jungang-ro, Haeundae-gu, Busan, 48058.
change_address | 장난감 아직 안 떠났으면 손주네로 보내 주실 수 있을까요?
change_address | 아직 거기 있으면 사촌 집으로 부쳐 주세요. 부산광역시 해운대구 센텀중앙로 97, 우편번호 48058이요.
change_payment | The rug's meant to come out of my bank account. Can I have it on a card?
change_payment | I'd rather the quilt was charged to a card and not taken from the bank.
change_payment | 계좌에서 빠지게 돼 있던데 그걸 카드로 바꿨으면 해요.
change_payment | 통장에서 나가게 해 놨는데, 그걸 카드로 옮길 수 있을까?
change_payment | I paid by credit card, but I'd rather it came out of my bank account. Can you switch that?
cart_set points | 담아 둔 모자는 빼 주시고요, 저 포인트는 얼마나 있어요?
cart_set points | 카트에 있는 우산 빼 주시고, 제 적립금도 좀 알려 주세요.
cart_set points | Take the hat I'd saved out of my basket, and what are my points at?
refund_status | I cancelled a rug this morning. When will I see the money?
refund_status | I asked to return a sweater. Has my refund gone out?
"""


@pytest.mark.parametrize("line", KINDS.strip().splitlines())
def test_a_kind_that_was_misunderstood(line: str) -> None:
    flows, _, said = line.partition(" | ")
    assert sorted(goal.flow for goal in wishes(said)) == sorted(flows.split())


def order(order_id: str, placed: str, item: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "placed_at": f"{placed}:00+09:00",
        "status": {"code": "paid"},
        "items": {"ko": item, "en": item},
    }


@pytest.mark.parametrize(
    "said",
    [
        "the lamp I ordered about twenty minutes ago",
        "스탠드 이십 분쯤 전에 시킨 거요",
        "ordered it an hour ago",
        "조금 전에 주문한 거요",
    ],
)
def test_an_order_of_minutes_ago_is_todays_or_the_last(said: str) -> None:
    orders = [
        order("261127-2232", "2026-11-27T16:40", "Desk Lamp (white)"),
        order("261120-1001", "2026-11-20T09:00", "Desk Lamp (white)"),
    ]
    assert [o["order_id"] for o in refer(said, orders, date(2026, 11, 27)).orders] == ["261127-2232"]
    after_midnight = refer(said, orders, date(2026, 11, 28))
    assert [o["order_id"] for o in after_midnight.orders] == ["261127-2232"]


def test_the_card_that_is_paid_with_is_not_the_bank_it_leaves() -> None:
    card = {"ko": "신한 카드 끝자리 2246", "en": "your Shinhan card ending in 2246", "kind": {"code": "card"}}
    bank = {
        "ko": "농협은행 계좌 끝자리 1387",
        "en": "your NH Bank bank account ending in 1387",
        "kind": {"code": "account"},
    }
    assert methods_meant("통장에서 나가게 돼 있거든. 그걸 카드로 바꿀 수 있을까?", [card, bank]) == (card,)


@pytest.mark.parametrize(
    ("events", "language", "there"),
    [
        ([("picked_up", "물류센터"), ("at_hub", "옥천 물류센터"), ("out_for_delivery", "창원시")], "en", "out for delivery"),
        ([("picked_up", "물류센터"), ("at_hub", "옥천 물류센터")], "ko", "옥천 물류센터에 있고"),
        ([("at_hub", "옥천 물류센터")], "en", "at their hub"),
        ([("picked_up", "물류센터")], "en", "It should arrive November 27"),
        ([], "ko", "도착 예정은 11월 27일"),
        ([("at_hub", "a place with a name nobody would read out")], "en", "It should arrive November 27"),
    ],
)  # fmt: skip
def test_where_a_parcel_is(events: list[tuple[str, str]], language: Any, there: str) -> None:
    shipped = order("261125-1707", "2026-11-25T09:00", "Desk Lamp (white)") | {"status": {"code": "shipped"}}
    shipment = {
        "courier": {"ko": "한진택배", "en": "Hanjin"},
        "tracking_numbers": [],
        "expected_at": "2026-11-27T18:00:00+09:00",
        "events": [{"event": {"code": code}, "place": place} for code, place in events],
    }
    track = {
        "status": {"code": "shipped", "ko": "배송 중", "en": "on its way"},
        "shipments": [shipment],
        "delivered_at": None,
    }
    state = State(language=language, known={"orders": {"orders": [shipped]}, "track:261125-1707": track})
    _, outcome = delivery(state, Goal("delivery", "", {"order": "261125-1707"}), date(2026, 11, 27))
    assert there in getattr(outcome, "text", "")
