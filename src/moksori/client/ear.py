"""What the caller hears: the playback machine between the wire and a speaker, under a lock for the speaker's thread."""

from __future__ import annotations

import asyncio
import threading

from moksori.client import playback
from moksori.client.speaker import Sink, Speaker
from moksori.protocol import client_events as c
from moksori.protocol.ids import random_id


class Ear:
    """Plays answers on `sink`, a sound device unless one is given, once opened.

    Without an open speaker nothing is kept: nobody hears, so there is nothing to account for.
    """

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._open = False
        self._playback = playback.Playback()
        self._lock = threading.Lock()
        self._deaf_to: str | None = None  # an item whose beginning no speaker took

    @property
    def playing(self) -> bool:
        """Whether any of an answer waits to be heard."""
        with self._lock:
            return bool(self._playback.parts)

    async def open(self) -> None:
        """Begin to play. Raises DeviceRefused. Idempotent."""
        if self._open:
            return
        sink = self._sink or Speaker()
        await asyncio.to_thread(sink.open, self._pull)
        self._sink, self._open = sink, True

    async def close(self) -> None:
        """Be silent and free the device. Idempotent."""
        if self._sink is not None and self._open:
            self._open = False
            await asyncio.to_thread(self._sink.close)
        self._step(playback.Interrupted())

    def arrived(self, response_id: str, item_id: str, content_index: int, pcm: bytes) -> None:
        """Audio of an answer came in."""
        if not self._open:
            self._deaf_to = item_id
        elif item_id != self._deaf_to:
            self._step(playback.Arrived(response_id, item_id, content_index, pcm))

    def finished(self, item_id: str, content_index: int) -> None:
        """No more of this part will come."""
        self._step(playback.Finished(item_id, content_index))

    def settled(self, response_id: str) -> None:
        """No more of this response will come."""
        self._step(playback.Settled(response_id))

    def hold(self, at_most_ms: int) -> None:
        """Stand still: somebody speaks, and may only be listening."""
        if self._open:
            self._step(playback.Held(at_most_ms * playback.RATE // 1000))

    def release(self) -> None:
        """Play on."""
        self._step(playback.Released())

    def interrupt(self, running: frozenset[str]) -> list[c.ConversationItemTruncate]:
        """Be silent now; what to tell the server of what was heard. `running` are the responses in the making."""
        return [
            c.ConversationItemTruncate(
                item_id=cut.item_id,
                content_index=cut.content_index,
                audio_end_ms=cut.audio_end_ms,
                event_id=random_id("event"),
            )
            for cut in self._step(playback.Interrupted(running))
            if isinstance(cut, playback.Truncate)
        ]

    def _pull(self, samples: int) -> bytes:
        """Called by the speaker, from its own thread."""
        effects = self._step(playback.Pulled(samples))
        return next(effect.pcm for effect in effects if isinstance(effect, playback.Play))

    def _step(self, event: playback.Event) -> tuple[playback.Effect, ...]:
        with self._lock:
            self._playback, effects = playback.step(self._playback, event)
        return effects
