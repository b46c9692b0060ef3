"""A write in two steps: proposed, read out, heard, agreed to, carried out once. Pure.

    Idle --Propose--> Asking --Answered: yes after the clause--> Agreed --Confirm--> Committing
    Asking, Agreed --"no", a correction, a new value, expiry, another proposal--> Idle
    Committing --Committed, ShopRefused--> Idle
    Committing --Interrupted--> Unsure --Confirm--> Committing (the same confirmation: it happens once)

From `Committing` on nothing the caller says can take the write back: it may already have happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Literal, TypeAlias, assert_never

from moksori.agent.guard import UserTurn
from moksori.agent.tools import Language, Plan
from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand
from moksori.shop.guard.readout import Hearing, ReadOut, hearing

SURE_ENOUGH = 0.35
"""Recogniser's confidence below which a yes is asked for again (exp of the mean token log probability)."""
_REPORTS = 1000
"""Reports kept of one read-out: a word each for longer than any proposal lives."""
_KEPT = 16
"""Ended proposals remembered, so that a late token gets a reason."""


class Why(Enum):
    """Why a proposal cannot be carried out (now); each is the code of a sentence in `texts.toml`."""

    UNKNOWN = "unknown_proposal"
    NOT_HEARD = "not_heard"
    NO_ANSWER = "no_answer"
    TOO_EARLY = "yes_too_early"
    NOT_FINAL = "not_final"
    UNSURE = "unsure_of_answer"
    UNCLEAR = "unclear_answer"
    DECLINED = "declined"
    CORRECTED = "corrected"
    NEW_VALUE = "new_value"
    EXPIRED = "expired"
    REPLACED = "replaced"
    NO_TRANSCRIPTS = "no_transcripts"
    ANOTHER_CUSTOMER = "another_customer"
    REFUSED = "refused"
    COMMITTED = "already_done"
    BUSY = "under_way"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed. `id` is unique for all time; the confirmation's id is made of it."""

    id: str
    token: str
    session_id: str
    plan: Plan
    readout: ReadOut
    about: About
    language: Language
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Yes:
    """The caller's agreement and what had been heard when it began."""

    item_id: str
    text: str
    span_ms: tuple[int, int]
    heard: str


@dataclass(frozen=True, slots=True)
class Report:
    """By `at_ms` the caller had heard `text` of the item."""

    item_id: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is proposed."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Being read out, or read out and waiting for the answer."""

    proposal: Proposal
    items: tuple[str, ...] = ()
    """The assistant items that began after the proposal, oldest first."""
    reports: tuple[Report, ...] = ()
    """What was heard of them and when, in the order it was reported."""
    last: Why = Why.NOT_HEARD
    """Why it cannot be carried out yet."""


@dataclass(frozen=True, slots=True)
class Agreed:
    proposal: Proposal
    yes: Yes


@dataclass(frozen=True, slots=True)
class Committing:
    proposal: Proposal
    yes: Yes


@dataclass(frozen=True, slots=True)
class Unsure:
    """A commit was begun and its end is not known: only the same commit may be tried again."""

    proposal: Proposal
    yes: Yes


Step: TypeAlias = Idle | Asking | Agreed | Committing | Unsure


@dataclass(frozen=True, slots=True)
class State:
    step: Step = Idle()
    old_items: frozenset[str] = frozenset()
    """Assistant items that began before the proposal: nothing in them answers to it."""
    turns: frozenset[str] = frozenset()
    """The caller's turns that were final already: each is an answer once."""
    open_turn_ms: int | None = None
    """Where the caller's turn without a final transcript began, if there is one."""
    ended: tuple[tuple[str, Why], ...] = ()


# events


@dataclass(frozen=True, slots=True)
class Propose:
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Saying:
    item_id: str


@dataclass(frozen=True, slots=True)
class HeardTo:
    item_id: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    turn: UserTurn


@dataclass(frozen=True, slots=True)
class Confirm:
    """Somebody asks for the proposal with this id to be carried out."""

    proposal_id: str


@dataclass(frozen=True, slots=True)
class Committed:
    proposal_id: str


@dataclass(frozen=True, slots=True)
class ShopRefused:
    proposal_id: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The commit's outcome never came back."""

    proposal_id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    why: Literal[Why.NO_TRANSCRIPTS, Why.ANOTHER_CUSTOMER]


Event: TypeAlias = (
    Propose | Saying | HeardTo | Answered | Confirm | Committed | ShopRefused | Interrupted | Withdraw
)

# effects


@dataclass(frozen=True, slots=True)
class Commit:
    """Carry it out, under the confirmation id that belongs to this proposal."""

    proposal: Proposal
    yes: Yes


@dataclass(frozen=True, slots=True)
class Deny:
    """The confirmation asked for is refused."""

    why: Why


@dataclass(frozen=True, slots=True)
class Void:
    """The proposal is over without having been carried out."""

    proposal: Proposal
    why: Why


Effect: TypeAlias = Commit | Deny | Void


def step(state: State, event: Event, now: datetime) -> tuple[State, tuple[Effect, ...]]:
    """One event. Total: every event is answered in every state."""
    state, expired = _expire(state, now)
    match event:
        case Propose(proposal):
            state, effects = _propose(state, proposal)
        case Saying(item_id):
            state, effects = _saying(state, item_id), ()
        case HeardTo(item_id, text, at_ms):
            state, effects = _heard(state, Report(item_id, text, at_ms)), ()
        case Answered(turn):
            state, effects = _answered(state, turn)
        case Confirm(proposal_id):
            state, effects = _confirm(state, proposal_id)
        case Committed(proposal_id):
            state, effects = _settle(state, proposal_id, Why.COMMITTED), ()
        case ShopRefused(proposal_id):
            state, effects = _settle(state, proposal_id, Why.REFUSED), ()
        case Interrupted(proposal_id):
            state, effects = _interrupted(state, proposal_id), ()
        case Withdraw(why):
            state, effects = _void(state, why)
        case _:
            assert_never(event)
    return state, expired + effects


def proposal_of(state: State) -> Proposal | None:
    return None if isinstance(state.step, Idle) else state.step.proposal


def hearing_at(asking: Asking, at_ms: int | None = None) -> Hearing:
    """What had been heard of the read-out by `at_ms` (None: by now)."""
    return hearing(asking.proposal.readout, _texts(asking, at_ms))


def awaits_transcript(state: State, proposal_id: str) -> bool:
    """Whether the caller has begun to say something after the clause whose final words are still to come."""
    now, began = state.step, state.open_turn_ms
    if began is None or isinstance(now, Idle) or now.proposal.id != proposal_id:
        return False
    return isinstance(now, Agreed) or (isinstance(now, Asking) and hearing_at(now, began).required)


def _texts(asking: Asking, at_ms: int | None) -> tuple[str, ...]:
    latest: dict[str, Report] = {}
    for report in asking.reports:
        in_time = at_ms is None or report.at_ms <= at_ms
        if in_time and (report.item_id not in latest or report.at_ms >= latest[report.item_id].at_ms):
            latest[report.item_id] = report
    return tuple(latest[i].text for i in asking.items if i in latest and latest[i].text)


def _expire(state: State, now: datetime) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(state.step, Asking | Agreed) and now >= state.step.proposal.expires_at:
        return _void(state, Why.EXPIRED)
    return state, ()


def _propose(state: State, proposal: Proposal) -> tuple[State, tuple[Effect, ...]]:
    if isinstance(state.step, Committing | Unsure):
        return state, (Deny(Why.BUSY),)
    state, effects = _void(state, Why.REPLACED)
    return replace(state, step=Asking(proposal)), effects


def _saying(state: State, item_id: str) -> State:
    if not isinstance(state.step, Asking):
        return replace(state, old_items=state.old_items | {item_id})
    if item_id in state.old_items or item_id in state.step.items:
        return state
    return replace(state, step=replace(state.step, items=(*state.step.items, item_id)))


def _heard(state: State, report: Report) -> State:
    state = _saying(state, report.item_id)
    asking = state.step
    if not isinstance(asking, Asking) or report.item_id in state.old_items:
        return state
    last = asking.reports[-1] if asking.reports else None
    if last and (last.item_id, last.text) == (report.item_id, report.text) and last.at_ms <= report.at_ms:
        return state
    asking = replace(asking, reports=(*asking.reports, report)[-_REPORTS:])
    if asking.last is Why.NOT_HEARD and hearing_at(asking).required:
        asking = replace(asking, last=Why.NO_ANSWER)
    return replace(state, step=asking)


def _answered(state: State, turn: UserTurn) -> tuple[State, tuple[Effect, ...]]:
    if turn.item_id in state.turns:
        return state, ()
    if not turn.final:
        return replace(state, open_turn_ms=turn.began_ms), ()
    state = replace(state, turns=state.turns | {turn.item_id}, open_turn_ms=None)
    now = state.step
    if isinstance(now, Idle | Committing | Unsure):
        return state, ()
    if isinstance(now, Asking) and not _texts(now, turn.ended_ms):
        return state, ()  # it ended before a word of the read-out was heard: not an answer to it
    answer = understand(turn.transcript, now.proposal.about)
    if answer.voids:
        return _void(state, _VOIDS[answer])
    if isinstance(now, Asking):
        return _weigh(state, now, turn, answer), ()
    return state, ()


def _weigh(state: State, asking: Asking, turn: UserTurn, answer: Answer) -> State:
    """An answer that voids nothing: a yes in its place, or a reason to ask again."""

    def still(why: Why) -> State:
        return replace(state, step=replace(asking, last=why))

    known = hearing_at(asking, turn.began_ms)
    agrees = answer in (Answer.YES, Answer.SOFT)
    if not known.required:
        return still(Why.TOO_EARLY if agrees else Why.NOT_HEARD)
    if not agrees:
        return still(Why.NO_ANSWER if answer in (Answer.SILENCE, Answer.BACKCHANNEL) else Why.UNCLEAR)
    if answer is Answer.SOFT and not known.whole:
        return still(Why.TOO_EARLY)
    if turn.confidence is not None and turn.confidence < SURE_ENOUGH:
        return still(Why.UNSURE)
    yes = Yes(turn.item_id, turn.transcript, (turn.began_ms, turn.ended_ms), known.heard)
    return replace(state, step=Agreed(asking.proposal, yes))


def _confirm(state: State, proposal_id: str) -> tuple[State, tuple[Effect, ...]]:
    now = state.step
    if isinstance(now, Idle) or now.proposal.id != proposal_id:
        return state, (Deny(dict(state.ended).get(proposal_id, Why.UNKNOWN)),)
    match now:
        case Asking():
            waiting = now.last is Why.NO_ANSWER and state.open_turn_ms is not None
            return state, (Deny(Why.NOT_FINAL if waiting else now.last),)
        case Committing():
            return state, (Deny(Why.BUSY),)
        case Agreed() if state.open_turn_ms is not None:
            return state, (Deny(Why.NOT_FINAL),)
        case Agreed(proposal, yes) | Unsure(proposal, yes):
            return replace(state, step=Committing(proposal, yes)), (Commit(proposal, yes),)
        case _:
            assert_never(now)


def _settle(state: State, proposal_id: str, why: Why) -> State:
    if isinstance(state.step, Committing | Unsure) and state.step.proposal.id == proposal_id:
        return _end(state, state.step.proposal, why)
    return state


def _interrupted(state: State, proposal_id: str) -> State:
    if isinstance(state.step, Committing) and state.step.proposal.id == proposal_id:
        return replace(state, step=Unsure(state.step.proposal, state.step.yes))
    return state


def _void(state: State, why: Why) -> tuple[State, tuple[Effect, ...]]:
    if not isinstance(state.step, Asking | Agreed):
        return state, ()
    proposal = state.step.proposal
    return _end(state, proposal, why), (Void(proposal, why),)


def _end(state: State, proposal: Proposal, why: Why) -> State:
    items = state.step.items if isinstance(state.step, Asking) else ()
    return replace(
        state,
        step=Idle(),
        old_items=state.old_items | set(items),
        ended=(*state.ended, (proposal.id, why))[-_KEPT:],
    )


_VOIDS = {
    Answer.NO: Why.DECLINED,
    Answer.CORRECTION: Why.CORRECTED,
    Answer.NEW_VALUE: Why.NEW_VALUE,
}
