"""A conversation under test: events in, effects out, a clock that moves when told to, no models."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from moksori.conversation import events as ev
from moksori.conversation.board import Rules
from moksori.conversation.core import Conversation
from moksori.protocol.client_events import decode_client_event
from moksori.protocol.ids import CountingIds
from moksori.protocol.internal import Word
from moksori.protocol.server_events import encode_event
from moksori.protocol.session import Session, default_session

T = TypeVar("T")
FRAME_MS = 32
SAMPLES_PER_MS = 24


class Call:
    """Drives one `Conversation`; `sent` is what its client got, `asked` every other effect."""

    def __init__(self, session: Session | None = None, **rules: Any) -> None:
        self.conversation = Conversation(
            session or default_session("sess_1", "moksori-local", 0), CountingIds(), Rules(**rules)
        )
        self.now = 10_000.0
        self.audio_ms = 0
        self.sent: list[dict[str, Any]] = []
        self.asked: list[ev.Effect] = []

    # -------------------------------------------------------------- driving

    def happens(self, event: ev.Happening) -> tuple[ev.Effect, ...]:
        effects = self.conversation.step(event, self.now)
        for effect in effects:
            if isinstance(effect, ev.Emit):
                self.sent.append(msgspec.json.decode(encode_event(effect.event)))
            else:
                self.asked.append(effect)
        return effects

    def client(self, type: str, **fields: Any) -> None:
        """The client sends one event."""
        self.happens(ev.FromClient(decode_client_event(msgspec.json.encode({"type": type, **fields}))))

    def audio(self, ms: int, probability: float) -> None:
        """`ms` of microphone audio in real time, all of one speech probability."""
        for _ in range(ms // FRAME_MS):
            self.now += FRAME_MS
            self.audio_ms += FRAME_MS
            self.happens(ev.AudioAppended(self.audio_ms))
            self.happens(ev.VoiceActivity(probability, self.audio_ms))

    def speech(self, ms: int) -> None:
        self.audio(ms, 0.97)

    def silence(self, ms: int) -> None:
        self.audio(ms, 0.02)

    def wait(self, ms: float) -> None:
        self.now += ms

    def transcribed(self, text: str, language: str = "en") -> None:
        """The recogniser answers the last decode it was asked for."""
        self.happens(ev.Transcribed(self.last(ev.Transcribe).job, text, language, 1000))

    def judged(self, probability: float) -> None:
        ask = self.last(ev.JudgeEnd)
        self.happens(ev.EndJudged(ask.turn, ask.revision, probability))

    def brain_says(self, *pieces: str, finish: bool = True) -> None:
        response = self.last(ev.Think).response_id
        for piece in pieces:
            self.happens(ev.BrainSaid(response, piece))
        if finish:
            self.happens(ev.BrainFinished(response, "stop", 40, 8, 12))

    def brain_calls(self, name: str, arguments: str, call_id: str = "call_a") -> None:
        response = self.last(ev.Think).response_id
        self.happens(ev.BrainCalled(response, call_id, name, arguments))
        self.happens(ev.BrainFinished(response, "stop", 40, 0, 12))

    def speak(self, ms_per_word: int = 300) -> None:
        """The voice does all it is asked for: every word takes `ms_per_word`, a clause is one piece."""
        done: set[tuple[str, int]] = set()
        while True:
            asked = [e for e in self.asked if isinstance(e, ev.Speak)]
            todo = [e for e in asked if (e.response_id, e.clause) not in done and e not in self._spoken]
            if not todo:
                return
            for clause in todo:
                done.add((clause.response_id, clause.clause))
                self._spoken.append(clause)
                self.speak_clause(clause, ms_per_word)

    _spoken: list[ev.Speak]

    def speak_clause(self, clause: ev.Speak, ms_per_word: int = 300) -> None:
        n = ms_per_word * SAMPLES_PER_MS
        words = tuple(Word(w, i * n, (i + 1) * n) for i, w in enumerate(clause.text.split()))
        audio = base64.b64encode(bytes(2 * n * len(words))).decode()
        self.happens(ev.Sounded(clause.response_id, clause.clause, audio, n * len(words), words))
        self.happens(ev.ClauseSpoken(clause.response_id, clause.clause))

    def spoken_turn(self, text: str, *, ms: int = 960) -> None:
        """Somebody says `text`, and the turn is committed."""
        self.speech(ms)
        self.silence(192)
        self.transcribed(text)
        self.silence(480)

    # -------------------------------------------------------------- looking

    def last(self, kind: type[T]) -> T:
        return next(e for e in reversed(self.asked) if isinstance(e, kind))

    def all(self, kind: type[T]) -> list[T]:
        return [e for e in self.asked if isinstance(e, kind)]

    @property
    def types(self) -> list[str]:
        """Types of what was sent, runs of the same delta folded into one."""
        folded: list[str] = []
        for event in self.sent:
            if not (event["type"].endswith(".delta") and folded and folded[-1] == event["type"]):
                folded.append(event["type"])
        return folded

    def of(self, type: str) -> list[dict[str, Any]]:
        return [e for e in self.sent if e["type"] == type]

    def since(self, act: Callable[[], None]) -> list[str]:
        """Types sent while doing something."""
        before = len(self.sent)
        act()
        return [e["type"] for e in self.sent[before:]]


def call(session: Session | None = None, **rules: Any) -> Call:
    made = Call(session, **rules)
    made._spoken = []
    return made
