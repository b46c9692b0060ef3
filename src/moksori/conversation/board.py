"""What the parts of one conversation share, and how they say what is to be done."""

from __future__ import annotations

from dataclasses import dataclass, field

from moksori.conversation.events import Effect, Emit
from moksori.conversation.history import History
from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import Ids
from moksori.protocol.merging import STANDARD, Supported
from moksori.protocol.server_events import ExtendedEvent, ServerEvent
from moksori.protocol.session import (
    AudioInput,
    RealtimeSession,
    SemanticVad,
    ServerVad,
    Session,
    TurnDetection,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """How this conversation is run, apart from what its client may set."""

    strict: bool = False
    supported: Supported = STANDARD
    ask_end: bool = True
    """There is an end-of-turn model."""
    speculate: bool = True
    """Begin the answer while the turn may still go on; wasted work is cheap here."""
    glance: bool = False
    """The first words of speech can be looked at while it goes on."""
    holds: bool = False
    """The client can hold its loudspeaker."""
    overlapped: bool = True
    """Decode inside the silence, speak clause by clause. False: one stage after another, for comparisons."""


@dataclass(slots=True)
class Board:
    """Shared state. Only `Conversation.step` runs code that touches it, so nothing here can race."""

    session: Session
    ids: Ids
    rules: Rules
    conversation_id: str
    now: float = 0.0
    """Monotonic ms of the event being handled."""
    total_ms: int = 0
    """Audio time: milliseconds of input audio appended so far."""
    buffer_from_ms: int = 0
    """Where the uncommitted input buffer begins."""
    history: History = field(default_factory=History)
    latency_ms: int | None = None
    """Voice to voice of the last answered turn."""
    spoke: bool = False
    """Audio has been sent, so the voice is fixed."""
    effects: list[Effect] = field(default_factory=list)

    def emit(self, event: ServerEvent | ExtendedEvent) -> None:
        self.effects.append(Emit(event))

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def event_id(self) -> str:
        return self.ids("event")

    def error(self, error: ProtocolError, caused_by: str | None = None) -> None:
        self.emit(error.caused_by(caused_by).as_event(self.event_id()))

    # ------------------------------------------------------------------ shorthands for the session

    @property
    def realtime(self) -> RealtimeSession | None:
        return self.session if isinstance(self.session, RealtimeSession) else None

    @property
    def input(self) -> AudioInput:
        return self.session.audio.input

    @property
    def detection(self) -> TurnDetection | None:
        return self.session.audio.input.turn_detection

    @property
    def creates_response(self) -> bool:
        detection = self.detection
        return (
            self.realtime is not None
            and isinstance(detection, ServerVad | SemanticVad)
            and detection.create_response
        )

    @property
    def interrupts_response(self) -> bool:
        detection = self.detection
        return isinstance(detection, ServerVad | SemanticVad) and detection.interrupt_response
