"""How much of a caller's audio a session has taken, to the millisecond: where a client that comes back goes on."""

from __future__ import annotations

import base64
import binascii

from moksori.protocol.client_events import InputAudioBufferAppend
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.session import PcmFormat, Session


class HeardAudio:
    """Counts what passes by. A resumed client sends again from whole milliseconds; the part of one that was taken
    already is cut off its first append.
    """

    __slots__ = (
        "_earlier_ms",
        "_overlap",
        "_per_ms",
        "_taken",
    )

    def __init__(self, session: Session) -> None:
        self._taken = 0  # bytes in the present format
        self._earlier_ms = 0  # taken in formats before it
        self._per_ms = 0
        self._overlap = 0  # bytes at the front of what comes next that were taken already
        self.configured(session)

    def configured(self, session: Session) -> None:
        """The session's input format may have changed: bytes of another length count on from here."""
        kind = session.audio.input.format
        per_ms = kind.sample_rate * (2 if isinstance(kind, PcmFormat) else 1) // 1000
        if per_ms != self._per_ms:
            self._earlier_ms = self.ms if self._per_ms else 0
            self._taken, self._per_ms = 0, per_ms

    @property
    def ms(self) -> int:
        """Milliseconds taken since the session began."""
        return self._earlier_ms + self._taken // self._per_ms

    def resumed(self) -> None:
        """The client will begin again at `ms`."""
        self._overlap = self._taken % self._per_ms

    def take(self, frame: Frame) -> Frame | None:
        """Count an append; what of it is new, None if nothing."""
        if self._overlap:
            return self._without_overlap(frame)
        self._taken += frame.audio_bytes
        return frame

    def _without_overlap(self, frame: Frame) -> Frame | None:
        try:
            event = frame.as_client()
            assert isinstance(event, InputAudioBufferAppend)
            pcm = base64.b64decode(event.audio)
        except (ProtocolError, binascii.Error, ValueError):
            return frame
        known = min(self._overlap, len(pcm))
        self._overlap -= known
        self._taken += len(pcm) - known
        if known == len(pcm):
            return None
        audio = base64.b64encode(pcm[known:]).decode()
        return Frame.from_event(InputAudioBufferAppend(audio=audio, event_id=frame.event_id), frame.at)
