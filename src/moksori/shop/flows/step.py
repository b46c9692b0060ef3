"""One happening of a conversation: what was heard or what a tool returned, and what is said or called next. Pure.

Wishes stand in a row. The first is worked on until something is missing: a fact (a tool is called), a choice (the
caller is asked), a yes (the guard's sentence is read out). What the caller says is first an answer to what was
asked, then a wish of its own; a wish in between is served and the one before it taken up again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, assert_never

from moksori.agent.guard import CONFIRM
from moksori.agent.language import spoken_language
from moksori.agent.tools import Language
from moksori.shop.flows.corrections import corrected_wish, meant_instead, put_right, says_other
from moksori.shop.flows.data import say
from moksori.shop.flows.details import introduced
from moksori.shop.flows.intents import FAULT
from moksori.shop.flows.matching.phrases import has, ordinal
from moksori.shop.flows.matching.reasons import reason_meant
from moksori.shop.flows.outcome import CERTAIN, Ask, Done, Need, Propose
from moksori.shop.flows.refused import refused_in
from moksori.shop.flows.serve import serve
from moksori.shop.flows.state import Action, Call, Event, Free, Goal, Heard, Proposal, Returned, Say, State
from moksori.shop.flows.wishes import (
    BETWEEN,
    SMALL_TALK,
    SURE,
    general,
    hits,
    short,
    wishes,
    writes,
)
from moksori.shop.guard.about import About
from moksori.shop.guard.answers import Answer, understand
from moksori.shop.guard.text import joined, words

MOST_TRIES = 3
"""Times one thing is asked for before a human is offered."""
FREE = "free"
"""What the search is known as that is made for a sentence no flow understood."""
FREE_PASSAGES = 3
LONGEST_QUERY = 2000
RELATED = 3.0
"""Score of the policy's search from which on a passage may be about the question."""
READ_AGAIN = frozenset({
    "not_heard", "yes_too_early", "no_answer", "unclear_answer", "unsure_of_answer", "not_final",
})  # fmt: skip
"""Refusals of a confirmation after which the sentence is read out once more."""
GONE = frozenset({"corrected", "new_value", "expired", "replaced", "changed", "unknown_proposal", "refused"})
"""Refusals after which the write has to be proposed anew."""
MOST_UNCLEAR = 4
"""Answers that are neither yes nor no after which a sentence is not read out again."""
ABOUT_ONES_OWN = ("orders", "delivery", "refund_status", "points", "cart", "account")
"""Look-ups of what is the caller's own; where nobody is known the question may be one of policy."""
LONG_ANSWER = 4
"""Words above which a sentence that wishes for another change is more than an answer to what was asked."""
LANGUAGES: tuple[Language, ...] = ("ko", "en")
SMALL_WORD = 4
"""Letters up to which a word of a wish's name tells it from no other."""
NOTHING = About.of("")
"""A yes to a question that proposes nothing."""


def step(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    match event:
        case Heard(text, today):
            missed = state.missed
            state = replace(
                state,
                told="",
                language=spoken_language(text, state.language),
                missed="",
                last_heard=text or state.last_heard,
            )
            return _heard(state, text, today, missed)
        case Returned(output, today):
            return _returned(state, output, today)
        case _:
            assert_never(event)


# ---------------------------------------------------------------- what the caller said


def _heard(state: State, text: str, today: date, missed: str) -> tuple[State, tuple[Action, ...]]:
    if not joined(text) and state.proposal is not None:
        return state, (Say(say("again", state.language, sentence=state.proposal.sentence)),)
    if not joined(text):
        return state, (Say(say("silence", state.language)),)
    if state.proposal is not None and state.goals:
        return _answered(state, state.proposal, text, today)
    current = state.goals[0] if state.goals else None
    new = wishes(text, SURE if current is not None and current.asked is not None else 0.0)
    if (
        state.between and new and new[0].flow == BETWEEN
    ):  # said again, and no clearer: the likelier, to be read out
        new = [replace(new[0], flow=new[0].choices[0], choices=())]
    if state.before and new and not current:
        new = [replace(new[0], text=f"{state.before} {new[0].text}"), *new[1:]]
    elif state.between and not new and understand(text, NOTHING).agrees:
        new = [Goal(state.between[0], f"{state.before} {text}")]
    elif state.between and not new and (meant := _chosen_between(state, text)) is not None:
        new = [Goal(meant, state.before)]
    state = replace(state, before="", between=())
    if current is not None and current.asked is not None:
        digression = [g for g in new if _digresses(g, current, text)]
        if not digression:
            slots = {**current.slots, "answer": text}
            if current.asked == "which":  # what names the order need not name what is meant of it
                slots.setdefault("wish", current.text)
            goal = put_right(state, current, text, today) or replace(
                current, text=f"{current.text} {text}".strip(), slots=slots
            )
            return _advance(replace(state, goals=(goal, *state.goals[1:]), misses=0), today)
        new = digression
    if not new and current is None and (instead := meant_instead(state, text, today)) is not None:
        new = [instead]
    if not new:
        return _missed(state, text)
    return _begin(state, new, today, missed)


def _chosen_between(state: State, text: str) -> str | None:
    """Which of the two wishes that were asked about an answer points at ("the second", "배송 쪽이요")."""
    at = ordinal(text, len(state.between))
    if at is not None:
        return state.between[at]
    said = set(words(text))
    named = [
        flow
        for flow in state.between
        if any(
            said & {word for word in words(say(f"wish.{flow}", language)) if len(word) > SMALL_WORD}
            or (language == "ko" and joined(say(f"wish.{flow}", language))[:2] in joined(text))
            for language in LANGUAGES
        )
    ]
    return named[0] if len(named) == 1 else None


def _digresses(goal: Goal, current: Goal, text: str) -> bool:
    """Whether a wish heard while something was asked is one of its own, not part of the answer."""
    if goal.flow == current.flow or goal.flow in SMALL_TALK:
        return goal.flow == "goodbye" and short(text) and current.asked not in ("reason", "which")
    if goal.flow in ("human", "complaint", "lost", "policy"):
        return True
    if current.asked in ("reason", "address", "identity", "option", "method"):
        return False
    aside = ("cancel", "return", "exchange", "delivery", "refund_status", "points", "cart")
    if writes(goal.flow) and (len(words(text)) > LONG_ANSWER or goal.flow not in hits(text)):
        return len(words(text)) > LONG_ANSWER
    return goal.flow in aside and len(words(text)) > 1


def _begin(state: State, new: list[Goal], today: date, missed: str = "") -> tuple[State, tuple[Action, ...]]:
    """Take up new wishes: those that only look first, then what was under way, if it is not replaced.

    `missed`: what was said just before and not understood.
    """
    if len(new) > 1 or missed:
        turn = " ".join([missed, *(g.text for g in new)]).strip()
        new = [replace(new[0], slots={**new[0].slots, "turn": turn}), *new[1:]]
    new = [new[0], *(replace(g, slots={**g.slots, "beside": True}) for g in new[1:])]
    ordered = sorted(new, key=lambda g: writes(g.flow))
    if ordered[0].flow in (FAULT, BETWEEN):
        state = replace(state, before=ordered[0].text, between=ordered[0].choices)
    replaced = any(writes(g.flow) or g.flow in ("human", "complaint", "lost", "goodbye") for g in new)
    kept = () if replaced else state.goals
    wanted = tuple(dict.fromkeys((*state.wanted, *(g.text for g in new if g.flow not in SMALL_TALK))))
    state = replace(
        state,
        goals=(*ordered, *kept),
        proposal=None if replaced else state.proposal,
        left=None,
        wanted=wanted[-5:],
        misses=0,
        unclear=0,
    )
    return _advance(state, today)


def _missed(state: State, text: str) -> tuple[State, tuple[Action, ...]]:
    if has("wait", text):
        return state, (Say(say("wait", state.language)),)
    arguments = {"query": text[:LONGEST_QUERY], "language": state.language, "limit": FREE_PASSAGES}
    return replace(state, waiting=FREE, missed=text), (Call("search_policy", arguments),)


def _free(state: State, output: dict[str, Any]) -> tuple[State, tuple[Action, ...]]:
    """What no flow covers: from the policy if it says something about it, else asked again."""
    found = output.get("result", {}).get("passages", []) if output.get("ok") else []
    passages = tuple(str(each["text"]) for each in found if each.get("score", 0) >= RELATED)
    misses = state.misses + 1
    otherwise = say("not_understood" if misses == 1 else "not_understood_again", state.language)
    if passages and found[0].get("score", 0) >= CERTAIN:
        misses, otherwise = 0, passages[0]
    return replace(state, misses=misses), (Free(state.last_heard, otherwise, passages),)


# ---------------------------------------------------------------- the answer to a sentence that was read out


def _answered(state: State, proposal: Proposal, text: str, today: date) -> tuple[State, tuple[Action, ...]]:
    goal = state.goals[0]
    postcode = goal.slots.get("address", {}).get("postcode", "")
    answer = understand(text, About.of(proposal.sentence, (), proposal.tool, postcode))
    if answer.agrees and says_other(proposal.sentence, text):
        corrects = corrected_wish(state, goal, text, today) is not None
        answer = Answer.CORRECTION if corrects else Answer.DOUBT
    if answer.agrees:
        return replace(state, waiting="confirm"), (Call(CONFIRM, {"token": proposal.token}),)
    new = [g for g in wishes(text, SURE) if g.flow not in SMALL_TALK]
    aside = [g for g in new if g.flow != goal.flow and (not writes(g.flow) or answer.voids)]
    corrected = corrected_wish(state, goal, text, today)
    if aside and (corrected is None or not answer.voids or goal.flow in refused_in(text)):
        state = replace(state, proposal=None) if answer.voids else state
        return _begin(state, [_for_its_reason(goal, wish) for wish in aside], today)
    if answer.voids and corrected is not None:
        return _advance(replace(state, goals=(corrected, *state.goals[1:]), proposal=None), today)
    if answer is Answer.NEW_VALUE and not aside and not has("leaves", text):
        return _asked_again(
            replace(state, proposal=None), today
        )  # it may have been a yes with words beside it
    if answer.voids:
        return _left_alone(state, today)
    if has("wait", text):
        return state, (Say(say("wait", state.language)),)
    return _asked_again(state, today)


def _left_alone(state: State, today: date) -> tuple[State, tuple[Action, ...]]:
    """What was read out is not done; the next sentence may name what was meant instead."""
    state = replace(state, goals=state.goals[1:], proposal=None, left=state.goals[0])
    if state.goals:
        return _advance(state, today)
    return state, (Say(say("left_alone", state.language)),)


def _for_its_reason(before: Goal, wish: Goal) -> Goal:
    """An exchange in place of a return, or the other way about, has its reason unless it names another."""
    instead = {before.flow, wish.flow} == {"return", "exchange"}
    if not instead or "reason" not in before.slots or reason_meant(wish.text) not in (None, "changed_mind"):
        return wish
    return replace(wish, slots={**wish.slots, "reason": before.slots["reason"]})


def _asked_again(state: State, today: date) -> tuple[State, tuple[Action, ...]]:
    """What was read out is read out again, each time with other words before it, and at last left alone."""
    state = replace(state, unclear=state.unclear + 1)
    if state.unclear >= MOST_UNCLEAR:
        state = replace(state, goals=state.goals[1:], proposal=None, unclear=0)
        return _say(state, say("left_unclear", state.language))
    if state.proposal is None:
        key = "yes_or_no" if state.unclear == 1 else "plain_yes_or_no"
        return _advance(_tell(state, say(key, state.language)), today)
    key = "again" if state.unclear == 1 else "again_yes_or_no"
    return state, (Say(say(key, state.language, sentence=state.proposal.sentence)),)


# ---------------------------------------------------------------- what a tool returned


def _returned(state: State, output: dict[str, Any], today: date) -> tuple[State, tuple[Action, ...]]:
    key, state = state.waiting, replace(state, waiting=None)
    if key == FREE:
        return _free(state, output)
    if key is None or not state.goals:
        return state, (Say(say("anything_else", state.language)),)
    if not output.get("ok"):
        return _refused(state, key, output.get("error", {}), today)
    if "proposal" in output:
        made = output["proposal"]
        tool = key.removeprefix("propose:")
        state = replace(state, proposal=Proposal(tool, made["token"], made["read_out"]))
        return _say(state, made["read_out"])
    result = output.get("result", {})
    if key == "confirm" and state.proposal is not None:
        tool = state.proposal.tool
        return _finished(state, tool, result, today)
    if key == "propose:hand_over":
        return _finished(state, "hand_over", result, today)
    if key == "verify":
        name = result.get("name", {})
        whole = f"{name.get('family', '')}{name.get('given', '')}" if state.language == "ko" else ""
        known = {k: v for k, v in state.known.items() if k != "orders"}
        state = replace(state, goals=state.goals[1:], known=known)
        state = _tell(state, say("verified", state.language, name=whole))
        return _advance(state, today)
    return _advance(replace(state, known={**state.known, key: result}), today)


def _refused(state: State, key: str, error: dict[str, Any], today: date) -> tuple[State, tuple[Action, ...]]:
    code, message = str(error.get("code", "")), str(error.get("message", ""))
    if code in ("needs_customer", "not_verified") and key != "verify":
        if state.goals[0].flow in ABOUT_ONES_OWN and general(state.goals[0].text):
            goal = replace(state.goals[0], flow="policy")
            return _advance(replace(state, goals=(goal, *state.goals[1:])), today)
        return _advance(
            replace(state, goals=(Goal("verify", introduced(state.goals[0].text)), *state.goals)), today
        )
    if key == "verify":
        goal = replace(state.goals[0], text="", slots={}, tries=state.goals[0].tries + 1, asked="identity")
        locked = code == "verification_locked" or goal.tries >= MOST_TRIES
        state = replace(state, goals=() if locked else (goal, *state.goals[1:]))
        return state, (Say(say("locked" if locked else "not_verified", state.language)),)
    if key == "confirm" and state.proposal is not None:
        if code in READ_AGAIN:
            return _asked_again(state, today)
        if code == "already_done":
            return _finished(state, state.proposal.tool, {}, today)
        if code == "declined":
            return _left_alone(state, today)  # the guard heard a no where the flows heard a yes
        if code == "not_certain":
            token = state.proposal.token
            return replace(state, waiting="confirm"), (Call(CONFIRM, {"token": token}),)
        if code in GONE:
            return _asked_again(replace(state, proposal=None), today)
    state = replace(state, goals=state.goals[1:], proposal=None)
    if code == "order_not_found":
        message = say("repeat_number", state.language)
    return _advance(_tell(state, message or say("failed", state.language)), today)


def _finished(
    state: State, tool: str, result: dict[str, Any], today: date
) -> tuple[State, tuple[Action, ...]]:
    goal = state.goals[0]
    facts = {"ticket": result.get("ticket", "")}
    text = say(f"done.{tool}", state.language, **facts)
    if goal.flow == "complaint":
        text = f"{say('sorry_complaint', state.language)} {text}"
    # What was known of the orders is not so any more.
    state = replace(
        state, goals=state.goals[1:], proposal=None, unclear=0, known={}, done=(*state.done, goal.text)
    )
    return _advance(_tell(state, text), today)


# ---------------------------------------------------------------- going on


def _advance(state: State, today: date) -> tuple[State, tuple[Action, ...]]:
    """Serve the first wish as far as it goes, then the next."""
    while state.goals:
        if state.proposal is not None and writes(state.goals[0].flow):
            return _say(state, state.proposal.sentence)
        goal, outcome = serve(state, state.goals[0], today)
        state = replace(state, goals=(goal, *state.goals[1:]), topic=goal.slots.get("order", state.topic))
        match outcome:
            case Need(key, tool, arguments):
                return replace(state, waiting=key), (Call(tool, arguments),)
            case Propose(tool, arguments):
                return replace(state, waiting=f"propose:{tool}"), (Call(tool, arguments),)
            case Ask(text, slot, choices):
                return _ask(state, goal, text, slot, choices)
            case Done(text, more, over):
                state = _tell(replace(state, goals=(*more, *state.goals[1:]), over=over), text)
            case _:
                assert_never(outcome)
    return _say(state, "" if state.told else say("anything_else", state.language))


def _ask(
    state: State, goal: Goal, text: str, slot: str, choices: tuple[str, ...]
) -> tuple[State, tuple[Action, ...]]:
    again = goal.asked == slot
    goal = replace(goal, asked=slot, choices=choices, tries=goal.tries + 1 if again else 0)
    goal = replace(goal, slots={k: v for k, v in goal.slots.items() if k != "answer"})
    if goal.tries >= MOST_TRIES:
        state = replace(state, goals=state.goals[1:])
        return _say(state, say("not_understood_again", state.language))
    if goal.tries and text in state.last_said:  # never the same words a third time
        text = say("asked_again" if goal.tries == 1 else "asked_last", state.language, question=text)
    return _say(replace(state, goals=(goal, *state.goals[1:])), text)


def _tell(state: State, text: str) -> State:
    return replace(state, told=f"{state.told} {text}".strip())


def _say(state: State, text: str) -> tuple[State, tuple[Action, ...]]:
    whole = f"{state.told} {text}".strip() or say("anything_else", state.language)
    return replace(state, told="", last_said=whole), (Say(whole),)
