"""The scripted caller: follows the script, answers what is asked, and never agrees to another order than theirs."""

from __future__ import annotations

from moksori.bench.eval.caller import Caller
from moksori.bench.eval.scenario import Scenario

MEANT, OTHER = "261118-1007", "261118-1001"


def asks(order: str) -> str:
    return f"I will cancel order {order}, Tumbler (red). Shall I go ahead?"


def caller(*turns: str, patience: int = 2) -> Caller:
    scenario = Scenario(
        "s",
        "en",
        turns,
        "C1",
        {f"order/{MEANT}/status": "cancelled"},
        answers={"yes": "Yes.", "order": "1007"},
    )
    return Caller(scenario, patience)


def test_another_order_gets_a_no_and_never_a_yes() -> None:
    one = caller("Cancel the red tumbler")
    assert one.next(None) == "Cancel the red tumbler"
    assert one.next(asks(OTHER)) == "No, that's not it."
    assert one.next(asks(OTHER)) == "No, that's not it."
    assert one.next(asks(OTHER)) is None  # out of patience, the caller hangs up


def test_a_line_of_the_script_may_name_another_order_before_it_is_put_right() -> None:
    one = caller("Cancel order 1001", "No, I meant 1007")
    assert one.next(None) == "Cancel order 1001"
    assert one.next(asks(OTHER)) == "No, I meant 1007"
    assert one.next(asks(OTHER)) == "No, that's not it."
    assert one.next(asks(MEANT)) == "Yes."


def test_what_is_asked_again_is_said_again_as_long_as_there_is_patience() -> None:
    one = caller("Cancel an order", patience=1)
    one.next(None)
    assert one.next("Which order is it?") == "1007"
    assert one.next("Which order is it?") == "1007"
    assert one.next("Which order is it?") is None
