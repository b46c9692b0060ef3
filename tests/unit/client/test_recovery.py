"""The connection's life, told with a fake clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.client.recovery import (
    RETRIED,
    BeginAnew,
    Call,
    Cause,
    Connected,
    Connecting,
    Dial,
    Disconnected,
    Effect,
    Event,
    Failed,
    Failure,
    Greeted,
    Hangup,
    Idle,
    Open,
    Over,
    Pause,
    Policy,
    Received,
    Reconnecting,
    SendAgain,
    SetTimer,
    Start,
    State,
    Stop,
    TimerFired,
    Waiting,
    cause_of_close,
    cause_of_status,
    step,
)

DROPPED = Failure(Cause.DROPPED, 1006)
STEADY = Policy(jitter=0.0)


class Clock:
    """Runs the machine, keeping its time and its effects."""

    def __init__(self, policy: Policy = STEADY) -> None:
        self.state: State = Idle(policy)
        self.now = 100.0

    def __call__(self, event: Event, after: float = 0.0) -> tuple[Effect, ...]:
        self.now += after
        self.state, effects = step(self.state, event, self.now)
        return effects


def opened(policy: Policy = STEADY) -> Clock:
    clock = Clock(policy)
    clock(Start())
    clock(Greeted(1, "sess_a", "event_1", None))
    return clock


def test_a_first_connection_begins_anew() -> None:
    clock = Clock()
    assert clock(Start()) == (Dial(1, None),)
    effects = clock(Greeted(1, "sess_a", "event_1", None))
    assert effects == (BeginAnew(again=False), Connected("sess_a", resumed=False, gap=False))
    assert isinstance(clock.state, Open)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_first_dial_that_fails_is_told_at_once(cause: Cause) -> None:
    clock = Clock()
    clock(Start())
    effects = clock(Failed(1, Failure(cause), 0.5))
    assert Disconnected(Failure(cause)) in effects
    assert not any(isinstance(effect, SetTimer) for effect in effects)


def test_a_dropped_line_is_dialled_again_after_2_4_and_8_seconds_then_given_up() -> None:
    clock = opened()
    clock(Received(1, "event_7"))
    effects = clock(Failed(1, DROPPED, 0.5))
    waits = []
    for attempt in (1, 2, 3):
        timer = next(effect for effect in effects if isinstance(effect, SetTimer))
        assert Reconnecting(attempt, 3, timer.at - clock.now, DROPPED) in effects
        assert Pause() in effects
        waits.append(timer.at - clock.now)
        clock.now = timer.at
        assert clock(TimerFired(timer.link)) == (Dial(attempt + 1, Call("sess_a", "event_7")),)
        effects = clock(Failed(attempt + 1, DROPPED, 0.5))
    assert waits == [2.0, 4.0, 8.0]
    assert effects == (Hangup(4), Pause(), Disconnected(DROPPED))


@given(dice=st.floats(0, 1, exclude_max=True))
def test_each_wait_is_spread_by_a_fifth_either_way(dice: float) -> None:
    clock = opened(Policy())
    effects = clock(Failed(1, DROPPED, dice))
    wait = next(effect for effect in effects if isinstance(effect, Reconnecting)).delay
    assert 1.6 <= wait <= 2.4


def test_a_resumed_call_sends_its_microphone_again_from_where_the_server_says() -> None:
    clock = opened()
    clock(Failed(1, DROPPED, 0.5))
    clock(TimerFired(1), after=2)
    effects = clock(Greeted(2, "sess_a", "event_new", 4260, gap=False))
    assert effects == (SendAgain(4260, gap=False), Connected("sess_a", resumed=True, gap=False))


def test_a_second_drop_before_the_missed_events_came_asks_for_them_again() -> None:
    clock = opened()
    clock(Received(1, "event_7"))
    clock(Failed(1, DROPPED, 0.5))
    clock(TimerFired(1), after=2)
    clock(Greeted(2, "sess_a", "event_greeting", 100))
    clock(Failed(2, DROPPED, 0.5))
    assert clock(TimerFired(2), after=4) == (Dial(3, Call("sess_a", "event_7")),)


def test_a_server_that_cannot_resume_gives_a_new_session() -> None:
    clock = opened()
    clock(Failed(1, DROPPED, 0.5))
    clock(TimerFired(1), after=2)
    effects = clock(Greeted(2, "sess_b", "event_1", None))
    assert effects == (BeginAnew(again=True), Connected("sess_b", resumed=False, gap=False))


def test_a_call_that_the_server_no_longer_knows_begins_anew_at_once() -> None:
    clock = opened()
    clock(Failed(1, DROPPED, 0.5))
    clock(TimerFired(1), after=2)
    gone = Failure(Cause.SESSION_GONE, 4404)
    lost = Call("sess_a", "event_1", gone=True)
    effects = clock(Failed(2, gone, 0.5))
    assert effects == (Hangup(2), Pause(), Reconnecting(1, 3, 0.0, gone), Dial(3, lost))
    assert clock(Greeted(3, "sess_b", "event_1", None)) == (
        BeginAnew(again=True),
        Connected("sess_b", resumed=False, gap=False),
    )
    assert isinstance(clock.state, Open) and not clock.state.call.gone


def test_with_many_retries_no_wait_is_longer_than_eight_seconds() -> None:
    clock = opened(Policy(max_retries=6, jitter=0.0))
    delays = []
    for link in range(1, 7):
        effects = clock(Failed(link, DROPPED, 0.5))
        delays += [effect.delay for effect in effects if isinstance(effect, Reconnecting)]
        clock(TimerFired(link), after=delays[-1])
    assert delays == [2, 4, 8, 8, 8, 8]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in RETRIED])
def test_what_no_retry_mends_is_not_retried(cause: Cause) -> None:
    clock = opened()
    effects = clock(Failed(1, Failure(cause), 0.5))
    assert Disconnected(Failure(cause)) in effects
    assert isinstance(clock.state, Over)


@pytest.mark.parametrize(
    ("code", "error", "cause"),
    [
        (1000, None, Cause.CLOSED),
        (1001, None, Cause.DROPPED),
        (1001, "session_expired", Cause.EXPIRED),
        (1005, None, Cause.DROPPED),
        (1006, None, Cause.DROPPED),
        (1008, None, Cause.REFUSED),
        (1009, None, Cause.REFUSED),
        (1011, None, Cause.DROPPED),
        (1012, None, Cause.BUSY),
        (1013, None, Cause.BUSY),
        (4000, None, Cause.REFUSED),
        (4401, None, Cause.WRONG_KEY),
        (4403, None, Cause.WRONG_KEY),
        (4404, "session_not_found", Cause.SESSION_GONE),
        (4404, None, Cause.SESSION_GONE),
        (4409, None, Cause.TAKEN_OVER),
        (1008, "invalid_api_key", Cause.WRONG_KEY),
        (1008, "model_not_found", Cause.UNKNOWN_MODEL),
    ],
)
def test_close_codes(code: int, error: str | None, cause: Cause) -> None:
    assert cause_of_close(code, error) is cause


@pytest.mark.parametrize(
    ("status", "error", "cause"),
    [
        (401, "invalid_api_key", Cause.WRONG_KEY),
        (403, None, Cause.WRONG_KEY),
        (404, "model_not_found", Cause.UNKNOWN_MODEL),
        (400, "model_not_found", Cause.UNKNOWN_MODEL),
        (404, "session_not_found", Cause.SESSION_GONE),
        (404, None, Cause.REFUSED),
        (429, None, Cause.BUSY),
        (503, None, Cause.BUSY),
    ],
)
def test_statuses(status: int, error: str | None, cause: Cause) -> None:
    assert cause_of_status(status, error) is cause


def test_a_line_that_held_earns_its_retries_back_one_that_flaps_does_not() -> None:
    clock = opened()
    clock(Failed(1, DROPPED, 0.5), after=60)
    clock(TimerFired(1), after=2)
    clock(Greeted(2, "sess_a", None, 0))
    flapping = clock(Failed(2, DROPPED, 0.5), after=1)
    assert next(e for e in flapping if isinstance(e, Reconnecting)).attempt == 2
    clock(TimerFired(2), after=4)
    clock(Greeted(3, "sess_a", None, 0))
    steady = clock(Failed(3, DROPPED, 0.5), after=60)
    assert next(e for e in steady if isinstance(e, Reconnecting)).attempt == 1


def test_hanging_up_while_waiting_ends_the_call_and_its_timer_means_nothing() -> None:
    clock = opened()
    clock(Failed(1, DROPPED, 0.5))
    assert clock(Stop()) == (Hangup(1), Pause(), Disconnected(Failure(Cause.BYE)))
    assert clock(TimerFired(1)) == ()


def test_a_greeting_that_comes_after_hanging_up_is_hung_up() -> None:
    clock = Clock()
    clock(Start())
    clock(Stop())
    assert clock(Greeted(1, "sess_a", None, None)) == (Hangup(1),)


STATES: list[State] = [
    Idle(STEADY),
    Connecting(STEADY, 3, 0, None),
    Connecting(STEADY, 3, 1, Call("s", "e")),
    Open(STEADY, 3, 0, Call("s", "e"), 0.0),
    Waiting(STEADY, 3, 1, Call("s", "e")),
    Over(STEADY, 3, DROPPED),
]


def events(link: int) -> list[Event]:
    return [
        Greeted(link, "s", "e", None),
        Greeted(link, "s", "e", 5),
        Received(link, "e2"),
        Failed(link, DROPPED, 0.1),
        TimerFired(link),
    ]


@pytest.mark.parametrize("state", STATES, ids=lambda s: type(s).__name__)
def test_events_of_an_older_link_change_nothing(state: State) -> None:
    for event in events(2):
        after, effects = step(state, event, 1.0)
        assert after == state
        assert all(effect == Hangup(2) for effect in effects)


@given(
    st.lists(st.sampled_from([Start(), Stop(), *[e for n in range(1, 5) for e in events(n)]]), max_size=60)
)
def test_never_two_lines_at_once_and_nothing_is_dialled_after_the_end(script: list[Event]) -> None:
    clock = Clock()
    dialled = 0
    for event in script:
        was_over = isinstance(clock.state, Over | Idle)
        effects = clock(event, after=1)
        dials = [effect for effect in effects if isinstance(effect, Dial)]
        assert len(dials) <= 1
        if dials:
            assert dials[0].link == dialled + 1  # a fresh number each time
            dialled += 1
            assert not was_over or isinstance(event, Start)
        if isinstance(clock.state, Over) and not was_over:
            assert sum(isinstance(effect, Disconnected) for effect in effects) == 1
