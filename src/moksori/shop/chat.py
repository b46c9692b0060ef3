"""One call in writing: any brain behind the guard, with the tools run here. For the command line and for evaluation.

A written answer is read as soon as it is there, so a yes that follows it was given after the whole sentence.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moksori.agent.brain import Brain, Called, Finished, Said, Thought
from moksori.agent.guard import Clear, Guard, Outcome, UserTurn
from moksori.agent.language import spoken_language
from moksori.agent.tools import JSON, Language
from moksori.protocol.internal import Heard
from moksori.protocol.items import FunctionCall, FunctionCallOutput, InputText, Item, Message, OutputText
from moksori.protocol.session_object import FunctionTool

MOST_ROUNDS = 8
"""Tool calls in a row before the caller is answered with what has been said by then."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One function call and what it came to."""

    name: str
    arguments: str
    kind: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    tools: tuple[ToolRun, ...]
    proposal: str | None
    """The sentence that waits for the caller's yes."""
    done: bool
    """Whether the conversation is over."""

    def as_json(self) -> dict[str, Any]:
        tools = [
            {"name": t.name, "arguments": _parsed(t.arguments), "outcome": t.kind}
            | ({"code": t.code} if t.code else {})
            for t in self.tools
        ]
        return {"text": self.text, "tools": tools, "proposal": self.proposal, "done": self.done}


@dataclass(slots=True)
class TextCall:
    brain: Brain
    guard: Guard
    language: Language
    instructions: str = ""
    goodbyes: tuple[str, ...] = ()
    """Sentences with which the brain ends a conversation."""
    history: list[Item] = field(default_factory=list)
    _count: Any = field(default_factory=itertools.count)
    _ms: int = 0

    async def say(self, text: str) -> Reply:
        """The caller says something; what is answered."""
        self.language = spoken_language(text, self.language)
        self.guard.speak(self.language)
        item_id = f"user_{next(self._count)}"
        self._ms += 1000
        self.guard.user_turn(UserTurn(item_id, text, self._ms, self._ms + 500, final=True))
        self._ms += 500
        self.history.append(Message(role="user", content=(InputText(text=text),), id=item_id))
        return await self._answer()

    async def _answer(self) -> Reply:
        said: list[str] = []
        runs: list[ToolRun] = []
        for _ in range(MOST_ROUNDS):
            text, calls = await self._think()
            if text:
                said.append(text)
                self._speak(text)
            if not calls:
                break
            for call in calls:
                outcome = await self.guard.call(call.name, call.arguments, call_id=call.call_id)
                runs.append(ToolRun(call.name, call.arguments, outcome.kind, outcome.code))
                self._returned(call, outcome)
        pending = self.guard.pending
        whole = " ".join(said)
        over = any(whole.endswith(goodbye) for goodbye in self.goodbyes)
        return Reply(whole, tuple(runs), pending.sentence if pending else None, over)

    async def _think(self) -> tuple[str, list[Called]]:
        thought = Thought(
            conversation_id="text",
            response_id=f"resp_{next(self._count)}",
            history=tuple(self.history),
            instructions=self.instructions,
            tools=tuple(
                FunctionTool(name=t.name, description=t.description, parameters=t.parameters)
                for t in self.guard.tools(self.language)
            ),
            tool_choice="auto",
            max_tokens=None,
            language=self.language,
            speculative=False,
        )
        text, calls = "", []
        async for event in self.brain.think(thought):
            match event:
                case Said(piece):
                    text += piece
                case Called():
                    calls.append(event)
                case Finished():
                    pass
        return self._reviewed(text.strip()), calls

    def _reviewed(self, text: str) -> str:
        verdict = self.guard.review(text) if text else Clear()
        return text if isinstance(verdict, Clear) else verdict.instead

    def _speak(self, text: str) -> None:
        item_id = f"item_{next(self._count)}"
        self.guard.said(item_id, text)
        self._ms += 1000
        self.guard.heard(Heard(item_id, 0, text), self._ms)
        self.history.append(Message(role="assistant", content=(OutputText(text=text),), id=item_id))

    def _returned(self, call: Called, outcome: Outcome) -> None:
        self.history.append(FunctionCall(name=call.name, arguments=call.arguments, call_id=call.call_id))
        self.history.append(FunctionCallOutput(call_id=call.call_id, output=outcome.output))


def _parsed(arguments: str | Mapping[str, JSON]) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
    except ValueError:
        return str(arguments)
