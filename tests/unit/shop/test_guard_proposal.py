"""The two-step write as a machine: whatever happens in whatever order, a commit follows a heard sentence and a yes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from moksori.agent.guard import UserTurn
from moksori.agent.money import Money
from moksori.agent.tools import Plan
from moksori.shop.guard import proposal as p
from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand
from moksori.shop.guard.readout import ReadOut, hearing, unfit
from tests.unit.shop.guard_kit import START

SENTENCE = "I will cancel order 20261122-0417 and refund 35,000 won to your card. Shall I go ahead?"
PLAN = Plan(
    "cancel_order", {}, "c-kim", "cancel_order", ("20261122-0417",), Money(-35_000, "KRW"), {}, "digest"
)
READOUT = ReadOut.of(SENTENCE, PLAN)
HALF = "I will cancel order 20261122-0417 and"
TEXTS = [
    SENTENCE,
    HALF,
    "One moment please.",
    "Would you like our newsletter?",
    SENTENCE.replace("35,000", "3,500"),
]
SAID = ["yes", "yes please", "no", "okay", "mm-hmm", "make it two", "how much?", ""]


def proposal(n: int) -> p.Proposal:
    return p.Proposal(
        id=f"p{n}",
        token=f"t{n}",
        session_id="sess",
        plan=PLAN,
        readout=READOUT,
        about=About.of(SENTENCE, PLAN.objects, PLAN.action),
        language="en",
        made_at=START,
        expires_at=START + timedelta(seconds=120),
    )


ids = st.integers(0, 2)
ms = st.integers(0, 10_000)
events = st.one_of(
    st.builds(p.Propose, ids.map(proposal)),
    st.builds(p.Saying, ids.map(lambda n: f"item{n}")),
    st.builds(p.HeardTo, st.integers(0, 5).map(lambda n: f"item{n}"), st.sampled_from(TEXTS), ms),
    st.builds(
        lambda n, text, began, final, sure: p.Answered(
            UserTurn(f"u{n}", text, began, began + 500, final, sure)
        ),
        st.integers(0, 8),
        st.sampled_from(SAID),
        ms,
        st.booleans(),
        st.sampled_from([None, 0.1, 0.9]),
    ),
    st.builds(p.Confirm, ids.map(lambda n: f"p{n}")),
    st.builds(p.Committed, ids.map(lambda n: f"p{n}")),
    st.builds(p.ShopRefused, ids.map(lambda n: f"p{n}")),
    st.builds(p.Interrupted, ids.map(lambda n: f"p{n}")),
    st.just(p.Withdraw(p.Why.NO_TRANSCRIPTS)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(events, st.integers(0, 20)), max_size=40))
def test_a_commit_follows_a_heard_sentence_and_a_yes(story: list[tuple[p.Event, int]]) -> None:
    state, now = p.State(), START
    turns: dict[str, UserTurn] = {}
    heard_by: dict[int, list[str]] = {}
    open_commit: set[str] = set()
    proposed: set[str] = set()
    for event, seconds in story:
        now += timedelta(seconds=seconds)
        if isinstance(event, p.Propose):
            if event.proposal.id in proposed:
                continue  # an id is made once
            proposed.add(event.proposal.id)
        if isinstance(event, p.Answered) and event.turn.final:
            turns.setdefault(event.turn.item_id, event.turn)
        if isinstance(event, p.HeardTo):
            heard_by.setdefault(event.at_ms, []).append(event.text)
        state, effects = p.step(state, event, now)
        for effect in effects:
            if isinstance(effect, p.Commit):
                yes = turns[effect.yes.item_id]
                assert understand(yes.transcript, effect.proposal.about) in (Answer.YES, Answer.SOFT)
                assert yes.confidence in (None, 0.9)
                assert any(SENTENCE in texts for at, texts in heard_by.items() if at <= yes.began_ms)
                assert effect.yes.heard.startswith("I will cancel")
                assert effect.proposal.id not in open_commit
                open_commit.add(effect.proposal.id)
        if isinstance(event, p.Interrupted) and event.proposal_id in open_commit:
            open_commit.discard(event.proposal_id)  # the same confirmation may be sent again


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=30))
def test_nothing_is_open_after_expiry_but_a_commit_under_way(story: list[p.Event]) -> None:
    state = p.State()
    for event in story:
        state, _ = p.step(state, event, START)
    state, _ = p.step(state, p.Saying("later"), START + timedelta(seconds=121))
    assert isinstance(state.step, p.Idle | p.Committing | p.Unsure)


def test_what_was_heard_is_judged_as_of_the_moment_the_yes_began() -> None:
    """A late transcript comes when the assistant has long gone on talking."""
    state, _ = p.step(p.State(), p.Propose(proposal(0)), START)
    for event in (
        p.HeardTo("a", SENTENCE, 4000),
        p.Answered(UserTurn("u", "", 4200, 4200, False)),
        p.HeardTo("b", "Fine. Would you like our newsletter?", 7000),
        p.Answered(UserTurn("u", "yes", 4200, 4800, True)),
    ):
        state, _ = p.step(state, event, START)
    assert isinstance(state.step, p.Agreed)
    assert state.step.yes.heard == SENTENCE


def test_a_sentence_that_hides_the_amount_is_not_read_out() -> None:
    assert unfit(SENTENCE, PLAN) is None
    assert unfit("I will cancel order 20261122-0417. Shall I go ahead?", PLAN) is not None
    assert unfit("I will cancel it and refund 35,000 won. Shall I go ahead?", PLAN) is not None
    assert unfit("I will cancel order 20261122-0418 and refund 35,000 won.", PLAN) is not None


def test_a_point_in_an_amount_ends_no_sentence() -> None:
    dollars = Plan("cancel_order", {}, "c", "cancel_order", ("#W2378156",), Money(-1230, "USD"), {}, "d")
    sentence = "I will cancel order #W2378156 and refund $12.30 to your card. Shall I go ahead?"
    assert unfit(sentence, dollars) is None
    readout = ReadOut.of(sentence, dollars)
    assert readout.required == "I will cancel order #W2378156 and refund $12.30 to your card."
    assert not hearing(readout, ("I will cancel order #W2378156 and refund",)).required
    said = "I will cancel order W 2378156 and refund twelve dollars and thirty cents to your card."
    assert hearing(readout, (said,)).required is True
