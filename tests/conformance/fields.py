"""What each field of a session and of a response does here, and the test that shows it.

The lists are held against the code by `test_fields.py`: no field of the protocol's types may be missing, and every test
named must be there. `tests.conformance.document` writes them into docs/reference/conformance.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import inspect

from moksori.protocol.response import ResponseParams
from moksori.protocol.session import RealtimeSession, TranscriptionSession

REFUSED = "refused in strict sessions, null in others: "

SESSION: dict[str, tuple[str, str]] = {
    "object": ("shown; the server's own", "conformance/test_misuse.py::test_every_misuse_is_answered_precisely"),
    "id": ("shown; the server's own", "conformance/test_misuse.py::test_every_misuse_is_answered_precisely"),
    "expires_at": ("shown; when it comes, `session_expired` and close 1001", "conformance/test_flows.py::test_the_session_ends_with_the_documented_pair"),
    "model": ("from the address; another one is refused in strict sessions, ignored in others", "conformance/test_misuse.py::test_every_misuse_is_answered_precisely"),
    "output_modalities": ("speech with its words, or text", "conformance/test_flows.py::test_a_typed_turn_answered_in_text"),
    "instructions": ("given to the model first", "conformance/test_fields.py::test_instructions_reach_the_model"),
    "tools": ("functions are the client's to run, MCP tools this server's", "conformance/test_flows.py::test_a_call_and_its_answer"),
    "tool_choice": ("`none` lets no call through; `required` and a named function are passed to the model, and the local one's grammar leaves it no other way", "conformance/test_fields.py::test_a_choice_of_none_lets_no_call_through"),
    "parallel_tool_calls": ("`false`: at most one call an answer; passed on to an endpoint", "conformance/test_fields.py::test_one_call_an_answer_where_parallel_calls_are_off"),
    "reasoning": ("passed on to an endpoint (`engine.llm.kind = \"openai\"`); the models here do not reason: " + REFUSED.rstrip(": "), "unit/engine/test_chat.py::test_how_to_think_and_call_is_passed_on"),
    "max_output_tokens": ("the answer ends there as `incomplete`, `max_output_tokens`", "conformance/test_fields.py::test_an_answer_ends_at_its_limit"),
    "truncation": ("`auto` drops the oldest items that the model has no room for; `disabled` fails the answer with `context_length_exceeded`", "conformance/test_fields.py::test_disabled_truncation_fails_the_answer_and_the_session_lives_on"),
    "truncation.retention_ratio": ("drops down to this part of the room, and what was dropped stays dropped", "conformance/test_fields.py::test_retention_drops_the_oldest_once_and_for_all"),
    "truncation.token_limits": ("a smaller room than the model's; tokens are estimated from the text", "conformance/test_fields.py::test_retention_drops_the_oldest_once_and_for_all"),
    "prompt": ("the shop's own prompt (`shop.prompt`) opens the shop with its `variables`; any other is " + REFUSED + "this server keeps no prompts", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "tracing": (REFUSED + "there is no tracing service", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "include": (REFUSED + "the recogniser gives no logprobs", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "audio.input.format": ("PCM16 at 24 kHz, G.711 μ-law and A-law at 8 kHz", "conformance/test_flows.py::test_every_format_goes_both_ways"),
    "audio.input.noise_reduction": (REFUSED + "nothing removes noise", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "audio.input.transcription.model": ("all names mean the one recogniser; `whisper-1` says its transcript whole, the others in deltas while one speaks", "conformance/test_fields.py::test_words_come_in_deltas_except_from_whisper"),
    "audio.input.transcription.language": ("what the recogniser takes the speech for", "conformance/test_fields.py::test_the_recogniser_is_told_what_to_expect"),
    "audio.input.transcription.prompt": ("words the recogniser should expect", "conformance/test_fields.py::test_the_recogniser_is_told_what_to_expect"),
    "audio.input.transcription.keywords": ("the same, behind the prompt", "conformance/test_fields.py::test_the_recogniser_is_told_what_to_expect"),
    "audio.input.transcription.languages": ("one: as `language`; several: the recogniser finds out", "conformance/test_fields.py::test_the_recogniser_is_told_what_to_expect"),
    "audio.input.transcription.delay": (REFUSED + "words are shown as soon as two looks agree on them", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "audio.input.turn_detection": ("`server_vad`, `semantic_vad`, or null for turns by hand", "conformance/test_flows.py::test_every_format_goes_both_ways"),
    "audio.input.turn_detection.threshold": ("the probability above which sound is speech", "conformance/test_fields.py::test_a_threshold_above_the_sound_hears_nothing"),
    "audio.input.turn_detection.prefix_padding_ms": ("how much before the first sound belongs to the turn", "conformance/test_fields.py::test_the_padding_begins_the_turn_earlier"),
    "audio.input.turn_detection.silence_duration_ms": ("the longest wait for more; an end the model is sure of comes sooner", "conformance/test_fields.py::test_the_silence_that_ends_a_turn"),
    "audio.input.turn_detection.idle_timeout_ms": ("`timeout_triggered`, and an answer", "conformance/test_flows.py::test_nobody_speaks"),
    "audio.input.turn_detection.create_response": ("whether a turn is answered by itself", "unit/conversation/test_core.py::test_with_both_switches_off_voice_activity_only_reports"),
    "audio.input.turn_detection.interrupt_response": ("whether speech stops an answer", "unit/conversation/test_core.py::test_with_both_switches_off_voice_activity_only_reports"),
    "audio.input.turn_detection.eagerness": ("how long doubt waits: 2.6 s, 1.3 s, 0.9 s at most", "unit/conversation/test_core.py::test_eagerness_says_how_long_doubt_waits"),
    "audio.output.format": ("as for input", "conformance/test_flows.py::test_every_format_goes_both_ways"),
    "audio.output.voice": ("who speaks; fixed once something was said", "conformance/test_fields.py::test_the_voice_is_heard"),
    "audio.output.speed": ("how fast", "conformance/test_flows.py::test_speed_is_heard"),
}  # fmt: skip

RESPONSE: dict[str, tuple[str, str]] = {
    "conversation": ("`none`: no items, nothing remembered, beside other answers", "conformance/test_flows.py::test_nothing_is_said_outside_a_response_out_of_band"),
    "input": ("the whole context instead of the conversation; references count", "conformance/test_flows.py::test_input_takes_references_and_nothing_else_of_the_conversation"),
    "metadata": ("echoed in `response.created` and `response.done`", "conformance/test_flows.py::test_a_typed_turn_answered_in_sound"),
    **dict.fromkeys(
        ("instructions", "output_modalities", "audio.output.format", "audio.output.voice", "tools", "tool_choice",
         "parallel_tool_calls", "max_output_tokens"),
        ("as in the session, for this answer", "conformance/test_fields.py::test_one_answer_may_differ_from_its_session"),
    ),
    "reasoning": ("as in the session", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
    "prompt": ("as in the session", "conformance/test_fields.py::test_what_nothing_implements_is_refused_by_name"),
}  # fmt: skip


def leaves(record: object, path: str = "") -> Iterator[str]:
    """The path of every field in the records of the protocol's types, the innermost."""
    kind = inspect.type_info(record) if isinstance(record, type) else record
    assert isinstance(kind, inspect.StructType)
    for field in kind.fields:
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        inner = [leaf for each in _structs(field.type) for leaf in leaves(each, here)]
        yield from inner or [here]


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    match kind:
        case inspect.Metadata(type=inner):
            return _structs(inner)
        case inspect.UnionType(types=types):
            return [struct for each in types for struct in _structs(each)]
        case inspect.StructType():
            return [kind]
        case _:
            return []


def uncovered() -> list[str]:
    """Fields of the types that no row is about, and rows that are about no field."""
    wrong: list[str] = []
    for rows, records in ((SESSION, (RealtimeSession, TranscriptionSession)), (RESPONSE, (ResponseParams,))):
        fields = {leaf for record in records for leaf in leaves(record)}
        wrong += [f for f in sorted(fields) if not any(f == row or f.startswith(f"{row}.") for row in rows)]
        wrong += [r for r in rows if not any(f == r or f.startswith(f"{r}.") for f in fields)]
    return wrong
