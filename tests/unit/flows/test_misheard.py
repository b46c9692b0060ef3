"""What a recogniser makes of numbers and words is matched to what this caller can mean; nobody else's order is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from moksori.shop.flows.data import common_words, data
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.matching.items import lines_meant
from moksori.shop.flows.matching.options import value_said
from moksori.shop.flows.matching.orders import numbered, refer
from moksori.shop.flows.state import Goal, Heard, Proposal, Returned, State
from moksori.shop.flows.step import step
from moksori.shop.flows.wishes import wishes
from moksori.shop.guard.sounds import by_sound

TODAY = date(2026, 11, 18)


def order(number: str, items: str) -> dict[str, Any]:
    return {
        "order_id": number,
        "placed_at": "2026-11-18T12:00:00+09:00",
        "status": {"code": "paid"},
        "items": {"ko": items, "en": items},
    }


ORDERS = [
    order("261118-1001", "Tumbler(blue), 2 × T-Shirt(white)"),
    order("261118-1007", "Tumbler(red)"),
    order("261113-1004", "2 × Tumbler(blue)"),
]


@pytest.mark.parametrize(
    ("heard", "means"),
    [
        ("order ones 0 0 1 for me", "261118-1001"),  # "one" as a word
        ("order 1 0 0 1 on my gift card", "261118-1001"),
        ("order 1.001 sent to another address", "261118-1001"),
        ("order 1,007, can I have it in black?", "261118-1007"),
        ("I meant order 1 0 0 0 7", "261118-1007"),  # a digit said twice is counted thrice
        ("261181007", "261118-1007"),  # of three ones, two
        ("2611-81007", "261118-1007"),
        ("the t-shirt from Order 261113-100441", "261113-1004"),  # "for a" as digits
        ("261113-004", "261113-1004"),
        ("in order to 61113-1004", "261113-1004"),
    ],
)
def test_a_misheard_number_is_the_one_it_can_be(heard: str, means: str) -> None:
    meant = refer(heard, ORDERS, TODAY)
    assert [o["order_id"] for o in meant.orders] == [means]


@pytest.mark.parametrize(
    "heard", ["order 261118-2001", "2611182001", "order 2001", "order 1008", "261182001"]
)
def test_another_digit_is_another_order(heard: str) -> None:
    """It may be somebody else's: it is not taken for the caller's own."""
    meant = refer(heard, ORDERS, TODAY)
    assert meant.number and not meant.orders


@pytest.mark.parametrize(
    ("heard", "flow"),
    [
        ("Can't solve order ones 0 0 1 for me.", "cancel"),
        ("Council order 1001.", "cancel"),
        ("Can soul order 1001", "cancel"),
        ("I need order 1001 with another dress", "change_address"),
        ("But one navy t-shirt in my card.", "cart_add"),
        ("I'm calling about order 261116. 1.003, when will that be here?", "delivery"),
        ("put order 1001 on my gift card", "change_payment"),
        ("대송비는 알마임니카", "policy"),
        ("장마구니에 뭐가 있어요", "cart"),
    ],
)
def test_a_wish_is_known_by_the_sound_of_its_word(heard: str, flow: str) -> None:
    assert [wish.flow for wish in wishes(heard)] == [flow]


@pytest.mark.parametrize(
    "heard",
    [
        "hello",
        "the red one please",
        "one moment",
        "no, not that",
        "it is my colleague's",
        "배송지를 바꿔 주세요",
        "상단에 있는 거요",
    ],
)
def test_what_sounds_like_none_is_none(heard: str) -> None:
    assert by_sound(heard, data().sounded, common_words()) is None


@pytest.mark.parametrize("heard", ["the red tumble", "the red tumber", "the red tumblers"])
def test_a_product_one_letter_off(heard: str) -> None:
    assert [o["order_id"] for o in refer(heard, ORDERS, TODAY).orders] == ["261118-1007"]


def test_the_word_of_a_name_after_its_hyphen() -> None:
    shirt = {"line": 1, "name": {"ko": "티셔츠", "en": "T-Shirt"}, "options": {"color": "white"}}
    cup = {"line": 2, "name": {"ko": "텀블러", "en": "Tumbler"}, "options": {"color": "blue"}}
    assert [line["line"] for line in lines_meant("the white D-shirt", [shirt, cup])] == [1]


@pytest.mark.parametrize(
    ("heard", "code"),
    [
        ("텀블라 감정으로 교환해주세요", "black"),
        ("검정색이요", "black"),
        ("빨간색 텀블러", "red"),
        ("파란색이요", "blue"),
    ],
)
def test_a_colour_by_its_sound(heard: str, code: str) -> None:
    assert [each for each in ("black", "red", "blue", "white", "navy") if value_said(heard, each)] == [code]


def test_the_counter_of_a_number_by_its_sound() -> None:
    assert said_digits("일공공사반이요") == ("1004",)
    assert said_digits("일반 배송이요") == ()


@pytest.mark.parametrize(
    ("said", "is_it"),
    [
        ("Sorry, not that one. I meant order 1,0007.", True),
        ("not 1007, the other one", False),
        ("no, order 1001", False),
    ],
)
def test_a_correction_may_name_what_was_read_out(said: str, is_it: bool) -> None:
    assert numbered(said, [ORDERS[1]]) is is_it


def turned_down(said: str) -> State:
    """A cancellation of 1001 was read out, and `said` is the answer."""
    goal = Goal("cancel", "Cancel order 1001 for me", {"order": "261118-1001"})
    proposal = Proposal(
        "cancel_order", "token", "I will cancel order 261118-1001, Tumbler (blue). Shall I go ahead?"
    )
    state = State(language="en", goals=(goal,), proposal=proposal, known={"orders": {"orders": ORDERS}})
    return step(state, Heard(said, TODAY))[0]


@pytest.mark.parametrize("heard", ["I mint Order 1-0-0-0-7.", "I meant order 1007", "the red tumbler"])
def test_what_is_named_after_a_no_is_what_was_meant(heard: str) -> None:
    """A pause cut the sentence in two: the first half turned the proposal down, the second names the order."""
    state = turned_down("Sorry, not that one.")
    assert not state.goals and state.proposal is None
    goal = step(state, Heard(heard, TODAY))[0].goals[0]
    assert (goal.flow, goal.slots["order"]) == ("cancel", "261118-1007")


def test_a_no_that_only_the_guard_heard_is_one_like_any_other() -> None:
    state = turned_down("Yes, please.")
    assert state.waiting == "confirm"
    state, said = step(state, Returned({"ok": False, "error": {"code": "declined"}}, TODAY))
    assert not state.goals and state.proposal is None and len(said) == 1
    goal = step(state, Heard("I meant order 1007", TODAY))[0].goals[0]
    assert (goal.flow, goal.slots["order"]) == ("cancel", "261118-1007")


@pytest.mark.parametrize("heard", ["You know the red tumble.", "the red tumbler", "my red one"])
def test_naming_what_was_read_out_is_no_other_order(heard: str) -> None:
    goal = Goal("cancel", "I want that canceled", {"order": "261118-1007"})
    sentence = "I will cancel order 261118-1007, Tumbler (red). Shall I go ahead?"
    proposal = Proposal("cancel_order", "token", sentence)
    state = State(language="en", goals=(goal,), proposal=proposal, known={"orders": {"orders": ORDERS}})
    after, _ = step(state, Heard(heard, TODAY))
    assert after.goals[0].slots["order"] == "261118-1007"


def test_the_sentence_before_may_have_named_what_is_meant() -> None:
    state = State(language="en", known={"orders": {"orders": ORDERS}})
    state, _ = step(state, Heard("You know the red tumble.", TODAY))
    state, _ = step(state, Returned({"ok": True, "result": {"passages": []}}, TODAY))
    state, _ = step(state, Heard("I want that canceled.", TODAY))
    assert state.goals[0].slots["order"] == "261118-1007"


@pytest.mark.parametrize(
    "heard", ["Not that one.", "one moment please", "order 1001", "when will order 1007 be here?"]
)
def test_nothing_is_taken_up_again_that_is_not_named(heard: str) -> None:
    after, _ = step(turned_down("Sorry, not that one."), Heard(heard, TODAY))
    assert not any(goal.flow == "cancel" for goal in after.goals)
