"""What a client may send, and what it is told when it sends something else."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from moksori.protocol.client_events import (
    APPEND_LIMIT,
    CLIENT_EVENTS,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    decode_audio,
    decode_client_event,
)
from moksori.protocol.errors import ProtocolError
from moksori.protocol.server_events import encode_event
from support.wire_values import json_values, records


def refusal(raw: bytes | str | dict[str, Any], *, strict: bool = False) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode_client_event(json.dumps(raw) if isinstance(raw, dict) else raw, strict=strict)
    return caught.value


def test_all_eleven_client_events_of_the_schema_are_known() -> None:
    members = get_args(get_args(RealtimeClientEvent)[0])
    assert set(CLIENT_EVENTS) == {get_args(model.model_fields["type"].annotation)[0] for model in members}
    assert len(CLIENT_EVENTS) == 11


@pytest.mark.parametrize("event", get_args(ClientEvent), ids=lambda event: event.__struct_config__.tag)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_client_event_survives_the_wire(event: Any, data: st.DataObject) -> None:
    made = data.draw(records(event))
    assert decode_client_event(encode_event(made)) == made


def test_what_we_send_as_a_client_fits_openais_types() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
    for event in (
        SessionUpdate({"type": "realtime", "instructions": "Be brief."}),
        InputAudioBufferAppend("AAAA"),
        InputAudioBufferCommit("event_1"),
        ConversationItemCreate(
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, "root"
        ),
        ConversationItemTruncate("item_1", 0, 1500),
        ResponseCreate(),
        ResponseCreate({"instructions": "Greet."}),
        ResponseCancel("resp_1"),
    ):
        adapter.validate_json(encode_event(event), strict=True)


def test_a_client_that_sends_its_fields_in_another_order_and_extra_keys_is_understood() -> None:
    raw = b'{"trace": {"a": [1]}, "audio": "AAAA", "event_id": "e1", "type": "input_audio_buffer.append"}'
    assert decode_client_event(raw) == InputAudioBufferAppend("AAAA", "e1")


def test_of_two_equal_keys_the_last_counts() -> None:
    assert decode_client_event(b'{"type":"response.cancel","event_id":"a","event_id":"b"}') == ResponseCancel(
        None, "b"
    )
    assert decode_client_event(
        b'{"type":"response.cancel","type":"response.create","event_id":"b"}'
    ) == ResponseCreate(None, "b")


@pytest.mark.parametrize(
    ("raw", "code", "param", "event_id"),
    [
        (b"", "invalid_event", None, None),
        (b"{", "invalid_event", None, None),
        (b"hello", "invalid_event", None, None),
        (b"[]", "invalid_event", None, None),
        (b"null", "invalid_event", None, None),
        (b'"response.create"', "invalid_event", None, None),
        (b"{}", "invalid_event", None, None),
        (b'{"event_id":"e1"}', "invalid_event", None, "e1"),
        (b'{"event_id":"e1","type":null}', "invalid_event", None, "e1"),
        (b'{"event_id":"e1","type":7}', "invalid_type", "type", "e1"),
        (b'{"event_id":"e1","type":"response.sing"}', "invalid_value", "type", "e1"),
        (b'{"event_id":"e1","type":"response.done","response":{}}', "invalid_value", "type", "e1"),
        (b'{"event_id":7,"type":"response.create"}', "invalid_type", "event_id", None),
        (b'{"event_id":"e1","type":"session.update"}', "missing_required_parameter", "session", "e1"),
        (
            b'{"event_id":"e1","type":"session.update","session":null}',
            "missing_required_parameter",
            "session",
            "e1",
        ),
        (b'{"event_id":"e1","type":"session.update","session":[]}', "invalid_type", "session", "e1"),
        (b'{"event_id":"e1","type":"response.create","response":"now"}', "invalid_type", "response", "e1"),
        (b'{"event_id":"e1","type":"conversation.item.create","item":3}', "invalid_type", "item", "e1"),
        (b'{"event_id":"e1","type":"conversation.item.create"}', "missing_required_parameter", "item", "e1"),
        (
            b'{"event_id":"e1","type":"conversation.item.delete"}',
            "missing_required_parameter",
            "item_id",
            "e1",
        ),
        (
            b'{"event_id":"e1","type":"conversation.item.delete","item_id":null}',
            "invalid_type",
            "item_id",
            "e1",
        ),
        (
            b'{"event_id":"e1","type":"input_audio_buffer.append"}',
            "missing_required_parameter",
            "audio",
            "e1",
        ),
        (
            b'{"event_id":"e1","type":"input_audio_buffer.append","audio":[1,2]}',
            "invalid_type",
            "audio",
            "e1",
        ),
        (b'{"event_id":"e1","type":"response.cancel","response_id":1}', "invalid_type", "response_id", "e1"),
        (b'{"event_id":"e1","type":"response.create","response":{"a":NaN}}', "invalid_event", None, "e1"),
        (b'{"event_id":"e1","type":"response.create","response":{"a":1e999}}', "invalid_event", None, "e1"),
        (b'{"type":"response.create","event_id":"e1","response":{"a":', "invalid_event", None, "e1"),
        (
            b'{"response":{"event_id":"no"},"event_id":"e1","type":"response.create",}',
            "invalid_event",
            None,
            "e1",
        ),
        (b'{"response":{"event_id":"no"},"type":"response.create",}', "invalid_event", None, None),
        (b'{"type":"response.create","event_id":"\xff\xfe"}', "invalid_event", None, None),
        (
            b'{"event_id":"e1","type":"conversation.item.delete","item_id":"\xff"}',
            "invalid_event",
            None,
            "e1",
        ),
        (b'{"type":"response.create","event_id":"\\ud800"}', "invalid_event", None, None),
        (
            b'{"event_id":"e1","type":"response.create","response":' + b'{"a":' * 50_000,
            "invalid_event",
            None,
            "e1",
        ),
        (
            b'{"event_id":"e1","type":"response.create","response":'
            + b'{"a":' * 50_000
            + b"1"
            + b"}" * 50_001,
            "invalid_event",
            None,
            "e1",
        ),
    ],
)
def test_a_malformed_event_is_answered_with_code_param_and_its_id(
    raw: bytes, code: str, param: str | None, event_id: str | None
) -> None:
    error = refusal(raw)
    assert (error.code, error.param, error.event_id) == (code, param, event_id)
    assert error.type == "invalid_request_error"
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"audio_end_ms": 1.5}, "invalid_type", "audio_end_ms"),
        ({"audio_end_ms": "1500"}, "invalid_type", "audio_end_ms"),
        ({"audio_end_ms": True}, "invalid_type", "audio_end_ms"),
        ({"audio_end_ms": -1}, "invalid_value", "audio_end_ms"),
        ({"content_index": -1}, "invalid_value", "content_index"),
        ({"item_id": 7}, "invalid_type", "item_id"),
    ],
)
def test_a_truncation_with_a_wrong_field_names_it(fields: dict[str, Any], code: str, param: str) -> None:
    event = {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1500}
    error = refusal({**event, **fields, "event_id": "e9"})
    assert (error.code, error.param, error.event_id) == (code, param, "e9")


def test_an_error_shows_what_would_have_been_right() -> None:
    assert refusal({"type": "response.cancel", "response_id": 1}).message == (
        "Invalid type for 'response_id': expected a string or null, but got an integer instead."
    )
    assert "'input_audio_buffer.append'" in refusal({"type": "x"}).message


def test_an_error_repeats_little_of_what_the_client_sent() -> None:
    assert len(refusal({"type": "x" * 1_000_000}).message) < 600


def test_strict_refuses_unknown_keys_and_lenient_does_not() -> None:
    event = {"type": "response.cancel", "event_id": "e1", "why": "tired"}
    assert decode_client_event(json.dumps(event)) == ResponseCancel(None, "e1")
    error = refusal(event, strict=True)
    assert (error.code, error.param, error.event_id) == ("unknown_parameter", "why", "e1")
    nested = {"type": "response.create", "event_id": "e1", "response": {"why": "tired"}}
    assert decode_client_event(json.dumps(nested), strict=True) == ResponseCreate({"why": "tired"}, "e1")


def test_strict_refuses_audio_that_is_not_base64() -> None:
    event = {"type": "input_audio_buffer.append", "event_id": "e1", "audio": "not audio!"}
    error = refusal(event, strict=True)
    assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "e1")


def test_audio_is_decoded_or_refused_by_name() -> None:
    pcm = bytes(range(256))
    assert decode_audio(InputAudioBufferAppend(base64.b64encode(pcm).decode())) == pcm
    for wrong in ("A", "AAA", "AA=A", "AAAA\n", "안녕", "AA==AA=="):
        with pytest.raises(ProtocolError) as caught:
            decode_audio(InputAudioBufferAppend(wrong, "e1"))
        assert (caught.value.param, caught.value.event_id) == ("audio", "e1")


def test_one_append_holds_15_mib_and_no_more() -> None:
    full = "A" * ((APPEND_LIMIT + 2) // 3 * 4)
    assert isinstance(
        decode_client_event(f'{{"type":"input_audio_buffer.append","audio":"{full}"}}'),
        InputAudioBufferAppend,
    )
    error = refusal(f'{{"type":"input_audio_buffer.append","event_id":"e1","audio":"{full}AAAA"}}')
    assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "e1")


# Whatever arrives


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_protocol_error(raw: bytes) -> None:
    for strict in (False, True):
        try:
            decode_client_event(raw, strict=strict)
        except ProtocolError as error:
            assert error.message


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_json_raises_anything_but_a_protocol_error(data: st.DataObject) -> None:
    keys = [
        "session",
        "item",
        "response",
        "audio",
        "item_id",
        "content_index",
        "audio_end_ms",
        "previous_item_id",
    ]
    event = data.draw(
        st.dictionaries(st.sampled_from(keys), json_values, max_size=4).flatmap(
            lambda fields: st.fixed_dictionaries(
                {"type": st.sampled_from(sorted(CLIENT_EVENTS)) | json_values, "event_id": st.just("e1")}
            ).map(lambda head: {**fields, **head})
        )
    )
    raw = json.dumps(event)
    for text in (raw, raw.encode(), raw[: data.draw(st.integers(0, len(raw)))]):
        for strict in (False, True):
            try:
                decode_client_event(text, strict=strict)
            except ProtocolError as error:
                if text is raw:
                    assert error.event_id == "e1"
