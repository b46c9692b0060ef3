"""A question that no flow covers, as a small language model is asked it: the passages, one sentence, no tools. Pure."""

from __future__ import annotations

from dataclasses import replace

from moksori.agent.brain import Thought
from moksori.agent.tools import Language
from moksori.protocol.items import InputText, Message
from moksori.shop.flows.data import say
from moksori.shop.flows.state import Free

MOST_TOKENS = 90
"""Two spoken sentences, in Korean too."""


def grounded(thought: Thought, free: Free, language: Language) -> Thought:
    """The caller's question alone, with what may be said about it: reading more is what costs on a CPU."""
    passages = "\n".join(f"- {each}" for each in free.passages)
    return replace(
        thought,
        history=(Message(role="user", content=(InputText(text=free.text),), id="question"),),
        instructions=say("free", language, passages=passages),
        tools=(),
        tool_choice="none",
        max_tokens=MOST_TOKENS,
        language=language,
    )
