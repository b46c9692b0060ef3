"""The retired dialect, as transcripts: a beta client before a GA conversation, and a beta server behind one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.beta.realtime.realtime_client_event import RealtimeClientEvent
from protocol_samples import EVENTS, EXTENDED, FULL_SESSION
from pydantic import TypeAdapter

from moksori.protocol import items as it
from moksori.protocol import response as rs
from moksori.protocol import server_events as ev
from moksori.protocol import session as ses
from moksori.protocol.client_events import decode_client_event
from moksori.protocol.dialects.beta import BetaEdge, BetaLink
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import CountingIds
from moksori.protocol.items import item_from_client
from moksori.protocol.response import params_from_client
from support.openai_schema import validate_beta_event, validate_server_event
from support.wire_values import json_values

SESSION = ses.default_session("sess_1", "gpt-realtime", 1_800_000_000, instructions="Be brief.")
BETA_CLIENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


def edge() -> BetaEdge:
    return BetaEdge(CountingIds())


def link() -> BetaLink:
    return BetaLink(CountingIds())


def frame(event: dict[str, Any]) -> Frame:
    return Frame.from_raw(json.dumps(event).encode(), 7)


def read(frames: tuple[Frame, ...]) -> list[dict[str, Any]]:
    assert all(each.at == 7 for each in frames)
    return [json.loads(each.raw) for each in frames]


def to_core(event: dict[str, Any], at: BetaEdge | None = None) -> dict[str, Any]:
    """What the GA core gets of a beta client's event, which OpenAI's beta types accept as such."""
    BETA_CLIENT.validate_json(json.dumps(event))
    (made,) = read((at or edge()).from_client(frame(event)))
    return made


def to_client(event: Any, at: BetaEdge | None = None) -> list[dict[str, Any]]:
    """What a beta client gets of a GA event, checked against OpenAI's beta types."""
    made = read((at or edge()).to_client(Frame.from_event(event, 7)))
    for each in made:
        if not each["type"].startswith("transcription_session"):
            validate_beta_event(each)
    return made


def from_upstream(event: dict[str, Any], at: BetaLink | None = None) -> list[dict[str, Any]]:
    """What a GA client gets of a beta server's event, checked as strictly as our own."""
    made = read((at or link()).from_server(frame(event)))
    for each in made:
        validate_server_event(each)
    return made


def to_upstream(event: dict[str, Any]) -> list[dict[str, Any]]:
    made = read(link().to_server(frame(event)))
    for each in made:
        BETA_CLIENT.validate_json(json.dumps(each), strict=True)
    return made


# A beta client speaks


def test_a_flat_session_update_reaches_the_core_in_its_own_shape() -> None:
    made = to_core(
        {
            "type": "session.update",
            "event_id": "e1",
            "session": {
                "modalities": ["text", "audio"],
                "instructions": "Sing.",
                "voice": "coral",
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"threshold": 0.4},
                "tools": [{"type": "function", "name": "f", "parameters": {}}],
                "tool_choice": "f",
                "temperature": 0.7,
                "max_response_output_tokens": "inf",
            },
        }
    )
    assert made == {
        "type": "session.update",
        "event_id": "e1",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Sing.",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "whisper-1"},
                    "turn_detection": {"type": "server_vad", "threshold": 0.4},
                },
                "output": {"voice": "coral", "format": {"type": "audio/pcm", "rate": 24000}},
            },
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": "inf",
        },
    }
    after = ses.merge(SESSION, made["session"], strict=True)
    assert after.audio.input.turn_detection == ses.ServerVad(0.4)


def test_turning_detection_off_keeps_its_meaning() -> None:
    made = to_core({"type": "session.update", "session": {"turn_detection": None}})
    assert ses.merge(SESSION, made["session"], strict=True).audio.input.turn_detection is None


def test_a_transcription_session_update() -> None:
    made = to_core(
        {
            "type": "transcription_session.update",
            "event_id": "e1",
            "session": {
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "ko"},
                "modalities": ["text"],
                "turn_detection": None,
            },
        }
    )
    assert made["type"] == "session.update"
    after = ses.merge(ses.default_transcription_session("sess_2", 5), made["session"], strict=True)
    assert after.audio.input.transcription == ses.Transcription("gpt-4o-transcribe", "ko")
    assert after.audio.input.turn_detection is None


@pytest.mark.parametrize(
    ("role", "beta", "expected"),
    [
        ("user", {"type": "input_text", "text": "hi"}, it.InputText("hi")),
        ("user", {"type": "text", "text": "hi"}, it.InputText("hi")),
        ("user", {"type": "input_audio", "audio": "AAAA"}, it.InputAudio("AAAA")),
        ("system", {"type": "input_text", "text": "hi"}, it.InputText("hi")),
        ("assistant", {"type": "text", "text": "hi"}, it.OutputText("hi")),
    ],
)
def test_items_a_beta_client_adds(role: str, beta: dict[str, Any], expected: it.Content) -> None:
    made = to_core(
        {
            "type": "conversation.item.create",
            "previous_item_id": "item_0",
            "item": {
                "id": "mine",
                "object": "realtime.item",
                "type": "message",
                "role": role,
                "content": [beta],
            },
        }
    )
    assert made["previous_item_id"] == "item_0"
    item = item_from_client(made["item"], CountingIds(), strict=True)
    assert isinstance(item, it.Message)
    assert (item.id, item.content) == ("mine", (expected,))


def test_a_flat_response_create_with_references_in_the_content_of_a_message() -> None:
    made = to_core(
        {
            "type": "response.create",
            "event_id": "e1",
            "response": {
                "modalities": ["text"],
                "voice": "sage",
                "output_audio_format": "g711_alaw",
                "max_response_output_tokens": 50,
                "temperature": 0.9,
                "conversation": "none",
                "metadata": {"k": "v"},
                "input": [
                    {"type": "item_reference", "id": "item_1"},
                    {
                        "type": "message",
                        "role": "user",
                        "content": [
                            {"type": "item_reference", "id": "item_2"},
                            {"type": "input_text", "text": "hi"},
                        ],
                    },
                    {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "item_reference", "id": "item_3"}],
                    },
                ],
            },
        }
    )
    params = params_from_client(made["response"], CountingIds(), strict=True)
    assert params.input == (
        it.ItemReference("item_1"),
        it.ItemReference("item_2"),
        it.Message("user", (it.InputText("hi"),), "item_1", "completed"),
        it.ItemReference("item_3"),
    )
    assert (params.output_modalities, params.max_output_tokens) == (("text",), 50)
    assert params.audio == rs.ParamsAudio(rs.ParamsAudioOutput(ses.PcmaFormat(), "sage"))
    assert (params.conversation, params.metadata) == ("none", {"k": "v"})


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "input_audio_buffer.commit"},
        {"type": "response.create"},
        {"type": "response.cancel", "event_id": "e1"},
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 5},
    ],
)
def test_what_did_not_change_passes_as_the_same_bytes(event: dict[str, Any]) -> None:
    sent = frame(event)
    assert edge().from_client(sent) == (sent,)
    assert link().to_server(sent) == (sent,)


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "session.update", "event_id": "e1"}, "session"),
        ({"type": "session.update", "event_id": "e1", "session": [1]}, "session"),
        ({"type": "conversation.item.create", "event_id": "e1"}, "item"),
        ({"type": "response.create", "event_id": "e1", "response": 4}, "response"),
        ({"type": "response.sing", "event_id": "e1"}, "type"),
    ],
)
def test_a_beta_clients_mistakes_reach_the_core_to_be_refused(event: dict[str, Any], param: str) -> None:
    (made,) = edge().from_client(frame(event))
    with pytest.raises(ProtocolError) as caught:
        _ = made.event
    assert (caught.value.param, caught.value.event_id) == (param, "e1")


# A beta client listens


def test_a_beta_client_is_greeted_with_its_session_and_a_conversation() -> None:
    assert to_client(ev.SessionCreated("event_9", SESSION)) == [
        {
            "type": "session.created",
            "event_id": "event_9",
            "session": {
                "id": "sess_1",
                "object": "realtime.session",
                "model": "gpt-realtime",
                "expires_at": 1_800_000_000,
                "modalities": ["audio", "text"],
                "instructions": "Be brief.",
                "voice": "alloy",
                "input_audio_format": "pcm16",
                "output_audio_format": "pcm16",
                "input_audio_transcription": None,
                "input_audio_noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
                "speed": 1.0,
                "tools": [],
                "tool_choice": "auto",
                "temperature": 0.8,
                "max_response_output_tokens": "inf",
                "tracing": None,
                "client_secret": None,
            },
        },
        {
            "type": "conversation.created",
            "event_id": "event_1",
            "conversation": {"id": "conv_1", "object": "realtime.conversation"},
        },
    ]


def test_the_conversation_can_be_named_by_the_server() -> None:
    named = BetaEdge(CountingIds(), conversation_id="conv_real")
    assert to_client(ev.SessionCreated("e", SESSION), named)[1]["conversation"]["id"] == "conv_real"


def test_the_temperature_a_client_set_is_shown_back() -> None:
    at = edge()
    to_core({"type": "session.update", "session": {"temperature": 1}}, at)
    (shown,) = to_client(ev.SessionUpdated("e", SESSION), at)
    assert shown["session"]["temperature"] == 1.0
    (response,) = to_client(ev.ResponseCreated("e", rs.Response(id="r", status="in_progress")), at)
    assert response["response"]["temperature"] == 1.0


def test_a_ga_session_full_of_ga_things_is_still_a_beta_session() -> None:
    session = ses.RealtimeSession(**{**_fields(FULL_SESSION), "model": "gpt-realtime", "tracing": "auto"})
    (shown,) = to_client(ev.SessionUpdated("e", session, "sess_2", 431))
    assert shown["session"]["modalities"] == ["text"]
    assert shown["session"]["tool_choice"] == "auto"
    assert [tool["name"] for tool in shown["session"]["tools"]] == ["find_order"]
    assert (shown["session_id"], shown["latency"]) == ("sess_2", 431)


def _fields(session: ses.RealtimeSession) -> dict[str, Any]:
    return {name: getattr(session, name) for name in session.__struct_fields__}


def test_a_transcription_session_is_shown_under_its_beta_name() -> None:
    transcribing = ses.default_transcription_session("sess_2", 5)
    (shown,) = to_client(ev.SessionUpdated("e", transcribing))
    assert shown["type"] == "transcription_session.updated"
    assert shown["session"]["input_audio_transcription"] == {"model": "whisper-1"}
    validate_beta_event(
        {**shown, "session": {**shown["session"], "client_secret": {"value": "x", "expires_at": 1}}}
    )
    assert [e["type"] for e in to_client(ev.SessionCreated("e", transcribing))] == [
        "transcription_session.created"
    ]


def test_a_spoken_turn_as_a_beta_client_hears_it() -> None:
    user = it.Message("user", (it.InputAudio(),), "item_1", "completed")
    begun = it.Message("assistant", (), "item_2", "in_progress")
    spoken = it.Message("assistant", (it.OutputAudio("Hello."),), "item_2", "completed")
    done = rs.Response(
        id="resp_1",
        status="completed",
        output=(spoken,),
        conversation_id="conv_1",
        audio=rs.ResponseAudio(rs.ResponseAudioOutput(ses.PcmFormat(), "alloy")),
        usage=rs.Usage(5, 3, 2),
    )
    where = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
    at = edge()
    heard = [
        each
        for event in (
            ev.InputAudioBufferSpeechStarted("event_a", 1460, "item_1"),
            ev.InputAudioBufferSpeechStopped("event_b", 4256, "item_1"),
            ev.InputAudioBufferCommitted("event_c", "item_1"),
            ev.ConversationItemAdded("event_d", user),
            ev.ConversationItemDone("event_e", user),
            ev.ResponseCreated("event_f", rs.Response(id="resp_1", status="in_progress")),
            ev.ResponseOutputItemAdded("event_g", "resp_1", 0, begun),
            ev.ConversationItemAdded("event_h", begun, "item_1"),
            ev.ResponseContentPartAdded("event_i", **where, part=ev.Part("audio", transcript="")),
            ev.ResponseOutputAudioTranscriptDelta("event_j", **where, delta="Hello."),
            ev.ResponseOutputAudioDelta("event_k", **where, delta="AAAA"),
            ev.ResponseOutputAudioDone("event_l", **where),
            ev.ResponseOutputAudioTranscriptDone("event_m", **where, transcript="Hello."),
            ev.ResponseContentPartDone("event_n", **where, part=ev.Part("audio", transcript="Hello.")),
            ev.ConversationItemDone("event_o", spoken, "item_1"),
            ev.ResponseOutputItemDone("event_p", "resp_1", 0, spoken),
            ev.ResponseDone("event_q", done),
        )
        for each in to_client(event, at)
    ]
    assert [event["type"] for event in heard] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert heard[9]["delta"] == "AAAA"
    assert heard[6]["previous_item_id"] == "item_1"
    assert heard[13]["item"] == {
        "object": "realtime.item",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "audio", "transcript": "Hello."}],
        "id": "item_2",
        "status": "completed",
    }
    assert heard[14]["response"]["modalities"] == ["audio", "text"]
    assert (heard[14]["response"]["voice"], heard[14]["response"]["output_audio_format"]) == (
        "alloy",
        "pcm16",
    )
    assert "audio" not in heard[14]["response"]


def test_a_function_call_ends_without_a_name() -> None:
    (done,) = to_client(ev.ResponseFunctionCallArgumentsDone("e", "r", "i", 0, "c", "find_order", "{}"))
    assert "name" not in done


def test_an_error_names_the_field_that_the_beta_client_sent() -> None:
    at = edge()
    made = to_core(
        {"type": "session.update", "event_id": "e1", "session": {"turn_detection": {"threshold": 7}}}, at
    )
    with pytest.raises(ProtocolError) as caught:
        ses.merge(SESSION, made["session"], strict=False)
    (error,) = to_client(caught.value.caused_by("e1").as_event("event_9"), at)
    assert error["error"]["param"] == "session.turn_detection.threshold"
    assert error["error"]["event_id"] == "e1"
    assert "session.turn_detection.threshold" in error["error"]["message"]


@pytest.mark.parametrize(
    ("ga", "beta"),
    [
        ("session.audio.input.format.type", "session.input_audio_format"),
        ("session.audio.output.format", "session.output_audio_format"),
        ("session.output_modalities[0]", "session.modalities[0]"),
        ("response.max_output_tokens", "response.max_response_output_tokens"),
        ("session.audio.output.voice", "session.voice"),
        ("session.tools[0].name", "session.tools[0].name"),
        ("item.content[0].text", "item.content[0].text"),
    ],
)
def test_paths_in_errors(ga: str, beta: str) -> None:
    (error,) = to_client(ProtocolError(f"Invalid '{ga}'.", param=ga).as_event("e"))
    assert (error["error"]["param"], error["error"]["message"]) == (beta, f"Invalid '{beta}'.")


@pytest.mark.parametrize("event", [*EVENTS, *EXTENDED], ids=lambda event: event.type)
def test_a_beta_client_gets_nothing_it_does_not_know(event: Any) -> None:
    extended = ("conversation.item.completed", "session.expired", "moksori.")
    for each in read(edge().to_client(Frame.from_event(event, 7))):
        if each["type"].startswith(extended) or each["type"].startswith("transcription_session"):
            continue
        if each["type"].startswith("session."):
            each["session"]["model"] = "gpt-realtime"  # beta's list of models is closed; ours are not on it
        validate_beta_event(each)


def test_audio_for_a_beta_client_is_renamed_without_being_decoded() -> None:
    raw = b'{"type":"response.output_audio.delta","event_id":"e","delta":"\xff not JSON'
    frame = Frame.from_raw(raw, 7)
    frame.type = "response.output_audio.delta"
    (made,) = edge().to_client(frame)
    assert made.raw == raw.replace(b"output_audio", b"audio")


# A beta server answers a GA client


def test_a_beta_servers_greeting() -> None:
    at = link()
    (created,) = from_upstream(
        {
            "type": "session.created",
            "event_id": "event_9",
            "session": {
                "id": "sess_u",
                "object": "realtime.session",
                "model": "old-voice",
                "expires_at": 1_800_000_000,
                "modalities": ["audio", "text"],
                "instructions": "Be brief.",
                "voice": "sage",
                "turn_detection": {"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 300},
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "pcm16",
                "input_audio_transcription": None,
                "tool_choice": "auto",
                "temperature": 0.8,
                "max_response_output_tokens": "inf",
                "client_secret": None,
                "tools": [],
            },
        },
        at,
    )
    session = created["session"]
    assert (session["type"], session["output_modalities"], session["model"]) == (
        "realtime",
        ["audio"],
        "old-voice",
    )
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert session["audio"]["output"]["voice"] == "sage"
    assert (
        from_upstream({"type": "conversation.created", "event_id": "e", "conversation": {"id": "c"}}, at)
        == []
    )


def test_a_beta_servers_transcription_session() -> None:
    (shown,) = from_upstream(
        {
            "type": "transcription_session.updated",
            "event_id": "e",
            "session": {
                "id": "sess_u",
                "input_audio_format": "pcm16",
                "modalities": ["text"],
                "turn_detection": None,
            },
        }
    )
    assert (shown["type"], shown["session"]["type"]) == ("session.updated", "transcription")
    assert shown["session"]["audio"]["input"]["turn_detection"] is None


def test_a_beta_servers_turn_with_a_function_call_as_a_ga_client_sees_it() -> None:
    at = link()
    item = {"object": "realtime.item", "role": "assistant", "type": "message", "id": "item_2"}
    call = {
        "object": "realtime.item",
        "type": "function_call",
        "id": "item_3",
        "call_id": "call_1",
        "name": "find_order",
    }
    where = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
    called = {"response_id": "resp_1", "item_id": "item_3", "output_index": 1, "call_id": "call_1"}
    full = {**item, "status": "completed", "content": [{"type": "audio", "transcript": "Hello."}]}
    response: dict[str, Any] = {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "usage": None,
    }
    usage = {
        "total_tokens": 5,
        "input_tokens": 3,
        "output_tokens": 2,
        "input_token_details": {"text_tokens": 3},
    }
    settled = {
        "modalities": ["audio", "text"],
        "voice": "sage",
        "output_audio_format": "pcm16",
        "temperature": 0.8,
    }
    user = {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
    }
    user["content"] = [{"type": "input_audio", "transcript": None}]  # type: ignore[assignment]
    events: list[dict[str, Any]] = [
        {"type": "conversation.item.created", "event_id": "a", "previous_item_id": None, "item": user},
        {"type": "response.created", "event_id": "b", "response": response},
        {
            "type": "rate_limits.updated",
            "event_id": "c",
            "rate_limits": [
                {"name": "requests", "limit": 9, "remaining": 8, "reset_seconds": 1},
                {"name": "input_tokens", "limit": 9, "remaining": 8, "reset_seconds": 1},
            ],
        },
        {
            "type": "response.output_item.added",
            "event_id": "d",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {
            "type": "conversation.item.created",
            "event_id": "e",
            "previous_item_id": "item_1",
            "item": {**item, "status": "in_progress", "content": []},
        },
        {
            "type": "response.content_part.added",
            "event_id": "f",
            **where,
            "part": {"type": "audio", "transcript": ""},
        },
        {"type": "response.audio_transcript.delta", "event_id": "g", **where, "delta": "Hello."},
        {"type": "response.audio.delta", "event_id": "h", **where, "delta": "AAAA"},
        {"type": "response.audio.done", "event_id": "i", **where},
        {"type": "response.audio_transcript.done", "event_id": "j", **where, "transcript": "Hello."},
        {
            "type": "response.output_item.done",
            "event_id": "k",
            "response_id": "resp_1",
            "output_index": 0,
            "item": full,
        },
        {
            "type": "response.output_item.added",
            "event_id": "l",
            "response_id": "resp_1",
            "output_index": 1,
            "item": {**call, "status": "in_progress", "arguments": ""},
        },
        {
            "type": "conversation.item.created",
            "event_id": "m",
            "previous_item_id": "item_2",
            "item": {**call, "status": "in_progress", "arguments": ""},
        },
        {"type": "response.function_call_arguments.done", "event_id": "n", **called, "arguments": "{}"},
        {
            "type": "response.done",
            "event_id": "o",
            "response": {
                **response,
                **settled,
                "status": "completed",
                "usage": usage,
                "output": [full, {**call, "status": "completed", "arguments": "{}"}],
            },
        },
    ]
    seen = [each for event in events for each in from_upstream(event, at)]
    assert [event["type"] for event in seen] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.done",
        # The server never finished the call's item; the end of its response does.
        "conversation.item.done",
        "response.done",
    ]
    assert len({event["event_id"] for event in seen}) == len(seen)
    assert [limit["name"] for limit in seen[3]["rate_limits"]] == ["requests"]
    assert seen[11]["previous_item_id"] == "item_1"
    assert seen[11]["item"]["content"] == [{"type": "output_audio", "transcript": "Hello."}]
    assert seen[15]["name"] == "find_order"
    assert seen[17]["response"]["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "sage",
    }
    assert seen[17]["response"]["usage"]["input_token_details"]["audio_tokens"] == 0


def test_an_answer_outside_the_conversation_finishes_no_item() -> None:
    item = {"id": "item_9", "type": "message", "role": "assistant", "status": "completed", "content": []}
    done = {
        "type": "response.output_item.done",
        "event_id": "a",
        "response_id": "r",
        "output_index": 0,
        "item": item,
    }
    assert [event["type"] for event in from_upstream(done)] == ["response.output_item.done"]


def test_what_early_beta_servers_left_out_is_filled_in() -> None:
    completed = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "hi",
    }
    (made,) = from_upstream(completed)
    assert made["event_id"] == "event_1"
    assert made["usage"]["total_tokens"] == 0
    where = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    (delta,) = from_upstream({"type": "response.text.delta", **where, "delta": "x"})
    assert (delta["type"], delta["event_id"]) == ("response.output_text.delta", "event_1")


def test_a_beta_servers_error_names_ga_fields() -> None:
    error = {"type": "invalid_request_error", "message": "Invalid 'session.voice'.", "param": "session.voice"}
    (made,) = from_upstream({"type": "error", "event_id": "e", "error": error})
    assert made["error"]["param"] == "session.audio.output.voice"


def test_an_unknown_event_of_a_beta_server_passes() -> None:
    event = {"type": "response.sung", "event_id": "e", "note": 1}
    assert read(link().from_server(frame(event))) == [event]


# A GA client speaks to a beta server


def test_a_nested_session_update_is_flattened() -> None:
    (made,) = to_upstream(
        {
            "type": "session.update",
            "event_id": "e1",
            "session": {
                "type": "realtime",
                "output_modalities": ["audio"],
                "instructions": "Sing.",
                "tools": [
                    {"type": "function", "name": "f", "parameters": {}},
                    {"type": "mcp", "server_label": "s", "server_url": "u"},
                ],
                "tool_choice": "auto",
                "max_output_tokens": 50,
                "truncation": "auto",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcma"},
                        "transcription": {"model": "whisper-1"},
                        "noise_reduction": None,
                        "turn_detection": {"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "sage", "speed": 1.1},
                },
            },
        }
    )
    assert made == {
        "type": "session.update",
        "event_id": "e1",
        "session": {
            "modalities": ["audio", "text"],
            "instructions": "Sing.",
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
            "tool_choice": "auto",
            "max_response_output_tokens": 50,
            "input_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1"},
            "input_audio_noise_reduction": None,
            "turn_detection": {"type": "server_vad", "threshold": 0.4},
            "output_audio_format": "pcm16",
            "voice": "sage",
            "speed": 1.1,
        },
    }


def test_absent_fields_stay_absent_and_transcription_has_its_own_event() -> None:
    assert to_upstream({"type": "session.update", "session": {"type": "realtime"}})[0]["session"] == {}
    (made,) = to_upstream(
        {
            "type": "session.update",
            "session": {"type": "transcription", "audio": {"input": {"turn_detection": None}}},
        }
    )
    assert made == {"type": "transcription_session.update", "session": {"turn_detection": None}}


def test_items_and_responses_for_a_beta_server() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    (made,) = to_upstream({"type": "conversation.item.create", "item": said, "previous_item_id": "root"})
    assert made["item"]["content"] == [{"type": "text", "text": "Hi."}]
    assert made["previous_item_id"] == "root"
    (asked,) = to_upstream(
        {
            "type": "response.create",
            "response": {
                "output_modalities": ["text"],
                "max_output_tokens": 5,
                "audio": {"output": {"voice": "sage"}},
                "conversation": "none",
                "input": [{"type": "item_reference", "id": "item_1"}, said],
                "metadata": {"k": "v"},
            },
        }
    )
    assert asked["response"] == {
        "modalities": ["text"],
        "max_response_output_tokens": 5,
        "voice": "sage",
        "conversation": "none",
        "input": [
            {"type": "item_reference", "id": "item_1"},
            {**said, "object": "realtime.item", "content": [{"type": "text", "text": "Hi."}]},
        ],
        "metadata": {"k": "v"},
    }


def test_what_a_beta_server_cannot_know_is_not_sent() -> None:
    item = {"type": "mcp_approval_response", "id": "i", "approval_request_id": "r", "approve": True}
    assert to_upstream({"type": "conversation.item.create", "item": item}) == []


# There and back


def test_a_beta_client_before_a_beta_server_reads_its_own_tongue() -> None:
    """Beta client, GA in the middle, beta server: a turn's events come out as they went in."""
    where = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.text.delta", "event_id": "a", **where, "delta": "x"},
        {"type": "response.audio.delta", "event_id": "b", **where, "delta": "AAAA"},
        {"type": "input_audio_buffer.speech_started", "event_id": "c", "audio_start_ms": 5, "item_id": "i"},
    ]
    inside, outside = link(), edge()
    for event in events:
        (middle,) = inside.from_server(frame(event))
        assert read(outside.to_client(middle)) == [event]


_TYPES = st.sampled_from(
    [
        *("session.update", "transcription_session.update", "conversation.item.create", "response.create"),
        *("session.created", "session.updated", "conversation.item.created", "conversation.item.added"),
        *("response.created", "response.done", "response.output_item.done", "response.audio.delta", "error"),
        *("response.output_audio.delta", "rate_limits.updated", "response.function_call_arguments.done"),
    ]
)
_KEYS = st.sampled_from(
    [
        *(
            "session",
            "item",
            "response",
            "content",
            "output",
            "input",
            "audio",
            "format",
            "voice",
            "type",
            "role",
        ),
        *(
            "turn_detection",
            "modalities",
            "tools",
            "tool_choice",
            "input_audio_format",
            "error",
            "param",
            "id",
        ),
        *("rate_limits", "output_modalities", "event_id", "status", "name"),
    ]
)
_TREES = st.recursive(
    json_values | st.sampled_from(["message", "assistant", "item_reference", "audio", "text", "function"]),
    lambda inner: st.dictionaries(_KEYS, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(_TYPES, st.dictionaries(_KEYS, _TREES, max_size=4))
def test_no_message_upsets_a_translator(kind: str, fields: dict[str, Any]) -> None:
    sent = frame({**fields, "type": kind})
    for translate in (edge().from_client, edge().to_client, link().to_server, link().from_server):
        for made in translate(sent):
            assert made.type


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_upset_a_translator(raw: bytes) -> None:
    for kind in ("session.update", "response.done", "response.output_audio.delta", "response.audio.delta"):
        sent = Frame.from_raw(raw, 0)
        sent.type = kind
        for translate in (edge().from_client, edge().to_client, link().to_server, link().from_server):
            translate(sent)


def test_a_beta_clients_mistake_is_answered_by_the_ga_decoder() -> None:
    (passed,) = edge().from_client(Frame.from_raw(b'{"type":"session.update","event_id":"e1",', 0))
    with pytest.raises(ProtocolError) as caught:
        decode_client_event(passed.raw)
    assert caught.value.event_id == "e1"
