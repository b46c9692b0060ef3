"""One answer on its way: whose turn it answers, what was asked for it, and what it used."""

from __future__ import annotations

from dataclasses import dataclass

from moksori.conversation.answer import Answer
from moksori.conversation.events import BrainFinished
from moksori.conversation.playback import SAMPLES_PER_MS
from moksori.protocol.items import Item
from moksori.protocol.response import InputTokenDetails, OutputTokenDetails, Usage
from moksori.protocol.session import RealtimeSession

USER_TOKEN_MS = 100
"""Documented: a token of caller audio is 100 ms."""
ASSISTANT_TOKEN_MS = 50
"""Documented: a token of assistant audio is 50 ms."""


@dataclass(frozen=True, slots=True)
class AnsweredTurn:
    """The spoken turn that an answer is for. Times are monotonic ms."""

    item_id: str
    voice_stopped_at: float
    committed_at: float
    transcribed_at: float | None
    tools_at: float | None = None
    """When the tools had run that its answer asked for before it said anything."""


@dataclass(slots=True)
class Running:
    """An answer and what is known around it."""

    answer: Answer
    session: RealtimeSession
    context: tuple[Item, ...] | None
    """Items given in `response.create` instead of the conversation."""
    waiting: bool = False
    """The brain has not been asked yet: some words before it are still being decoded."""
    turn: AnsweredTurn | None = None
    tokens: BrainFinished | None = None
    user_audio_ms: int = 0
    asked_at: float = 0.0
    first_text_at: float | None = None
    first_audio_at: float | None = None
    voice_to_voice_ms: int | None = None


def usage_of(running: Running) -> Usage:
    """Text tokens as the brain counted them, audio tokens by the documented durations."""
    tokens = running.tokens
    text_in = tokens.input_tokens if tokens else 0
    text_out = tokens.output_tokens if tokens else 0
    audio_in = running.user_audio_ms // USER_TOKEN_MS
    audio_out = running.answer.samples // SAMPLES_PER_MS // ASSISTANT_TOKEN_MS
    return Usage(
        total_tokens=text_in + audio_in + text_out + audio_out,
        input_tokens=text_in + audio_in,
        output_tokens=text_out + audio_out,
        input_token_details=InputTokenDetails(
            text_tokens=text_in, audio_tokens=audio_in, cached_tokens=tokens.cached_tokens if tokens else 0
        ),
        output_token_details=OutputTokenDetails(text_tokens=text_out, audio_tokens=audio_out),
        moksori={
            "cost": 0,
            "currency": "USD",
            "budget_left": None,
            "latency_ms": running.voice_to_voice_ms,
            "stages_ms": _stages(running),
        },
    )


def _stages(running: Running) -> dict[str, int]:
    """Where the time of a spoken turn went, each stage in ms; only stages that happened."""
    stages: dict[str, int] = {}
    turn = running.turn
    if turn is not None:
        stages["hold"] = round(turn.committed_at - turn.voice_stopped_at)
        if turn.transcribed_at is not None:
            stages["transcribed"] = round(turn.transcribed_at - turn.voice_stopped_at)
        if turn.tools_at is not None:
            stages["tools"] = round(turn.tools_at - turn.voice_stopped_at)
    begin = turn.voice_stopped_at if turn is not None else running.asked_at
    if running.first_text_at is not None:
        stages["first_text"] = round(running.first_text_at - begin)
    if running.first_audio_at is not None:
        stages["first_audio"] = round(running.first_audio_at - begin)
    return stages
