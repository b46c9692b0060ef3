"""What hears and what speaks: voice activity, end of turn, recogniser, voice.

Inside the engine audio for hearing is 16 kHz mono float32 in [-1, 1]; audio that is spoken is 24 kHz mono
PCM16 little-endian bytes. Everything asynchronous is cancelled by cancelling the awaiting task; an
implementation stops as soon as its model lets it and never delivers afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from moksori.protocol.internal import Word  # rooms below `agent` import it from there

__all__ = [
    "HEARING_RATE",
    "SPEAKING_RATE",
    "EndOfTurn",
    "Glancing",
    "Language",
    "Priority",
    "Recogniser",
    "Samples",
    "SpeechFailed",
    "Spoken",
    "Transcript",
    "Voice",
    "VoiceActivity",
    "Word",
]

Samples = NDArray[np.float32]
Language = Literal["en", "ko"]

HEARING_RATE = 16_000
SPEAKING_RATE = 24_000


class Priority(IntEnum):
    """Who goes first on a shared model; lower runs earlier."""

    WAITED_FOR = 0
    """A caller is waiting in silence for this: the final decode, the first clause."""
    NEXT = 1
    """Needed soon: the second clause while the first one plays."""
    SPECULATIVE = 2
    """May be thrown away: a decode in a pause that may go on."""
    IDLE = 3
    """Nobody waits: partial captions, phrases rendered ahead."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood of one utterance.

    `text` is "" when there was no speech. `confidence` is exp(mean token log probability), 0 to 1. `closes` is the
    probability that the text ends where it does, instead of trailing off or going on; `goes_on` the probability,
    by its sound, that the speaker has not finished. None if that is not known.
    """

    text: str
    language: str
    confidence: float
    audio_ms: int
    decode_ms: int
    closes: float | None = None
    goes_on: float | None = None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The beginning of speech that goes on.

    `text`: the first few words, the last one perhaps cut; "" when there are none, or when the sound was enough.
    `listens`: probability, by the sound, that the speaker only says that he listens; None if that is not known.
    """

    text: str
    listens: float | None = None


class VoiceActivity(Protocol):
    """One caller's voice activity detector; keeps state, so one per session."""

    def step(self, frame: Samples) -> float:
        """Probability of speech in the next 512 samples (32 ms at 16 kHz). Synchronous, about 0.2 ms."""
        ...

    def reset(self) -> None: ...


class EndOfTurn(Protocol):
    async def probability(self, samples: Samples, priority: Priority = Priority.WAITED_FOR) -> float:
        """Probability that the speaker has finished, from up to the last 8 s of the turn, silence included."""
        ...


class Recogniser(Protocol):
    async def transcribe(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
        priority: Priority = Priority.WAITED_FOR,
    ) -> Transcript:
        """Decode one utterance. `language` None means detect. Raises `SpeechFailed`."""
        ...


@runtime_checkable
class Glancing(Protocol):
    """A recogniser that can also understand the first words of speech that goes on."""

    @property
    def hears_ends(self) -> bool:
        """Whether its transcripts tell by the sound if the speaker goes on (`Transcript.goes_on`)."""
        ...

    async def glance(self, samples: Samples, language: str | None = None) -> Glimpse:
        """`samples` begin 300 ms before the speech. Raises `SpeechFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of synthesised speech; a clause is one or more of these, in order.

    `words` are those whose sound begins in this piece, positions relative to the start of the *clause*. Joined with
    single spaces, the words of a clause are its text with white space folded: nothing of it is left out.
    """

    pcm: bytes
    words: tuple[Word, ...]


class Voice(Protocol):
    def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """Speak one clause, leading silence trimmed. `voice` is any OpenAI voice name. Raises `SpeechFailed`."""
        ...


class SpeechFailed(Exception):
    """A model or a remote endpoint could not do its work; the message is a sentence for the operator."""
