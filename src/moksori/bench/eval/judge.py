"""Holds conversations and judges them by what they left behind, what was said, which tools ran and how long it took.

Who answers is given as `Open`, so that flows, a model behind a chat endpoint and a live server are judged alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from moksori.bench.eval.caller import Caller
from moksori.bench.eval.report import Turn, Verdict
from moksori.bench.eval.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a conversation left behind; `tools` ran at some time in it."""

    changed: Mapping[str, str]
    tools: tuple[str, ...] = ()


class Conversation(Protocol):
    """One scenario under way."""

    async def say(self, text: str) -> Turn:
        """Say something and hear the answer out."""
        ...

    async def close(self) -> Aftermath:
        """End it; what came of it."""
        ...


Open = Callable[[Scenario], Awaitable[Conversation]]


async def run(
    scenarios: Sequence[Scenario],
    open_one: Open,
    *,
    patience: int = 0,
    told: Callable[[Verdict], None] | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> list[Verdict]:
    """One conversation after the other, as long as `go_on()`; `told` hears of each."""
    verdicts = []
    for each in scenarios:
        if not go_on():
            break
        verdict = await judge(each, open_one, patience)
        verdicts.append(verdict)
        if told is not None:
            told(verdict)
    return verdicts


async def judge(scenario: Scenario, open_one: Open, patience: int = 0) -> Verdict:
    """Hold one conversation and say what is wrong with it."""
    conversation = await open_one(scenario)
    caller = Caller(scenario, patience)
    turns: list[Turn] = []
    answer: str | None = None
    try:
        while (said := caller.next(answer)) is not None:
            turn = await conversation.say(said)
            turns.append(turn)
            answer = turn.answered
    finally:
        aftermath = await conversation.close()
    return Verdict(scenario, tuple(turns), aftermath.changed, tuple(_wrong(scenario, turns, aftermath)))


def _wrong(scenario: Scenario, turns: Sequence[Turn], aftermath: Aftermath) -> list[str]:
    changed = aftermath.changed
    wrong = [
        f"{key} should be {value!r} and {f'is {changed[key]!r}' if key in changed else 'was not changed'}."
        for key, value in scenario.changes.items()
        if changed.get(key) != value
    ]
    wrong += [
        f"{k} became {v!r}, which nobody asked for." for k, v in changed.items() if k not in scenario.changes
    ]
    if scenario.says and not any(word in turn.answered for turn in turns for word in scenario.says):
        wrong.append(f"No answer says {' or '.join(scenario.says)}.")
    ran = {*aftermath.tools, *(tool.partition(":")[0] for turn in turns for tool in turn.tools)}
    wrong += [f"{tool} did not run." for tool in scenario.tools if tool not in ran]
    wrong += [f"{tool} ran." for tool in scenario.never if tool in ran]
    slow = [t for t in turns if scenario.within_ms is not None and t.ms > scenario.within_ms]
    wrong += [f"The answer to {t.said!r} took {t.ms:.0f} ms." for t in slow]
    return wrong
