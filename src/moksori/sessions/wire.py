"""What a session needs of the socket that carries it; `server.wire` is the only implementation."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """One client connection. Called on the event loop; nothing here blocks or raises after the peer has gone."""

    def send(self, data: bytes) -> None:
        """Send one text frame (UTF-8 JSON)."""
        ...

    def reading(self, yes: bool) -> None:
        """False stops taking messages from the client until True."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send what is queued, then the close frame. Idempotent."""
        ...


class WireEvents(Protocol):
    """What a wire tells its session. All synchronous."""

    def message(self, data: bytes) -> None:
        """One whole text message."""
        ...

    def writable(self, yes: bool) -> None:
        """False: the client reads too slowly and the outgoing queue is past its high-water mark."""
        ...

    def closed(self, code: int, reason: str) -> None:
        """Exactly once, whoever closed; no callback after it."""
        ...
