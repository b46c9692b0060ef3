"""What a client may add to a conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import CountingIds
from moksori.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpApprovalResponse,
    McpCall,
    McpHttpError,
    Message,
    OutputText,
    item_from_client,
)
from moksori.protocol.server_events import ConversationItemAdded, encode_event
from support.wire_values import json_values, records


def item(raw: dict[str, Any], strict: bool = True) -> Item:
    return item_from_client(raw, CountingIds(), strict)


def message(role: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content), **more}


TEXT = {"type": "input_text", "text": "안녕하세요"}
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}


def test_a_typed_sentence_gets_an_id_and_is_complete() -> None:
    assert item(message("user", TEXT)) == Message("user", (InputText("안녕하세요"),), "item_1", "completed")


def test_a_client_keeps_the_id_it_chose() -> None:
    assert item(message("user", TEXT, id="my_item_0")).id == "my_item_0"


@pytest.mark.parametrize("absent", [{"id": None}, {"id": ""}, {}])
def test_an_absent_null_or_empty_id_is_made_up(absent: dict[str, Any]) -> None:
    assert item(message("user", TEXT, **absent)).id == "item_1"


def test_each_role_has_its_own_content() -> None:
    audio = {"type": "input_audio", "audio": "AAAA", "transcript": "hi"}
    assert item(message("user", TEXT, audio, IMAGE)) == Message(
        "user",
        (InputText("안녕하세요"), InputAudio("AAAA", "hi"), InputImage("data:image/png;base64,AAAA", "auto")),
        "item_1",
        "completed",
    )
    assert item(message("system", TEXT)).role == "system"  # type: ignore[union-attr]
    assert item(message("assistant", {"type": "output_text", "text": "Hi."})) == Message(
        "assistant", (OutputText("Hi."),), "item_1", "completed"
    )


def test_a_replayed_answer_that_was_cut_short_stays_incomplete_and_nothing_stays_running() -> None:
    part = {"type": "output_text", "text": "Hi"}
    assert item(message("assistant", part, status="incomplete")).status == "incomplete"  # type: ignore[union-attr]
    assert item(message("assistant", part, status="in_progress")).status == "completed"  # type: ignore[union-attr]


def test_a_function_call_and_its_output() -> None:
    assert item({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1", "id": "i1"}) == (
        FunctionCall("f", "{}", "c1", "i1", "completed")
    )
    assert item({"type": "function_call", "name": "f", "arguments": ""}) == (
        FunctionCall("f", "", "call_1", "item_1", "completed")
    )
    output = item({"type": "function_call_output", "call_id": "c1", "output": "{}", "status": "completed"})
    assert output == FunctionCallOutput("c1", "{}", "item_1")
    assert json.loads(encode_event(ConversationItemAdded("e", output)))["item"] == {
        "type": "function_call_output",
        "id": "item_1",
        "call_id": "c1",
        "output": "{}",
    }


def test_items_of_tool_servers() -> None:
    answer = {"type": "mcp_approval_response", "id": "i", "approval_request_id": "r", "approve": False}
    assert item({**answer, "reason": "no"}) == McpApprovalResponse("r", False, "i", "no")
    call = {"type": "mcp_call", "id": "i", "server_label": "s", "name": "n", "arguments": "{}"}
    error = {"type": "http_error", "code": 502, "message": "gone"}
    assert item({**call, "error": error}) == McpCall("s", "n", "{}", "i", error=McpHttpError(502, "gone"))


def test_object_and_null_leftovers_of_an_echoed_item_are_fine() -> None:
    assert item(message("user", TEXT, object="realtime.item", status=None, phase=None)).id == "item_1"


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"role": "user", "content": []}, "missing_required_parameter", "item.type"),
        ({"type": 3}, "invalid_type", "item.type"),
        ({"type": "song"}, "invalid_value", "item.type"),
        ({"type": "item_reference", "id": "i"}, "invalid_value", "item.type"),
        ({"type": "message"}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": 1}, "invalid_type", "item.role"),
        ({"type": "message", "role": "tool", "content": []}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "role": "user", "content": "hi"}, "invalid_type", "item.content"),
        (message("user", "hi"), "invalid_type", "item.content[0]"),
        (message("user", {"text": "hi"}), "missing_required_parameter", "item.content[0].type"),
        (message("user", {"type": 1}), "invalid_type", "item.content[0].type"),
        (message("user", {"type": "text", "text": "hi"}), "invalid_value", "item.content[0].type"),
        (
            message("user", TEXT, {"type": "output_text", "text": "x"}),
            "invalid_value",
            "item.content[1].type",
        ),
        (message("system", {"type": "input_audio", "audio": ""}), "invalid_value", "item.content[0].type"),
        (message("assistant", TEXT), "invalid_value", "item.content[0].type"),
        (
            message("assistant", {"type": "output_audio", "audio": ""}),
            "invalid_value",
            "item.content[0].type",
        ),
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text"),
        (message("user", {"type": "input_text", "text": 7}), "invalid_type", "item.content[0].text"),
        (message("user", {"type": "input_text", "text": None}), "invalid_type", "item.content[0].text"),
        (message("user", {**TEXT, "mood": "x"}), "unknown_parameter", "item.content[0].mood"),
        (message("user", {"type": "input_audio"}), "missing_required_parameter", "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": "!"}), "invalid_value", "item.content[0].audio"),
        (message("user", {"type": "input_image"}), "missing_required_parameter", "item.content[0].image_url"),
        (
            message("user", {"type": "input_image", "image_url": "https://x.example/a.png"}),
            "invalid_value",
            "item.content[0].image_url",
        ),
        (
            message("user", {**IMAGE, "image_url": "data:image/png;base64,!"}),
            "invalid_value",
            "item.content[0].image_url",
        ),
        (message("user", {**IMAGE, "detail": "fine"}), "invalid_value", "item.content[0].detail"),
        (message("user", TEXT, id=7), "invalid_type", "item.id"),
        (message("user", TEXT, status="done"), "invalid_value", "item.status"),
        (message("user", TEXT, status=[1]), "invalid_value", "item.status"),
        (message("user", TEXT, object="thing"), "invalid_value", "item.object"),
        (message("user", TEXT, mood="x"), "unknown_parameter", "item.mood"),
        ({"type": "function_call", "arguments": "{}"}, "missing_required_parameter", "item.name"),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
        ({"type": "function_call", "name": "f", "arguments": {}}, "invalid_type", "item.arguments"),
        ({"type": "function_call_output", "output": "x"}, "missing_required_parameter", "item.call_id"),
        ({"type": "function_call_output", "call_id": "c"}, "missing_required_parameter", "item.output"),
        ({"type": "function_call_output", "call_id": "c", "output": {}}, "invalid_type", "item.output"),
        (
            {"type": "mcp_approval_response", "approve": True},
            "missing_required_parameter",
            "item.approval_request_id",
        ),
        (
            {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "n"}]},
            "missing_required_parameter",
            "item.tools[0].input_schema",
        ),
        (
            {"type": "mcp_call", "server_label": "s", "name": "n", "arguments": "", "error": {"type": "x"}},
            "invalid_value",
            "item.error.type",
        ),
    ],
)
def test_a_strict_refusal_names_the_field(raw: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        item(raw)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize("kind", ["output_audio", "audio"])
@pytest.mark.parametrize("strict", [True, False])
def test_assistant_audio_cannot_be_created(kind: str, strict: bool) -> None:
    with pytest.raises(ProtocolError, match="cannot be created by a client") as caught:
        item(message("assistant", {"type": kind, "transcript": "Hi"}), strict)
    assert caught.value.param == "item.content[0].type"


def test_a_lenient_session_understands_older_clients() -> None:
    old_user = {"role": "user", "content": [{"type": "text", "text": "hi"}], "mood": "x"}
    assert item(old_user, strict=False) == Message("user", (InputText("hi"),), "item_1", "completed")
    old_answer = message("assistant", {"type": "text", "text": "Hi."})
    assert item(old_answer, strict=False) == Message("assistant", (OutputText("Hi."),), "item_1", "completed")


def test_the_name_of_the_item_in_errors_can_be_another() -> None:
    with pytest.raises(ProtocolError) as caught:
        item_from_client(message("user", {"type": "input_text"}), CountingIds(), path="response.input[2]")
    assert caught.value.param == "response.input[2].content[0].text"


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["type", "role", "content", "id", "call_id", "name", "arguments", "output", "status", "tools"]
        ),
        json_values
        | st.sampled_from(["message", "function_call", "mcp_call", "user", "assistant", "completed"])
        | st.lists(
            st.dictionaries(
                st.sampled_from(["type", "text", "audio", "image_url"]),
                json_values
                | st.sampled_from(["input_text", "input_audio", "input_image", "output_text", "AAAA"]),
            ),
            max_size=2,
        ),
    ),
    st.booleans(),
)
def test_whatever_is_sent_as_an_item_becomes_one_or_a_protocol_error(
    raw: dict[str, Any], strict: bool
) -> None:
    try:
        made = item(raw, strict)
    except ProtocolError as error:
        assert error.param is not None
        assert error.param.startswith("item")
    else:
        assert made.id
        encode_event(ConversationItemAdded("e", made))


@settings(max_examples=200, deadline=None)
@given(records(Item))
def test_an_item_as_it_was_announced_can_be_sent_back(made: Item) -> None:
    """Clients replay a conversation from the items they were shown."""
    raw = json.loads(encode_event(ConversationItemAdded("e", made)))["item"]
    try:
        again = item(raw, strict=False)
    except ProtocolError as error:
        # What was heard or spoken, or random text where base64 belongs, is not replayed as it is.
        assert error.param is not None
        assert ".content[" in error.param
    else:
        assert (again.type, again.id) == (made.type, made.id)
