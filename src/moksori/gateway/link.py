"""A conversation at an upstream, as a `Backend`: dial, greet, configure, then carry frames both ways.

Audio travels in the byte lane: only its type is looked at, the same bytes go on. Everything else is the control lane:
checked as our own clients' events are, and rewritten where the two sides must not see each other's names (session id,
model, expiry, key). Nothing is handed to the sink before `start` has returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from moksori.agent.backend import (
    BackendLost,
    BackendRefused,
    Capabilities,
    CloseReason,
    Farewell,
    Opening,
    Sink,
)
from moksori.gateway.catalog import Upstream
from moksori.gateway.greeting import history_events, opening_update, rewritten_update, without_voice
from moksori.gateway.reading import decoded, error_of, is_about_voice, named, rough_response
from moksori.gateway.scrub import scrubbed
from moksori.gateway.socket import UpstreamSocket, dial
from moksori.protocol import server_events as s
from moksori.protocol.client_events import CLIENT_EVENTS, ResponseCancel, SessionUpdate
from moksori.protocol.dialects.beta import BetaLink
from moksori.protocol.errors import Error, ErrorDetail, ProtocolError
from moksori.protocol.frame import APPEND, SOUND, Frame
from moksori.protocol.ids import random_id
from moksori.protocol.response import Response, StatusDetails, StatusError, Usage
from moksori.protocol.session import RealtimeSession, ServerVad
from moksori.telemetry import get_logger

STALL_S: Final = 10.0
"""An upstream that takes nothing off its connection for so long counts as lost."""
LAST_BILL_S: Final = 2.0
"""How long a call that is over waits for the cost of the answer it was in."""
CONTROLLED: Final = frozenset(
    {
        "session.created",
        "session.updated",
        "conversation.created",
        "input_audio_buffer.speech_stopped",
        "response.created",
        SOUND,
        "response.done",
        "error",
    }
)
"""Server events a link looks into; any other known one passes as it is."""
ASKS_FOR_ANSWER: Final = frozenset({"response.create"})

_frame = Frame.from_raw  # bound once, not with every message
_log = get_logger(__name__)


class Link:
    """One `Backend`. Belongs to the event loop; `model` is what the service calls it."""

    __slots__ = (
        "_active",
        "_asked",
        "_awaited",
        "_beta",
        "_connect_s",
        "_gone",
        "_heard_at",
        "_inbox",
        "_lane",
        "_last_error",
        "_latency_ms",
        "_leaving",
        "_opening",
        "_over",
        "_silence_ms",
        "_silent_s",
        "_sink",
        "_socket",
        "_stall",
        "_turn_ended_at",
        "_watch",
        "model",
        "upstream",
    )

    def __init__(
        self,
        upstream: Upstream,
        model: str,
        *,
        connect_s: float,
        silent_s: float,
    ) -> None:
        self.upstream = upstream
        self.model = model
        self._connect_s = connect_s
        self._silent_s = silent_s
        self._beta = BetaLink() if upstream.dialect == "openai-beta" else None
        self._socket: UpstreamSocket | None = None
        self._sink: Sink | None = None
        self._opening: Opening | None = None
        self._inbox: deque[Frame] | None = deque()  # frames before `start` has returned; None afterwards
        self._awaited: asyncio.Future[None] | None = None  # done when something has come
        self._gone: tuple[int, str] | None = None  # how the socket ended
        self._over = False  # nothing is told to the sink any more
        self._active: dict[str, Response] = {}  # responses created and not done
        self._asked = 0  # response.create sent, response.created not seen
        self._leaving = False  # the call is over, and what is still being answered is to be stopped
        self._last_error: str | None = None
        self._heard_at = 0.0
        self._turn_ended_at: float | None = None
        self._lane: Callable[[Frame], None] | None = None  # takes an answer's sound as it comes, while it may
        self._latency_ms: int | None = None
        self._silence_ms = 0
        self._watch: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def capabilities(self) -> Capabilities:
        provider = self.upstream.provider
        return Capabilities(
            formats=frozenset({"audio/pcm", "audio/pcmu", "audio/pcma"}),
            transcripts="late",
            max_session_s=provider.max_session_s,
            billing="seconds" if provider.idle_billed else "tokens",
        )

    # ------------------------------------------------------------------ the beginning

    async def start(self, opening: Opening, sink: Sink) -> None:
        """Dial, be greeted, configure. Raises `BackendRefused` within the connect time."""
        self._opening = opening
        try:
            async with asyncio.timeout(self._connect_s):
                self._socket = await dial(self.upstream, self.model, opening.session.id, self)
                await self._greeted()
                await self._configured(opening)
        except TimeoutError:
            raise BackendRefused(
                f"{self.upstream.provider.title} did not greet within {self._connect_s:g} seconds.",
                code="upstream_timeout",
                status=504,
            ) from None
        for event in history_events(opening):
            self._to_upstream(Frame.from_event(event))
        self._sink = sink
        asyncio.get_running_loop().call_soon(self._go_live)

    def _go_live(self) -> None:
        """Once the caller of `start` has greeted its client: what came meanwhile, then everything as it comes."""
        early, self._inbox = self._inbox, None
        for frame in early or ():
            self._take(frame)
        if self._gone is not None:
            self._lose(*self._gone)
        self._heard_at = time.monotonic()
        if self._turn_ended_at is None:
            self._open_lane()

    async def _greeted(self) -> None:
        """The first frame must be `session.created`, services' own events aside."""
        drops = self.upstream.provider.drops
        while (frame := await self._next()).type in drops or frame.type == "conversation.created":
            pass
        if frame.type == "session.created":
            return
        if frame.type == "error":
            raise self._error_refusal(frame)
        raise BackendRefused(
            f"{self.upstream.provider.title} did not greet as a realtime service does.",
            code="upstream_bad_greeting",
            status=502,
        )

    async def _configured(self, opening: Opening) -> None:
        """Make the upstream's session what our client was told it is; with its own voice where it has not that one.

        The voice may be another service's, whose place this one takes.
        """
        asked = opening_update(opening.session, self.upstream.provider, self.model)
        self._note_session(opening.session)
        self._ask(asked)
        while self.upstream.provider.confirms:
            frame = await self._next()
            if frame.type == "session.updated":
                return
            if frame.type == "error":
                without = asked if opening.strict or not is_about_voice(frame) else without_voice(asked)
                if without is asked:
                    raise self._error_refusal(frame)
                asked = without
                self._ask(asked)

    def _ask(self, session: dict[str, Any]) -> None:
        self._to_upstream(Frame.from_event(SessionUpdate(session=session, event_id=random_id("event"))))

    async def _next(self) -> Frame:
        assert self._inbox is not None
        while not self._inbox:
            if self._gone is not None:
                code, reason = self._gone
                said = self._without_key(reason) or f"code {code}"
                raise BackendRefused(
                    f"{self.upstream.provider.title} closed the connection before the call began ({said}).",
                    code="upstream_closed",
                    status=502,
                )
            await self._something()
        return self._inbox.popleft()

    async def _something(self) -> None:
        """Wait until anything has come, or the socket is gone. One waits at a time: `start`, or later `close`."""
        self._awaited = asyncio.get_running_loop().create_future()
        await self._awaited

    def _came(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        self._awaited = None

    def _error_refusal(self, frame: Frame) -> BackendRefused:
        code, message = error_of(frame)
        if code in ("invalid_api_key", "insufficient_permissions", "account_deactivated"):
            return BackendRefused(
                f"{self.upstream.provider.title} refused this server's key for '{self.model}' ({code}).",
                code="upstream_key_refused",
                status=502,
            )
        return BackendRefused(
            f"{self.upstream.provider.title} refused the session: {self._without_key(message)}",
            code=code or "upstream_refused",
            status=502,
        )

    def _without_key(self, said: str) -> str:
        """What the upstream said, as its clients may read it."""
        return scrubbed(said, self._socket.key if self._socket is not None else None)

    # ------------------------------------------------------------------ from the client

    def send(self, frame: Frame) -> None:
        if frame.type == APPEND:
            if self._beta is None and self._socket is not None:
                self._socket.send(frame.raw)
            else:
                self._to_upstream(frame)
            return
        try:
            if frame.type not in CLIENT_EVENTS:
                frame.as_client()
            assert self._opening is not None
            event = frame.as_client(strict=self._opening.strict)
            if isinstance(event, SessionUpdate):
                frame = Frame.from_event(
                    rewritten_update(
                        event, self._opening.session, self.upstream.provider, strict=self._opening.strict
                    ),
                    frame.at,
                )
        except ProtocolError as error:
            self._to_client(Frame.from_event(error.caused_by(frame.event_id).as_event(random_id("event"))))
            return
        if frame.type in ASKS_FOR_ANSWER:
            self._asked += 1
            self._heard_at = time.monotonic()
            self._turn_ended(time.monotonic())
            self._owed()
        self._to_upstream(frame)

    def _to_upstream(self, frame: Frame) -> None:
        assert self._socket is not None
        if self._beta is None:
            self._socket.send(frame.raw)
            return
        for each in self._beta.to_server(frame):
            self._socket.send(each.raw)

    def reading(self, yes: bool) -> None:
        if self._socket is not None:
            self._socket.reading(yes)

    async def close(self, why: CloseReason) -> Farewell:
        if (self._active or self._asked) and self._sink is not None and not self._over:
            await self._last_bill()
        self._end()
        if self._socket is not None:
            await self._socket.close()
        return Farewell()

    async def _last_bill(self) -> None:
        """Stop the answers in the making, and wait a little for what they cost: they are on the invoice."""
        self.reading(True)
        self._leaving = True
        if self._active:
            self._to_upstream(Frame.from_event(ResponseCancel(event_id=random_id("event"))))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_BILL_S):
                while (self._active or self._asked) and not self._over:
                    await self._something()

    # ------------------------------------------------------------------ from the socket

    def message(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._heard_at = now / 1e9
        frame = _frame(data, now)
        lane = self._lane
        if lane is not None and frame.type == SOUND and frame.event_id is not None:
            lane(frame)  # what most messages are
            return
        if self._beta is None:
            self._arrived(frame)
            return
        for each in self._beta.from_server(frame):
            self._arrived(each)

    def _arrived(self, frame: Frame) -> None:
        if self._inbox is not None:
            self._inbox.append(frame)
            self._came()
        else:
            self._take(frame)

    def writable(self, yes: bool) -> None:
        if self._over or self._sink is None:
            return
        self._sink.writable(yes)
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if not yes:
            self._stall = asyncio.get_running_loop().call_later(
                STALL_S, self._lost, "upstream_stalled", "The model service stopped taking what was said."
            )

    def disconnected(self, code: int, reason: str) -> None:
        self._gone = (code, reason)
        self._came()
        if self._inbox is None:
            self._lose(code, reason)

    def _take(self, frame: Frame) -> None:
        """One server event on its way to the client."""
        kind = frame.type
        if frame.event_id is None and kind in s.SERVER_EVENTS:
            frame = named(frame)
        if kind in CONTROLLED:
            self._control(frame)
        elif kind in s.SERVER_EVENTS:
            self._to_client(frame)
        elif kind not in self.upstream.provider.drops:
            _log.debug("upstream_event_dropped", upstream=self.upstream.name, type=kind)

    def _control(self, frame: Frame) -> None:
        match frame.type:
            case "response.output_audio.delta":  # sound of an answer's beginning, or without an id
                self._first_audio()
                self._to_client(frame)
            case "input_audio_buffer.speech_stopped":
                # The event comes when the silence that ends a turn is over: the caller fell silent that much earlier.
                self._turn_ended(time.monotonic() - self._silence_ms / 1000)
                self._to_client(frame)
            case "response.created":
                self._asked = max(0, self._asked - 1)
                if (event := decoded(frame)) is not None and isinstance(event, s.ResponseCreated):
                    self._active[event.response.id] = event.response
                    self._owed()
                self._to_client(frame)
                if self._leaving:
                    self._to_upstream(Frame.from_event(ResponseCancel(event_id=random_id("event"))))
            case "response.done":
                self._done(frame)
            case "session.updated":
                self._updated(frame)
            case "error":
                self._erred(frame)
            case _:
                pass  # session.created and conversation.created are ours to say

    def _to_client(self, frame: Frame) -> None:
        if not self._over and self._sink is not None:
            self._sink.frame(frame)

    def _turn_ended(self, at: float) -> None:
        """The next sound is the first of an answer, and looked at."""
        self._turn_ended_at, self._lane = at, None

    def _open_lane(self) -> None:
        if self._beta is None and not self._over and self._sink is not None:
            self._lane = self._sink.frame

    def _first_audio(self) -> None:
        if self._turn_ended_at is not None:
            self._latency_ms = round((time.monotonic() - self._turn_ended_at) * 1000)
            self._turn_ended_at = None
            self._open_lane()

    def _done(self, frame: Frame) -> None:
        event = decoded(frame)
        if not isinstance(event, s.ResponseDone):
            response = rough_response(frame)
            if response is None:
                return  # without an id it ends nothing anybody knows
            event = s.ResponseDone(event_id=frame.event_id or random_id("event"), response=response)
        self._active.pop(event.response.id, None)
        self._came()
        usage = event.response.usage
        if usage is not None and self._latency_ms is not None:
            usage = replace(usage, moksori={**(usage.moksori or {}), "latency_ms": self._latency_ms})
            event = replace(event, response=replace(event.response, usage=usage))
        self._to_client(Frame.from_event(event, frame.at))

    def _updated(self, frame: Frame) -> None:
        assert self._opening is not None
        event = decoded(frame)
        if not isinstance(event, s.SessionUpdated):
            return
        ours, theirs = self._opening.session, event.session
        shown = replace(theirs, id=ours.id, expires_at=ours.expires_at)
        if isinstance(shown, RealtimeSession) and isinstance(ours, RealtimeSession):
            shown = replace(shown, model=ours.model)
        self._note_session(shown)
        latency = self._latency_ms if self._latency_ms is not None else self._opening.connect_ms
        self._to_client(
            Frame.from_event(replace(event, session=shown, session_id=ours.id, latency=latency), frame.at)
        )

    def _note_session(self, session: Any) -> None:
        detection = session.audio.input.turn_detection
        self._silence_ms = detection.silence_duration_ms if isinstance(detection, ServerVad) else 0

    def _erred(self, frame: Frame) -> None:
        code, message = error_of(frame)
        self._last_error = code
        event = decoded(frame)
        if isinstance(event, Error):
            detail = replace(event.error, message=self._without_key(message))
            if event.error.event_id is not None and self._asked:
                self._asked -= 1  # a refused response.create is answered, too
                self._came()
            self._to_client(Frame.from_event(Error(event_id=event.event_id, error=detail), frame.at))
        else:
            detail = ErrorDetail(message=self._without_key(message), type="server_error", code=code)
            self._to_client(Frame.from_event(Error(event_id=random_id("event"), error=detail)))

    # ------------------------------------------------------------------ the end

    def _lose(self, code: int, reason: str) -> None:
        """The socket is gone, and not because we closed it."""
        title = self.upstream.provider.title
        if self._last_error == "session_expired":
            self._lost(
                "session_expired", f"{title} ended the session: its longest duration is over.", retry=False
            )
        else:
            said = self._without_key(reason)
            self._lost(
                "upstream_lost", f"The line to {title} broke (code {code}{': ' + said if said else ''})."
            )

    def _lost(self, code: str, message: str, *, retry: bool = True) -> None:
        if self._over or self._sink is None:
            return
        for response in self._active.values():
            failed = replace(
                response,
                status="failed",
                status_details=StatusDetails(
                    type="failed", error=StatusError(type="server_error", code=code, message=message)
                ),
                usage=response.usage or Usage(),
            )
            self._to_client(Frame.from_event(s.ResponseDone(event_id=random_id("event"), response=failed)))
        self._active.clear()
        sink = self._sink
        self._end()
        sink.lost(BackendLost(code, message, retry))

    def _end(self) -> None:
        self._over = True
        self._lane = None
        self._active.clear()
        self._came()
        for timer in (self._watch, self._stall):
            if timer is not None:
                timer.cancel()
        self._watch = self._stall = None

    def _owed(self) -> None:
        """The upstream owes an answer: see that it says something."""
        if self._watch is None:
            self._watch_silence()

    def _watch_silence(self) -> None:
        """Lose an upstream that owes an answer and says nothing."""
        self._watch = None
        if self._over or not (self._asked or self._active):
            return
        quiet = time.monotonic() - self._heard_at
        if quiet >= self._silent_s:
            self._lost(
                "upstream_silent",
                f"{self.upstream.provider.title} owed an answer and was silent for {self._silent_s:g} seconds.",
            )
            return
        self._watch = asyncio.get_running_loop().call_later(self._silent_s - quiet, self._watch_silence)
