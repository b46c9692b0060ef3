"""One live conversation behind a session: the local engine, or a link to a remote model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from moksori.protocol.frame import Frame
from moksori.protocol.internal import Heard, ToolCall
from moksori.protocol.items import Item
from moksori.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do by itself; the conductor fills in or refuses the rest."""

    formats: frozenset[str] = frozenset({"audio/pcm"})
    truncate: bool = True
    transcripts: Literal["early", "late", "none"] = "early"
    resume: Literal["handle", "conversation", "replay", "none"] = "replay"
    max_session_s: int | None = None
    billing: Literal["none", "tokens", "seconds"] = "none"
    modalities: frozenset[str] = frozenset({"audio", "text"})
    reviews: bool = False
    """Asks `Opening.review` about each sentence before it is spoken."""


@dataclass(frozen=True, slots=True)
class Opening:
    """All a backend needs to begin, or to take over, a conversation."""

    session: Session
    history: tuple[Item, ...] = ()
    pending: tuple[ToolCall, ...] = ()
    heard: Heard | None = None
    handle: bytes | None = None
    strict: bool = False
    """Refuse what the real service refuses (`?strict=1`)."""
    holds: bool = False
    """The client can hold its loudspeaker while it is open who has the turn (`?holds=1`)."""
    review: Callable[[str], str | None] | None = None
    """What to say instead of a sentence, or None where it may be said as it is."""
    unfounded: Callable[[str], str | None] | None = None
    """The same, for a conversation that has neither tools nor instructions of its own: nothing can have been done."""
    connect_ms: int | None = None
    """How long it took to connect, told as `latency` until there is a turn's."""


@dataclass(frozen=True, slots=True)
class BackendLost:
    """Why a conversation's backend went away; `code` and `message` are fit for an `error` event."""

    code: str
    message: str
    retry: bool


@dataclass(frozen=True, slots=True)
class CloseReason:
    """Why the conductor ends a backend: a WebSocket close code and its text."""

    code: int = 1000
    text: str = ""


@dataclass(frozen=True, slots=True)
class Farewell:
    """What a closed backend leaves behind: a provider's resume handle, and the history as it was heard."""

    handle: bytes | None = None
    history: tuple[Item, ...] = field(default=())


class Sink(Protocol):
    """The conductor, as a backend sees it. Called synchronously on the event loop; must not block."""

    def frame(self, frame: Frame) -> None: ...

    def lost(self, why: BackendLost) -> None:
        """At most once, and no frame after it."""
        ...

    def writable(self, yes: bool) -> None:
        """Whether the backend can take more input."""
        ...


class Backend(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    async def start(self, opening: Opening, sink: Sink) -> None:
        """Ready to take frames when it returns. Raises `BackendRefused`.

        Sends no `session.created`: that is the conductor's.
        """
        ...

    def send(self, frame: Frame) -> None:
        """One client event, in order. Never blocks, never raises for what the client sent."""
        ...

    def reading(self, yes: bool) -> None:
        """Back-pressure from the client: False asks the backend to stop producing."""
        ...

    async def close(self, why: CloseReason) -> Farewell:
        """Idempotent; afterwards no task, timer or model job of this conversation is left."""
        ...


class BackendRefused(Exception):
    """A backend could not start; `retry` says whether another route should be tried."""

    def __init__(
        self, message: str, *, code: str = "server_error", status: int = 500, retry: bool = True
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry = retry
