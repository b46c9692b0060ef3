"""When to dial, when to wait, when to give up: the life of one call's connection, decided without clock or socket.

    Idle --Start--> Connecting --Greeted--> Open --Lost--> Waiting --TimerFired--> Connecting --> ...
                        |                    |               |
                        +---- a failure that no retry mends, retries used up, or Stop ----> Over

Every dial has a number, the *link*; an event of an older link is ignored, so a socket that closes late cannot disturb
its successor. `step` is total: an event that means nothing in a state leaves the state as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never


class Cause(Enum):
    """Why a connection could not be made or was lost, as far as the person on the line needs to tell them apart."""

    UNREACHABLE = "unreachable"  # nobody listens there, or the name does not resolve
    BAD_URL = "bad_url"  # what was given is no WebSocket address
    TIMEOUT = "timeout"  # the socket opened, or did not, and no greeting came in time
    WRONG_KEY = "wrong_key"
    UNKNOWN_MODEL = "unknown_model"
    SESSION_GONE = "session_gone"  # the call to resume is past its window, or is not ours
    TAKEN_OVER = "taken_over"  # the same call was resumed from somewhere else
    EXPIRED = "expired"  # the longest duration of a session is over
    BUSY = "busy"  # the server has no room, or drains
    REFUSED = "refused"  # any other refusal that a second try would meet again
    CLOSED = "closed"  # the server ended the call in the ordinary way
    DROPPED = "dropped"  # the line broke
    SECRET = "secret"  # get_secret raised
    BYE = "bye"  # this side hung up


# A second dial can only mend these. Close codes and statuses are sorted into causes by `cause_of_*` below.
RETRIED = frozenset({Cause.UNREACHABLE, Cause.TIMEOUT, Cause.BUSY, Cause.DROPPED, Cause.SECRET})

# RFC 6455 section 7.4.1 and the IANA registry: the peer went away, no code, no close frame, internal error, restart,
# try again later, TLS failure. The same set as OpenAI's own client retries on.
_TRANSIENT_CLOSES = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1015})
_KEY_CODES = frozenset({"invalid_api_key", "account_deactivated", "insufficient_permissions"})
_MODEL_CODES = frozenset({"model_not_found"})


def cause_of_close(close_code: int, error_code: str | None) -> Cause:
    """Sort a close code, and the code of the last `error` event before it, into a cause."""
    match error_code:
        case "session_expired":
            return Cause.EXPIRED
        case "session_not_found":
            return Cause.SESSION_GONE
        case str(code) if code in _KEY_CODES:
            return Cause.WRONG_KEY
        case str(code) if code in _MODEL_CODES:
            return Cause.UNKNOWN_MODEL
        case _:
            pass
    if close_code in _TRANSIENT_CLOSES:
        return Cause.BUSY if close_code in (1012, 1013) else Cause.DROPPED
    match close_code:
        case 1000:
            return Cause.CLOSED
        case 4401 | 4403:
            return Cause.WRONG_KEY
        case 4404:
            return Cause.SESSION_GONE
        case 4409:
            return Cause.TAKEN_OVER
        case _:
            return Cause.REFUSED


def cause_of_status(status: int, error_code: str | None) -> Cause:
    """Sort the HTTP status of a refused upgrade, and the code in its error body, into a cause."""
    if error_code in _MODEL_CODES:
        return Cause.UNKNOWN_MODEL
    if error_code == "session_not_found":
        return Cause.SESSION_GONE
    match status:
        case 401 | 403:
            return Cause.WRONG_KEY
        case 408 | 425 | 429 | 500 | 502 | 503 | 504:
            return Cause.BUSY
        case _:
            return Cause.REFUSED


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed dial or one lost line. `detail` is the server's own sentence, empty when it gave none."""

    cause: Cause
    code: int | None = None  # close code or HTTP status
    detail: str = ""


LONGEST_DELAY_S = 8.0
"""No wait is longer, however many retries there are: a server that is back should not be waited for."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the client is. Seconds."""

    max_retries: int = 3
    base_delay: float = 2.0  # then doubled: 2, 4, 8
    jitter: float = (
        0.2  # each wait is drawn from (1 - jitter, 1 + jitter) of it, so that a thousand clients spread
    )
    stable_after: float = 10.0  # a line that held this long has earned its retries back


@dataclass(frozen=True, slots=True)
class Call:
    """What identifies a call to resume it: DESIGN.md "Resume"."""

    session_id: str
    last_event_id: str | None
    gone: bool = False  # the server no longer knows it: another is begun in its place


# --- states ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    """Not connected, nothing asked."""

    policy: Policy
    link: int = 0


@dataclass(frozen=True, slots=True)
class Connecting:
    """A dial is running. `attempt` is 0 for the first dial, else the number of the retry."""

    policy: Policy
    link: int
    attempt: int
    call: Call | None


@dataclass(frozen=True, slots=True)
class Open:
    """The greeting came; `since` is the monotonic second it did."""

    policy: Policy
    link: int
    attempt: int
    call: Call
    since: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Between two dials; the timer of the same number as `link` ends it."""

    policy: Policy
    link: int
    attempt: int
    call: Call


@dataclass(frozen=True, slots=True)
class Over:
    """The end of this call. `Start` begins another."""

    policy: Policy
    link: int
    failure: Failure


State = Idle | Connecting | Open | Waiting | Over


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The application wants a connection."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The application hangs up."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """`session.created` was read. `input_audio_ms` is None unless the server resumed the call asked for."""

    link: int
    session_id: str
    event_id: str | None
    input_audio_ms: int | None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """Any later event came over the line."""

    link: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A dial failed, or an open line was lost. `dice` in [0, 1) is the randomness of the wait."""

    link: int
    failure: Failure
    dice: float


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The wait numbered `link` is over."""

    link: int


Event = Start | Stop | Greeted | Received | Failed | TimerFired


# --- effects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dial:
    """Fetch a secret if there is a source of them, open a socket, wait for the greeting, and tell the outcome."""

    link: int
    call: Call | None


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the socket of this link if there is one, and forget its dial."""

    link: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Deliver `TimerFired(link)` at the monotonic second `at`."""

    link: int
    at: float


@dataclass(frozen=True, slots=True)
class Pause:
    """The line is down: keep what is to be sent."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """The call goes on: microphone audio is wanted from `input_audio_ms`."""

    input_audio_ms: int
    gap: bool


@dataclass(frozen=True, slots=True)
class BeginAnew:
    """The server gave a new session: configure it. `again` when an earlier one of this call is thereby lost."""

    again: bool


@dataclass(frozen=True, slots=True)
class Connected:
    """Tell the application. `gap` when the server could not give every missed event."""

    session_id: str
    resumed: bool
    gap: bool


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """Tell the application: retry `attempt` of `of` begins in `delay` seconds."""

    attempt: int
    of: int
    delay: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Tell the application. It is the last word on this call."""

    failure: Failure


Notice = Connected | Reconnecting | Disconnected
Effect = Dial | Hangup | SetTimer | Pause | SendAgain | BeginAnew | Notice


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Advance by one event at the monotonic second `now`. Total and pure."""
    match event:
        case Start():
            return _start(state)
        case Stop():
            return _stop(state)
        case Greeted():
            return _greeted(state, event, now)
        case Received():
            return _received(state, event), ()
        case Failed():
            return _failed(state, event, now)
        case TimerFired():
            return _timer(state, event)
        case _:
            assert_never(event)


def _start(state: State) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Idle() | Over():
            link = state.link + 1
            return Connecting(state.policy, link, 0, None), (Dial(link, None),)
        case Connecting() | Open() | Waiting():
            return state, ()
        case _:
            assert_never(state)


def _stop(state: State) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Idle() | Over():
            return state, ()
        case Connecting() | Open() | Waiting():
            bye = Failure(Cause.BYE)
            return Over(state.policy, state.link, bye), (Hangup(state.link), Pause(), Disconnected(bye))
        case _:
            assert_never(state)


def _greeted(state: State, event: Greeted, now: float) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Connecting() if state.link == event.link:
            resumed = state.call is not None and not state.call.gone and event.input_audio_ms is not None
            last = event.event_id
            if resumed and state.call is not None and state.call.last_event_id is not None:
                # The missed events follow the greeting; until one has come, a second drop must ask for them again.
                last = state.call.last_event_id
            opened = Open(state.policy, state.link, state.attempt, Call(event.session_id, last), now)
            told = Connected(event.session_id, resumed, event.gap)
            if resumed and event.input_audio_ms is not None:
                return opened, (SendAgain(event.input_audio_ms, event.gap), told)
            return opened, (BeginAnew(again=state.call is not None), told)
        case Idle() | Connecting() | Open() | Waiting() | Over():
            # The greeting of a dial that was given up.
            return state, (Hangup(event.link),) if event.link != state.link or isinstance(state, Over) else ()
        case _:
            assert_never(state)


def _received(state: State, event: Received) -> State:
    match state:
        case Open() if state.link == event.link and event.event_id is not None:
            return replace(state, call=Call(state.call.session_id, event.event_id))
        case Idle() | Connecting() | Open() | Waiting() | Over():
            return state
        case _:
            assert_never(state)


def _failed(state: State, event: Failed, now: float) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Connecting() if state.link == event.link:
            if state.call is None:
                # The first dial is not repeated: a wrong address should be told at once, not after 14 seconds.
                return _over(state, event.failure)
            if event.failure.cause is Cause.SESSION_GONE and not state.call.gone:
                return _begun_anew(state, state.call, event.failure)
            return _wait(state, state.attempt, state.call, event, now)
        case Open() if state.link == event.link:
            attempt = 0 if now - state.since >= state.policy.stable_after else state.attempt
            return _wait(state, attempt, state.call, event, now)
        case Idle() | Connecting() | Open() | Waiting() | Over():
            return state, ()
        case _:
            assert_never(state)


def _begun_anew(state: Connecting, call: Call, failure: Failure) -> tuple[State, tuple[Effect, ...]]:
    """The server restarted, or the window is past: the caller should not have to dial again for that."""
    link, lost = state.link + 1, replace(call, gone=True)
    told = Reconnecting(state.attempt, state.policy.max_retries, 0.0, failure)
    dialling = Connecting(state.policy, link, state.attempt, lost)
    return dialling, (Hangup(state.link), Pause(), told, Dial(link, lost))


def _wait(
    state: Connecting | Open, attempt: int, call: Call, event: Failed, now: float
) -> tuple[State, tuple[Effect, ...]]:
    policy = state.policy
    if event.failure.cause not in RETRIED or attempt >= policy.max_retries:
        return _over(state, event.failure)
    spread = 1 + policy.jitter * (2 * event.dice - 1)
    delay = min(policy.base_delay * 2**attempt, max(policy.base_delay, LONGEST_DELAY_S)) * spread
    waiting = Waiting(policy, state.link, attempt + 1, call)
    told = Reconnecting(attempt + 1, policy.max_retries, delay, event.failure)
    return waiting, (Hangup(state.link), Pause(), SetTimer(state.link, now + delay), told)


def _over(state: Connecting | Open, failure: Failure) -> tuple[State, tuple[Effect, ...]]:
    return Over(state.policy, state.link, failure), (Hangup(state.link), Pause(), Disconnected(failure))


def _timer(state: State, event: TimerFired) -> tuple[State, tuple[Effect, ...]]:
    match state:
        case Waiting() if state.link == event.link:
            link = state.link + 1
            return Connecting(state.policy, link, state.attempt, state.call), (Dial(link, state.call),)
        case Idle() | Connecting() | Open() | Waiting() | Over():
            return state, ()
        case _:
            assert_never(state)
