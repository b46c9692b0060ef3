"""A backend that begins only when the caller does: for services that charge for a line nobody speaks on.

Until then the session lives here: `session.update` is answered from the same rules as everywhere. The first other
event opens the line; what comes while it opens is kept in order.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
from moksori.protocol.client_events import SessionUpdate
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import random_id
from moksori.protocol.server_events import SessionUpdated
from moksori.protocol.session import merge, without_secrets
from moksori.sessions.routing import Routed
from moksori.telemetry import get_logger

_log = get_logger(__name__)


class OnFirstNeed:
    """`Backend` in front of routes that are not decided between before they are needed."""

    def __init__(self, routed: Routed) -> None:
        self._routed = routed
        self._sink: Sink | None = None
        self._opening: Opening | None = None
        self._inner: Backend | None = None
        self._kept: list[Frame] = []
        self._beginning: asyncio.Task[None] | None = None
        self._reading = True
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities if self._inner is not None else Capabilities()

    async def start(self, opening: Opening, sink: Sink) -> None:
        self._opening, self._sink = opening, sink

    def send(self, frame: Frame) -> None:
        if self._inner is not None:
            self._inner.send(frame)
        elif self._beginning is not None:
            self._kept.append(frame)
        elif frame.type == "session.update":
            self._update(frame)
        elif not self._closed:
            self._kept.append(frame)
            self._beginning = asyncio.get_running_loop().create_task(self._begin(), name="first need")

    def _update(self, frame: Frame) -> None:
        assert self._opening is not None and self._sink is not None
        opening = self._opening
        try:
            event = frame.as_client(strict=opening.strict)
            assert isinstance(event, SessionUpdate)
            session = merge(opening.session, event.session, strict=opening.strict)
        except ProtocolError as error:
            answer = error.caused_by(frame.event_id).as_event(random_id("event"))
            self._sink.frame(Frame.from_event(answer))
            return
        self._opening = replace(opening, session=session)
        updated = SessionUpdated(
            event_id=random_id("event"),
            session=without_secrets(session),
            session_id=session.id,
            latency=opening.connect_ms,
        )
        self._sink.frame(Frame.from_event(updated))

    async def _begin(self) -> None:
        assert self._opening is not None and self._sink is not None
        try:
            _, inner = await self._routed.begin(self._opening, self._sink)
        except BackendRefused as refusal:
            if not self._closed:
                self._sink.lost(BackendLost(refusal.code, str(refusal), retry=refusal.retry))
            return
        except Exception:
            _log.exception("first_need_failed")
            if not self._closed:  # a call that waits for an answer must not wait for ever
                self._sink.lost(
                    BackendLost("server_error", "The server failed to begin the call.", retry=True)
                )
            return
        if self._closed:
            await inner.close(CloseReason())
            return
        self._inner = inner
        if not self._reading:
            inner.reading(False)
        kept, self._kept = self._kept, []
        for frame in kept:
            inner.send(frame)

    def reading(self, yes: bool) -> None:
        self._reading = yes
        if self._inner is not None:
            self._inner.reading(yes)

    async def close(self, why: CloseReason) -> Farewell:
        self._closed = True
        if self._beginning is not None and not self._beginning.done() and self._inner is None:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        return await self._inner.close(why) if self._inner is not None else Farewell()
