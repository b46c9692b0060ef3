"""Conversation items and their content, and what a client may make of them."""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Literal

from msgspec import Meta

from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import Ids
from moksori.protocol.records import Record, Tagged, present
from moksori.protocol.validate import convert, invalid_value, missing, wrong_type

Role = Literal["system", "user", "assistant"]
Status = Literal["in_progress", "completed", "incomplete"]
Detail = Literal["auto", "low", "high"]


# Content parts


class InputText(Tagged, frozen=True, tag="input_text"):
    text: str


class InputAudio(Tagged, frozen=True, tag="input_audio"):
    """User audio. `audio` is base64 in the session's input format, and left out of announcements.

    `transcript` is always written: the real service sends null, even after the transcription.
    """

    audio: str | None = None
    transcript: str | None = present(None)


class InputImage(Tagged, frozen=True, tag="input_image"):
    """`image_url` is a data URI holding a PNG or a JPEG."""

    image_url: str
    detail: Detail = present("auto")


class OutputText(Tagged, frozen=True, tag="output_text"):
    text: str


class OutputAudio(Tagged, frozen=True, tag="output_audio"):
    """Assistant audio. `audio` is base64 and only there in `conversation.item.retrieved`."""

    transcript: str | None = None
    audio: str | None = None


Content = InputText | InputAudio | InputImage | OutputText | OutputAudio


# Items. An `id` of "" is only seen in what a remote server sent without one.


class Message(Tagged, frozen=True, tag="message"):
    role: Role
    content: tuple[Content, ...]
    id: str = ""
    status: Status | None = None
    phase: str | None = None
    """`commentary` or `final_answer`, on messages of models that tell them apart."""


class FunctionCall(Tagged, frozen=True, tag="function_call"):
    """`arguments` is JSON as text, "" while it is being written."""

    name: str
    arguments: str
    call_id: str = ""
    id: str = ""
    status: Status | None = None


class FunctionCallOutput(Tagged, frozen=True, tag="function_call_output"):
    call_id: str
    output: str
    id: str = ""


class McpListedTool(Record, frozen=True):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    annotations: dict[str, Any] | None = None


class McpListTools(Tagged, frozen=True, tag="mcp_list_tools"):
    server_label: str
    tools: tuple[McpListedTool, ...]
    id: str = ""


class McpProtocolError(Tagged, frozen=True, tag="protocol_error"):
    code: int
    message: str


class McpToolExecutionError(Tagged, frozen=True, tag="tool_execution_error"):
    message: str


class McpHttpError(Tagged, frozen=True, tag="http_error"):
    code: int
    message: str


McpError = McpProtocolError | McpToolExecutionError | McpHttpError


class McpCall(Tagged, frozen=True, tag="mcp_call"):
    server_label: str
    name: str
    arguments: str
    id: str = ""
    approval_request_id: str | None = None
    output: str | None = None
    error: McpError | None = None


class McpApprovalRequest(Tagged, frozen=True, tag="mcp_approval_request"):
    server_label: str
    name: str
    arguments: str
    id: str = ""


class McpApprovalResponse(Tagged, frozen=True, tag="mcp_approval_response"):
    approval_request_id: str
    approve: bool
    id: str = ""
    reason: str | None = None


Item = (
    Message
    | FunctionCall
    | FunctionCallOutput
    | McpListTools
    | McpCall
    | McpApprovalRequest
    | McpApprovalResponse
)


class ItemReference(Tagged, frozen=True, tag="item_reference"):
    """Stands for an item of the conversation in the `input` of one response."""

    id: Annotated[str, Meta(min_length=1)]


# From a client

_PARTS: dict[str, dict[str, type[Tagged]]] = {
    "system": {"input_text": InputText},
    "user": {"input_text": InputText, "input_audio": InputAudio, "input_image": InputImage},
    "assistant": {"output_text": OutputText},
}
_BETA_PARTS = {"system": "input_text", "user": "input_text", "assistant": "output_text"}
"""What the retired dialect's content type `text` is called for each role."""
_ITEMS: dict[str, type[Tagged]] = {
    "message": Message,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "mcp_list_tools": McpListTools,
    "mcp_call": McpCall,
    "mcp_approval_request": McpApprovalRequest,
    "mcp_approval_response": McpApprovalResponse,
}
_IMAGES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,")
_ECHOED = frozenset({"object", "status"})
"""Keys a client may send back as it received them; they change nothing."""


def item_from_client(raw: dict[str, Any], ids: Ids, strict: bool = False, *, path: str = "item") -> Item:
    """The item a client described, complete: with an id (the client's own if it chose one), a call id, a
    status.

    `path` is how errors name the item. In strict mode unknown keys are refused and nothing is guessed;
    otherwise a message may leave out its `type`, and the retired content type `text` is understood.

    Raises `ProtocolError`, with `param` as precise as `item.content[0].text`.
    """
    kind = raw.get("type")
    if kind is None and not strict and "role" in raw:
        kind = "message"
    if kind is None:
        raise missing(f"{path}.type")
    if not isinstance(kind, str):
        raise wrong_type(f"{path}.type", "a string", kind)
    if kind not in _ITEMS:
        raise invalid_value(f"{path}.type", kind, _ITEMS)
    given = {key: value for key, value in raw.items() if value is not None or key not in ("id", "call_id")}
    given["type"] = kind
    if given.get("id") in (None, ""):
        given["id"] = ids("item")
    if given.get("object", "realtime.item") != "realtime.item":
        raise invalid_value(f"{path}.object", given["object"], ("realtime.item",))
    if kind == "message":
        return _message(given, strict, path)
    if kind == "function_call":
        if given.get("call_id") in (None, ""):
            given["call_id"] = ids("call")
        given["status"] = _status(given, path)
    item: Item = convert(given, _ITEMS[kind], path, strict=strict, allow=_ECHOED)
    return item


def _message(given: dict[str, Any], strict: bool, path: str) -> Message:
    role = given.get("role")
    if role is None:
        raise missing(f"{path}.role")
    if not isinstance(role, str):
        raise wrong_type(f"{path}.role", "a string", role)
    if role not in _PARTS:
        raise invalid_value(f"{path}.role", role, _PARTS)
    if given.get("content") is None:
        raise missing(f"{path}.content")
    if not isinstance(given["content"], list):
        raise wrong_type(f"{path}.content", "an array", given["content"])
    parts = tuple(
        _part(part, role, strict, f"{path}.content[{index}]") for index, part in enumerate(given["content"])
    )
    given["status"] = _status(given, path)
    message = convert({**given, "content": []}, Message, path, strict=strict, allow=_ECHOED)
    return Message(
        role=message.role, content=parts, id=message.id, status=message.status, phase=message.phase
    )


def _status(given: dict[str, Any], path: str) -> Status:
    """What a client adds is whole, unless it says that an answer had been cut short."""
    status = given.get("status")
    if status not in (None, "in_progress", "completed", "incomplete"):
        raise invalid_value(f"{path}.status", status, ("in_progress", "completed", "incomplete"))
    return "incomplete" if status == "incomplete" else "completed"


def _part(raw: Any, role: str, strict: bool, path: str) -> Content:
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object", raw)
    kind = raw.get("type")
    if kind is None:
        raise missing(f"{path}.type")
    if kind == "text" and not strict:
        kind = _BETA_PARTS[role]
    if role == "assistant" and kind in ("output_audio", "audio"):
        raise ProtocolError(
            "Assistant messages with audio cannot be created by a client; send their words as 'output_text'.",
            "invalid_value",
            param=f"{path}.type",
        )
    allowed = _PARTS[role]
    if not isinstance(kind, str):
        raise wrong_type(f"{path}.type", "a string", kind)
    if kind not in allowed:
        raise invalid_value(f"{path}.type", kind, allowed)
    part: Content = convert({**raw, "type": kind}, allowed[kind], path, strict=strict)
    match part:
        case InputAudio(audio=None, transcript=None):
            raise missing(f"{path}.audio")
        case InputAudio(audio=str(audio)):
            base64_bytes(audio, f"{path}.audio")
        case InputImage(image_url=url):
            head = next((head for head in _IMAGES if url.startswith(head)), None)
            if head is None:
                raise ProtocolError(
                    f"Invalid '{path}.image_url': expected a data URI with a PNG or JPEG image in base64.",
                    "invalid_value",
                    param=f"{path}.image_url",
                )
            base64_bytes(url[len(head) :], f"{path}.image_url")
        case _:
            pass
    return part


def base64_bytes(text: str, param: str) -> bytes:
    """Decode standard, padded base64. Raises `ProtocolError` naming `param`."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ProtocolError(
            f"Invalid '{param}': expected a base64-encoded value.", "invalid_value", param=param
        ) from None
