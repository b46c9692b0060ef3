"""What a client asks of one response, and the response object that answers."""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from moksori.protocol.flat import nested
from moksori.protocol.ids import Ids
from moksori.protocol.items import Item, ItemReference, item_from_client
from moksori.protocol.merging import STANDARD, Supported, check_refused, check_tools, plain_audio
from moksori.protocol.records import Record, present
from moksori.protocol.session_object import (
    AudioFormat,
    MaxTokens,
    Modality,
    Prompt,
    RealtimeSession,
    Reasoning,
    Tool,
    ToolChoice,
)
from moksori.protocol.validate import convert, invalid_value, out_of_range, wrong_type

METADATA_PAIRS = 16
METADATA_KEY = 64
METADATA_VALUE = 512
FILLER = "moksori_filler"
"""Key of a response's metadata; its value is all that the response says, which only bridges a wait: said while a tool
runs, no answer and no claim. Clients may tell by it that no answer came."""


class ParamsAudioOutput(Record, frozen=True):
    format: AudioFormat | None = None
    voice: str | None = None


class ParamsAudio(Record, frozen=True):
    output: ParamsAudioOutput | None = None


class ResponseParams(Record, frozen=True, kw_only=True):
    """What one response does otherwise than its session says; None means as the session says.

    `conversation` `"none"` keeps the response out of the conversation. `input`, where given, is the whole
    context instead of the conversation, `()` none at all.
    """

    conversation: Literal["auto", "none"] = "auto"
    input: tuple[Item | ItemReference, ...] | None = None
    instructions: str | None = None
    output_modalities: tuple[Modality, ...] | None = None
    audio: ParamsAudio | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: dict[str, str] | None = None
    prompt: Prompt | None = None


NO_PARAMS = ResponseParams()


def params_from_client(
    raw: dict[str, Any] | None, ids: Ids, *, strict: bool = False, supported: Supported = STANDARD
) -> ResponseParams:
    """The `response` of a `response.create`, checked; its input items are complete (see `item_from_client`).

    Lenient, beta fields are taken to their GA places, unknown keys and fields that nothing implements are
    ignored and an unknown voice is left out. Raises `ProtocolError` with `param` such as `response.metadata`.
    """
    if raw is None:
        return NO_PARAMS
    given = dict(raw if strict else nested(raw))
    if strict:
        check_refused(given, supported, "response")
    else:
        given = {key: value for key, value in given.items() if key not in supported.refused}
    if isinstance(given.get("audio"), dict) and isinstance(given["audio"].get("output"), dict):
        given["audio"] = {**given["audio"], "output": plain_audio(given["audio"]["output"])}
    items = _input(given.pop("input", None), ids, strict)
    metadata = _metadata(given.get("metadata"))
    if given.get("conversation") is None:
        given.pop("conversation", None)
    elif given["conversation"] not in ("auto", "none"):
        raise invalid_value("response.conversation", given["conversation"], ("auto", "none"))
    params: ResponseParams = convert(given, ResponseParams, "response", strict=strict)
    if params.output_modalities is not None and params.output_modalities not in (("audio",), ("text",)):
        if strict or set(params.output_modalities) != {"audio", "text"}:
            raise invalid_value(
                "response.output_modalities", list(params.output_modalities), (["text"], ["audio"])
            )
        params = replace(params, output_modalities=("audio",))
    check_tools(params.tools or (), "response.tools")
    output = params.audio.output if params.audio else None
    if output and output.voice is not None and output.voice not in supported.voices:
        if strict:
            raise invalid_value("response.audio.output.voice", output.voice, sorted(supported.voices))
        params = replace(params, audio=ParamsAudio(output=replace(output, voice=None)))
    return replace(params, input=items, metadata=metadata)


def _input(raw: Any, ids: Ids, strict: bool) -> tuple[Item | ItemReference, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise wrong_type("response.input", "an array", raw)
    items: list[Item | ItemReference] = []
    for index, each in enumerate(raw):
        path = f"response.input[{index}]"
        if not isinstance(each, dict):
            raise wrong_type(path, "an object", each)
        if each.get("type") == "item_reference":
            items.append(convert(each, ItemReference, path, strict=strict))
        else:
            items.append(item_from_client(each, ids, strict, path=path))
    return tuple(items)


def _metadata(raw: Any) -> dict[str, str] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise wrong_type("response.metadata", "an object", raw)
    if len(raw) > METADATA_PAIRS:
        raise out_of_range("response.metadata", len(raw), f"at most {METADATA_PAIRS} pairs")
    for key, value in raw.items():
        if len(key) > METADATA_KEY:
            raise out_of_range("response.metadata", key, f"keys of at most {METADATA_KEY} characters")
        if not isinstance(value, str):
            raise wrong_type(f"response.metadata.{key}", "a string", value)
        if len(value) > METADATA_VALUE:
            raise out_of_range(
                f"response.metadata.{key}", value, f"a value of at most {METADATA_VALUE} characters"
            )
    return dict(raw)


def overlay(session: RealtimeSession, params: ResponseParams) -> RealtimeSession:
    """The session as this one response sees it."""
    output = session.audio.output
    asked = params.audio.output if params.audio else None
    if asked is not None:
        output = replace(output, format=asked.format or output.format, voice=asked.voice or output.voice)
    changes: dict[str, Any] = {
        name: value
        for name in (
            "instructions",
            "output_modalities",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "reasoning",
            "max_output_tokens",
            "prompt",
        )
        if (value := getattr(params, name)) is not None
    }
    return replace(session, audio=replace(session.audio, output=output), **changes)


# The response object


class CachedTokensDetails(Record, frozen=True):
    text_tokens: int = present(0)
    audio_tokens: int = present(0)
    image_tokens: int = present(0)


class InputTokenDetails(Record, frozen=True):
    """Cached tokens are part of the input tokens, not added to them."""

    text_tokens: int = present(0)
    audio_tokens: int = present(0)
    image_tokens: int = present(0)
    cached_tokens: int = present(0)
    cached_tokens_details: CachedTokensDetails = present(CachedTokensDetails())


class OutputTokenDetails(Record, frozen=True):
    text_tokens: int = present(0)
    audio_tokens: int = present(0)
    reasoning_tokens: int | None = None


class Usage(Record, frozen=True):
    """`moksori` is our extra: `{cost, currency, budget_left, latency_ms}`; standard clients ignore it."""

    total_tokens: int = present(0)
    input_tokens: int = present(0)
    output_tokens: int = present(0)
    input_token_details: InputTokenDetails = present(InputTokenDetails())
    output_token_details: OutputTokenDetails = present(OutputTokenDetails())
    moksori: dict[str, Any] | None = None


ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


class StatusError(Record, frozen=True):
    """Why a response failed. Causes of our own go into `code`; the enums beside it are closed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class StatusDetails(Record, frozen=True):
    """Only for responses that ended otherwise than `completed`."""

    type: Literal["completed", "cancelled", "incomplete", "failed"] | None = None
    reason: Reason | None = None
    error: StatusError | None = None


class ResponseAudioOutput(Record, frozen=True):
    format: AudioFormat | None = None
    voice: str | None = None


class ResponseAudio(Record, frozen=True):
    output: ResponseAudioOutput = present(ResponseAudioOutput())


class Response(Record, frozen=True, kw_only=True):
    """The response object; every key is written. Items in `output` carry no audio bytes."""

    object: Literal["realtime.response"] = present("realtime.response")
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None = present(None)
    output: tuple[Item, ...] = present(())
    conversation_id: str | None = present(None)
    """None for a response outside the conversation."""
    output_modalities: tuple[Modality, ...] = present(("audio",))
    max_output_tokens: int | Literal["inf"] = present("inf")
    audio: ResponseAudio | None = present(None)
    usage: Usage | None = present(None)
    """None until the response is over."""
    metadata: dict[str, str] | None = present(None)
