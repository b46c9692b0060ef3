"""Who answers while the local language model loads: callers are told so, and what needs no model is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator

from moksori.agent.brain import Brain, BrainEvent, BrainFailed, Finished, Said, Thought
from moksori.engine.lite import fixed_answer, language_of, last_words
from moksori.protocol.session import ToolChoiceFunction

CATALOGUE = "loading"


class LoadingBrain:
    """`Brain` for the seconds before the local language model is there: fixed sentences, none of which pretends."""

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """One sentence of `texts/loading.toml`. Raises `BrainFailed` where only a tool call would be an answer."""
        if thought.tool_choice == "required" or isinstance(thought.tool_choice, ToolChoiceFunction):
            raise loading()
        words = last_words(thought.history)
        yield Said(fixed_answer(words, language_of(words, thought.language), CATALOGUE))
        yield Finished()


class AbsentBrain:
    """`Brain` where there is none: every answer fails with the sentence that says why."""

    def __init__(self, state: str) -> None:
        """`state` is the part's, "warming" or "failed: " and a sentence."""
        self._state = state

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        if self._state == "warming":
            raise loading()
        raise BrainFailed(f"The language model could not be loaded: {self._state.removeprefix('failed: ')}")
        yield  # an async generator, as the Protocol wants


def loading() -> BrainFailed:
    return BrainFailed(
        "The language model is still loading: try again in a moment.", code="server_warming_up"
    )


def answering(brain: Brain | None, state: str, flows: Brain | None) -> Brain:
    """Who answers a caller now: the brain; while it loads the shop's flows, where there are some, or `LoadingBrain`."""
    if brain is not None:
        return brain
    if state == "warming":
        return flows or LoadingBrain()
    return AbsentBrain(state)
