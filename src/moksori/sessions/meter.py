"""A backend that costs money, with its meter: every use is charged, told, and ends the call when the money is gone.

Stands between the backend and whatever is above it, so that answers nobody else sees are charged like all others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from msgspec.structs import replace

from moksori.accounts.billing import Books, CallAccount, Charge, NotAffordable
from moksori.accounts.prices import SECONDS, estimated_units, shown, units_of
from moksori.agent.backend import (
    Backend,
    BackendLost,
    BackendRefused,
    Capabilities,
    CloseReason,
    Farewell,
    Opening,
    Sink,
)
from moksori.agent.principal import Principal
from moksori.protocol import server_events as s
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import APPEND, SOUND, Frame
from moksori.protocol.ids import random_id
from moksori.protocol.response import Usage
from moksori.protocol.session import PcmFormat, RealtimeSession, Session

METERED: Final = frozenset(
    {
        "response.created",
        "response.done",
        "session.updated",
        "error",
        "conversation.item.input_audio_transcription.completed",
    }
)
"""Events that say what something cost, or what the next will; sound is only counted."""
TICK_S: Final = 5.0
"""Where time costs money, it is booked this often, and so a budget overrun by no more."""
PLAYER_S: Final = 0.5
"""What a client's player and the way there hold back, before the line of a call that must end is closed."""
LONGEST_WAIT_S: Final = 60.0
"""How long a call that must end waits for its last words to be heard, at most."""

Goodbye = Callable[[Session], AsyncIterator[tuple[Frame, float]]]
"""The frames that tell a caller why the call ends, each with the seconds of sound in it."""


class Priced(Protocol):
    """Where a call leads, as far as its price goes."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Spent:
    """A call's money so far, in millionths; `left` is None where nothing limits it."""

    micro: int
    left: int | None
    currency: str


class Metering:
    """Puts meters in front of backends that cost money."""

    def __init__(self, books: Books, goodbye: Goodbye) -> None:
        self._books = books
        self._goodbye = goodbye

    def backend(
        self,
        make: Callable[[], Backend],
        destination: Priced,
        route: str,
        principal: Principal,
        call_micro: int | None,
    ) -> Backend:
        """The backend that `make` gives, metered."""

        def open_account(call_id: str) -> CallAccount:
            return self._books.open(
                call_id,
                principal,
                provider=destination.provider,
                model=destination.model,
                route=route,
                call_micro=call_micro,
            )

        return Metered(make(), open_account, self._goodbye)

    def spent(self, call_id: str) -> Spent | None:
        """What a running call cost so far; None for one that costs nothing here."""
        account = self._books.account(call_id)
        return Spent(account.spent, account.left, account.currency) if account is not None else None


class Metered:
    """`Backend` in front of another, whose `Sink` it is."""

    __slots__ = (
        "_account",
        "_answered_ms",
        "_asked",
        "_begun_at",
        "_closed",
        "_context",
        "_ending",
        "_goodbye",
        "_in_per_ms",
        "_inner",
        "_open",
        "_out_per_ms",
        "_running",
        "_said_ms",
        "_session",
        "_since",
        "_sink",
        "_sounds_until",
        "_stretch",
        "_tick",
    )

    def __init__(self, inner: Backend, account: Callable[[str], CallAccount], goodbye: Goodbye) -> None:
        self._inner = inner
        self._open = account
        self._goodbye = goodbye
        self._account: CallAccount
        self._sink: Sink
        self._session: Session
        self._in_per_ms = self._out_per_ms = 1
        self._context = 0  # tokens of the conversation when it was last billed
        self._said_ms = 0.0  # of audio in and out since the last response ended: the meter of last resort
        self._answered_ms = 0.0
        self._begun_at = 0.0  # monotonic: the newest answer
        self._sounds_until = 0.0  # monotonic: when what was sent has been heard, if it is played as it comes
        self._since = 0.0  # monotonic: until when time on the line is booked
        self._stretch = 0
        self._tick: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._asked = 0  # answers asked for that have not begun
        self._running: set[str] = set()  # answers begun and not done

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def start(self, opening: Opening, sink: Sink) -> None:
        try:
            self._account = self._open(opening.session.id)
        except NotAffordable as refusal:
            # Another route may be free, or priced.
            raise BackendRefused(str(refusal), code=refusal.code, status=402) from None
        self._sink = sink
        self._configured(opening.session)
        self._expect(0)
        await self._inner.start(opening, self)
        self._since = time.monotonic()
        if self._by_time:
            self._tick = asyncio.get_running_loop().call_later(TICK_S, self._ticked)

    def _configured(self, session: Session) -> None:
        self._session = session
        self._in_per_ms, self._out_per_ms = (_bytes_per_ms(session, side) for side in ("input", "output"))

    @property
    def _by_time(self) -> bool:
        return self._account.price is not None and self._account.price.per_minute is not None

    def send(self, frame: Frame) -> None:
        if self._ending is not None:
            return
        if frame.type == APPEND:
            self._said_ms += frame.audio_bytes / self._in_per_ms
        elif frame.type == "response.create" and not self._may_ask(frame):
            return
        self._inner.send(frame)

    def reading(self, yes: bool) -> None:
        self._inner.reading(yes)

    async def close(self, why: CloseReason) -> Farewell:
        self._closed = True
        if self._ending is not None and asyncio.current_task() is not self._ending:
            self._ending.cancel()
            await asyncio.wait({self._ending})
        farewell = await self._inner.close(why)
        if hasattr(self, "_account"):
            self._book_time()
            self._account.books.close(self._account)
        if self._tick is not None:
            self._tick.cancel()
        return farewell

    # ------------------------------------------------------------------ Sink, for the backend behind

    def frame(self, frame: Frame) -> None:
        kind = frame.type
        if kind == SOUND:
            self._answered_ms += frame.audio_bytes / self._out_per_ms
        elif kind in METERED:
            self._metered(frame)
            return
        if self._ending is None:
            self._sink.frame(frame)

    def _metered(self, frame: Frame) -> None:
        match frame.type:
            case "response.created":
                self._asked = max(0, self._asked - 1)
                event = _event(frame)
                if isinstance(event, s.ResponseCreated):
                    self._running.add(event.response.id)
                self._begun_at = time.monotonic()
            case "error":
                self._asked = max(0, self._asked - 1)  # perhaps it was an answer that was refused
            case "response.done":
                frame = self._done(frame)
            case "session.updated":
                event = _event(frame)
                if isinstance(event, s.SessionUpdated):
                    self._configured(event.session)
                    self._expect(0)
            case _:
                self._transcribed(frame)
        if self._ending is None or frame.type == "response.done":
            self._sink.frame(frame)
            # In the middle of an answer only money that is gone ends a call; after one, money that others hold does.
            self._check(self._account.left if self._running else self._account.free)

    def lost(self, why: BackendLost) -> None:
        if self._ending is None:
            self._sink.lost(why)

    def writable(self, yes: bool) -> None:
        self._sink.writable(yes)

    # ------------------------------------------------------------------ what it costs

    def _done(self, frame: Frame) -> Frame:
        event = _event(frame)
        if not isinstance(event, s.ResponseDone):
            return frame
        response, usage = event.response, event.response.usage
        told = usage is not None and usage.total_tokens + usage.input_tokens + usage.output_tokens > 0
        lost = response.status_details is not None and response.status == "failed" and not told
        charge = self._charge(response.id, usage if told else None, lost=lost)
        if response.status == "cancelled":
            self._sounds_until = time.monotonic()  # who stops an answer empties the player
        else:
            self._sounds_until = max(self._sounds_until, self._begun_at) + self._answered_ms / 1000
        self._said_ms = self._answered_ms = 0.0
        self._running.discard(response.id)
        self._expect(usage.input_tokens + usage.output_tokens if usage is not None else self._context)
        extra = {
            **((usage.moksori if usage is not None else None) or {}),
            "cost": shown(charge.micro) if charge.micro is not None else None,
            "currency": self._account.currency,
            "budget_left": shown(max(0, charge.left)) if charge.left is not None else None,
        }
        if charge.estimated:
            extra["estimated"] = True
        extra.setdefault("latency_ms", None)
        usage = replace(usage or Usage(), moksori=extra)
        return Frame.from_event(replace(event, response=replace(response, usage=usage)), frame.at)

    def _charge(self, response_id: str, usage: Usage | None, *, lost: bool) -> Charge:
        if self._by_time:
            before = self._account.spent
            self._book_time()
            return Charge(self._account.spent - before, self._account.left, estimated=False)
        if usage is not None:
            return self._account.charge("response", response_id, units_of(usage))
        if lost:
            # A line that broke told nothing and may cost nothing; a guess would be no better than none.
            return Charge(0 if self._account.price is not None else None, self._account.left, estimated=True)
        units = estimated_units(round(self._said_ms), round(self._answered_ms))
        return self._account.charge("response", response_id, units, estimated=True)

    def _transcribed(self, frame: Frame) -> None:
        """What transcribed the caller is billed beside the model, where its price is known."""
        event: Any = _event(frame)
        if event is None:
            return
        transcription = self._session.audio.input.transcription
        seconds = getattr(getattr(event, "usage", None), "seconds", None)
        if transcription is None or seconds is None:
            return
        self._account.transcribed(transcription.model, event.item_id, seconds)

    def _book_time(self) -> None:
        if not self._by_time or not self._since:
            return
        now = time.monotonic()
        seconds = round(now - self._since)
        if seconds > 0:
            self._since += seconds
            self._stretch += 1
            self._account.charge("seconds", str(self._stretch), {SECONDS: seconds})

    def _ticked(self) -> None:
        self._book_time()
        if not self._closed:
            self._tick = asyncio.get_running_loop().call_later(TICK_S, self._ticked)
            self._check(self._account.free)

    # ------------------------------------------------------------------ when it is gone

    def _expect(self, context: int) -> None:
        """Hold what the next answer of a conversation of so many tokens may cost."""
        self._context = max(context, self._context)
        longest = self._session.max_output_tokens if isinstance(self._session, RealtimeSession) else 1
        self._account.expect(self._context, longest if isinstance(longest, int) else None)

    def _may_ask(self, frame: Frame) -> bool:
        """Answers in the making may spend what is left: one more is asked for only where that leaves enough."""
        making = self._asked + len(self._running)
        if not making:
            self._check(self._account.left)
            if self._ending is not None:
                return False
        free = self._account.free
        if not making or free is None or free > making * self._account.lease:
            self._asked += 1
            return True
        refusal = ProtocolError(
            "What is left of this budget is held by the answers in the making: ask again when one is done.",
            "insufficient_quota",
        ).caused_by(frame.event_id)
        self._sink.frame(Frame.from_event(refusal.as_event(random_id("event"))))
        return False

    def _check(self, left: int | None) -> None:
        if left is not None and left <= 0 and self._ending is None and not self._closed:
            self._ending = asyncio.get_running_loop().create_task(self._end(), name="budget over")

    async def _end(self) -> None:
        """Stop the service at once, tell the caller in the local voice, and end the call when that has sounded."""
        await self._inner.close(CloseReason(1000, ""))
        self._book_time()
        self._since = 0.0  # the goodbye is not the service's time
        if isinstance(self._session, RealtimeSession):
            async for frame, seconds in self._goodbye(self._session):
                self._sink.frame(frame)
                if seconds:  # a voice may be slower than its speech
                    self._sounds_until = max(self._sounds_until, time.monotonic()) + seconds
        # Sound is sent faster than it is heard: closed before, the line would take the goodbye with it.
        left = self._sounds_until - time.monotonic()
        if left > 0:
            await _pause(min(left + PLAYER_S, LONGEST_WAIT_S))
        self._sink.lost(BackendLost("insufficient_quota", "The budget of this call is used up.", retry=False))


_pause = asyncio.sleep


def _event(frame: Frame) -> Any:
    """The whole event; None where it is not what GA says."""
    try:
        return frame.event
    except ProtocolError:
        return None


def _bytes_per_ms(session: Session, side: str) -> int:
    kind = getattr(session.audio, side).format if hasattr(session.audio, side) else PcmFormat()
    rate: int = kind.sample_rate
    return rate * (2 if isinstance(kind, PcmFormat) else 1) // 1000
