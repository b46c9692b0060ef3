"""What the client tells its application, and the machinery of `on(...)` and `async for`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from moksori.client.recovery import Failure
from moksori.protocol.errors import Error
from moksori.protocol.server_events import ExtendedEvent, ServerEvent, UnknownEvent

AnyServerEvent = ServerEvent | ExtendedEvent | UnknownEvent
Handler = Callable[[Any], Awaitable[None] | None]
"""Takes one event: a server event, or one of the notices below."""

ANY = "*"
_BACKLOG = 1024  # events kept for an `async for` that has not begun

log = logging.getLogger("moksori.client")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong and the call goes on, or `disconnected` follows.

    `code` is the server's error code, or `microphone.…`, `speaker.…`, `tool`, `handler`; `message` a sentence for a
    person. `event` is the server's `error` event where there was one.
    """

    message: str
    code: str | None = None
    event: Error | None = None


class ConnectFailed(Exception):
    """`connect` did not succeed. `message` is a sentence; `failure` holds the cause for code."""

    def __init__(self, message: str, failure: Failure) -> None:
        super().__init__(message)
        self.message = message
        self.failure = failure


class Emitter:
    """Handlers by name. One that raises is logged and harms nobody else."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._tasks: set[asyncio.Future[None]] = set()

    def on(self, name: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` for each `name`; the returned function ends that."""
        handlers = self._handlers.setdefault(name, [])
        handlers.append(handler)

        def off() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return off

    def emit(self, name: str, event: object) -> None:
        """Call the handlers of `name`, in the order they came; coroutines run as tasks."""
        for handler in tuple(self._handlers.get(name, ())):
            try:
                result = handler(event)
            except Exception:
                log.exception("a handler of %s raised", name)
                continue
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._finished)

    def cancel(self) -> None:
        """Cancel the coroutines of handlers that still run."""
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()

    def _finished(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a handler raised", exc_info=task.exception())


class Feed:
    """The server's events as one asynchronous stream. What comes before its reader keeps the newest 1024."""

    def __init__(self) -> None:
        self._events: deque[AnyServerEvent] = deque()
        self._wake = asyncio.Event()
        self._reading = False
        self._ended = False

    def put(self, event: AnyServerEvent) -> None:
        """Add one event."""
        self._events.append(event)
        if not self._reading and len(self._events) > _BACKLOG:
            self._events.popleft()
        self._wake.set()

    def begin(self) -> None:
        """A new call: the old one's unread events are dropped."""
        self._events.clear()
        self._ended = False

    def end(self) -> None:
        """No more events will come."""
        self._ended = True
        self._wake.set()

    async def read(self) -> AsyncIterator[AnyServerEvent]:
        """Every event until the end of the call."""
        self._reading = True
        try:
            while True:
                while self._events:
                    yield self._events.popleft()
                if self._ended:
                    return
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._reading = False
