"""One protocol message on its way through the house, decoded only as far as somebody needs it."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from moksori.protocol.client_events import (
    CLIENT_EVENTS,
    ClientEvent,
    InputAudioBufferAppend,
    decode_client_event,
)
from moksori.protocol.errors import ProtocolError
from moksori.protocol.server_events import (
    EXTENDED_EVENTS,
    SERVER_EVENTS,
    ExtendedEvent,
    ServerEvent,
    UnknownEvent,
    decode_server_event,
    encode_event,
)

Event = ClientEvent | ServerEvent | ExtendedEvent | UnknownEvent


class _Peek(msgspec.Struct, gc=False):
    type: str = ""
    event_id: str | None = None
    audio: str = ""  # of an append
    delta: str = ""  # of an answer's sound


class _Name(msgspec.Struct, gc=False):
    type: str = ""
    event_id: str | None = None


class _Type(msgspec.Struct, gc=False):
    type: str = ""


_peek = msgspec.json.Decoder(_Peek).decode
_peek_name = msgspec.json.Decoder(_Name).decode
_peek_type = msgspec.json.Decoder(_Type).decode
_APPEND = "input_audio_buffer.append"
_SOUND = frozenset({_APPEND, "response.output_audio.delta"})
_new = object.__new__
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Frame:
    """A message, made of bytes, of an event, or of samples; the other forms are made on first use and kept.

    `type` is "" when the bytes are no event at all; `at` is monotonic nanoseconds at the edge.
    """

    __slots__ = ("_base64", "_event", "_raw", "_size", "at", "event_id", "pcm", "type")

    def __init__(
        self,
        *,
        type: str,
        at: int,
        raw: bytes | None = None,
        event: Event | None = None,
        event_id: str | None = None,
        pcm: bytes | None = None,
    ) -> None:
        self.type = type
        self.at = at
        self.event_id = event_id
        self.pcm = pcm
        """Samples that never were base64, in the session's input format; None for all that came as text."""
        self._raw = raw
        self._event = event
        self._base64 = ""  # its sound, or other text, as it stands in `_raw`
        self._size = -1  # bytes of that sound, once counted

    @classmethod
    def from_raw(cls, raw: bytes, at: int) -> Frame:
        """A message as it came. Looks at `type` and `event_id` only; never raises."""
        try:
            seen = _peek(raw)
        except _UNREADABLE:
            return cls._odd(raw, at)
        # Every message passes here, twice: set one by one, its fields take a third of the time that `__init__` does.
        frame = _new(cls)
        frame.type, frame.at, frame.event_id, frame.pcm = seen.type, at, seen.event_id, None
        frame._raw, frame._event, frame._size = raw, None, -1
        frame._base64 = seen.audio or seen.delta
        return frame

    @classmethod
    def _odd(cls, raw: bytes, at: int) -> Frame:
        """What has something else where sound should stand, or is no event."""
        try:
            name = _peek_name(raw)
        except _UNREADABLE:
            return cls(type=_type(raw), at=at, raw=raw)
        return cls(type=name.type, at=at, raw=raw, event_id=name.event_id)

    @classmethod
    def from_event(cls, event: Event, at: int = 0) -> Frame:
        """A message made here."""
        event_id = None if isinstance(event, UnknownEvent) else event.event_id
        return cls(type=event.type, at=at, event=event, event_id=event_id)

    @classmethod
    def from_pcm(cls, pcm: bytes, at: int) -> Frame:
        """Caller audio that came as samples (WebRTC, telephone): an append whose base64 is made only if
        asked for.
        """
        return cls(type="input_audio_buffer.append", at=at, pcm=pcm)

    @property
    def raw(self) -> bytes:
        """The message as UTF-8 JSON."""
        if self._raw is None:
            self._raw = encode_event(self.event)
        return self._raw

    @property
    def audio_bytes(self) -> int:
        """Bytes of sound in an append or an audio delta, in the session's format; 0 in anything else.

        Base64 that is written plainly is not decoded for it.
        """
        if self._size < 0:
            self._size = self._counted()
        return self._size

    def _counted(self) -> int:
        if self.pcm is not None:
            return len(self.pcm)
        if self.type not in _SOUND:
            return 0
        if sound := self._base64:
            return len(sound) * 3 // 4 - sound.endswith("=") - sound.endswith("==")
        try:
            event: Any = self.event
            return len(binascii.a2b_base64(event.audio if self.type == _APPEND else event.delta))
        except (ProtocolError, binascii.Error, ValueError):
            return 0

    @property
    def event(self) -> Event:
        """The whole event, client's or server's by its type.

        Raises `ProtocolError` for anything else, an unknown type included: whoever relays foreign events
        looks at `type` first, or calls `decode_server_event`.
        """
        if self._event is None:
            self._event = self._decoded()
        return self._event

    def _decoded(self) -> Event:
        if self._raw is None:
            assert self.pcm is not None
            return InputAudioBufferAppend(binascii.b2a_base64(self.pcm, newline=False).decode("ascii"))
        if self.type in SERVER_EVENTS or self.type in EXTENDED_EVENTS:
            return decode_server_event(self._raw)
        return decode_client_event(self._raw)

    def as_client(self, *, strict: bool = False) -> ClientEvent:
        """The event of a frame that came from a client. Raises `ProtocolError`, for server events too."""
        if strict or self.type not in CLIENT_EVENTS:
            return decode_client_event(self.raw, strict=strict)
        event: Event = self.event
        if isinstance(event, ClientEvent):
            return event
        raise ProtocolError(f"'{self.type}' is not an event of a client's.", "invalid_value", param="type")

    def __repr__(self) -> str:
        return f"Frame({self.type or 'unreadable'})"


def _type(raw: bytes) -> str:
    try:
        return _peek_type(raw).type
    except _UNREADABLE:
        return ""
