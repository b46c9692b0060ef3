"""The flows as a brain of the engine: the state is what the conversation's items make of it, step by step.

Nothing is remembered between answers that is not in the history, so a turn that is said again, or an answer that was
begun too early, leaves nothing behind. Tools are called like any model calls them; the guard decides.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from moksori.agent.brain import Brain, BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.agent.guard import CONFIRM
from moksori.agent.tools import Language
from moksori.protocol.items import FunctionCallOutput, InputAudio, InputText, Item, Message
from moksori.protocol.session_object import FunctionTool, Tool
from moksori.shop.flows.free import grounded
from moksori.shop.flows.state import Action, Call, Event, Free, Heard, Returned, Say, State
from moksori.shop.flows.step import step

_KEPT = 512
"""Beginnings of conversations whose state is kept, so that an answer steps once and not from the start."""


class FlowsBrain:
    """`Brain` where the shop's tools are offered; elsewhere `otherwise` thinks.

    `free` (a language model) answers what no flow covers, from passages of the policy and nothing else.
    """

    def __init__(
        self,
        *,
        otherwise: Brain,
        free: Brain | None = None,
        language: Language = "ko",
        zone: str = "Asia/Seoul",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._otherwise, self._free = otherwise, free
        self._language: Language = language
        self._clock, self._zone = clock or (lambda: datetime.now(UTC)), ZoneInfo(zone)
        self._states: OrderedDict[str, tuple[State, tuple[Action, ...]]] = OrderedDict()

    def covers(self, tools: Sequence[Tool]) -> bool:
        """Conversations in which the shop's tools are offered."""
        return any(isinstance(t, FunctionTool) and t.name in (CONFIRM, "find_orders") for t in tools)

    def advised(self, mind: Brain) -> FlowsBrain:
        """The same flows, with `mind` for what none covers and for conversations that are not the shop's."""
        return FlowsBrain(
            otherwise=mind, free=mind, language=self._language, zone=self._zone.key, clock=self._clock
        )

    @staticmethod
    def warm() -> None:
        """Read what understanding needs from disk, so that the first caller does not wait for it."""
        step(State(language="ko"), Heard("배송이 언제 오나요?", date.min))
        step(State(language="en"), Heard("Where is my order?", date.min))

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        if not self.covers(thought.tools):
            async for event in self._otherwise.think(thought):
                yield event
            return
        language: Language = "en" if (thought.language or "").startswith("en") else self._language
        for action in self.actions(thought.history, language):
            match action:
                case Say(text):
                    yield Said(text)
                case Call(name, arguments):
                    call_id = f"call_{hashlib.sha256(thought.response_id.encode()).hexdigest()[:16]}"
                    yield Called(call_id, name, json.dumps(arguments, ensure_ascii=False))
                case Free():
                    async for event in self._freely(thought, action, language):
                        yield event
                    return
        yield Finished()

    async def _freely(self, thought: Thought, free: Free, language: Language) -> AsyncIterator[BrainEvent]:
        """The language model's words; where there is none, or it cannot answer now, the catalogue's."""
        said = False
        if self._free is not None and free.passages:
            try:
                async for event in self._free.think(grounded(thought, free, language)):
                    if not isinstance(event, Called):
                        said = said or isinstance(event, Said)
                        yield event
            except BrainFailed:
                if said:
                    raise
        if not said:
            yield Said(free.otherwise)
            yield Finished()

    def actions(self, history: Sequence[Item], language: Language) -> tuple[Action, ...]:
        """What is said or called after the last item of a history."""
        today = self._clock().astimezone(self._zone).date()
        events = list(events_in(history, today))
        if not events:
            return step(
                State(language=language), Heard("안녕하세요" if language == "ko" else "hello", today)
            )[1]
        key, state = f"{language}", State(language=language)
        actions: tuple[Action, ...] = ()
        last = 0
        keys = []
        for event in events:
            key = hashlib.sha256(f"{key}\x00{event!r}".encode()).hexdigest()
            keys.append(key)
        for at in range(len(keys), 0, -1):
            if keys[at - 1] in self._states:
                state, actions = self._states[keys[at - 1]]
                last = at
                break
        for key, event in zip(keys[last:], events[last:], strict=True):
            state, actions = step(state, event)
            self._states[key] = (state, actions)
            while len(self._states) > _KEPT:
                self._states.popitem(last=False)
        return actions


def events_in(history: Sequence[Item], today: date) -> list[Event]:
    """What happened, out of a conversation's items: the caller's turns and the tools' outputs."""
    found: list[Event] = []
    for item in history:
        match item:
            case Message(role="user"):
                found.append(Heard(_text(item), today))
            case FunctionCallOutput(output=output):
                found.append(Returned(_output(output), today))
            case _:
                pass
    return found


def _output(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {"ok": False, "error": {}}
    return _unquoted(value) if isinstance(value, dict) else {"ok": False, "error": {}}


def _unquoted(value: Any) -> Any:
    """The guard marks texts of others for language models; the flows take no text for an instruction anyway."""
    if isinstance(value, dict):
        if value.keys() == {"quoted", "by"}:
            return value["quoted"]
        return {k: _unquoted(v) for k, v in value.items()}
    return [_unquoted(each) for each in value] if isinstance(value, list) else value


def _text(message: Message) -> str:
    parts = []
    for part in message.content:
        match part:
            case InputText(text=text):
                parts.append(text)
            case InputAudio(transcript=transcript):
                parts.append(transcript or "")
            case _:
                pass
    return " ".join(" ".join(parts).split())
