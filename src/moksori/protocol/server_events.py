"""The events a server may send, and their bytes.

`ServerEvent` is what any client may be sent. The `ExtendedEvent`s are for clients that asked for them, or
speak the retired beta dialect: strict clients report an event type they do not know as an error.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from moksori.protocol.client_events import ClientEvent
from moksori.protocol.errors import Error, ProtocolError
from moksori.protocol.items import Item
from moksori.protocol.records import Record, Tagged, present
from moksori.protocol.response import Response
from moksori.protocol.session import Session

# Session and conversation


class Resume(Record, frozen=True):
    """Our extra on `session.created`: whether and from where a lost connection goes on."""

    ok: bool
    input_audio_ms: int
    """Microphone audio taken so far; the client sends again from here."""
    gap: bool


class SessionCreated(Tagged, frozen=True, tag="session.created"):
    event_id: str
    session: Session
    resume: Resume | None = None


class SessionUpdated(Tagged, frozen=True, tag="session.updated"):
    """`session_id` and `latency` (ms) are our extras."""

    event_id: str
    session: Session
    session_id: str | None = None
    latency: int | None = None


class Conversation(Record, frozen=True):
    id: str
    object: Literal["realtime.conversation"] = present("realtime.conversation")


class ConversationCreated(Tagged, frozen=True, tag="conversation.created"):
    """In the schema, and never sent by the real service in GA; the beta dialect needs it."""

    event_id: str
    conversation: Conversation


class ConversationItemAdded(Tagged, frozen=True, tag="conversation.item.added"):
    event_id: str
    item: Item
    previous_item_id: str | None = present(None)


class ConversationItemDone(Tagged, frozen=True, tag="conversation.item.done"):
    event_id: str
    item: Item
    previous_item_id: str | None = present(None)


class ConversationItemRetrieved(Tagged, frozen=True, tag="conversation.item.retrieved"):
    event_id: str
    item: Item


class ConversationItemTruncated(Tagged, frozen=True, tag="conversation.item.truncated"):
    event_id: str
    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(Tagged, frozen=True, tag="conversation.item.deleted"):
    event_id: str
    item_id: str


# Transcription of the caller


class Logprob(Record, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...]


class TranscriptionTokenDetails(Record, frozen=True):
    text_tokens: int = present(0)
    audio_tokens: int = present(0)


class TranscriptionTokens(Tagged, frozen=True, tag="tokens"):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: TranscriptionTokenDetails = present(TranscriptionTokenDetails())


class TranscriptionSeconds(Tagged, frozen=True, tag="duration"):
    seconds: float


TranscriptionUsage = TranscriptionTokens | TranscriptionSeconds


class TranscriptionLanguage(Record, frozen=True):
    code: str


class TranscriptionFailure(Record, frozen=True):
    """Absent fields are left out: strict clients take no null here."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class ConversationItemInputAudioTranscriptionDelta(
    Tagged, frozen=True, tag="conversation.item.input_audio_transcription.delta"
):
    event_id: str
    item_id: str
    content_index: int = present(0)
    delta: str = present("")
    logprobs: tuple[Logprob, ...] | None = None


class ConversationItemInputAudioTranscriptionCompleted(
    Tagged, frozen=True, tag="conversation.item.input_audio_transcription.completed"
):
    event_id: str
    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage
    languages: tuple[TranscriptionLanguage, ...] | None = None
    logprobs: tuple[Logprob, ...] | None = None


class ConversationItemInputAudioTranscriptionSegment(
    Tagged, frozen=True, tag="conversation.item.input_audio_transcription.segment"
):
    """`start` and `end` in seconds."""

    event_id: str
    item_id: str
    content_index: int
    id: str
    text: str
    speaker: str
    start: float
    end: float


class ConversationItemInputAudioTranscriptionFailed(
    Tagged, frozen=True, tag="conversation.item.input_audio_transcription.failed"
):
    event_id: str
    item_id: str
    content_index: int
    error: TranscriptionFailure


# Limits


class RateLimit(Record, frozen=True):
    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


class RateLimitsUpdated(Tagged, frozen=True, tag="rate_limits.updated"):
    event_id: str
    rate_limits: tuple[RateLimit, ...]


# Input buffer. Milliseconds count the audio appended since the session began.


class InputAudioBufferSpeechStarted(Tagged, frozen=True, tag="input_audio_buffer.speech_started"):
    event_id: str
    audio_start_ms: int
    item_id: str


class InputAudioBufferSpeechStopped(Tagged, frozen=True, tag="input_audio_buffer.speech_stopped"):
    event_id: str
    audio_end_ms: int
    item_id: str


class InputAudioBufferCommitted(Tagged, frozen=True, tag="input_audio_buffer.committed"):
    event_id: str
    item_id: str
    previous_item_id: str | None = present(None)


class InputAudioBufferCleared(Tagged, frozen=True, tag="input_audio_buffer.cleared"):
    event_id: str


class InputAudioBufferTimeoutTriggered(Tagged, frozen=True, tag="input_audio_buffer.timeout_triggered"):
    event_id: str
    audio_start_ms: int
    audio_end_ms: int
    item_id: str


class InputAudioBufferDtmfEventReceived(Tagged, frozen=True, tag="input_audio_buffer.dtmf_event_received"):
    """A key of the caller's telephone.

    `received_at` is a unix second. The only event whose id may be absent.
    """

    event: str
    received_at: int
    event_id: str | None = None


# Output


class Part(Record, frozen=True):
    """A part as the `content_part` events call it: `audio` and `text`, where an item says `output_audio`."""

    type: Literal["text", "audio"]
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None


class ResponseCreated(Tagged, frozen=True, tag="response.created"):
    event_id: str
    response: Response


class ResponseDone(Tagged, frozen=True, tag="response.done"):
    event_id: str
    response: Response


class ResponseOutputItemAdded(Tagged, frozen=True, tag="response.output_item.added"):
    event_id: str
    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemDone(Tagged, frozen=True, tag="response.output_item.done"):
    event_id: str
    response_id: str
    output_index: int
    item: Item


class ResponseContentPartAdded(Tagged, frozen=True, tag="response.content_part.added"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: Part


class ResponseContentPartDone(Tagged, frozen=True, tag="response.content_part.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: Part


class ResponseOutputTextDelta(Tagged, frozen=True, tag="response.output_text.delta"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseOutputTextDone(Tagged, frozen=True, tag="response.output_text.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str


class ResponseOutputAudioDelta(Tagged, frozen=True, tag="response.output_audio.delta"):
    """`delta` is base64 in the session's output format."""

    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseOutputAudioDone(Tagged, frozen=True, tag="response.output_audio.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class ResponseOutputAudioTranscriptDelta(Tagged, frozen=True, tag="response.output_audio_transcript.delta"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseOutputAudioTranscriptDone(Tagged, frozen=True, tag="response.output_audio_transcript.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    transcript: str


class ResponseFunctionCallArgumentsDelta(Tagged, frozen=True, tag="response.function_call_arguments.delta"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(Tagged, frozen=True, tag="response.function_call_arguments.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    name: str
    arguments: str


class ResponseMcpCallArgumentsDelta(Tagged, frozen=True, tag="response.mcp_call_arguments.delta"):
    """`obfuscation` is always written: one published client's schema requires it here."""

    event_id: str
    response_id: str
    item_id: str
    output_index: int
    delta: str
    obfuscation: str = present("")


class ResponseMcpCallArgumentsDone(Tagged, frozen=True, tag="response.mcp_call_arguments.done"):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    arguments: str


class ResponseMcpCallInProgress(Tagged, frozen=True, tag="response.mcp_call.in_progress"):
    event_id: str
    item_id: str
    output_index: int


class ResponseMcpCallCompleted(Tagged, frozen=True, tag="response.mcp_call.completed"):
    event_id: str
    item_id: str
    output_index: int


class ResponseMcpCallFailed(Tagged, frozen=True, tag="response.mcp_call.failed"):
    event_id: str
    item_id: str
    output_index: int


class McpListToolsInProgress(Tagged, frozen=True, tag="mcp_list_tools.in_progress"):
    event_id: str
    item_id: str


class McpListToolsCompleted(Tagged, frozen=True, tag="mcp_list_tools.completed"):
    event_id: str
    item_id: str


class McpListToolsFailed(Tagged, frozen=True, tag="mcp_list_tools.failed"):
    event_id: str
    item_id: str


# Playback at the server, which only WebRTC and SIP have


class OutputAudioBufferStarted(Tagged, frozen=True, tag="output_audio_buffer.started"):
    event_id: str
    response_id: str


class OutputAudioBufferStopped(Tagged, frozen=True, tag="output_audio_buffer.stopped"):
    event_id: str
    response_id: str


class OutputAudioBufferCleared(Tagged, frozen=True, tag="output_audio_buffer.cleared"):
    event_id: str
    response_id: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionFailed
    | Error
    | RateLimitsUpdated
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
)


# Only for who asked


class ConversationItemCreated(Tagged, frozen=True, tag="conversation.item.created"):
    """The beta dialect's name; besides `conversation.item.added` it makes GA clients count an item twice."""

    event_id: str
    item: Item
    previous_item_id: str | None = present(None)


class ConversationItemCompleted(Tagged, frozen=True, tag="conversation.item.completed"):
    """In no schema of OpenAI's: what tutorials call `conversation.item.done`."""

    event_id: str
    item: Item
    previous_item_id: str | None = present(None)


class SessionExpired(Tagged, frozen=True, tag="session.expired"):
    """In no schema of OpenAI's: comes before the `error` with code `session_expired`."""

    event_id: str
    session_id: str
    expires_at: int


class ToolStarted(Tagged, frozen=True, tag="moksori.tool.started"):
    """The server began one of its own tools, whose call and output the client is not shown."""

    event_id: str
    call_id: str
    name: str


class ToolDone(Tagged, frozen=True, tag="moksori.tool.done"):
    """What such a call came to. `proposal` is the sentence of a change that waits for the caller's yes."""

    event_id: str
    call_id: str
    name: str
    outcome: Literal["read", "proposed", "committed", "refused"]
    proposal: str | None = present(None)


class ProposalEnded(Tagged, frozen=True, tag="moksori.proposal.ended"):
    """The proposed change will not be made: declined, corrected, replaced or too old."""

    event_id: str
    call_id: str


class OutputAudioHeld(Tagged, frozen=True, tag="moksori.output_audio.held"):
    """Stop playing and keep what there is, also what still comes: somebody speaks, and may only be listening.

    Goes to a client that said `holds=1`. `input_audio_buffer.speech_started` ends the hold as an interruption; after
    `at_most_ms` without a word the client plays on by itself.
    """

    event_id: str
    at_most_ms: int


class OutputAudioReleased(Tagged, frozen=True, tag="moksori.output_audio.released"):
    """Play on from the sample after the last one played."""

    event_id: str


ExtendedEvent = (
    ConversationItemCreated
    | ConversationItemCompleted
    | SessionExpired
    | ToolStarted
    | ToolDone
    | ProposalEnded
    | OutputAudioHeld
    | OutputAudioReleased
)


class UnknownEvent(msgspec.Struct, frozen=True):
    """A server's event of a type not known here, as it came."""

    type: str
    raw: bytes


SERVER_EVENTS: dict[str, type[Tagged]] = {
    str(event.__struct_config__.tag): event for event in get_args(ServerEvent)
}
"""Every standard server event by its `type`."""
EXTENDED_EVENTS: dict[str, type[Tagged]] = {
    str(event.__struct_config__.tag): event for event in get_args(ExtendedEvent)
}
OWN_PREFIX = "moksori."
"""Begins the type of an event that only this server makes."""
HOLDING = frozenset({"moksori.output_audio.held", "moksori.output_audio.released"})
"""Of these the ones that a client gets who said that it can hold its loudspeaker, without asking for the others."""


class _Kind(msgspec.Struct):
    type: str


_encoder = msgspec.json.Encoder()
_kind_decoder = msgspec.json.Decoder(_Kind)
_decoder: msgspec.json.Decoder[ServerEvent | ExtendedEvent] = msgspec.json.Decoder(
    ServerEvent | ExtendedEvent
)


def encode_event(event: ServerEvent | ExtendedEvent | UnknownEvent | ClientEvent) -> bytes:
    """The event as one text message in UTF-8."""
    if isinstance(event, UnknownEvent):
        return event.raw
    return _encoder.encode(event)


def decode_server_event(raw: bytes | str) -> ServerEvent | ExtendedEvent | UnknownEvent:
    """One event of a server's, for clients and for links to other servers.

    An unknown type gives an `UnknownEvent`. Unknown keys are ignored. Servers differ in what they write as
    null; where a null, or a voice given as an object, is all that stands between an event and its type, it is
    accepted.

    Raises `ProtocolError` for what is not an event, or not what its type promises.
    """
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as refusal:
        try:
            kind = _kind_decoder.decode(raw).type
            if kind not in SERVER_EVENTS and kind not in EXTENDED_EVENTS:
                return UnknownEvent(kind, raw.encode() if isinstance(raw, str) else bytes(raw))
            given = _repaired(msgspec.json.decode(raw))
            event: ServerEvent | ExtendedEvent = msgspec.convert(given, ServerEvent | ExtendedEvent)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ProtocolError(
                f"The server sent an event that could not be read: {refusal}.",
                "invalid_event",
                type="server_error",
            ) from None
        return event


def _repaired(value: Any) -> Any:
    """The same JSON without null members, and with every voice object as its id."""
    match value:
        case dict():
            return {
                key: member["id"]
                if key == "voice" and isinstance(member, dict) and "id" in member
                else _repaired(member)
                for key, member in value.items()
                if member is not None
            }
        case list():
            return [_repaired(element) for element in value]
        case _:
            return value
