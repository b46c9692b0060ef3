"""One protocol message on its way through the house, decoded only as far as somebody needs it."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Final

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
APPEND: Final = "input_audio_buffer.append"
SOUND: Final = "response.output_audio.delta"
_SOUNDING = frozenset({APPEND, SOUND})
_PLAIN = b'{"type":"input_audio_buffer.append","audio":"'
_PLAIN_SIZE = len(_PLAIN)
_LAST = b',"delta":"'
_LAST_SIZE = len(_LAST) - 1
_END = b'"}'
_AROUND = _PLAIN_SIZE + len(_END)
SHORTEST: Final = 2
"""Letters of base64 up to which nothing stands before the padding: no sound, and never less than none."""
_PAD, _BRACE, _BACKSLASH = b"=}\\"
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Frame:
    """A message, made of bytes, of an event, or of samples; the other forms are made on first use and kept.

    `type` is "" when the bytes are no event at all; `at` is monotonic nanoseconds at the edge.
    """

    __slots__ = ("_event", "at", "audio_bytes", "event_id", "pcm", "raw", "type")
    type: str
    at: int
    event_id: str | None
    pcm: bytes | None
    """Samples that never were base64, in the session's input format; None for all that came as text."""
    audio_bytes: int
    """Bytes of sound in an append or an audio delta, in the session's format; 0 in anything else."""
    raw: bytes
    """The message as UTF-8 JSON."""
    _event: Event

    @property
    def event(self) -> Event:
        """The whole event, client's or server's by its type.

        Raises `ProtocolError` for anything else, an unknown type included: whoever relays foreign events looks at
        `type` first, or calls `decode_server_event`.
        """
        try:
            return self._event
        except AttributeError:
            self._event = event = self._decoded()
            return event

    @classmethod
    def from_raw(cls, raw: bytes, at: int) -> Frame:
        """A message as it came. Looks at `type`, `event_id` and the length of sound only; never raises."""
        # Every message passes here, twice: set one by one, its fields take a third of the time that `__init__` does.
        # Most of them are sound whose text stands last, ended by the only quotation mark after it: no parser has to
        # walk over that. Of an append, what most clients send is known by its beginning, too.
        if _BACKSLASH not in raw:
            if raw.startswith(_PLAIN):
                size = len(raw) - _AROUND
                if raw.find(b'"', _PLAIN_SIZE) == _PLAIN_SIZE + size and raw[-1] == _BRACE:
                    frame = cls()
                    frame.type, frame.at, frame.event_id, frame.pcm, frame.raw = APPEND, at, None, None, raw
                    frame.audio_bytes = size * 3 // 4
                    if raw[-3] == _PAD:
                        frame.audio_bytes = _before_padding(raw, size)
                    return frame
            elif raw[-2:] == _END:
                begin = raw.rfind(b'"', 0, -2)
                if raw[begin - _LAST_SIZE : begin + 1] == _LAST:
                    try:
                        name = _peek_name(raw[: begin - _LAST_SIZE] + b"}")
                    except _UNREADABLE:
                        return cls._odd(raw, at)
                    frame = cls()
                    frame.type, frame.at, frame.event_id, frame.pcm, frame.raw = (
                        name.type, at, name.event_id, None, raw,
                    )  # fmt: skip
                    frame.audio_bytes = 0
                    if frame.type == SOUND:
                        size = len(raw) - 3 - begin
                        frame.audio_bytes = size * 3 // 4
                        if raw[-3] == _PAD:
                            frame.audio_bytes = _before_padding(raw, size)
                    return frame
        try:
            seen = _peek(raw)
        except _UNREADABLE:
            return cls._odd(raw, at)
        frame = cls()
        frame.type = kind = seen.type
        frame.at, frame.event_id, frame.pcm, frame.raw = at, seen.event_id, None, raw
        frame.audio_bytes = _sound(seen.audio or seen.delta) if kind in _SOUNDING else 0
        return frame

    @classmethod
    def _odd(cls, raw: bytes, at: int) -> Frame:
        """What has something else where sound should stand, or is no event."""
        frame = cls()
        frame.at, frame.pcm, frame.raw, frame.audio_bytes = at, None, raw, 0
        try:
            name = _peek_name(raw)
            frame.type, frame.event_id = name.type, name.event_id
        except _UNREADABLE:
            frame.type, frame.event_id = _type(raw), None
        return frame

    @classmethod
    def from_event(cls, event: Event, at: int = 0) -> Frame:
        """A message made here."""
        frame = _Made()
        frame.type, frame.at, frame.pcm, frame._event = event.type, at, None, event
        frame.event_id = None if isinstance(event, UnknownEvent) else event.event_id
        if event.type in _SOUNDING:
            sounding: Any = event
            frame.audio_bytes = _sound(sounding.audio if event.type == APPEND else sounding.delta)
        else:
            frame.audio_bytes = 0
        return frame

    @classmethod
    def from_pcm(cls, pcm: bytes, at: int) -> Frame:
        """Caller audio that came as samples (WebRTC, telephone): an append whose base64 is made only if
        asked for.
        """
        frame = _Made()
        frame.type, frame.at, frame.event_id, frame.pcm = APPEND, at, None, pcm
        frame.audio_bytes = len(pcm)
        return frame

    def _decoded(self) -> Event:
        if self.pcm is not None:
            return InputAudioBufferAppend(binascii.b2a_base64(self.pcm, newline=False).decode("ascii"))
        if self.type in SERVER_EVENTS or self.type in EXTENDED_EVENTS:
            return decode_server_event(self.raw)
        return decode_client_event(self.raw)

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


class _Made(Frame):
    """One that did not come as bytes: they are made when somebody asks for them.

    A class that looks attributes up by itself pays for it with each of them, so messages on their way are no such.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, form: str) -> Any:
            if form != "raw":
                raise AttributeError(form)
            self.raw = encode_event(self.event)
            return self.raw


def _before_padding(raw: bytes, size: int) -> int:
    """Bytes of sound that `size` letters stand for which end in padding, and stand last in a message."""
    return size * 3 // 4 - 1 - (raw[-4] == _PAD) if size > SHORTEST else 0


def _sound(base64: str) -> int:
    """Bytes of sound that base64 stands for, as it is written plainly."""
    return max(0, len(base64) * 3 // 4 - base64.endswith("=") - base64.endswith("=="))


def _type(raw: bytes) -> str:
    try:
        return _peek_type(raw).type
    except _UNREADABLE:
        return ""
