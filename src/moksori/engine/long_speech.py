"""Utterances longer than the recogniser's window, cut where the speaker was quietest."""

from __future__ import annotations

import numpy as np

from moksori.agent.speech import HEARING_RATE, Priority, Recogniser, Samples, Transcript

WINDOW_S = 22
"""Whisper takes 30 s with its padding; 8 s of that is silence it wants."""
SEARCH_S = 6
"""How far before the window's end to look for a quiet place."""
QUIET_S = 0.2
"""Length of the stretch whose loudness is compared."""


def cuts(samples: Samples) -> list[tuple[int, int]]:
    """Spans of at most `WINDOW_S`, in samples, that cover the audio and meet in its quietest places."""
    window, search, quiet = (int(s * HEARING_RATE) for s in (WINDOW_S, SEARCH_S, QUIET_S))
    spans: list[tuple[int, int]] = []
    start = 0
    while len(samples) - start > window:
        area = samples[start + window - search : start + window]
        steps = len(area) // quiet
        loudness = np.square(area[: steps * quiet]).reshape(steps, quiet).mean(axis=1)
        cut = start + window - search + int(loudness.argmin()) * quiet + quiet // 2
        spans.append((start, cut))
        start = cut
    spans.append((start, len(samples)))
    return spans


async def transcribe_any_length(
    recogniser: Recogniser,
    samples: Samples,
    *,
    language: str | None,
    prompt: str | None,
    priority: Priority = Priority.WAITED_FOR,
) -> Transcript:
    """Decode an utterance of any length. Raises `SpeechFailed`."""
    spans = cuts(samples)
    parts: list[Transcript] = []
    for start, end in spans:
        part = await recogniser.transcribe(
            samples[start:end], language=language, prompt=prompt, priority=priority
        )
        language = language or part.language or None
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    heard = [p for p in parts if p.text]
    return Transcript(
        text=" ".join(p.text for p in heard),
        language=heard[0].language if heard else parts[0].language,
        confidence=min((p.confidence for p in heard), default=0.0),
        audio_ms=sum(p.audio_ms for p in parts),
        decode_ms=sum(p.decode_ms for p in parts),
    )
