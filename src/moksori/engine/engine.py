"""All of this machine's models, loaded once and shared by every call."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from moksori.agent.backend import BackendRefused
from moksori.agent.brain import Brain, ByRule
from moksori.agent.speech import EndOfTurn, Glancing, Recogniser, Voice, VoiceActivity
from moksori.conversation.language import spoken_in
from moksori.engine import weights
from moksori.engine.admission import Admission, StageLoad, admit, wait_ms
from moksori.engine.backend import LocalBackend
from moksori.engine.context import ANSWER_TOKENS, LOCAL_READING, Reading
from moksori.engine.kokoro_voice import KokoroVoice
from moksori.engine.memory import bound_primitives, give_back_at_rest
from moksori.engine.meter import Meter
from moksori.engine.scheduler import Cores, Lane
from moksori.engine.sequential import WholeVoice
from moksori.engine.standin import AbsentBrain, answering
from moksori.protocol.session import Supported, Tool
from moksori.settings import Engine as EngineSettings
from moksori.settings import Secret
from moksori.telemetry import get_logger

STT_THREADS = 2
"""Both cores for what the caller waits for: 305 ms instead of 379 ms a decode."""
LLM_SLOTS = 2
"""Conversations whose answers the local LLM writes at once; a third waits for one of them."""
ELSEWHERE_PARALLEL = 32
"""Answers that an endpoint, or a brain without a model, gives at once: as many as there are sessions."""

LLM_STATES = "llm-states"
"""Folder under the home: what the LLM has read of a prompt, so that a restart need not read it again."""

UNSUPPORTED = frozenset(
    {"audio.input.noise_reduction", "audio.input.transcription.delay", "include", "prompt", "tracing"}
)
"""Session fields that nothing here implements: refused in strict sessions, visibly without effect in others."""

INSTRUCTIONS = (
    "You are a voice assistant for customers. Answer in the caller's language, in one or two short spoken sentences. "
    "Begin with a short clause. Never use lists, markup or emoji. If you do not know, say so. "
    "You know nothing about the caller's orders, deliveries, refunds or account except what a tool told you: "
    "without a tool, say that you cannot look it up."
)
"""What a session's `instructions` are until its client says otherwise; only a model reads it."""


def _work(load: StageLoad) -> tuple[float, float]:
    return wait_ms(load), load.mean_ms


def _key(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


class Engine:
    """Made by `create`, loaded by `start`, given out call by call with `backend`."""

    def __init__(self, settings: EngineSettings, flows: ByRule | None = None) -> None:
        self.log = get_logger(__name__)
        self._flows = flows
        # Only a model behind an endpoint can be one that reasons. A shop takes its own prompt before it gets here.
        no_effort = frozenset() if settings.llm.kind == "openai" else frozenset({"reasoning"})
        self.supported = Supported(refused=UNSUPPORTED | no_effort)
        self.instructions = INSTRUCTIONS
        self._settings = settings
        self._parts: dict[str, str] = {
            "vad": "warming",
            "end_of_turn": "warming",
            "stt": "warming",
            "tts": "warming",
            "llm": "warming",
        }
        cores = Cores()
        self._lanes = {name: Lane(name, cores=cores) for name in ("stt", "tts", "tts_ko", "endpoint")}
        self.thinking = Meter("llm", LLM_SLOTS if settings.llm.kind == "local" else ELSEWHERE_PARALLEL)
        self._activity: Callable[[], VoiceActivity] | None = None
        self._end_of_turn: EndOfTurn | None = None
        self._recogniser: Recogniser | None = None
        self._voice: Voice | None = None
        self._korean: KokoroVoice | None = None
        self._rendering: asyncio.Task[None] | None = None
        self._brain: Brain | None = None
        self._calls: set[LocalBackend] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closers: list[Callable[[], Any]] = []
        self._brain_loading: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._threads: set[asyncio.Future[None]] = set()
        """Loads that run on a thread, also those nobody waits for any more."""
        self._closing = threading.Event()

    @classmethod
    def create(cls, settings: EngineSettings, flows: ByRule | None = None) -> Engine:
        """An engine that has loaded nothing yet. `flows` answers without a language model; with the local one it asks
        it what no rule covers.
        """
        return cls(settings, flows)

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Load and warm all that a conversation needs; a local LLM goes on warming after this returns.

        Raises `WeightsMissing`, `WeightsFailed` or `SpeechFailed` with a sentence for the operator.
        """
        began = time.monotonic()
        # One after another: on two cores loading in parallel is not faster, and the errors are clearer.
        await self._load("vad", self._load_activity)
        await self._load("tts", self._load_voice)
        await self._load("stt", self._load_recogniser)
        if self.overlapped and not (self.glancing is not None and self.glancing.hears_ends):
            await self._load("end_of_turn", self._load_end_of_turn)
        else:
            self._parts["end_of_turn"] = "off"
        if self._settings.llm.kind == "local":
            self._brain_loading = asyncio.create_task(self._load_brain_quietly(), name="moksori-load-llm")
        else:
            await self._load("llm", self._load_brain)
        if self._korean is not None:
            from moksori.engine.voices_load import render_ahead

            async def ahead(korean: KokoroVoice) -> None:
                if self._brain_loading is not None:
                    # Side by side on two cores, the language model took half a minute instead of eight seconds.
                    await asyncio.wait({self._brain_loading})
                await render_ahead(korean, self._quiet)

            self._rendering = asyncio.create_task(ahead(self._korean), name="moksori-phrases")
        self._trimming = asyncio.create_task(give_back_at_rest(self._resting), name="moksori-memory")
        self.log.info("engine_ready", seconds=round(time.monotonic() - began, 1))

    def parts(self) -> dict[str, str]:
        """Each part's state: "ready", "warming", "off" or "failed: " and a sentence."""
        return dict(self._parts)

    async def close(self) -> None:
        """End all calls and let the models go, when what is loading now has been loaded. Idempotent."""
        self._closing.set()
        for task in (self._brain_loading, self._rendering, self._trimming):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        # A library that is still loading when the process ends takes it down with it.
        await asyncio.gather(*self._threads, return_exceptions=True)
        for lane in self._lanes.values():
            lane.close()
        await asyncio.to_thread(self._join_lanes)
        while self._closers:
            closing = self._closers.pop()()
            if asyncio.iscoroutine(closing):
                await closing

    async def _load(self, part: str, load: Callable[[], None]) -> None:
        try:
            await asyncio.shield(self._on_a_thread(load))
        except Exception as error:
            self._parts[part] = f"failed: {error}"
            raise
        self._parts[part] = "ready"

    def _resting(self) -> bool:
        return not any(lane.depth for lane in self._lanes.values())

    def _join_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.join()

    def _on_a_thread(self, load: Callable[[], None]) -> asyncio.Future[None]:
        if self._closing.is_set():
            raise asyncio.CancelledError
        running = asyncio.get_running_loop().run_in_executor(None, load)
        self._threads.add(running)
        running.add_done_callback(self._threads.discard)
        return running

    async def _load_brain_quietly(self) -> None:
        """A local LLM that cannot be loaded leaves a server that answers nothing but hears: say so, keep serving."""
        try:
            await self._load("llm", self._load_brain)
        except Exception as error:
            self.log.error("brain_failed", error=str(error))

    # ------------------------------------------------------------------ parts

    def _load_activity(self) -> None:
        from moksori.engine.vad import SileroModel

        model = SileroModel(weights.path("silero-vad"))
        model.warm()
        self._activity = model.detector

    def _load_end_of_turn(self) -> None:
        from moksori.engine.endpoint import SmartTurn

        judge = SmartTurn(weights.path("smart-turn"), run=self._lanes["endpoint"].run)
        judge.warm()
        self._end_of_turn = judge

    def _load_voice(self) -> None:
        from moksori.engine.voices_load import load

        loaded = load(self._settings.tts, self._lanes["tts"].run, self._lanes["tts_ko"].run)
        self._closers.append(loaded.close)
        self._voice, self._korean = loaded.voice, loaded.korean
        self.supported = replace(self.supported, voices=self.supported.voices | loaded.voice.names)

    def _load_recogniser(self) -> None:
        settings = self._settings.stt
        if settings.kind == "openai":
            from moksori.engine.remote_speech import RemoteRecogniser

            assert settings.base_url is not None and settings.model is not None
            remote = RemoteRecogniser(
                settings.base_url, settings.model, _key(settings.api_key), timeout_s=settings.timeout_s
            )
            self._closers.append(remote.aclose)
            self._recogniser = remote
            return
        from moksori.engine.whisper import WhisperRecogniser

        bound_primitives()
        recogniser = WhisperRecogniser(
            weights.path("whisper-base"),
            threads=STT_THREADS,
            run=self._lanes["stt"].run,
            whole_window=not self.overlapped,
        )
        recogniser.warm()
        self._recogniser = recogniser

    def _load_brain(self) -> None:
        settings = self._settings.llm
        match settings.kind:
            case "openai":
                from moksori.engine.chat import ChatBrain

                assert settings.base_url is not None and settings.model is not None
                chat = ChatBrain(
                    settings.base_url, settings.model, _key(settings.api_key), timeout_s=settings.timeout_s
                )
                self._closers.append(chat.aclose)
                self._brain = chat
            case "echo":
                from moksori.engine.lite import EchoBrain, Limited

                self._brain = Limited(EchoBrain())
            case "lite" | "flows" if self._flows is not None:
                from moksori.engine.lite import Limited

                self._brain = Limited(self._flows)
            case "lite" | "flows":
                from moksori.engine.lite import Limited, LiteBrain

                self._brain = Limited(LiteBrain())
            case "local":
                from moksori.engine.llama import LlamaBrain

                llama = LlamaBrain.load(slots=LLM_SLOTS, states=weights.default_home() / LLM_STATES)
                self._closers.append(llama.close)
                llama.warm(self.instructions, stopped=self._closing.is_set)
                self._brain = llama if self._flows is None else self._flows.advised(llama)

    # ------------------------------------------------------------------ for the calls

    def backend(self, model: str) -> LocalBackend:
        """A new call on the shared models."""
        return LocalBackend(self)

    def admission(self) -> Admission:
        """Whether a call that begins now would be answered in time, by the work that stands in every stage."""
        stages = [self._lanes["stt"].load(), self.thinking.load(time.monotonic()), self.speaking]
        return admit([*stages, self._lanes["tts_ko"].load()])

    def check_admission(self) -> None:
        """Refuse a new call that would be answered too late. Raises `BackendRefused`.

        A server without a call takes the next one, whatever the last seconds were like: nobody else suffers by it.
        """
        if not self._calls:
            return
        admission = self.admission()
        if not admission.admitted:
            self.log.info("call_refused", first_audio_ms=admission.first_audio_ms, stage=admission.stage)
            raise BackendRefused(
                f"This server is busy: a new caller would wait {admission.first_audio_ms / 1000:.1f} s for the "
                "first word. Try again shortly.",
                code="server_overloaded",
                status=503,
            )

    @property
    def speaking(self) -> StageLoad:
        """The voice with more work before it: nobody knows yet in which language a caller will be answered."""
        return max((self._lanes[name].load() for name in ("tts", "tts_ko")), key=_work)

    def joined(self, call: LocalBackend) -> None:
        self._calls.add(call)
        self._quiet.clear()

    def left(self, call: LocalBackend) -> None:
        self._calls.discard(call)
        if not self._calls:
            self._quiet.set()

    @property
    def calls(self) -> int:
        return len(self._calls)

    @property
    def speculates(self) -> bool:
        """Whether an answer may be begun before its turn is committed: not where each try costs money."""
        return self.overlapped and self._settings.llm.kind != "openai"

    @property
    def reading(self) -> Reading:
        """How much of a conversation the brain is given."""
        if self._settings.llm.kind == "local":
            return LOCAL_READING
        context = self._settings.llm.context_tokens
        return Reading(max(context - ANSWER_TOKENS, context // 2))

    def by_rule(self, tools: Sequence[Tool]) -> bool:
        """Whether a conversation with these tools is answered by rule, out of all of it."""
        return self._flows is not None and self._settings.llm.kind != "openai" and self._flows.covers(tools)

    @property
    def glancing(self) -> Glancing | None:
        """What understands the first words of speech while it goes on, where the recogniser can."""
        return self._recogniser if isinstance(self._recogniser, Glancing) else None

    @property
    def overlapped(self) -> bool:
        """Whether work runs inside the caller's silence; not in the pipeline that comparisons are made with."""
        return self._settings.pipeline == "overlapped"

    async def new_activity(self) -> VoiceActivity:
        if self._activity is None:
            raise RuntimeError("its models are still loading.")
        return self._activity()

    @property
    def end_of_turn(self) -> EndOfTurn | None:
        """Who is asked whether a pause is an end; nobody where the recogniser itself hears it."""
        return self._end_of_turn

    @property
    def recogniser(self) -> Recogniser:
        assert self._recogniser is not None, "start() returned, so it is loaded"
        return self._recogniser

    @property
    def voice(self) -> Voice:
        assert self._voice is not None, "start() returned, so it is loaded"
        return self._voice if self.overlapped else WholeVoice(self._voice)

    @property
    def brain(self) -> Brain:
        """The brain, or one that fails with why there is none yet."""
        return self._brain or AbsentBrain(self._parts["llm"])

    @property
    def answering(self) -> Brain:
        """Who answers a caller now: while the brain loads, somebody who says so."""
        return answering(self._brain, self._parts["llm"], self._flows)

    def language_of(self, text: str, heard: str | None) -> str:
        """The language to speak a clause in: its script decides, then what the caller spoke."""
        return spoken_in(text, heard)
