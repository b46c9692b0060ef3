"""Tools that run on the server, for every backend: between the conductor and what answers.

A session whose `prompt` names the shop gets instructions and tools from the shop. The backend's calls of those tools
go to the call's guard, the outputs back to the backend, and the client sees neither: from `response.created` to
`response.done` it is one answer. A client of `?events=extended` is told which tool ran, what it came to and which
sentence waits for a yes. What was said and heard goes to the guard as it happens (`ears.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from moksori.agent.backend import Backend, BackendLost, Capabilities, CloseReason, Farewell, Opening, Sink
from moksori.agent.filler import FILLER
from moksori.agent.guard import Clear, Guard, Guards, OfferedTool, Outcome
from moksori.agent.language import language_from, spoken_language
from moksori.agent.principal import Principal
from moksori.agent.tools import JSON, Language
from moksori.protocol import client_events as asked
from moksori.protocol import server_events as out
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall, Message
from moksori.protocol.session import RealtimeSession, Session
from moksori.protocol.session_object import FunctionTool, Prompt, Transcription
from moksori.sessions.ears import Ears
from moksori.sessions.filler import SOONEST_MS, Patience
from moksori.sessions.routing import Route, Routed
from moksori.telemetry import get_logger

_log = get_logger(__name__)

MOST_ROUNDS = 8
"""Answers in a row that are only tool calls; after them the model has to speak."""
MOST_BRIDGING_S = 4.0
"""A sentence that bridges a wait and was not made by then is waited for no longer."""
_MILLISECONDS_A_BYTE = {"audio/pcm": 1 / 48, "audio/pcmu": 1 / 8, "audio/pcma": 1 / 8}
_OWN = "srv_"
"""Begins the ids of events that the server sends to a backend by itself."""


class Shop(Protocol):
    """What a shop gives to sessions."""

    @property
    def prompt_id(self) -> str: ...

    @property
    def guards(self) -> Guards: ...

    @property
    def language(self) -> Language:
        """Of a call that names none."""
        ...

    def instructions(self, variables: Mapping[str, JSON], language: Language, own: str) -> str:
        """What the model is told: the shop's rules first, then the variables as data, then the client's own text."""
        ...

    def context(self, variables: Mapping[str, JSON]) -> str | None:
        """The context the shop signed, if it is among the variables."""
        ...


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


@dataclass(slots=True)
class Call:
    """What stays the same of a call while backends come and go."""

    shop: Shop
    principal: Principal
    session: RealtimeSession
    active: bool = False
    language: Language = "ko"
    variables: dict[str, JSON] = field(default_factory=dict)
    instructions: str = ""
    """The client's own."""
    prompt: Prompt | None = None
    guard: Guard = field(init=False)
    ears: Ears = field(init=False)
    identifying: asyncio.Task[object] | None = None
    rounds: int = 0
    proposed: tuple[str, str] | None = None
    """Token and call id of the change that the client was told of."""

    def __post_init__(self) -> None:
        self.language = self.shop.language
        self.instructions = self.session.instructions
        self.guard = self.shop.guards.open(
            self.session.id, self.principal, language=self.language, transcripts="early"
        )
        self.ears = Ears(self.guard)

    def begin(self, prompt: Prompt) -> None:
        """The session asked for the shop, or for the shop with other variables."""
        self.active, self.prompt = True, prompt
        given = {
            k: v if isinstance(v, str) else getattr(v, "text", "")
            for k, v in (prompt.variables or {}).items()
        }
        self.variables |= given
        self.speak(language_from(self.variables.get("language"), self.language))
        context = self.shop.context(self.variables)
        if context is not None:
            self.identifying = asyncio.get_running_loop().create_task(self.guard.identify(context))

    def speak(self, language: Language) -> None:
        self.language = language
        self.guard.speak(language)

    def offered(self) -> tuple[OfferedTool, ...]:
        return self.guard.tools(self.language)

    def told(self) -> str:
        return self.shop.instructions(self.variables, self.language, self.instructions)

    async def run(self, item: FunctionCall) -> Outcome:
        if self.identifying is not None:
            await self.identifying
        return await self.guard.call(item.name, item.arguments, call_id=item.call_id)

    def came_to(self, item: FunctionCall, outcome: Outcome) -> out.ToolDone:
        """What the client is told of a call; the sentence of a proposal, and nothing that could carry it out."""
        pending = self.guard.pending
        sentence = None
        if outcome.kind == "proposed" and pending is not None:
            self.proposed, sentence = (pending.token, item.call_id), pending.sentence
        elif outcome.kind == "committed" and pending is None:
            self.proposed = None  # carried out, which is no lapse
        return out.ToolDone(random_id("event"), item.call_id, item.name, outcome.kind, sentence)

    def lapsed(self) -> out.ProposalEnded | None:
        """The proposal that the client was told of, once it is gone without having been carried out."""
        if self.proposed is None:
            return None
        token, call_id = self.proposed
        pending = self.guard.pending
        if pending is not None and pending.token == token:
            return None
        self.proposed = None
        return out.ProposalEnded(random_id("event"), call_id)


@dataclass(slots=True)
class _Answer:
    """A response of the backend: its announcement waits until there is something to show."""

    created: Frame
    shown: bool = False
    calls: list[FunctionCall] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    params: dict[str, Any] | None = None
    corrected: str | None = None
    sentence: str = ""


class Desk:
    """`Backend` to the conductor, `Sink` to the backend behind it. Belongs to the event loop."""

    def __init__(self, call: Call, sink: Sink, *, strict: bool) -> None:
        self._call, self._sink, self._strict = call, sink, strict
        self._inner: Backend
        self._answers: dict[str, _Answer] = {}
        self._hidden: set[str] = set()  # items the client is not shown
        self._own: set[str] = set()  # events sent to the backend by ourselves
        self._unseen_updates = 0
        self._asked: list[dict[str, Any] | None] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._audio_scale = _MILLISECONDS_A_BYTE["audio/pcm"]
        self._output_rate = 24_000
        self._names: frozenset[str] = frozenset()
        self._aloud = True
        self._caller_speaks = False
        self._filled: asyncio.Event | None = None
        """Set when the sentence that bridges a wait has been made, or was refused."""
        self._patience: Patience | None = None

    def opening(self, opening: Opening) -> Opening:
        """The opening as the backend gets it."""
        session = opening.session
        assert isinstance(session, RealtimeSession)
        self._audio_scale = _scale(session)
        self._output_rate = session.audio.output.format.sample_rate
        self._aloud = "audio" in session.output_modalities
        prompt = session.prompt
        if not self._call.active and prompt is not None and prompt.id == self._call.shop.prompt_id:
            self._call.begin(prompt)
        if not self._call.active:
            return with_changes(opening, review=self._review)
        tools = tuple(_function(tool) for tool in self._offer())
        given = replace(session, prompt=None, instructions=self._call.told(), tools=(*tools, *session.tools))
        return with_changes(opening, session=_transcribing(given), review=self._review)

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
                    self._call.ears.appended(_audio_bytes(frame) * self._audio_scale, _now())
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
            given["tools"] = [*map(_as_json, self._offer()), *kept]
        given["instructions"] = self._call.told()
        flat = "input_audio_transcription" in given
        if prompt is not None and not flat:
            _ask_for_transcripts(given)
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
                "tools": list(map(_as_json, self._offer())),
            }
            _ask_for_transcripts(update)
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
            given["tools"] = [*map(_as_json, self._offer()), *given["tools"]]
        self._asked.append(given)
        return Frame.from_event(
            asked.ResponseCreate(response=given or None, event_id=event.event_id), frame.at
        )

    def _typed(self, item: dict[str, Any]) -> None:
        parts = item.get("content")
        texts = [p.get("text", "") for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []
        text = " ".join(str(t) for t in texts if t)
        if text:
            self._call.speak(spoken_language(text, self._call.language))
            self._call.rounds = 0
            self._call.ears.typed(str(item.get("id") or random_id("item")), text, _now())
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
        ears, now = self._call.ears, _now()
        event: Any = frame.event if frame.type in _WATCHED else None
        match event:
            case None:
                self._sink.frame(frame)
            case out.ResponseOutputAudioDelta():
                self._show(event.response_id)
                ears.sounded(event.item_id, _samples(event.delta, self._output_rate), now)
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
            case out.InputAudioBufferSpeechStopped():
                self._caller_speaks = False
                ears.speech_stopped(event.item_id, event.audio_end_ms)
                self._sink.frame(frame)
            case out.InputAudioBufferCommitted():
                ears.committed(event.item_id, now)
                self._call.rounds = 0
                self._sink.frame(frame)
            case out.ConversationItemInputAudioTranscriptionCompleted():
                self._call.speak(spoken_language(event.transcript, self._call.language))
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
                self._answers[event.response.id] = _Answer(frame, params=params)
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
            self._audio_scale = _scale(session)
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
        return replace(session, instructions=self._call.instructions, tools=tools, prompt=self._call.prompt)

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

    # ------------------------------------------------------------------ running tools

    async def _run(self, answer: _Answer) -> None:
        if self._patience is None or not self._call.rounds:
            self._patience = Patience(_now())
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
                due = patience.due_in(_now(), self._call.ears.sounds_until)
                done, _ = await asyncio.wait({running}, timeout=max(due, SOONEST_MS) / 1000)
                if done or self._closed:
                    return await running
                busy = self._answers or self._caller_speaks or not self._aloud
                if not busy and not patience.due_in(_now(), self._call.ears.sounds_until):
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

    def _offer(self) -> tuple[OfferedTool, ...]:
        offered = self._call.offered()
        self._names |= {tool.name for tool in offered}
        return offered

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

    # ------------------------------------------------------------------ the end

    async def close(self, why: CloseReason) -> Farewell:
        self._closed = True
        # Tools under way are the guard's to finish; what waits for their output ends here.
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return await self._inner.close(why)


_WATCHED = frozenset({
    "session.updated", "response.created", "response.done", "response.output_item.added", "response.output_item.done",
    "response.output_audio.delta", "response.output_audio.done", "response.output_audio_transcript.delta",
    "response.output_text.delta", "response.output_text.done", "response.function_call_arguments.delta",
    "response.function_call_arguments.done", "conversation.item.added", "conversation.item.done",
    "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.completed", "conversation.item.input_audio_transcription.failed",
    "error",
})  # fmt: skip


def _now() -> float:
    return time.monotonic() * 1000


def _scale(session: RealtimeSession) -> float:
    return _MILLISECONDS_A_BYTE.get(str(session.audio.input.format.__struct_config__.tag), 1 / 48)


def _audio_bytes(frame: Frame) -> int:
    """Bytes of audio in an append, by the length of its base64: the text itself is not decoded."""
    if frame.pcm is not None:
        return len(frame.pcm)
    raw = frame.raw
    begins = raw.find(b'"audio"')
    opens = raw.find(b'"', raw.find(b":", begins) + 1) if begins >= 0 else -1
    closes = raw.find(b'"', opens + 1) if opens >= 0 else -1
    return max(closes - opens - 1, 0) * 3 // 4


def _samples(delta: str, rate: int) -> int:
    """24 kHz samples in a delta of base64 PCM16 (24 kHz) or G.711 (8 kHz)."""
    size = len(delta) * 3 // 4
    return size // 2 if rate != 8000 else size * 3


def _function(tool: OfferedTool) -> FunctionTool:
    return FunctionTool(name=tool.name, description=tool.description, parameters=dict(tool.parameters))


def _as_json(tool: OfferedTool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }


def _transcribing(session: RealtimeSession) -> RealtimeSession:
    """A caller who is not written down cannot agree to anything."""
    if session.audio.input.transcription is not None:
        return session
    heard = replace(session.audio.input, transcription=Transcription())
    return replace(session, audio=replace(session.audio, input=heard))


def _ask_for_transcripts(update: dict[str, Any]) -> None:
    audio = dict(update.get("audio") or {})
    heard = dict(audio.get("input") or {})
    if not heard.get("transcription"):
        heard["transcription"] = {"model": Transcription().model}
        audio["input"] = heard
        update["audio"] = audio
