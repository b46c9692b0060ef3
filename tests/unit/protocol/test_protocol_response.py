"""What a client may ask of one response."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import CountingIds
from moksori.protocol.items import FunctionCallOutput, InputText, ItemReference, Message
from moksori.protocol.response import ResponseParams, overlay, params_from_client
from moksori.protocol.session import FunctionTool, PcmFormat, PcmuFormat, default_session
from support.wire_values import json_values

SESSION = default_session("sess_1", "m", 1_800_000_000, instructions="Be brief.")


def params(raw: dict[str, Any] | None, strict: bool = True) -> ResponseParams:
    return params_from_client(raw, CountingIds(), strict=strict)


@pytest.mark.parametrize(
    "raw", [None, {}, dict.fromkeys(("instructions", "input", "metadata", "conversation"))]
)
def test_nothing_asked_is_as_the_session_says(raw: dict[str, Any] | None) -> None:
    assert params(raw) == ResponseParams()
    assert overlay(SESSION, params(raw)) == SESSION


def test_an_answer_outside_the_conversation_with_its_own_context() -> None:
    asked = params(
        {
            "conversation": "none",
            "metadata": {"topic": "classification"},
            "output_modalities": ["text"],
            "input": [
                {"type": "item_reference", "id": "item_7"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "function_call_output", "call_id": "c", "output": "{}", "id": "mine"},
            ],
        }
    )
    assert asked.conversation == "none"
    assert asked.metadata == {"topic": "classification"}
    assert asked.input == (
        ItemReference("item_7"),
        Message("user", (InputText("hi"),), "item_1", "completed"),
        FunctionCallOutput("c", "{}", "mine"),
    )
    assert params({"input": []}).input == ()


def test_what_is_asked_overrides_the_session_for_this_response() -> None:
    asked = params(
        {
            "instructions": "Sing.",
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": "required",
            "max_output_tokens": 20,
            "output_modalities": ["text"],
            "audio": {"output": {"format": {"type": "audio/pcmu", "rate": None}, "voice": {"id": "marin"}}},
        }
        | {"audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "marin"}}}}
    )
    now = overlay(SESSION, asked)
    assert (now.instructions, now.tools, now.tool_choice) == ("Sing.", (FunctionTool("f"),), "required")
    assert (now.max_output_tokens, now.output_modalities) == (20, ("text",))
    assert (now.audio.output.format, now.audio.output.voice) == (PcmuFormat(), "marin")
    assert now.audio.input == SESSION.audio.input
    assert SESSION.audio.output.format == PcmFormat()


def test_empty_tools_and_instructions_override_too() -> None:
    tooled = overlay(SESSION, params({"tools": [{"type": "function", "name": "f"}]}))
    bare = overlay(tooled, params({"tools": [], "instructions": ""}))
    assert (bare.tools, bare.instructions) == ((), "")


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        ({"mood": 1}, "unknown_parameter", "response.mood"),
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"audio": {"output": {"speed": 1}}}, "unknown_parameter", "response.audio.output.speed"),
        ({"instructions": 1}, "invalid_type", "response.instructions"),
        ({"conversation": "conv_1"}, "invalid_value", "response.conversation"),
        ({"conversation": {}}, "invalid_value", "response.conversation"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "response.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "response.output_modalities"),
        ({"max_output_tokens": 5000}, "invalid_value", "response.max_output_tokens"),
        ({"tool_choice": "f"}, "invalid_value", "response.tool_choice"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "response.tools[0].name"),
        (
            {"tools": [{"type": "mcp", "server_label": "s"}]},
            "missing_required_parameter",
            "response.tools[0].server_url",
        ),
        ({"audio": {"output": {"voice": "morgan"}}}, "invalid_value", "response.audio.output.voice"),
        (
            {"audio": {"output": {"format": {"type": "x"}}}},
            "invalid_value",
            "response.audio.output.format.type",
        ),
        ({"metadata": []}, "invalid_type", "response.metadata"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {f"k{i}": "" for i in range(17)}}, "invalid_value", "response.metadata"),
        ({"metadata": {"k" * 65: ""}}, "invalid_value", "response.metadata"),
        ({"metadata": {"k": "v" * 513}}, "invalid_value", "response.metadata.k"),
        ({"input": {}}, "invalid_type", "response.input"),
        ({"input": ["hi"]}, "invalid_type", "response.input[0]"),
        ({"input": [{"type": "item_reference"}]}, "missing_required_parameter", "response.input[0].id"),
        ({"input": [{"type": "item_reference", "id": ""}]}, "invalid_value", "response.input[0].id"),
        (
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text"}]}]},
            "missing_required_parameter",
            "response.input[0].content[0].text",
        ),
        ({"prompt": {"version": "1"}}, "missing_required_parameter", "response.prompt.id"),
    ],
)
def test_a_strict_refusal_names_the_field(raw: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        params(raw)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_metadata_may_be_as_large_as_documented() -> None:
    full = {f"{i:064}": "v" * 512 for i in range(16)}
    assert params({"metadata": full}).metadata == full


def test_a_lenient_session_takes_beta_fields_and_leaves_out_a_voice_it_has_not() -> None:
    asked = params(
        {
            "modalities": ["text", "audio"],
            "voice": "morgan",
            "output_audio_format": "g711_ulaw",
            "max_response_output_tokens": 50,
            "temperature": 0.7,
            "mood": 1,
        },
        strict=False,
    )
    now = overlay(SESSION, asked)
    assert (now.output_modalities, now.max_output_tokens) == (("audio",), 50)
    assert (now.audio.output.voice, now.audio.output.format) == ("alloy", PcmuFormat())


def test_a_lenient_session_takes_both_modalities_as_speech() -> None:
    assert params({"output_modalities": ["text", "audio"]}, strict=False).output_modalities == ("audio",)


_KEYS = [
    "input",
    "instructions",
    "metadata",
    "audio",
    "output",
    "voice",
    "tools",
    "conversation",
    "type",
    "id",
    "format",
]
_ASKED = st.recursive(
    st.dictionaries(st.sampled_from(_KEYS), json_values, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(_KEYS), inner | st.lists(inner, max_size=2) | json_values, max_size=3
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(_ASKED, st.booleans())
def test_whatever_is_asked_there_are_params_or_a_protocol_error(raw: dict[str, Any], strict: bool) -> None:
    try:
        asked = params(raw, strict)
    except ProtocolError as error:
        assert error.param is not None
        assert error.param.startswith("response")
    else:
        overlay(SESSION, asked)
