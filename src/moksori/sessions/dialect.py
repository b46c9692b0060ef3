"""The edge where a client of the retired beta dialect meets a conversation that knows GA only.

Translation itself is pure (`protocol.dialects.beta`); here it is put around a session's wire.
"""

from __future__ import annotations

from moksori.protocol.dialects.beta import BetaEdge
from moksori.protocol.frame import Frame
from moksori.sessions.wire import Wire, WireEvents


class BetaClient:
    """A wire whose client speaks beta, as a session that speaks GA sees it, and the session as that wire sees it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._edge = BetaEdge()
        self._session: WireEvents | None = None

    def attach(self, session: WireEvents) -> WireEvents:
        """The session behind the edge; returns what the wire is to call."""
        self._session = session
        return self

    # ------------------------------------------------------------------ `Wire`, for the session

    def send(self, data: bytes) -> None:
        for frame in self._edge.to_client(Frame.from_raw(data, 0)):
            self._wire.send(frame.raw)

    def reading(self, yes: bool) -> None:
        self._wire.reading(yes)

    def close(self, code: int, reason: str = "") -> None:
        self._wire.close(code, reason)

    # ------------------------------------------------------------------ `WireEvents`, for the wire

    def message(self, data: bytes) -> None:
        assert self._session is not None
        for frame in self._edge.from_client(Frame.from_raw(data, 0)):
            self._session.message(frame.raw)

    def writable(self, yes: bool) -> None:
        assert self._session is not None
        self._session.writable(yes)

    def closed(self, code: int, reason: str) -> None:
        assert self._session is not None
        self._session.closed(code, reason)
