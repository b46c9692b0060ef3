"""The session object: how a conversation is configured, as it stands on the wire.

Every key is written, with explicit nulls, as the real service does; `parallel_tool_calls` and `reasoning`
only once they were set. How a `session.update` changes it is in `protocol.merging`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from moksori.protocol.items import InputImage, InputText
from moksori.protocol.records import Record, Tagged, present

Modality = Literal["text", "audio"]
Eagerness = Literal["low", "medium", "high", "auto"]
MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Milliseconds = Annotated[int, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Include = Literal["item.input_audio_transcription.logprobs"]

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
)
DEFAULT_VOICE = "alloy"
DEFAULT_TRANSCRIPTION_MODEL = "whisper-1"


# Audio formats


class PcmFormat(Tagged, frozen=True, tag="audio/pcm"):
    """16-bit little-endian mono."""

    rate: Literal[24000] = present(24000)

    @property
    def sample_rate(self) -> int:
        return self.rate


class PcmuFormat(Tagged, frozen=True, tag="audio/pcmu"):
    """G.711 mu-law, a byte a sample."""

    @property
    def sample_rate(self) -> int:
        return 8000


class PcmaFormat(Tagged, frozen=True, tag="audio/pcma"):
    """G.711 A-law, a byte a sample."""

    @property
    def sample_rate(self) -> int:
        return 8000


AudioFormat = PcmFormat | PcmuFormat | PcmaFormat


# Input


class NoiseReduction(Record, frozen=True):
    type: Literal["near_field", "far_field"] = present("near_field")
    strength: Fraction | None = None


class Transcription(Record, frozen=True):
    """What transcribes the caller. `language` is ISO 639-1."""

    model: str = present(DEFAULT_TRANSCRIPTION_MODEL)
    language: str | None = present(None)
    prompt: str | None = present(None)
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    keywords: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None


class ServerVad(Tagged, frozen=True, tag="server_vad"):
    """Turns end after `silence_duration_ms` of silence."""

    threshold: Fraction = present(0.5)
    prefix_padding_ms: Milliseconds = present(300)
    silence_duration_ms: Milliseconds = present(500)
    idle_timeout_ms: Annotated[int, Meta(ge=1)] | None = present(None)
    create_response: bool = present(True)
    interrupt_response: bool = present(True)


class SemanticVad(Tagged, frozen=True, tag="semantic_vad"):
    """Turns end when the caller sounds finished. `auto` eagerness is `medium`."""

    eagerness: Eagerness = present("auto")
    create_response: bool = present(True)
    interrupt_response: bool = present(True)


TurnDetection = ServerVad | SemanticVad


class AudioInput(Record, frozen=True):
    format: AudioFormat = present(PcmFormat())
    transcription: Transcription | None = present(None)
    noise_reduction: NoiseReduction | None = present(None)
    turn_detection: TurnDetection | None = present(None)


class AudioOutput(Record, frozen=True):
    format: AudioFormat = present(PcmFormat())
    voice: str = present(DEFAULT_VOICE)
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = present(1.0)


class Audio(Record, frozen=True):
    input: AudioInput = present(AudioInput())
    output: AudioOutput = present(AudioOutput())


class TranscriptionAudio(Record, frozen=True):
    input: AudioInput = present(AudioInput())


# Tools


class FunctionTool(Tagged, frozen=True, tag="function"):
    """`parameters` is a JSON schema."""

    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class McpToolFilter(Record, frozen=True):
    read_only: bool | None = None
    tool_names: tuple[str, ...] | None = None


class McpApprovalFilter(Record, frozen=True):
    always: McpToolFilter | None = None
    never: McpToolFilter | None = None


ConnectorId = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]


class McpTool(Tagged, frozen=True, tag="mcp"):
    """A tool server that the *server* calls.

    Exactly one of `server_url`, `connector_id`, `tunnel_id` says where.
    """

    server_label: Annotated[str, Meta(min_length=1)]
    server_url: str | None = None
    connector_id: ConnectorId | None = None
    tunnel_id: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: tuple[str, ...] | McpToolFilter | None = None
    require_approval: Literal["always", "never"] | McpApprovalFilter | None = None
    server_description: str | None = None
    defer_loading: bool | None = None
    allowed_callers: tuple[Literal["direct", "programmatic"], ...] | None = None


Tool = FunctionTool | McpTool


class ToolChoiceFunction(Tagged, frozen=True, tag="function"):
    name: str


class ToolChoiceMcp(Tagged, frozen=True, tag="mcp"):
    server_label: str
    name: str | None = None


ToolChoice = Literal["auto", "none", "required"] | ToolChoiceFunction | ToolChoiceMcp


# The rest


class TokenLimits(Record, frozen=True):
    post_instructions: Annotated[int, Meta(ge=0)] | None = None


class RetentionRatio(Tagged, frozen=True, tag="retention_ratio"):
    """When the input limit is passed, drop the oldest messages until this fraction of it is left."""

    retention_ratio: Fraction
    token_limits: TokenLimits | None = None


Truncation = Literal["auto", "disabled"] | RetentionRatio


class TracingConfiguration(Record, frozen=True):
    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, Any] | None = None


Tracing = Literal["auto"] | TracingConfiguration


class PromptFile(Tagged, frozen=True, tag="input_file"):
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


PromptVariable = str | InputText | InputImage | PromptFile


class Prompt(Record, frozen=True):
    """Instructions kept elsewhere, with `variables` to fill in."""

    id: str
    version: str | None = None
    variables: dict[str, PromptVariable] | None = None


class Reasoning(Record, frozen=True):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class RealtimeSession(Tagged, frozen=True, kw_only=True, tag="realtime"):
    """Speech to speech."""

    object: Literal["realtime.session"] = present("realtime.session")
    id: str = present("")
    model: str = present("")
    output_modalities: tuple[Modality, ...] = present(("audio",))
    instructions: str = present("")
    tools: tuple[Tool, ...] = present(())
    tool_choice: ToolChoice = present("auto")
    max_output_tokens: MaxTokens = present("inf")
    tracing: Tracing | None = present(None)
    truncation: Truncation = present("auto")
    prompt: Prompt | None = present(None)
    expires_at: int = present(0)
    """Unix second at which the session is over; it does not move."""
    audio: Audio = present(Audio())
    include: tuple[Include, ...] | None = present(None)
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None


class TranscriptionSession(Tagged, frozen=True, kw_only=True, tag="transcription"):
    """Speech to text: no responses are made."""

    object: Literal["realtime.transcription_session"] = present("realtime.transcription_session")
    id: str = present("")
    expires_at: int = present(0)
    audio: TranscriptionAudio = present(TranscriptionAudio())
    include: tuple[Include, ...] | None = present(None)


Session = RealtimeSession | TranscriptionSession


def default_session(
    id: str, model: str, expires_at: int, *, instructions: str = "", voice: str = DEFAULT_VOICE
) -> RealtimeSession:
    """What a client gets that asks for nothing: audio both ways, `server_vad`, no transcription.

    `expires_at` is a unix second.
    """
    return RealtimeSession(
        id=id,
        model=model,
        expires_at=expires_at,
        instructions=instructions,
        audio=Audio(input=AudioInput(turn_detection=ServerVad()), output=AudioOutput(voice=voice)),
    )


def default_transcription_session(id: str, expires_at: int) -> TranscriptionSession:
    """A transcription session that asked for nothing: `server_vad` and the default transcription model."""
    return TranscriptionSession(
        id=id,
        expires_at=expires_at,
        audio=TranscriptionAudio(
            input=AudioInput(transcription=Transcription(), turn_detection=ServerVad()),
        ),
    )


def without_secrets(session: Session) -> Session:
    """The session as others may see it: MCP tools keep their place and lose `authorization` and `headers`."""
    if not isinstance(session, RealtimeSession):
        return session
    tools = tuple(
        replace(tool, authorization=None, headers=None) if isinstance(tool, McpTool) else tool
        for tool in session.tools
    )
    return replace(session, tools=tools)
