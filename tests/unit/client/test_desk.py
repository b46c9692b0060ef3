"""When the model is asked to go on after function calls."""

from __future__ import annotations

from moksori.client.desk import Answered, Began, Called, Denied, Desk, Ended, Event, Seen, step


def asks(*events: Event) -> list[bool]:
    """For each event, whether response.create is sent."""
    desk, asked = Desk(), []
    for event in events:
        desk, go_on = step(desk, event)
        asked.append(go_on)
    return asked


def test_one_call_one_request_after_the_response_has_ended() -> None:
    assert asks(Began("r1"), Called("c1"), Answered("c1", "i1"), Ended("r1")) == [False, False, False, True]


def test_a_slow_function_is_waited_for() -> None:
    assert asks(Began("r1"), Called("c1"), Ended("r1"), Answered("c1", "i1")) == [False, False, False, True]


def test_two_calls_of_a_response_make_one_request() -> None:
    events = (
        Began("r1"),
        Called("c1"),
        Called("c2"),
        Answered("c1", "i1"),
        Ended("r1"),
        Answered("c2", "i2"),
    )
    assert asks(*events) == [False, False, False, False, False, True]


def test_a_response_the_caller_started_meanwhile_takes_the_outputs_up() -> None:
    events = (
        Began("r1"),
        Called("c1"),
        Ended("r1"),
        Began("r2"),  # the caller spoke
        Answered("c1", "i1"),
        Seen("i1"),
        Ended("r2"),
        Began("r3"),
    )
    # r2 had begun before the output was in: after it the model is asked, exactly once
    assert asks(*events) == [False] * 6 + [True, False]


def test_a_response_that_began_after_the_outputs_were_in_needs_no_other() -> None:
    events = (
        Began("r1"),
        Called("c1"),
        Answered("c1", "i1"),
        Seen("i1"),
        Began("r2"),
        Ended("r1"),
        Ended("r2"),
    )
    assert asks(*events) == [False] * 7


def test_a_denied_request_is_made_again_when_the_running_response_ends() -> None:
    events = (
        Began("r1"),
        Called("c1"),
        Answered("c1", "i1"),
        Ended("r1"),
        Denied(),
        Began("r2"),
        Ended("r2"),
    )
    assert asks(*events) == [False, False, False, True, False, False, True]


def test_responses_without_calls_ask_for_nothing() -> None:
    assert asks(Began("r1"), Ended("r1"), Began("r2"), Ended("r2")) == [False] * 4
