"""Tools that run on the server, for every backend: between the conductor and what answers.

A session whose `prompt` names the shop gets instructions and tools from the shop. The backend's calls of those tools
go to the call's guard, the outputs back to the backend, and the client sees neither: from `response.created` to
`response.done` it is one answer. A client of `?events=extended` is told which tool ran, what it came to and which
sentence waits for a yes. What was said and heard goes to the guard as it happens (`ears.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace as with_changes
from typing import Any

import msgspec
from msgspec.structs import replace

from moksori.agent.backend import Backend, BackendLost, Capabilities, CloseReason, Farewell, Opening, Sink
from moksori.agent.guard import OfferedTool
from moksori.agent.principal import Principal
from moksori.protocol import client_events as asked
from moksori.protocol import server_events as out
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall, Message
from moksori.protocol.response import FILLER
from moksori.protocol.session import RealtimeSession, Session
from moksori.protocol.session_object import FunctionTool, Prompt
from moksori.sessions.errands import Answer, Errands, now_ms
from moksori.sessions.routing import Route, Routed
from moksori.sessions.served import Call, Shop
from moksori.sessions.shaping import (
    MILLISECONDS_A_BYTE,
    as_json,
    ask_for_transcripts,
    function,
    samples_in,
    scale,
    transcribing,
    transcription_in,
    without_hint,
)
from moksori.telemetry import get_logger

_log = get_logger(__name__)


class ServedRoutes(Routed):
    """Routes whose backend stands behind a desk. The call's guard outlives a change of backend."""

    def __init__(
        self, routes: Sequence[Route], told: Callable[[str, str], None], shop: Shop, principal: Principal
    ) -> None:
        super().__init__(routes, told)
        self._shop, self._principal = shop, principal
        self._call: Call | None = None

    async def begin(self, opening: Opening, sink: Sink) -> tuple[str, Backend]:
        if not isinstance(opening.session, RealtimeSession):
            return await super().begin(opening, sink)
        if self._call is None:
            self._call = Call(self._shop, self._principal, opening.session)
        desk = Desk(self._call, sink, strict=opening.strict)
        route, backend = await super().begin(desk.opening(opening), desk)
        desk.attach(backend)
        return route, desk


class Desk(Errands):
    """`Backend` to the conductor, `Sink` to the backend behind it. Belongs to the event loop."""

    def __init__(self, call: Call, sink: Sink, *, strict: bool) -> None:
        super().__init__(call, sink)
        self._strict = strict
        self._unseen_updates = 0
        self._audio_scale = MILLISECONDS_A_BYTE["audio/pcm"]
        self._output_rate = 24_000
        self._names: frozenset[str] = frozenset()
        self._transcription: dict[str, Any] | None = None
        """What the client asked for in this session, as it asked."""

    def opening(self, opening: Opening) -> Opening:
        """The opening as the backend gets it."""
        session = opening.session
        assert isinstance(session, RealtimeSession)
        self._audio_scale = scale(session)
        self._output_rate = session.audio.output.format.sample_rate
        self._aloud = "audio" in session.output_modalities
        if session.audio.input.transcription is not None:
            self._transcription = msgspec.to_builtins(session.audio.input.transcription)
        prompt = session.prompt
        if not self._call.active and prompt is not None and prompt.id == self._call.shop.prompt_id:
            self._call.begin(prompt)
        if not self._call.active:
            return with_changes(opening, review=self._review)
        tools = tuple(function(tool) for tool in self._offer())
        given = replace(session, prompt=None, instructions=self._call.told(), tools=(*tools, *session.tools))
        return with_changes(opening, session=transcribing(given, self._call.hint()), review=self._review)

    def attach(self, backend: Backend) -> None:
        self._inner = backend
        self._call.guard.backend(backend.capabilities.transcripts)

    # ------------------------------------------------------------------ Backend: from the client

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def start(self, opening: Opening, sink: Sink) -> None:
        raise NotImplementedError("A desk begins with its routes.")

    def reading(self, yes: bool) -> None:
        self._inner.reading(yes)

    def send(self, frame: Frame) -> None:
        match frame.type:
            case "input_audio_buffer.append":
                if self._call.active:
                    self._call.ears.appended(frame.audio_bytes * self._audio_scale, now_ms())
                self._inner.send(frame)
            case (
                "session.update"
                | "response.create"
                | "conversation.item.create"
                | "conversation.item.truncate"
            ):
                try:
                    event = frame.as_client(strict=self._strict)
                except ProtocolError:
                    self._inner.send(frame)  # whose refusal the client is told
                else:
                    self._asks(frame, event)
            case _:
                self._inner.send(frame)

    def _asks(self, frame: Frame, event: asked.ClientEvent) -> None:
        match event:
            case asked.SessionUpdate():
                self._inner.send(self._updated(frame, event))
            case asked.ResponseCreate():
                self._inner.send(self._created(frame, event))
            case asked.ConversationItemCreate(item=item) if self._call.active:
                if item.get("type") == "message" and item.get("role") == "user":
                    self._typed(item)
                self._inner.send(frame)
            case asked.ConversationItemTruncate() if self._call.active:
                self._call.ears.cut(event.item_id, event.audio_end_ms)
                self._inner.send(frame)
            case _:
                self._inner.send(frame)

    def _updated(self, frame: Frame, event: asked.SessionUpdate) -> Frame:
        given = dict(event.session)
        self._transcription = transcription_in(given) or self._transcription
        prompt = self._ours(given.get("prompt"))
        if prompt is None and not self._call.active:
            return frame
        if isinstance(given.get("instructions"), str):
            self._call.instructions = given["instructions"]
        if prompt is not None:
            self._call.begin(prompt)
            given.pop("prompt")
        own = given.get("tools")
        if own is not None or prompt is not None:
            kept = own if isinstance(own, list) else []
            given["tools"] = [*map(as_json, self._offer()), *kept]
        given["instructions"] = self._call.told()
        flat = "input_audio_transcription" in given
        if prompt is not None and not flat:
            ask_for_transcripts(given, self._transcription, self._call.hint())
        return Frame.from_event(asked.SessionUpdate(session=given, event_id=event.event_id), frame.at)

    def _created(self, frame: Frame, event: asked.ResponseCreate) -> Frame:
        given = dict(event.response or {})
        prompt = self._ours(given.get("prompt"))
        if prompt is not None:
            given.pop("prompt")
            self._call.begin(prompt)
            update: dict[str, Any] = {
                "type": "realtime",
                "instructions": self._call.told(),
                "tools": list(map(as_json, self._offer())),
            }
            ask_for_transcripts(update, self._transcription, self._call.hint())
            self._unseen_updates += 1
            self._tell(asked.SessionUpdate(session=update, event_id=self._id()))
        if not self._call.active:
            return frame
        self._call.rounds = 0
        if isinstance(given.get("metadata"), dict):
            given["metadata"] = {k: v for k, v in given["metadata"].items() if k != FILLER}
        if isinstance(given.get("instructions"), str):
            given["instructions"] = self._call.shop.instructions(
                self._call.variables, self._call.language, given["instructions"]
            )
        if isinstance(given.get("tools"), list) and given.get("conversation") != "none":
            given["tools"] = [*map(as_json, self._offer()), *given["tools"]]
        self._asked.append(given)
        return Frame.from_event(
            asked.ResponseCreate(response=given or None, event_id=event.event_id), frame.at
        )

    def _typed(self, item: dict[str, Any]) -> None:
        parts = item.get("content")
        texts = [p.get("text", "") for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []
        text = " ".join(str(t) for t in texts if t)
        if text:
            self._call.heard(text)
            self._call.rounds = 0
            self._call.ears.typed(str(item.get("id") or random_id("item")), text, now_ms())
            self._lapsed()

    def _ours(self, prompt: object) -> Prompt | None:
        if isinstance(prompt, dict) and prompt.get("id") == self._call.shop.prompt_id:
            try:
                return msgspec.convert(prompt, Prompt)
            except msgspec.ValidationError:
                return None
        return None

    # ------------------------------------------------------------------ Sink: from the backend

    def frame(self, frame: Frame) -> None:
        if not self._call.active:
            self._sink.frame(frame)
            return
        try:
            self._watch(frame)
        except ProtocolError:
            self._sink.frame(frame)  # a foreign event that cannot be read is not ours to judge

    def lost(self, why: BackendLost) -> None:
        self._sink.lost(why)

    def writable(self, yes: bool) -> None:
        self._sink.writable(yes)

    def _watch(self, frame: Frame) -> None:  # noqa: PLR0915 - an arm an event
        ears, now = self._call.ears, now_ms()
        event: Any = frame.event if frame.type in _WATCHED else None
        match event:
            case None:
                self._sink.frame(frame)
            case out.ResponseOutputAudioDelta():
                self._show(event.response_id)
                ears.sounded(event.item_id, samples_in(event.delta, self._output_rate), now)
                self._sink.frame(frame)
            case out.ResponseOutputAudioTranscriptDelta() | out.ResponseOutputTextDelta():
                self._show(event.response_id)
                if isinstance(event, out.ResponseOutputAudioTranscriptDelta):
                    ears.wrote(event.item_id, event.delta)
                self._sink.frame(frame)
                self._reviewed(event.response_id, event.delta)
            case out.ResponseOutputAudioDone():
                ears.audio_ended(event.item_id)
                self._sink.frame(frame)
            case out.ResponseOutputTextDone():
                ears.shown(event.item_id, event.text)
                self._sink.frame(frame)
            case out.InputAudioBufferSpeechStarted():
                self._caller_speaks = True
                ears.speech_started(event.item_id, event.audio_start_ms, now)
                ears.silenced(now)
                self._sink.frame(frame)
            case out.OutputAudioHeld():
                ears.held(now)
                self._sink.frame(frame)
            case out.OutputAudioReleased():
                ears.released(now)
                self._sink.frame(frame)
            case out.InputAudioBufferSpeechStopped():
                self._caller_speaks = False
                ears.speech_stopped(event.item_id, event.audio_end_ms)
                self._sink.frame(frame)
            case out.InputAudioBufferCommitted():
                ears.committed(event.item_id, now)
                self._call.rounds = 0
                self._sink.frame(frame)
            case out.ConversationItemInputAudioTranscriptionCompleted():
                self._call.heard(event.transcript)
                ears.transcribed(event.item_id, event.transcript, now)
                self._sink.frame(frame)
                self._lapsed()
            case out.ConversationItemInputAudioTranscriptionFailed():
                ears.transcribed(event.item_id, "", now)
                self._sink.frame(frame)
            case out.SessionUpdated():
                self._session_updated(event)
            case out.ResponseCreated():
                bridges = FILLER in (event.response.metadata or {})
                params = self._asked.pop(0) if self._asked and not bridges else None
                self._answers[event.response.id] = Answer(frame, params=params)
            case out.ResponseDone():
                self._done(frame, event)
            case out.ResponseOutputItemAdded() | out.ResponseOutputItemDone():
                self._output_item(frame, event)
            case out.ConversationItemAdded() | out.ConversationItemDone():
                if not self._secret_item(event.item):
                    self._sink.frame(frame)
            case out.ResponseFunctionCallArgumentsDelta() | out.ResponseFunctionCallArgumentsDone():
                if event.item_id not in self._hidden:
                    self._show(event.response_id)
                    self._sink.frame(frame)
            case _:
                detail = getattr(event, "error", None)
                if detail is not None and getattr(detail, "event_id", None) in self._own:
                    self._bridged()
                    _log.warning("tool_event_refused", code=detail.code, reason=detail.message)
                else:
                    self._sink.frame(frame)

    def _session_updated(self, event: out.SessionUpdated) -> None:
        session = event.session
        if isinstance(session, RealtimeSession):
            self._audio_scale = scale(session)
            self._output_rate = session.audio.output.format.sample_rate
            self._aloud = "audio" in session.output_modalities
        if self._unseen_updates:
            self._unseen_updates -= 1
            return
        self._sink.frame(Frame.from_event(replace(event, session=self._as_asked(session))))

    def _as_asked(self, session: Session) -> Session:
        """The session as its client made it, without what the shop put into it."""
        if not isinstance(session, RealtimeSession):
            return session
        tools = tuple(t for t in session.tools if not (isinstance(t, FunctionTool) and t.name in self._names))
        own = replace(session, instructions=self._call.instructions, tools=tools, prompt=self._call.prompt)
        return without_hint(own, self._call.hint())

    def _output_item(
        self, frame: Frame, event: out.ResponseOutputItemAdded | out.ResponseOutputItemDone
    ) -> None:
        item = event.item
        if self._secret_item(item):
            assert isinstance(item, FunctionCall)
            answer = self._answers.get(event.response_id)
            if answer is not None:
                answer.hidden.add(item.id)
                if isinstance(event, out.ResponseOutputItemDone):
                    answer.calls.append(item)
            return
        if isinstance(item, Message) or isinstance(event, out.ResponseOutputItemDone):
            self._show(event.response_id)
        self._sink.frame(frame)

    def _secret_item(self, item: object) -> bool:
        if isinstance(item, FunctionCall) and item.name in self._names:
            self._hidden.add(item.id)
            return True
        return getattr(item, "id", "") in self._hidden

    def _show(self, response_id: str) -> None:
        answer = self._answers.get(response_id)
        if answer is not None and not answer.shown:
            answer.shown = True
            self._sink.frame(answer.created)

    def _done(self, frame: Frame, event: out.ResponseDone) -> None:
        answer = self._answers.pop(event.response.id, None)
        if FILLER in (event.response.metadata or {}):
            self._bridged()
        if answer is None:
            self._sink.frame(frame)
            return
        response = event.response
        goes_on = bool(answer.calls) and response.status == "completed"
        if goes_on and not answer.shown:
            pass  # the answer is still to come, in the response that follows
        else:
            if not answer.shown:
                self._sink.frame(answer.created)
            visible = tuple(item for item in response.output if getattr(item, "id", "") not in answer.hidden)
            shown = frame
            if len(visible) != len(response.output):
                shown = Frame.from_event(replace(event, response=replace(response, output=visible)))
            self._sink.frame(shown)
        if goes_on:
            self._spawn(self._run(answer))
        elif answer.corrected is not None:
            self._say(answer.corrected)

    def _offer(self) -> tuple[OfferedTool, ...]:
        offered = self._call.offered()
        self._names |= {tool.name for tool in offered}
        return offered

    # ------------------------------------------------------------------ the end

    async def close(self, why: CloseReason) -> Farewell:
        self._closed = True
        # Tools under way are the guard's to finish; what waits for their output ends here.
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._call.active:
            self._call.log()
        return await self._inner.close(why)


_WATCHED = frozenset({
    "session.updated", "response.created", "response.done", "response.output_item.added", "response.output_item.done",
    "response.output_audio.delta", "response.output_audio.done", "response.output_audio_transcript.delta",
    "response.output_text.delta", "response.output_text.done", "response.function_call_arguments.delta",
    "response.function_call_arguments.done", "conversation.item.added", "conversation.item.done",
    "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.completed", "conversation.item.input_audio_transcription.failed",
    "moksori.output_audio.held", "moksori.output_audio.released", "error",
})  # fmt: skip

__all__ = ["Desk", "ServedRoutes", "Shop"]
