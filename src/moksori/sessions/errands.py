"""Running a call's tools on the server: outputs go back to the backend, waits are bridged, false claims put right."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from moksori.agent.backend import Backend, Sink
from moksori.agent.guard import Clear, Outcome
from moksori.protocol import client_events as asked
from moksori.protocol import server_events as out
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall
from moksori.protocol.response import FILLER
from moksori.sessions.filler import SOONEST_MS, Patience
from moksori.sessions.served import Call
from moksori.telemetry import get_logger

_log = get_logger(__name__)

MOST_ROUNDS = 8
"""Answers in a row that are only tool calls; after them the model has to speak."""
MOST_BRIDGING_S = 4.0
"""A sentence that bridges a wait and was not made by then is waited for no longer."""
_OWN = "srv_"
"""Begins the ids of events that the server sends to a backend by itself."""


@dataclass(slots=True)
class Answer:
    """A response of the backend: its announcement waits until there is something to show."""

    created: Frame
    shown: bool = False
    calls: list[FunctionCall] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    params: dict[str, Any] | None = None
    corrected: str | None = None
    sentence: str = ""


class Errands:
    """What a call's backend asked the server to do. Belongs to the event loop."""

    def __init__(self, call: Call, sink: Sink) -> None:
        self._call, self._sink = call, sink
        self._inner: Backend
        self._answers: dict[str, Answer] = {}
        self._hidden: set[str] = set()  # items the client is not shown
        self._own: set[str] = set()  # events sent to the backend by ourselves
        self._asked: list[dict[str, Any] | None] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._aloud = True
        self._caller_speaks = False
        self._filled: asyncio.Event | None = None
        """Set when the sentence that bridges a wait has been made, or was refused."""
        self._patience: Patience | None = None

    async def _run(self, answer: Answer) -> None:
        if self._patience is None or not self._call.rounds:
            self._patience = Patience(now_ms())
        for item in answer.calls:
            self._inform(out.ToolStarted(random_id("event"), item.call_id, item.name))
            outcome = await self._bridge(item, self._patience)
            if self._closed:
                return
            self._inform(self._call.came_to(item, outcome))
            self._lapsed()
            item_id = random_id("item")
            self._hidden.add(item_id)
            result = {
                "id": item_id,
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": outcome.output,
            }
            self._tell(asked.ConversationItemCreate(item=result, event_id=self._id()))
        await self._bridging_ends()
        if self._answers:
            return  # the caller went on speaking; the answer to that knows the outputs
        self._call.rounds += 1
        params = {k: v for k, v in (answer.params or {}).items() if k not in ("input", "tool_choice")}
        if self._call.rounds >= MOST_ROUNDS:
            params["tool_choice"] = "none"
        self._asked.append(answer.params)
        self._tell(asked.ResponseCreate(response=params or None, event_id=self._id()))

    async def _bridge(self, item: FunctionCall, patience: Patience) -> Outcome:
        """What a call comes to. A caller who waits for it in silence hears that somebody is at work."""
        running = asyncio.ensure_future(self._call.run(item))
        try:
            while True:
                due = patience.due_in(now_ms(), self._call.ears.sounds_until)
                done, _ = await asyncio.wait({running}, timeout=max(due, SOONEST_MS) / 1000)
                if done or self._closed:
                    return await running
                busy = self._answers or self._caller_speaks or not self._aloud
                if not busy and not patience.due_in(now_ms(), self._call.ears.sounds_until):
                    await self._bridging_ends()
                    self._say(patience.next(self._call.language), bridges=True)
                    await self._bridging_ends()
        finally:
            running.cancel()

    async def _bridging_ends(self) -> None:
        """Wait until the sentence that bridges was made: while it is, nothing else can be asked for."""
        if self._filled is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), MOST_BRIDGING_S)
            self._filled = None

    def _bridged(self) -> None:
        if self._filled is not None:
            self._filled.set()

    def _inform(self, event: out.ExtendedEvent) -> None:
        self._sink.frame(Frame.from_event(event))

    def _lapsed(self) -> None:
        ended = self._call.lapsed()
        if ended is not None:
            self._inform(ended)

    def _tell(self, event: asked.ClientEvent) -> None:
        if not self._closed:
            self._inner.send(Frame.from_event(event))

    def _id(self) -> str:
        own = _OWN + random_id("event")
        self._own.add(own)
        return own

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="moksori-tools")
        self._tasks.add(task)
        task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("tools_failed", error=type(error).__name__)

    # ------------------------------------------------------------------ what is claimed

    def _review(self, sentence: str) -> str | None:
        """What to say instead of a sentence that claims what was not done; None lets it pass."""
        if not self._call.active:
            return None
        verdict = self._call.guard.review(sentence)
        return None if isinstance(verdict, Clear) else verdict.instead

    def _reviewed(self, response_id: str, delta: str) -> None:
        """A backend that speaks for itself has said it already: it is stopped and corrected at once."""
        answer = self._answers.get(response_id)
        if answer is None or answer.corrected is not None or self._inner.capabilities.reviews:
            return
        answer.sentence += delta
        if not answer.sentence.rstrip().endswith((".", "!", "?", "。", "요", "다")):
            return
        instead = self._review(answer.sentence)
        if instead is not None:
            answer.corrected = instead
            self._tell(asked.ResponseCancel(response_id=response_id, event_id=self._id()))
        elif answer.sentence.rstrip().endswith((".", "!", "?", "。")):
            answer.sentence = ""

    def _say(self, sentence: str, *, bridges: bool = False) -> None:
        """Have the backend say one sentence, word for word."""
        order = f'Say exactly this and nothing else: "{sentence}"'
        wanted: dict[str, Any] = {"instructions": order, "tool_choice": "none"}
        if bridges:
            wanted["metadata"] = {FILLER: sentence}
            self._filled = asyncio.Event()
        else:
            self._asked.append(None)
        self._tell(asked.ResponseCreate(response=wanted, event_id=self._id()))


def now_ms() -> float:
    return time.monotonic() * 1000
