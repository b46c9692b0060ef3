"""What of a long conversation a brain is shown: `session.truncation`. Pure.

A brain reads only so much. The real service leaves out the oldest messages when a conversation outgrows that, or,
told not to, fails the answer; so does this. Tokens are estimated, as what is said here is text to every brain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moksori.agent.brain import BrainFailed
from moksori.engine.chat import words_in
from moksori.engine.llama_prompt import MAX_RESULT_CHARS, PROMPT_TOKENS, system_prompt, tokens
from moksori.protocol.items import FunctionCall, FunctionCallOutput, InputImage, Item, McpCall, Message
from moksori.protocol.session import RetentionRatio, Tool, Truncation

IMAGE_TOKENS = 765
"""What a picture usually costs at an endpoint."""
ANSWER_TOKENS = 4096
"""Kept free for the answer when the client sets no limit: the most the protocol lets one have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How much a brain reads: `input_tokens` with its instructions and tools, and of a tool's result `result_chars`.

    `retained` is what an automatic truncation leaves of it: 1.0 drops as little as possible, less drops more at once,
    so that the turns after begin like the turn before and what was read of them can be kept.
    """

    input_tokens: int = 32_768 - ANSWER_TOKENS
    retained: float = 1.0
    result_chars: int | None = None


LOCAL_READING = Reading(PROMPT_TOKENS, 0.6, MAX_RESULT_CHARS)
"""The local model reads slowly, so it is given little and that little changes seldom at its beginning."""


class Window:
    """One conversation's view: what was left out once stays out, as at the real service."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._left_out: frozenset[str] = frozenset()

    def room(self, instructions: str, tools: Sequence[Tool], language: str | None) -> int:
        """Tokens that instructions and tools leave for the conversation."""
        return max(0, self._reading.input_tokens - tokens(system_prompt(instructions, tools, language)))

    def fit(
        self,
        history: Iterable[Item],
        truncation: Truncation,
        room: int,
        *,
        given: bool = False,
    ) -> tuple[Item, ...]:
        """The newest items that have room; the last thing a caller said, and all after it, always stays.

        `given` items are not the conversation's. What a thought leaves out that comes to nothing stays out, too: if
        each began elsewhere, what the one before has read could not be kept. Raises `BrainFailed` with code
        `context_length_exceeded` where truncation is disabled and the room too small.
        """
        items = [item for item in history if given or item.id not in self._left_out]
        sizes = [item_tokens(item, self._reading.result_chars) for item in items]
        limit, retained = room, self._reading.retained
        if isinstance(truncation, RetentionRatio):
            retained = truncation.retention_ratio
            if truncation.token_limits is not None and truncation.token_limits.post_instructions is not None:
                limit = min(limit, truncation.token_limits.post_instructions)
        if sum(sizes) <= limit:
            return tuple(items)
        if truncation == "disabled":
            raise BrainFailed(
                f"The conversation is too long for the model: about {sum(sizes)} tokens, and it reads {limit} beside "
                "the instructions. Truncation is disabled: delete items, or set session.truncation to 'auto'.",
                code="context_length_exceeded",
            )
        begin = _cut(items, sizes, limit * retained)
        if not given:
            self._left_out |= {item.id for item in items[:begin]}
        return tuple(items[begin:])


def _cut(items: Sequence[Item], sizes: Sequence[int], goal: float) -> int:
    """The index of the first item that is kept."""
    last_turn = max((n for n, item in enumerate(items) if _is_user(item)), default=len(items) - 1)
    rest, begin = sum(sizes), 0
    while begin < last_turn and rest > goal:
        rest -= sizes[begin]
        begin += 1
    # An output without its call says nothing to anybody.
    while begin < last_turn and isinstance(items[begin], FunctionCallOutput):
        begin += 1
    return begin


def _is_user(item: Item) -> bool:
    return isinstance(item, Message) and item.role == "user"


def item_tokens(item: Item, result_chars: int | None = None) -> int:
    """About how many tokens an item is to a model that reads text."""
    match item:
        case Message():
            pictures = sum(isinstance(part, InputImage) for part in item.content)
            said = words_in(item)
            return (tokens(said) if said else 0) + pictures * IMAGE_TOKENS
        case FunctionCall():
            return tokens(item.name + item.arguments)
        case FunctionCallOutput():
            return tokens(item.output[:result_chars])
        case McpCall():
            return tokens(item.name + item.arguments) + tokens((item.output or "")[:result_chars])
        case _:
            return 0
