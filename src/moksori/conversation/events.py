"""What can happen to a conversation, and what it asks to be done. Both are data; `core` maps one to the other."""

from __future__ import annotations

from dataclasses import dataclass

from moksori.protocol.client_events import ClientEvent
from moksori.protocol.internal import Word
from moksori.protocol.items import Item
from moksori.protocol.server_events import ExtendedEvent, ServerEvent
from moksori.protocol.session import AudioFormat, Tool, ToolChoice, Truncation

# ---------------------------------------------------------------------------------------------- what happens


@dataclass(frozen=True, slots=True)
class FromClient:
    """One well-formed client event other than `input_audio_buffer.append`, whose audio arrives as `AudioAppended`."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class AudioAppended:
    """The input buffer now reaches `total_ms` of audio time."""

    total_ms: int


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """Speech probability of the voice-activity frame that ended at `at_ms` (audio time), and its level in dBFS."""

    probability: float
    at_ms: int
    level_db: float | None = None


@dataclass(frozen=True, slots=True)
class VoiceLevel:
    """The level in dBFS of a frame's length of sound that ended at `at_ms`, between two voice-activity frames."""

    at_ms: int
    level_db: float


@dataclass(frozen=True, slots=True)
class EndJudged:
    """The end-of-turn model answered."""

    turn: int
    revision: int
    probability: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The recogniser is done with a job. `language` is what it heard, `audio_ms` how much it decoded.

    `confidence`, `closes` and `goes_on`: how sure it is of the words, that they end there, and that the voice goes on;
    see `finished.more_coming`.
    """

    job: Job
    text: str
    language: str
    audio_ms: int
    confidence: float = 1.0
    closes: float | None = None
    goes_on: float | None = None


@dataclass(frozen=True, slots=True)
class TranscribeFailed:
    job: Job
    message: str


@dataclass(frozen=True, slots=True)
class Glimpsed:
    """What a glance understood; "" if nothing, or if it failed. `listens` as `agent.speech.Glimpse` says."""

    job: Job
    text: str
    listens: float | None = None


@dataclass(frozen=True, slots=True)
class BrainSaid:
    response_id: str
    text: str
    slow: bool = False


@dataclass(frozen=True, slots=True)
class BrainCalled:
    response_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class BrainFinished:
    response_id: str
    reason: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class BrainFailedEvent:
    response_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Sounded:
    """A piece of a clause was synthesised: `audio` is base64 in the response's output format.

    `samples` are counted at 24 kHz whatever the format; `words` are placed relative to their clause.
    """

    response_id: str
    clause: int
    audio: str
    samples: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ClauseSpoken:
    """All of a clause has been synthesised."""

    response_id: str
    clause: int


@dataclass(frozen=True, slots=True)
class SpeakFailed:
    response_id: str
    clause: int
    message: str


Happening = (
    FromClient
    | AudioAppended
    | VoiceActivity
    | VoiceLevel
    | EndJudged
    | Transcribed
    | TranscribeFailed
    | Glimpsed
    | BrainSaid
    | BrainCalled
    | BrainFinished
    | BrainFailedEvent
    | Sounded
    | ClauseSpoken
    | SpeakFailed
)


# ---------------------------------------------------------------------------------------------- what to do


@dataclass(frozen=True, slots=True)
class Job:
    """A decode is known by its item and the revision of the turn it belongs to."""

    item_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Emit:
    """Send one event to the client."""

    event: ServerEvent | ExtendedEvent


@dataclass(frozen=True, slots=True)
class EmitRetrieved:
    """Send `conversation.item.retrieved`, with the audio of `start_ms..end_ms` where it is still kept."""

    item: Item
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Transcribe:
    job: Job
    start_ms: int
    end_ms: int
    language: str | None
    prompt: str | None
    speculative: bool
    audio: str | None = None
    """Base64 in the input format: audio that came inside an item instead of through the buffer."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Understand the first words of speech that goes on, quickly; comes back as `Glimpsed`.

    `job.revision` numbers the glances of an item. `urgent`: an answer is sounding over this speech.
    """

    job: Job
    start_ms: int
    end_ms: int
    language: str | None
    urgent: bool


@dataclass(frozen=True, slots=True)
class Hasten:
    """A speculative decode has become one that somebody waits for."""

    job: Job


@dataclass(frozen=True, slots=True)
class DropJob:
    """Nobody wants this decode any more."""

    job: Job


@dataclass(frozen=True, slots=True)
class JudgeEnd:
    turn: int
    revision: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Think:
    conversation_id: str
    response_id: str
    history: tuple[Item, ...]
    instructions: str
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    max_tokens: int | None
    language: str | None
    speculative: bool
    metadata: dict[str, str] | None
    truncation: Truncation = "auto"
    parallel_tool_calls: bool | None = None
    effort: str | None = None
    given: bool = False
    """`history` was given for this one response: it is not the conversation."""


@dataclass(frozen=True, slots=True)
class StopThinking:
    response_id: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise one clause; its audio comes back as `Sounded` pieces and one `ClauseSpoken`."""

    response_id: str
    clause: int
    text: str
    voice: str
    language: str | None
    speed: float
    format: AudioFormat
    first: bool


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop synthesising for this response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AudioNeededFrom:
    """Input audio before `ms` will not be asked for again, except by retrieve."""

    ms: int


@dataclass(frozen=True, slots=True)
class AnswerOver:
    """`response.done` was said: nothing more is wanted for this response."""

    response_id: str


Effect = (
    Emit
    | EmitRetrieved
    | Transcribe
    | Glance
    | Hasten
    | DropJob
    | JudgeEnd
    | Think
    | StopThinking
    | Speak
    | Hush
    | AudioNeededFrom
    | AnswerOver
)
