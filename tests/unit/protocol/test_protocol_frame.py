"""One message as bytes, as an event, as samples."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moksori.protocol.client_events import InputAudioBufferAppend, ResponseCreate, SessionUpdate
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.server_events import InputAudioBufferCleared, UnknownEvent


def test_bytes_are_kept_as_they_came_and_decoded_once() -> None:
    raw = b'{ "event_id":"e1", "x":1, "type":"response.create" }'
    frame = Frame.from_raw(raw, 17)
    assert (frame.type, frame.event_id, frame.at, frame.pcm) == ("response.create", "e1", 17, None)
    assert frame.event == ResponseCreate(None, "e1")
    assert frame.event is frame.event
    assert frame.raw is raw


def test_an_event_becomes_bytes_once() -> None:
    frame = Frame.from_event(InputAudioBufferCleared("e1"))
    assert (frame.type, frame.event_id, frame.at) == ("input_audio_buffer.cleared", "e1", 0)
    assert json.loads(frame.raw) == {"type": "input_audio_buffer.cleared", "event_id": "e1"}
    assert frame.raw is frame.raw


def test_samples_become_an_append_only_when_asked() -> None:
    frame = Frame.from_pcm(b"\0\1\2", 5)
    assert (frame.type, frame.pcm, frame.at) == ("input_audio_buffer.append", b"\0\1\2", 5)
    assert frame.event == InputAudioBufferAppend("AAEC")
    assert Frame.from_raw(frame.raw, 0).event == InputAudioBufferAppend("AAEC")


def test_events_of_either_side_are_told_apart_by_type() -> None:
    assert Frame.from_raw(b'{"type":"input_audio_buffer.cleared","event_id":"e"}', 0).event == (
        InputAudioBufferCleared("e")
    )
    with pytest.raises(ProtocolError) as caught:
        Frame.from_raw(b'{"type":"input_audio_buffer.cleared","event_id":"e"}', 0).as_client()
    assert (caught.value.code, caught.value.param, caught.value.event_id) == ("invalid_value", "type", "e")


def test_an_unknown_event_passes_as_bytes_and_is_refused_as_an_event() -> None:
    raw = b'{"type":"conversation.item.sung","event_id":"e"}'
    frame = Frame.from_raw(raw, 0)
    assert (frame.type, frame.raw) == ("conversation.item.sung", raw)
    with pytest.raises(ProtocolError) as caught:
        _ = frame.event
    assert (caught.value.param, caught.value.event_id) == ("type", "e")
    assert Frame.from_event(UnknownEvent("conversation.item.sung", raw)).raw == raw


def test_strict_refuses_unknown_keys() -> None:
    frame = Frame.from_raw(b'{"type":"session.update","session":{},"x":1}', 0)
    assert frame.as_client() == SessionUpdate({})
    with pytest.raises(ProtocolError):
        frame.as_client(strict=True)


@pytest.mark.parametrize(
    ("raw", "type"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{", ""),
        (b'{"type":7}', ""),
        (b'{"type":"x","event_id":7}', "x"),
        (b'{"type":"a","type":"b"}', "b"),
        (b'{"a":' * 100_000, ""),
        (b"\xff", ""),
    ],
)
def test_a_peek_never_raises(raw: bytes, type: str) -> None:
    frame = Frame.from_raw(raw, 0)
    assert (frame.type, frame.event_id) == (type, None)
    with pytest.raises(ProtocolError):
        _ = frame.event


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_no_bytes_upset_a_peek(raw: bytes) -> None:
    Frame.from_raw(raw, 0)


def test_a_frame_is_slotted() -> None:
    assert not hasattr(Frame.from_raw(b"{}", 0), "__dict__")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"type":"input_audio_buffer.append","audio":"AAAA"}', "input_audio_buffer.append"),
        (b'{"type":"input_audio_buffer.append","audio":""}', "input_audio_buffer.append"),
        (b'{"type":"input_audio_buffer.append","audio":"AAAA","type":"session.update"}', "session.update"),
        (b'{"type":"input_audio_buffer.append","audio":"AA\\","type":"session.update"}', ""),
        (
            b'{"type":"input_audio_buffer.append","audio":"AA\\u0022,\\u0022type"}',
            "input_audio_buffer.append",
        ),
        (b'{"type":"input_audio_buffer.append","audio":"AAAA"]', ""),
        (b'{"type":"input_audio_buffer.append","audio":"AAAA"}}', ""),
        (b'{"type":"input_audio_buffer.append","audio":"AAAA', ""),
    ],
)
def test_nothing_passes_as_sound_that_a_parser_reads_otherwise(raw: bytes, kind: str) -> None:
    assert Frame.from_raw(raw, 0).type == kind


PADDED = {"": 0, "=": 0, "==": 0, "AA==": 1, "AAA=": 2, "AAAA": 3, "Zm9v/+8=": 5}
TEXTS = st.sampled_from(
    ["", "=", "==", "AA==", "AAA=", "AAAA", "Zm9v/+8=", 'say "delta":"x"', "\\", "é", "\n", "}", '"}']
)
FIELDS = st.lists(st.sampled_from(["type", "event_id", "sound", "item"]), unique=True, min_size=1, max_size=4)
KINDS = st.sampled_from(
    ["response.output_audio.delta", "input_audio_buffer.append", "response.output_text.delta", "x"]
)


@settings(max_examples=500, deadline=None)
@example(["type", "event_id", "sound"], "response.output_audio.delta", "==", False, False, False)
@example(["type", "sound"], "input_audio_buffer.append", "==", False, False, False)
@given(FIELDS, KINDS, TEXTS, st.booleans(), st.booleans(), st.booleans())
def test_every_order_of_fields_and_every_escape_reads_as_a_parser_does(
    order: list[str], kind: str, text: str, spaced: bool, escaped: bool, nested: bool
) -> None:
    """What is known without a parser (the usual order, nothing escaped) is what a parser finds."""
    inner = {"type": "y", "delta": "BBBB"} if nested else 1
    whole = {"type": kind, "event_id": "event_1", "sound": text, "item": inner}
    named = {"sound": "audio" if kind == "input_audio_buffer.append" else "delta"}
    event = {named.get(name, name): whole[name] for name in order}
    raw = json.dumps(event, ensure_ascii=escaped, separators=(", ", ": ") if spaced else (",", ":")).encode()
    frame = Frame.from_raw(raw, 5)
    assert (frame.type, frame.event_id, frame.raw) == (event.get("type", ""), event.get("event_id"), raw)
    sounds = event.get("type") in ("input_audio_buffer.append", "response.output_audio.delta")
    if not sounds or "sound" not in order:
        assert frame.audio_bytes == 0
    elif text in PADDED:
        assert frame.audio_bytes == PADDED[text]
