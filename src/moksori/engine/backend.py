"""The local engine as a backend: carries out what one conversation asks for."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from moksori.agent.backend import (
    BackendLost,
    BackendRefused,
    Capabilities,
    CloseReason,
    Farewell,
    Opening,
    Sink,
)
from moksori.agent.brain import BrainFailed, Called, Finished, Said, Thought
from moksori.agent.speech import Glimpse, Priority, SpeechFailed
from moksori.audio.pcm import from_float
from moksori.conversation import events as ev
from moksori.conversation.board import Rules
from moksori.conversation.core import Conversation
from moksori.engine.context import Window
from moksori.engine.ear import Activity, Ear, Level
from moksori.engine.lite import bridging
from moksori.engine.meter import metered
from moksori.engine.mouth import Encoder, Mouth
from moksori.engine.pace import paced
from moksori.engine.review import review_of, reviewed
from moksori.engine.scheduler import MAY_TAKE, URGENCY, Overloaded, Urgency
from moksori.engine.spoken_audio import SpokenAudio
from moksori.protocol import server_events as out
from moksori.protocol.client_events import InputAudioBufferAppend, decode_audio
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import InputAudio, Item, Message
from moksori.protocol.response import FILLER
from moksori.protocol.session import PcmFormat

if TYPE_CHECKING:
    from moksori.engine.engine import Engine

Key = tuple[str, str, int]
"""What a model job is known by: its kind, the item or response it is for, its revision or clause."""

CAPABILITIES = Capabilities(
    formats=frozenset({"audio/pcm", "audio/pcmu", "audio/pcma"}),
    truncate=True,
    transcripts="early",
    resume="replay",
    reviews=True,
)


class LocalBackend:
    """One call on this machine's models. All methods belong to the event loop's thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._conversation: Conversation | None = None
        self._sink: Sink | None = None
        self._ear: Ear | None = None
        self._strict = False
        self._review: Callable[[str], str | None] | None = None
        self._unfounded: Callable[[str], str | None] | None = None
        self._inbox: deque[ev.Happening] = deque()
        self._stepping = False
        self._closed = False
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._urgencies: dict[Key, Urgency] = {}
        self._mouths: dict[str, Mouth] = {}
        """One for each answer that sounds."""
        self._spoken = SpokenAudio()
        self._window = Window(engine.reading)
        self._may_produce = asyncio.Event()
        self._may_produce.set()

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def start(self, opening: Opening, sink: Sink) -> None:
        if not opening.history:
            # A call taken over from elsewhere is a running one: it waits like the others.
            self._engine.check_admission()
        try:
            activity = await self._engine.new_activity()
        except Exception as error:
            raise BackendRefused(
                f"The local engine is not ready: {error}", code="engine_not_ready", status=503
            ) from error
        self._sink = sink
        self._strict = opening.strict
        self._review = opening.review
        self._unfounded = opening.unfounded
        rules = Rules(
            strict=opening.strict,
            holds=opening.holds,
            supported=self._engine.supported,
            ask_end=self._engine.end_of_turn is not None,
            speculate=self._engine.speculates,
            overlapped=self._engine.overlapped,
            glance=self._engine.glancing is not None,
        )
        self._conversation = Conversation(
            opening.session, random_id, rules, opening.history, opening.connect_ms
        )
        self._ear = Ear(activity, opening.session.audio.input.format)
        self._ear.watching = opening.session.audio.input.turn_detection is not None
        self._engine.joined(self)

    # ------------------------------------------------------------------ from the conductor

    def send(self, frame: Frame) -> None:
        if self._closed or self._ear is None:
            return
        try:
            if frame.pcm is not None:
                self._heard(frame.pcm)
                return
            event = frame.as_client(strict=self._strict)
            if isinstance(event, InputAudioBufferAppend):
                self._heard(decode_audio(event))
            else:
                self._post(ev.FromClient(event))
        except ProtocolError as error:
            self._emit(error.as_event(random_id("event")))

    def reading(self, yes: bool) -> None:
        """A client that reads too slowly stops the voice at the next piece."""
        if yes:
            self._may_produce.set()
        else:
            self._may_produce.clear()

    async def close(self, why: CloseReason) -> Farewell:
        history = self._conversation.items() if self._conversation else ()
        if not self._closed:
            self._closed = True
            self._engine.left(self)
            self._inbox.clear()
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._tasks.clear()
            self._mouths.clear()
        return Farewell(history=history)

    # ------------------------------------------------------------------ into and out of the core

    def _heard(self, audio: bytes) -> None:
        assert self._ear is not None
        for heard in self._ear.push(audio):
            match heard:
                case Activity():
                    self._post(ev.VoiceActivity(heard.probability, heard.at_ms, heard.level_db))
                case Level():
                    self._post(ev.VoiceLevel(heard.at_ms, heard.level_db))
        self._post(ev.AudioAppended(self._ear.total_ms))

    def _post(self, event: ev.Happening) -> None:
        """Step the conversation; what an effect causes at once waits its turn behind the effects before it."""
        if self._closed or self._conversation is None:
            return
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                for effect in self._conversation.step(self._inbox.popleft(), time.monotonic() * 1000):
                    self._do(effect)
        except Exception as error:
            self._engine.log.exception("conversation failed", error=str(error))
            self._inbox.clear()
            if self._sink is not None:
                self._sink.lost(
                    BackendLost("server_error", "The conversation failed on an internal error.", retry=True)
                )
        finally:
            self._stepping = False

    def _emit(self, event: out.ServerEvent | out.ExtendedEvent) -> None:
        if self._sink is not None and not self._closed:
            self._sink.frame(Frame.from_event(event, time.monotonic_ns()))

    def _do(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Emit():
                self._emit(effect.event)
                self._follow(effect.event)
            case ev.EmitRetrieved():
                self._emit(
                    out.ConversationItemRetrieved(event_id=random_id("event"), item=self._with_audio(effect))
                )
            case ev.Transcribe():
                self._stop(("glance", effect.job.item_id, False))  # captions never stand in front of a decode
                self._start(_key(effect.job), self._transcribe(effect), _urgency(effect.speculative))
            case ev.Glance():
                urgency = Priority.WAITED_FOR if effect.urgent else Priority.IDLE
                self._start(("glance", effect.job.item_id, effect.urgent), self._glance(effect), urgency)
            case ev.Hasten():
                waiting = self._urgencies.get(_key(effect.job))
                if waiting is not None:
                    waiting.priority = Priority.WAITED_FOR
            case ev.DropJob():
                self._stop(_key(effect.job))
            case ev.JudgeEnd():
                self._start(
                    ("judge", str(effect.turn), effect.revision), self._judge(effect), Priority.WAITED_FOR
                )
            case ev.Think():
                self._start(
                    ("think", effect.response_id, 0), self._think(effect), _urgency(effect.speculative)
                )
            case ev.StopThinking():
                self._stop(("think", effect.response_id, 0))
            case ev.Speak():
                urgency = Priority.WAITED_FOR if effect.first else Priority.NEXT
                mouth = self._mouths.get(effect.response_id)
                due = None if mouth is None else mouth.due(self._engine.speaking.mean_ms)
                self._start(("speak", effect.response_id, effect.clause), self._speak(effect), urgency, due)
            case ev.Hush():
                for key in [k for k in self._tasks if k[0] == "speak" and k[1] == effect.response_id]:
                    self._stop(key)
                self._mouths.pop(effect.response_id, None)
            case ev.AudioNeededFrom():
                if self._ear is not None:
                    self._ear.forget_before(effect.ms)
            case ev.AnswerOver():
                self._mouths.pop(effect.response_id, None)
                # This engine counts no tokens against anybody: the list of limits is empty, and said to be.
                self._emit(out.RateLimitsUpdated(event_id=random_id("event"), rate_limits=()))
            case _:
                assert_never(effect)

    def _follow(self, event: out.ServerEvent | out.ExtendedEvent) -> None:
        """What was just said to the client also concerns the ear and the kept audio."""
        match event:
            case out.SessionUpdated():
                self._reconfigure()
            case out.ResponseOutputAudioDelta():
                mouth = self._mouths.get(event.response_id)
                if mouth is not None:
                    self._spoken.sent(event, mouth.format)
            case out.ConversationItemTruncated():
                self._spoken.truncated(event)
            case out.ConversationItemDeleted():
                self._spoken.forget(event.item_id)
            case _:
                pass

    def _reconfigure(self) -> None:
        """The session changed: the ear follows."""
        assert self._ear is not None and self._conversation is not None
        wanted = self._conversation.session.audio.input
        self._ear.set_format(wanted.format)
        self._ear.watching = wanted.turn_detection is not None

    def _with_audio(self, effect: ev.EmitRetrieved) -> Item:
        """An item with its audio where that is still kept; the caller's as PCM16 at 24 kHz, as clients expect it."""
        item = effect.item
        if (
            effect.start_ms is None
            or effect.end_ms is None
            or self._ear is None
            or not isinstance(item, Message)
        ):
            return self._spoken.put_into(item)
        samples = self._ear.slice(effect.start_ms, effect.end_ms)
        if not len(samples):
            return item
        audio = Encoder(PcmFormat(), from_rate=16_000).encode(from_float(samples))
        content = tuple(
            InputAudio(audio=audio, transcript=part.transcript) if isinstance(part, InputAudio) else part
            for part in item.content
        )
        return msgspec.structs.replace(item, content=content)

    # ------------------------------------------------------------------ model jobs

    def _start(
        self, key: Key, work: Coroutine[Any, Any, None], priority: Priority, due: float | None = None
    ) -> None:
        self._stop(key)
        urgency = Urgency(priority, due)

        async def run() -> None:
            URGENCY.set(urgency)
            await work

        task = asyncio.get_running_loop().create_task(run(), name=f"moksori-{key[0]}")
        self._tasks[key] = task
        self._urgencies[key] = urgency

        def done(_: asyncio.Task[None]) -> None:
            if self._tasks.get(key) is task:
                del self._tasks[key]
                self._urgencies.pop(key, None)
            work.close()  # a task cancelled before its first step never awaited it

        task.add_done_callback(done)

    def _stop(self, key: Key) -> None:
        task = self._tasks.pop(key, None)
        self._urgencies.pop(key, None)
        if task is not None:
            task.cancel()

    async def _transcribe(self, effect: ev.Transcribe) -> None:
        assert self._ear is not None
        try:
            if effect.audio is not None:
                samples = self._ear.decoded(base64.b64decode(effect.audio))
            else:
                samples = self._ear.slice(effect.start_ms, effect.end_ms)
            heard = await self._engine.recogniser.transcribe(
                samples, language=effect.language or self._only_language(), prompt=self._hint(effect.prompt)
            )
        except (SpeechFailed, Overloaded) as error:
            self._post(ev.TranscribeFailed(effect.job, str(error)))
        except Exception as error:
            self._engine.log.exception("recogniser failed", error=str(error))
            self._post(ev.TranscribeFailed(effect.job, "The recogniser failed on an internal error."))
        else:
            self._post(
                ev.Transcribed(
                    effect.job,
                    heard.text,
                    heard.language,
                    heard.audio_ms,
                    heard.confidence,
                    heard.closes,
                    heard.goes_on,
                )
            )

    def _only_language(self) -> str | None:
        """The language of a session that expects one of `transcription.languages` only."""
        assert self._conversation is not None
        wanted = self._conversation.session.audio.input.transcription
        languages = wanted.languages if wanted is not None else None
        return languages[0] if languages and len(languages) == 1 else None

    def _hint(self, prompt: str | None) -> str | None:
        """The transcription's `prompt` and `keywords`: words the recogniser should expect."""
        assert self._conversation is not None
        wanted = self._conversation.session.audio.input.transcription
        keywords = ", ".join(wanted.keywords or ()) if wanted is not None else ""
        return " ".join(part for part in (prompt, keywords) if part) or None

    async def _glance(self, effect: ev.Glance) -> None:
        assert self._ear is not None
        recogniser = self._engine.glancing
        glimpse = Glimpse("")
        if recogniser is not None:
            try:
                samples = self._ear.slice(effect.start_ms, effect.end_ms)
                if effect.urgent:
                    glimpse = await recogniser.glance(samples, effect.language)
                else:
                    heard = await self._engine.recogniser.transcribe(
                        samples, language=effect.language, priority=Priority.IDLE
                    )
                    glimpse = Glimpse(heard.text)
            except (SpeechFailed, Overloaded) as error:
                self._engine.log.warning("glance failed", error=str(error))
        self._post(ev.Glimpsed(effect.job, glimpse.text, glimpse.listens))

    async def _judge(self, effect: ev.JudgeEnd) -> None:
        assert self._ear is not None
        judge = self._engine.end_of_turn
        if judge is None:
            return
        try:
            probability = await judge.probability(self._ear.slice(effect.start_ms, effect.end_ms))
        except (SpeechFailed, Overloaded) as error:
            # Without an answer the turn waits its longest hold: slower, never wrong.
            self._engine.log.warning("end of turn not judged", error=str(error))
            return
        self._post(ev.EndJudged(effect.turn, effect.revision, probability))

    def _thought(self, effect: ev.Think) -> Thought:
        """What the brain is given. Raises `BrainFailed` when that is more than it reads and may not be truncated."""
        history = effect.history
        if not self._engine.by_rule(effect.tools):
            room = self._window.room(effect.instructions, effect.tools, effect.language)
            history = self._window.fit(history, effect.truncation, room, given=effect.given)
        return Thought(
            conversation_id=effect.conversation_id,
            response_id=effect.response_id,
            history=history,
            instructions=effect.instructions,
            tools=effect.tools,
            tool_choice=effect.tool_choice,
            max_tokens=effect.max_tokens,
            language=effect.language,
            speculative=effect.speculative,
            metadata=effect.metadata,
            priority=_urgency(effect.speculative),
            parallel_tool_calls=effect.parallel_tool_calls,
            effort=effect.effort,
        )

    async def _think(self, effect: ev.Think) -> None:
        response = effect.response_id
        most_calls = 1 if effect.parallel_tool_calls is False else None
        try:
            if FILLER in (effect.metadata or {}):
                brain = bridging(self._thought(effect))
            else:
                thought = self._thought(effect)
                review = review_of(thought, self._review, self._unfounded, self._engine.instructions)
                brain = reviewed(paced(self._engine.answering.think(thought)), review)
            async for said in metered(self._engine.thinking, brain):
                match said:
                    case Said():
                        self._post(ev.BrainSaid(response, said.text, said.slow))
                    case Called() if effect.tool_choice == "none" or most_calls == 0:
                        pass  # not every endpoint keeps to what it was asked
                    case Called():
                        most_calls = None if most_calls is None else most_calls - 1
                        self._post(ev.BrainCalled(response, said.call_id, said.name, said.arguments))
                    case Finished():
                        self._post(
                            ev.BrainFinished(
                                response,
                                said.reason,
                                said.input_tokens,
                                said.cached_tokens,
                                said.output_tokens,
                            )
                        )
        except BrainFailed as error:
            self._post(ev.BrainFailedEvent(response, error.code, str(error)))
        except Overloaded as error:
            self._post(ev.BrainFailedEvent(response, "server_overloaded", str(error)))
        except Exception as error:
            self._engine.log.exception("brain failed", error=str(error))
            self._post(
                ev.BrainFailedEvent(response, "server_error", "The brain failed on an internal error.")
            )

    def _may_take(self, mouth: Mouth) -> float:
        return mouth.may_take(time.monotonic(), shared=self._engine.calls > 1)

    async def _speak(self, effect: ev.Speak) -> None:
        mouth = self._mouths.setdefault(effect.response_id, Mouth(effect.format))
        urgency = URGENCY.get()
        MAY_TAKE.set(partial(self._may_take, mouth))
        language = self._engine.language_of(effect.text, effect.language)
        try:
            async for spoken in self._engine.voice.synthesise(
                effect.text, voice=effect.voice, language=language, speed=effect.speed
            ):
                await self._may_produce.wait()
                audio = mouth.speak(spoken.pcm, time.monotonic())
                if urgency is not None:  # nobody waits for the rest until the sound there is runs out
                    urgency.priority, urgency.due = Priority.NEXT, mouth.due(self._engine.speaking.mean_ms)
                self._post(
                    ev.Sounded(
                        effect.response_id,
                        effect.clause,
                        audio,
                        len(spoken.pcm) // 2,
                        spoken.words,
                    )
                )
        except (SpeechFailed, Overloaded) as error:
            self._post(ev.SpeakFailed(effect.response_id, effect.clause, str(error)))
        except Exception as error:
            self._engine.log.exception("voice failed", error=str(error))
            self._post(
                ev.SpeakFailed(effect.response_id, effect.clause, "The voice failed on an internal error.")
            )
        else:
            self._post(ev.ClauseSpoken(effect.response_id, effect.clause))


def _key(job: ev.Job) -> Key:
    return ("transcribe", job.item_id, job.revision)


def _urgency(speculative: bool) -> Priority:
    return Priority.SPECULATIVE if speculative else Priority.WAITED_FOR
