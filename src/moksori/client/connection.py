"""A line to the server that comes back by itself: `recovery` and `delivery` given sockets, a clock and dice.

Everything happens on one event loop. Events go through `_post`, one at a time, also when an effect of one makes
another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, assert_never

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from moksori.client import recovery
from moksori.client.delivery import Delivery
from moksori.client.events import AnyServerEvent, Problem
from moksori.client.link import DialFailed, dial, failure_of_close
from moksori.client.recovery import Cause, Failure
from moksori.protocol import client_events as c
from moksori.protocol import server_events as s
from moksori.protocol.errors import Error, ProtocolError
from moksori.protocol.ids import random_id

Secret = Callable[[], Awaitable[str | None]]
_FLUSH_S = 1.0  # what is queued at the end gets this long to leave
_QUEUE_HIGH_MS = 1000  # `drained` waits while more audio than this is unsent


class Owner(Protocol):
    """Who is told what comes over the line."""

    def opening(self, again: bool) -> list[c.ClientEvent]:
        """What makes a new session ours; `again` when an earlier one of this call was lost, and is to be told."""
        ...

    def event(self, event: AnyServerEvent) -> None:
        """A server event, in order, the greeting included."""
        ...

    def notice(self, notice: recovery.Notice) -> None:
        """The line's own news."""
        ...

    def problem(self, problem: Problem) -> None:
        """Something went wrong and the call goes on."""
        ...


class Connection:
    """One call's line. `connect` after its end begins another call."""

    def __init__(
        self,
        owner: Owner,
        url: str,
        model: str,
        *,
        secret: Secret,
        policy: recovery.Policy,
        dial_timeout: float,
        dice: Callable[[], float],
    ) -> None:
        self._owner = owner
        self._url = url
        self._model = model
        self._secret = secret
        self._dial_timeout = dial_timeout
        self._dice = dice
        self._state: recovery.State = recovery.Idle(policy)
        self._inbox: deque[recovery.Event] = deque()  # posted while one is being handled
        self._stepping = False
        self._delivery = Delivery(random_id)
        self._links: dict[int, asyncio.Task[None]] = {}  # dials and readers, until they have ended
        self._sockets: dict[int, ClientConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()  # the writer has something to do
        self._room = asyncio.Event()  # the queue is short, or the line is down
        self._idle = asyncio.Event()  # everything queued has been written
        self._last_error: tuple[str | None, str] = (None, "")

    @property
    def state(self) -> recovery.State:
        """Where the line is."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether the line is up now."""
        return isinstance(self._state, recovery.Open)

    def start(self) -> None:
        """Begin a call; the outcome comes as a notice. Without effect while one is on."""
        if isinstance(self._state, recovery.Over):
            self._delivery = Delivery(random_id)
        self._post(recovery.Start())

    async def stop(self) -> None:
        """Send what is queued, hang up, and wait until every socket is closed. Idempotent."""
        if self.is_open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await self._idle.wait()
        self._post(recovery.Stop())
        current = asyncio.current_task()
        leaving = [task for task in (*self._links.values(), *self._closing) if task is not current]
        await asyncio.gather(*leaving, return_exceptions=True)

    def send(self, event: c.ClientEvent) -> None:
        """Queue a control event; kept while the line is down."""
        self._delivery.control(event)
        self._stir()

    def audio(self, pcm: bytes) -> None:
        """Queue the caller's audio; kept while the line is down."""
        self._delivery.audio(pcm)
        self._stir()

    async def drained(self) -> None:
        """Wait while more than a second of audio is unsent on a line that is up."""
        while self.is_open and self._delivery.queued_ms > _QUEUE_HIGH_MS:
            self._room.clear()
            await self._room.wait()

    def _stir(self) -> None:
        """The writer has, or may have, something to do."""
        self._idle.clear()
        self._wake.set()

    # --- the machine -------------------------------------------------------------------------------------------------

    def _post(self, event: recovery.Event) -> None:
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._state, effects = recovery.step(self._state, self._inbox.popleft(), _now())
                for effect in effects:
                    self._perform(effect)
        finally:
            self._stepping = False

    def _perform(self, effect: recovery.Effect) -> None:
        match effect:
            case recovery.Dial(link, call):
                task = asyncio.get_running_loop().create_task(self._run(link, call))
                self._links[link] = task
                task.add_done_callback(lambda _: self._links.pop(link, None))
            case recovery.Hangup(link):
                self._hang_up(link)
            case recovery.SetTimer(link, at):
                loop = asyncio.get_running_loop()
                self._timer = loop.call_at(at, self._post, recovery.TimerFired(link))
            case recovery.Pause():
                self._delivery.paused()
                self._room.set()
                self._idle.set()  # nobody writes now
            case recovery.SendAgain(input_audio_ms):
                self._delivery.resumed(input_audio_ms)
                self._stir()
            case recovery.BeginAnew(again):
                self._delivery.begin_anew(*self._owner.opening(again))
                self._stir()
            case recovery.Connected() | recovery.Reconnecting():
                self._owner.notice(effect)
            case recovery.Disconnected():
                if self._timer is not None:
                    self._timer.cancel()
                self._owner.notice(effect)
            case _:
                assert_never(effect)

    def _hang_up(self, link: int) -> None:
        socket = self._sockets.pop(link, None)
        if socket is not None:
            task = asyncio.get_running_loop().create_task(socket.close(1000))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        elif link in self._links and self._links[link] is not asyncio.current_task():
            self._links[link].cancel()  # still dialling

    # --- one link ----------------------------------------------------------------------------------------------------

    async def _run(self, number: int, call: recovery.Call | None) -> None:
        """Dial, then read until the line ends. Every way out but cancellation posts exactly one failure."""
        try:
            try:
                secret = await self._secret()
            except Exception as error:
                raise DialFailed(Failure(Cause.SECRET, detail=str(error))) from error
            link = await dial(self._url, self._model, secret, call, self._dial_timeout)
        except DialFailed as failed:
            self._post(recovery.Failed(number, failed.failure, self._dice()))
            return
        self._sockets[number] = link.socket
        self._last_error = (None, "")
        self._post(recovery.Greeted(number, link.session_id, link.event_id, link.resume_ms, link.gap))
        writer = asyncio.create_task(self._write(number, link.socket))
        try:
            self._received(number, link.greeting)
            while True:
                raw = await link.socket.recv(decode=False)
                self._post(recovery.Received(number, _event_id(raw)))
                self._received(number, raw)
        except ConnectionClosed as closed:
            self._post(recovery.Failed(number, failure_of_close(closed, *self._last_error), self._dice()))
        finally:
            writer.cancel()

    async def _write(self, number: int, socket: ClientConnection) -> None:
        try:
            while self._sockets.get(number) is socket:
                frame = self._delivery.take()
                if frame is None:
                    self._wake.clear()
                    self._room.set()
                    self._idle.set()
                    await self._wake.wait()
                    continue
                await socket.send(frame, text=True)
                if self._delivery.queued_ms <= _QUEUE_HIGH_MS:
                    self._room.set()
        except ConnectionClosed:
            return  # the reader tells why

    def _received(self, number: int, raw: bytes) -> None:
        if self._sockets.get(number) is None:
            return  # hung up; what was on its way is not ours any more
        try:
            event = s.decode_server_event(raw)
        except ProtocolError as error:
            self._owner.problem(Problem(error.message, error.code))
            return
        if isinstance(event, Error):
            self._last_error = (event.error.code, event.error.message)
        if isinstance(event, s.UnknownEvent | s.ExtendedEvent) or self._delivery.observe(event):
            self._owner.event(event)
        else:
            self._stir()  # the answer to our own question releases what waited for it


class _Named(msgspec.Struct):
    event_id: str | None = None


_named = msgspec.json.Decoder(_Named)


def _event_id(raw: bytes) -> str | None:
    """The id to resume after; None for what has none or cannot be read."""
    try:
        return _named.decode(raw).event_id
    except msgspec.DecodeError:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
