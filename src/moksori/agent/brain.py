"""What decides the answer: a brain is given the conversation so far and streams back text and tool calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from moksori.agent.speech import Priority
from moksori.protocol.items import Item
from moksori.protocol.session import Tool, ToolChoice


@dataclass(frozen=True, slots=True)
class Thought:
    """Everything one answer may depend on. `history` holds only what was heard of interrupted answers."""

    conversation_id: str
    response_id: str
    history: tuple[Item, ...]
    instructions: str
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    max_tokens: int | None
    language: str | None
    speculative: bool
    """True until the turn is committed; the brain must then have no effect outside itself."""
    metadata: dict[str, str] | None = None
    priority: Priority = Priority.WAITED_FOR
    parallel_tool_calls: bool | None = None
    """Whether one answer may call several tools; None leaves it to the brain."""
    effort: str | None = None
    """How hard a model that reasons should try, `minimal` to `xhigh`."""


@dataclass(frozen=True, slots=True)
class Said:
    """The next piece of the answer's text."""

    text: str
    slow: bool = False
    """It came so long after the first that its clause should not be waited for."""


@dataclass(frozen=True, slots=True)
class Called:
    """One whole tool call; `arguments` is a JSON object as text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Last of every successful answer. Token counts are the model's own where it reports them, else 0."""

    reason: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


BrainEvent = Said | Called | Finished


class Brain(Protocol):
    def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """Stream the answer; ends with exactly one `Finished`. Closing the iterator stops the work.

        Raises `BrainFailed`.
        """
        ...


class ByRule(Brain, Protocol):
    """A brain that needs no language model, and can ask one."""

    def covers(self, tools: Sequence[Tool]) -> bool:
        """Whether a conversation with these tools is its own: it is given the whole of it, however long."""
        ...

    def advised(self, mind: Brain) -> Brain:
        """The same brain with a language model at hand, for what no rule covers and for conversations not its own."""
        ...


class BrainFailed(Exception):
    """The brain cannot answer. `code` goes into `response.done`'s error, the message is a sentence."""

    def __init__(self, message: str, *, code: str = "server_error", retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
