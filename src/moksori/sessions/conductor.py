"""One live session: carries frames between a client's wire and a backend, and ends them both together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from moksori.agent.backend import Backend, BackendLost, CloseReason, Opening
from moksori.protocol import server_events as out
from moksori.protocol.errors import Error, ErrorDetail, ProtocolError
from moksori.protocol.frame import APPEND, SOUND, Frame
from moksori.protocol.ids import random_id
from moksori.protocol.response import Response
from moksori.protocol.session import Session, without_secrets
from moksori.sessions import locks
from moksori.sessions.heard import HeardAudio
from moksori.sessions.mcp_tools import McpTools
from moksori.sessions.routing import Routed
from moksori.sessions.wire import Wire
from moksori.telemetry import Telemetry, Turn

NORMAL = 1000
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

WATCHED = frozenset({"response.done", "response.created", "session.updated"})
"""Server events the conductor itself looks into."""
_frame = Frame.from_raw  # bound once, not with every message


class Limits(Protocol):
    """The part of the settings a session obeys."""

    @property
    def max_session_s(self) -> int: ...

    @property
    def idle_s(self) -> int: ...


class _BackendSide:
    """The conductor as its backend sees it: both its sides are told `writable`, and mean different things."""

    __slots__ = (
        "frame",
        "lost",
        "writable",
    )

    def __init__(self, conductor: Conductor, wire: Wire) -> None:
        self.frame = conductor.frame
        self.lost = conductor.lost
        self.writable = wire.reading


class Conductor:
    """Between a backend, whose `Sink` it is, and a wire, whose `WireEvents`. Synchronous; owned by the event loop."""

    __slots__ = (
        "_answering",
        "_backend",
        "_candidates",
        "_closing",
        "_ears",
        "_extended",
        "_finish",
        "_heard",
        "_last_message_ns",
        "_leave_when_quiet",
        "_limits",
        "_locked",
        "_mcp_hosts",
        "_on_ended",
        "_opened",
        "_session",
        "_telemetry",
        "_timers",
        "_wire",
        "key_id",
        "model",
        "route",
        "sent",
        "session_id",
        "taken",
    )

    def __init__(
        self,
        wire: Wire,
        backend: Backend | Routed,
        *,
        session_id: str,
        model: str,
        limits: Limits,
        telemetry: Telemetry,
        extended: bool,
        ended: Callable[[Conductor], None],
        key_id: str = "",
        locked: bool = False,
        mcp_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.session_id = session_id
        self.model = model
        self.key_id = key_id
        self._locked = locked
        self._mcp_hosts = mcp_hosts
        self.taken = 0
        """Messages that came from the client."""
        self.sent = 0
        """Messages for the client; what is sent again after a resume is not counted twice."""
        self._wire = wire
        self._candidates = backend
        self._backend: Backend
        self._ears: Backend
        """Where the caller's audio goes: nothing before it is concerned with sound."""
        self.route = ""
        """The route that answers, once one does; empty where there was no choice."""
        self._limits = limits
        self._telemetry = telemetry
        self._extended = extended
        self._on_ended = ended
        self._timers: list[asyncio.TimerHandle] = []
        self._last_message_ns = time.monotonic_ns()
        self._answering: set[str] = set()
        self._closing: tuple[int, str] | None = None
        """Set once the end is decided; nothing is sent or taken after it."""
        self._leave_when_quiet: tuple[int, str] | None = None
        self._finish: asyncio.Task[None] | None = None
        self._opened = False
        self._session: Session
        self._heard: HeardAudio

    async def start(self, opening: Opening) -> None:
        """Send `session.created`, and let the backend begin. Raises `BackendRefused`."""
        self._session = opening.session
        self._heard = HeardAudio(opening.session)
        tools = McpTools(_BackendSide(self, self._wire), self._mcp_hosts)
        opening = tools.opening(opening)
        if isinstance(self._candidates, Routed):
            self.route, backend = await self._candidates.begin(opening, tools)
        else:
            backend = self._candidates
            await backend.start(opening, tools)
        del self._candidates  # they hold what they were made of
        self._backend, self._ears = tools, backend
        self._opened = True
        self._send(self.greeting(None))
        tools.attach(backend)
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self._limits.max_session_s, self._expired))
        self._watch_idle()

    @property
    def taken_ms(self) -> int:
        """Milliseconds of the caller's audio so far."""
        return self._heard.ms if self._opened else 0

    @property
    def ending(self) -> bool:
        """Whether the end is decided."""
        return self._closing is not None

    def greeting(self, resume: out.Resume | None) -> Frame:
        """`session.created` for a client that connects, or comes back."""
        event_id = random_id("event")
        session = without_secrets(self._session) if resume is not None else self._session
        return Frame.from_event(out.SessionCreated(event_id=event_id, session=session, resume=resume))

    def resumed(self, gap: bool) -> out.Resume:
        """The client is back, and will send its audio again from here."""
        self._heard.resumed()
        self._last_message_ns = time.monotonic_ns()
        return out.Resume(ok=True, input_audio_ms=self._heard.ms, gap=gap)

    # ------------------------------------------------------------------ from the client's wire

    def message(self, data: bytes) -> None:
        if self._closing is not None:
            return
        self.taken += 1
        self._last_message_ns = now = time.monotonic_ns()
        frame = _frame(data, now)
        if frame.type == APPEND:
            new = self._heard.take(frame)
            if new is not None:
                self._ears.send(new)
            return
        if self._locked and frame.type in locks.CHECKED:
            try:
                locks.check(frame)
            except ProtocolError as error:
                self._send(Frame.from_event(error.as_event(random_id("event"))))
                return
        self._backend.send(frame)

    def writable(self, yes: bool) -> None:
        self._backend.reading(yes)

    def closed(self, code: int, reason: str) -> None:
        """The wire is gone, whoever closed it: so is the call."""
        if self._closing is None:
            self._closing = (code, reason)
        self._finish_up(code)

    # ------------------------------------------------------------------ from the backend

    def frame(self, frame: Frame) -> None:
        if self._closing is not None:
            return
        if frame.type == SOUND:
            self.sent += 1
            self._wire.send(frame.raw)
            return
        self._send(frame)
        if frame.type in WATCHED:
            self._watch(frame)

    def lost(self, why: BackendLost) -> None:
        expired = why.code == "session_expired"
        self._tell(why.code, why.message, type="invalid_request_error" if expired else "server_error")
        if why.code == "insufficient_quota":
            self.end(POLICY_VIOLATION, why.message)  # nothing would change by connecting again
        else:
            self.end(GOING_AWAY if expired else INTERNAL_ERROR if why.retry else NORMAL, why.message)

    # ------------------------------------------------------------------ the end

    def end(self, code: int, reason: str) -> None:
        """Close the wire, after what is queued on it; the rest follows from `closed`. Idempotent."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._wire.close(code, reason)

    def wind_up(self, code: int, reason: str) -> None:
        """End as soon as no answer is running."""
        if not self._answering:
            self.end(code, reason)
        else:
            self._leave_when_quiet = (code, reason)

    async def finished(self) -> None:
        """Returns when nothing of this session is left."""
        if self._finish is not None:
            await asyncio.shield(self._finish)

    def _finish_up(self, code: int) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._finish is None:
            self._finish = asyncio.get_running_loop().create_task(self._close(code), name="moksori-close")

    async def _close(self, code: int) -> None:
        try:
            await self._backend.close(CloseReason(code, ""))
        finally:
            if self._opened:
                self._telemetry.closed(self.session_id, code)
            self._on_ended(self)

    # ------------------------------------------------------------------ inside

    def _send(self, frame: Frame) -> None:
        if not self._extended and frame.type.startswith(out.OWN_PREFIX) and frame.type not in out.HOLDING:
            return
        self.sent += 1
        self._wire.send(frame.raw)
        if self._extended:
            for event in _extensions(frame):
                self._wire.send(Frame.from_event(event).raw)

    def _watch(self, frame: Frame) -> None:
        event = frame.event
        match event:
            case out.SessionUpdated():
                self._session = event.session
                self._heard.configured(event.session)
            case out.ResponseCreated():
                self._answering.add(event.response.id)
            case out.ResponseDone():
                self._answering.discard(event.response.id)
                self._telemetry.turn(self._turn(event.response))
                if self._leave_when_quiet is not None and not self._answering:
                    self.end(*self._leave_when_quiet)
            case _:
                pass

    def _turn(self, response: Response) -> Turn:
        usage = response.usage
        extra = (usage.moksori if usage else None) or {}
        return Turn(
            call_id=self.session_id,
            model=self.model,
            status=response.status,
            v2v_ms=extra.get("latency_ms"),
            stages_ms=extra.get("stages_ms"),
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
        )

    def _tell(self, code: str, message: str, *, type: str) -> None:
        if self._closing is None:
            detail = ErrorDetail(message=message, type=type, code=code)
            self._send(Frame.from_event(Error(event_id=random_id("event"), error=detail)))

    def _expired(self) -> None:
        """The session's time is up: the documented error, then 1001."""
        minutes = self._limits.max_session_s / 60
        length = f"{minutes:g} minutes" if minutes >= 1 else f"{self._limits.max_session_s} seconds"
        message = f"Your session hit the maximum duration of {length}."
        if self._extended and self._closing is None:
            self._wire.send(
                Frame.from_event(
                    out.SessionExpired(
                        event_id=random_id("event"),
                        session_id=self.session_id,
                        expires_at=self._session.expires_at,
                    )
                ).raw
            )
        self._tell("session_expired", message, type="invalid_request_error")
        self.end(GOING_AWAY, message)

    def _watch_idle(self) -> None:
        """End a session whose client has sent nothing at all for a long while."""
        quiet = (time.monotonic_ns() - self._last_message_ns) / 1e9
        left = self._limits.idle_s - quiet
        if left <= 0:
            message = f"The session was idle for {self._limits.idle_s} seconds."
            self._tell("session_idle", message, type="invalid_request_error")
            self.end(GOING_AWAY, message)
            return
        loop = asyncio.get_running_loop()
        self._timers[1:] = [loop.call_later(left, self._watch_idle)]


def _extensions(frame: Frame) -> list[out.ExtendedEvent]:
    """The additional events of clients that asked for them (`?events=extended`)."""
    match frame.type:
        case "conversation.item.added" | "conversation.item.done":
            event = frame.event
        case _:
            return []
    match event:
        case out.ConversationItemAdded():
            return [
                out.ConversationItemCreated(
                    event_id=random_id("event"), item=event.item, previous_item_id=event.previous_item_id
                )
            ]
        case out.ConversationItemDone():
            return [out.ConversationItemCompleted(event_id=random_id("event"), item=event.item)]
        case _:
            return []
