"""What the client owes the server: microphone audio by its place in the call, and control events until acknowledged.

Nothing said may be lost or said twice when the line breaks (DESIGN.md "Resume"). So sent audio is kept in a ring and
sent again from the millisecond the server names, and a control event that may or may not have arrived is kept until
the server's answer to it is seen. After a resume the missed answers come before any new one; so where something is
unanswered, the item of a name nobody has is asked for first, and by the time the refusal arrives (it names our event)
all missed answers have been read: what is still unanswered then was never received, and is sent again at its place
between the audio.

No socket and no clock here: the shell calls `take` for the next frame to write.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import msgspec

from moksori.protocol import client_events as c
from moksori.protocol import server_events as s
from moksori.protocol.errors import Error

RATE = 24_000  # Hz; GA carries PCM16 mono at this rate only
BYTES_PER_MS = RATE * 2 // 1000
RING_MS = 60_000  # the server's window to come back is 60 s; the contract asks at least 30 s
_MARK = "client_event_id"  # the key under which other clients, too, find their response again
_BURST_MS = (
    200  # audio sent again goes in pieces of this length: far below any frame limit, few enough events
)
_REQUESTS_KEPT = (
    8  # sent `response.create`s that await their answer; a server that echoes no metadata answers none
)


class _Line(Enum):
    DOWN = "down"
    PROVING = "proving"  # the question is out, its refusal not yet in
    UP = "up"


@dataclass(slots=True)
class _Control:
    event: c.ClientEvent
    at: int  # bytes of audio appended before it
    sent: bool = False


@dataclass(frozen=True, slots=True)
class _Audio:
    start: int
    pcm: bytes


class Delivery:
    """The outgoing side of one call.

    Audio is PCM16 little-endian mono at 24 kHz. Positions are bytes since the first sample given to `audio`.
    """

    def __init__(self, new_id: Callable[[str], str], ring_ms: int = RING_MS) -> None:
        self._new_id = new_id
        self._ring_bytes = ring_ms * BYTES_PER_MS
        self._ring: deque[_Audio] = deque()
        self._end = 0  # bytes given so far
        self._remainder = b""  # less than one millisecond, waiting for the rest: the server counts whole ones
        self._origin = 0  # the server's millisecond 0 stands at this byte
        self._lost_at = 0  # where `_end` stood when the line went down
        self._line = _Line.DOWN
        self._resume_from = 0  # while PROVING
        self._barrier: str | None = None  # the question that is out while PROVING
        self._questions: set[str] = set()  # all whose refusal was not seen: a drop later it may still come
        self._controls: list[_Control] = []  # in order; unsent, or sent and unanswered
        self._outgoing: deque[_Audio | _Control] = deque()

    @property
    def queued_ms(self) -> int:
        """Milliseconds of audio waiting to be written."""
        return sum(len(e.pcm) for e in self._outgoing if isinstance(e, _Audio)) // BYTES_PER_MS

    @property
    def unanswered(self) -> int:
        """Control events not yet known to have arrived."""
        return len(self._controls)

    def audio(self, pcm: bytes) -> None:
        """Append audio of any length; whole milliseconds of it are sent, the rest waits for the next call."""
        pcm = self._remainder + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_MS
        self._remainder = pcm[whole:]
        if not whole:
            return
        piece = _Audio(self._end, pcm[:whole])
        self._end += whole
        self._ring.append(piece)
        while self._ring and self._ring[0].start + len(self._ring[0].pcm) < self._end - self._ring_bytes:
            self._ring.popleft()
        if self._line is _Line.UP:
            self._outgoing.append(piece)

    def control(self, event: c.ClientEvent) -> None:
        """Queue a control event; its place among the audio is kept, also over a drop."""
        if self._remainder and isinstance(event, c.InputAudioBufferCommit):
            self.audio(bytes(BYTES_PER_MS - len(self._remainder)))
        if isinstance(event, c.ResponseCreate):
            event = self._marked(event)
            self._forget_old_requests(_REQUESTS_KEPT - 1)
        entry = _Control(event, self._end)
        self._controls.append(entry)
        if self._line is _Line.UP:
            self._outgoing.append(entry)

    def take(self) -> bytes | None:
        """The next frame to write, or None when there is nothing to send now."""
        if not self._outgoing:
            return None
        entry = self._outgoing.popleft()
        if isinstance(entry, _Audio):
            audio = base64.b64encode(entry.pcm).decode("ascii")
            return msgspec.json.encode(c.InputAudioBufferAppend(audio=audio))
        entry.sent = True
        if not _is_answered_at_all(entry.event):
            self._forget(entry)
        return msgspec.json.encode(entry.event)

    def observe(self, event: s.ServerEvent) -> bool:
        """See a server event. False when it answers only this class's own question and nobody else should see it."""
        if isinstance(event, Error) and event.error.event_id in self._questions:
            self._questions.discard(event.error.event_id)
            if self._line is _Line.PROVING and event.error.event_id == self._barrier:
                self._barrier = None
                self._release(self._resume_from)
            return False
        for entry in self._controls:
            if entry.sent and _answers(event, entry.event):
                self._controls.remove(entry)
                break
        return True

    def paused(self) -> None:
        """The line is down. Idempotent."""
        if self._line is _Line.UP:
            self._lost_at = self._end
        self._line = _Line.DOWN
        self._outgoing.clear()

    def begin_anew(self, *opening: c.ClientEvent) -> None:
        """The line is up with a session that knows nothing: `opening` goes first, then what waited while it was down.

        Audio sent to a session that is lost is not sent to this one.
        """
        self._origin = max(self._lost_at, self._ring[0].start if self._ring else self._end)
        # What names items or responses of the lost session would only be refused.
        # An older session.update is part of `opening`.
        self._forget_old_requests(1)  # a new session owes one answer, however often it was asked for
        kept = (c.ConversationItemCreate, c.ResponseCreate, c.InputAudioBufferCommit)
        waiting = [_Control(e.event, e.at) for e in self._controls if isinstance(e.event, kept)]
        self._controls = [*(_Control(event, 0) for event in opening), *waiting]
        self._release(self._origin)

    def resumed(self, input_audio_ms: int) -> int:
        """The line is up again and the server has `input_audio_ms` of this call's audio.

        Returns the milliseconds that are lost because the ring no longer holds them.
        """
        wanted = self._origin + input_audio_ms * BYTES_PER_MS
        oldest = self._ring[0].start if self._ring else self._end
        lost = max(0, oldest - wanted)
        # The server's clock does not know of lost audio: its next millisecond is the oldest one still here.
        self._origin += lost
        self._resume_from = min(wanted + lost, self._end)
        if any(e.sent for e in self._controls):
            self._line = _Line.PROVING
            self._barrier = self._new_id("event")
            self._questions.add(self._barrier)
            question = c.ConversationItemRetrieve(item_id=self._new_id("item"), event_id=self._barrier)
            self._outgoing.append(_Control(question, self._end))
        else:
            self._release(self._resume_from)
        return lost // BYTES_PER_MS

    def _marked(self, event: c.ResponseCreate) -> c.ResponseCreate:
        """The request with its own id in its metadata, which comes back in the response it makes.

        Else a response that the caller's voice began meanwhile would pass for it.
        """
        event_id = event.event_id or self._new_id("event")
        response = dict(event.response or {})
        response["metadata"] = {**(response.get("metadata") or {}), _MARK: event_id}
        return c.ResponseCreate(response=response, event_id=event_id)

    def _release(self, start: int) -> None:
        """Queue the audio from `start` and every unanswered control event, each at its place."""
        self._line = _Line.UP
        controls = deque(self._controls)
        burst = _BURST_MS * BYTES_PER_MS
        while controls and controls[0].at <= start:
            self._outgoing.append(controls.popleft())
        for piece in self._ring:
            end = piece.start + len(piece.pcm)
            while controls and controls[0].at <= piece.start:
                self._outgoing.append(controls.popleft())
            first = max(piece.start, start)
            for cut in range(first, end, burst):
                chunk = piece.pcm[cut - piece.start : min(cut + burst, end) - piece.start]
                self._outgoing.append(_Audio(cut, chunk))
        self._outgoing.extend(controls)

    def _forget_old_requests(self, keep: int) -> None:
        """Of the `response.create`s sent and unanswered, keep the last `keep`."""
        waiting = [e for e in self._controls if e.sent and isinstance(e.event, c.ResponseCreate)]
        for entry in waiting[: max(0, len(waiting) - keep)]:
            self._forget(entry)

    def _forget(self, entry: _Control) -> None:
        self._controls = [e for e in self._controls if e is not entry]


def _is_answered_at_all(event: c.ClientEvent) -> bool:
    """Whether success shows on the wire, and sending the event again after a drop is therefore decidable."""
    return isinstance(
        event,
        c.SessionUpdate
        | c.ConversationItemCreate
        | c.ConversationItemTruncate
        | c.ConversationItemDelete
        | c.ResponseCreate
        | c.InputAudioBufferCommit
        | c.InputAudioBufferClear,
    )


def _answers(event: s.ServerEvent, sent: c.ClientEvent) -> bool:
    """Whether `event` shows that the server received `sent`."""
    if isinstance(event, Error):
        return event.error.event_id is not None and event.error.event_id == sent.event_id
    match sent:
        case c.SessionUpdate():
            return isinstance(event, s.SessionUpdated)
        case c.ConversationItemCreate(item=item):
            return isinstance(event, s.ConversationItemAdded) and event.item.id == item.get("id")
        case c.ConversationItemTruncate(item_id=item_id):
            return isinstance(event, s.ConversationItemTruncated) and event.item_id == item_id
        case c.ConversationItemDelete(item_id=item_id):
            return isinstance(event, s.ConversationItemDeleted) and event.item_id == item_id
        case c.ResponseCreate(event_id=event_id):
            return (
                isinstance(event, s.ResponseCreated)
                and (event.response.metadata or {}).get(_MARK) == event_id
            )
        case c.InputAudioBufferCommit():
            return isinstance(event, s.InputAudioBufferCommitted)
        case c.InputAudioBufferClear():
            return isinstance(event, s.InputAudioBufferCleared)
        case _:
            return False
