"""The English voice: hibari-tts, streamed in short pieces, trimmed, with the words' real places in the sound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import numpy as np

from moksori.agent.speech import SPEAKING_RATE, Priority, SpeechFailed, Spoken, Word
from moksori.conversation.clauses import Chunker, Limits, Saying, speakable
from moksori.engine.hibari_model import HOP, Floats, HibariModel, Utterance
from moksori.engine.runner import Run, one_thread

VOICES = dict.fromkeys(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"), "heart"
)
"""What each OpenAI voice name sounds like here. One English voice comes in the package, hibari's "heart".

Shifting its pitch was left out: nobody has listened to whether it still sounds human. A name not listed is spoken
with the same voice.
"""

PIECE = SPEAKING_RATE // 5
"""Samples in a streamed piece: 200 ms, so that an interruption finds little sound on its way."""
PIECE_FRAMES = PIECE // HOP
FADE_IN = SPEAKING_RATE * 3 // 1000
FADE_OUT = SPEAKING_RATE * 8 // 1000
"""Fades so short that no consonant suffers, and a joint still does not click."""
SLOWEST, FASTEST = 0.5, 2.0
"""Speeds the network was made for (hibari README)."""

GAPS_MS = {",": 130, "—": 150, ";": 190, ":": 190, ".": 270, "!": 270, "?": 290, "…": 320}
"""Silence after a clause, by what it ends with; speakers pause 100 to 200 ms at a comma and longer between
sentences. The voice's own silence there is 270 to 510 ms."""
NO_GAP_MS = 40
"""After a clause that ends without a mark: it was cut in mid-sentence."""

SENTENCES = Limits(pause=1 << 30, end=5, soft=70, hard=110)
"""A clause goes to the network whole; only longer texts are parted, at sentences."""

WARM_UP = "Thank you for calling; let me look that up for you now, it will only take a moment."


class HibariVoice:
    """`Voice` for English. Loads the network when made (0.7 s, blocking); `warm` does the rest.

    Deterministic: the same text, speed and version of hibari give the same bytes.
    """

    def __init__(self, *, threads: int = 1, run: Run | None = None, seed: int = 0) -> None:
        self._model = HibariModel(threads, seed)
        self._run = run or one_thread("hibari")

    def warm(self) -> None:
        """Speak one sentence of real length to nobody. Blocking, about 0.5 s."""
        utterance = self._model.utter(speakable(WARM_UP), 1.0)
        assert utterance is not None
        self._model.render(utterance, 0, utterance.frames)

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """Speak one clause; the first piece comes when the network has run once. See `Voice`.

        Text without any sound gives one piece of no audio that carries its words. Raises `SpeechFailed`.
        """
        if not language.lower().startswith("en"):
            raise SpeechFailed(
                f"The voice hibari speaks English only, not {language!r}; configure another voice."
            )
        pace = min(max(speed, SLOWEST), FASTEST)
        start = 0
        for words in _sentences(text, language):
            sentence = _Sentence(self._model, words, pace, start)
            for work in (sentence.head, sentence.tail):
                for piece in await self._run(priority, work):
                    start += len(piece.pcm) // 2
                    yield piece


class _Sentence:
    """One run of the network in two jobs: `head` until there is a first piece, `tail` for all the others."""

    def __init__(self, model: HibariModel, words: tuple[Saying, ...], speed: float, start: int) -> None:
        self._model = model
        self._words = words
        self._speed = speed
        # Where the sentence begins in its clause, in samples.
        self._start = start
        self._utterance: Utterance | None = None
        # The first frame that `head` did not render.
        self._rendered = 0
        # Words not yet given out, and the samples given out so far.
        self._waiting: list[Word] = []
        self._given = 0

    def head(self) -> list[Spoken]:
        utterance = self._model.utter(self._words, self._speed)
        if utterance is None:
            return [Spoken(b"", tuple(Word(w.written, self._start, self._start) for w in self._words))]
        self._utterance = utterance
        self._waiting = list(utterance.words)
        # One frame short of the end at most, so that the fade at the end always falls to `tail`.
        self._rendered = min(-(-(utterance.begin + PIECE) // HOP), utterance.end // HOP - 1)
        wave = self._model.render(utterance, utterance.begin // HOP, self._rendered)
        wave = wave[utterance.begin % HOP :].copy()
        fade = min(FADE_IN, wave.size)
        wave[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        return [self._piece(wave, last=False)]

    def tail(self) -> list[Spoken]:
        utterance = self._utterance
        if utterance is None:
            return []
        wave = self._model.render(utterance, self._rendered, utterance.end // HOP).copy()
        fade = min(FADE_OUT, wave.size)
        wave[wave.size - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        gap = round(_gap_ms(self._words) * SPEAKING_RATE / 1000 / self._speed)
        wave = np.concatenate((wave, np.zeros(gap, np.float32)))
        return [
            self._piece(wave[at : at + PIECE], at + PIECE >= wave.size) for at in range(0, wave.size, PIECE)
        ]

    def _piece(self, wave: Floats, last: bool) -> Spoken:
        """Samples as PCM16, with the words that begin in them."""
        self._given += wave.size
        n = 0
        while n < len(self._waiting) and (last or self._waiting[n].start < self._given):
            n += 1
        begun, self._waiting = self._waiting[:n], self._waiting[n:]
        pcm = (np.clip(wave, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        return Spoken(pcm, tuple(Word(w.text, w.start + self._start, w.end + self._start) for w in begun))


def _sentences(text: str, language: str) -> Iterator[tuple[Saying, ...]]:
    chunker = Chunker(SENTENCES, SENTENCES)
    parts = [*chunker.push(text), *chunker.flush()]
    part = ""
    for following in [*parts, " "]:
        # A part that does not begin with a space was cut inside a word, which must stay one word.
        if part and following[0] == " ":
            yield speakable(part, language)
            part = ""
        part += following


def _gap_ms(words: tuple[Saying, ...]) -> int:
    spoken = next((w.spoken for w in reversed(words) if w.spoken), "")
    mark = spoken.rstrip("\"'”’)]")[-1:]
    return GAPS_MS.get(mark, NO_GAP_MS)
