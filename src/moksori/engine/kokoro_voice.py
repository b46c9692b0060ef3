"""The Korean voice: Kokoro, one run of the network for each part of a clause, phrases rendered ahead from their store.

A part ends at a mark, so that a sentence's fixed parts can come from the store; of a part that holds something that
varies, the fixed words before and after it can (`korean.parts`). Only the rest is synthesised when it is said, in a
call in pieces that take no longer than the call says when each of them begins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from moksori.agent.speech import SPEAKING_RATE, Priority, SpeechFailed, Spoken, Word
from moksori.conversation.clauses import Saying
from moksori.engine import phrases
from moksori.engine.kokoro_model import KokoroModel
from moksori.engine.korean.parts import SHORTEST_PART, ends, fitting, parts, start, syllables
from moksori.engine.korean.reader import read
from moksori.engine.phrases import Phrase, PhraseStore, key_of
from moksori.engine.runner import Run, one_thread
from moksori.engine.scheduler import MAY_TAKE, URGENCY

DEFAULT_VOICE = "jm_kumo"
"""Understood best of the five when transcribed back (docs/reference/korean.md)."""
PIECE = SPEAKING_RATE // 5
"""Samples in a streamed piece: 200 ms, so that an interruption finds little sound on its way."""
SLOWEST, FASTEST = 0.5, 2.0
"""Beyond these the network's speech falls apart."""
FADE = SPEAKING_RATE * 4 // 1000
"""So short that no consonant suffers, and a joint does not click."""
GAPS_MS = {",": 130, ";": 190, ":": 150, ".": 270, "!": 270, "?": 290, "…": 320}
"""Silence after a part, by the mark it ends with; the same as the English voice's."""
NO_GAP_MS = 30
WARM_UP = "네, 확인했습니다."
MAKING_S = 0.08
"""What a syllable takes on two cores, until it has been measured."""


class KokoroVoice:
    """`Voice` for Korean. Loads the weights when made, blocking. The same text always gives the same bytes.

    `model_hash` names the weights in the keys of stored phrases.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 2,
        run: Run | None = None,
        store: PhraseStore | None = None,
        model_hash: str = "",
    ) -> None:
        self._model = KokoroModel(folder, threads)
        self._run = run or one_thread("kokoro")
        self._store = store
        self._hash = model_hash
        self._making_s = MAKING_S

    def warm(self) -> None:
        """Speak something short, so that the first caller waits no longer than the tenth."""
        self.render(WARM_UP, DEFAULT_VOICE, 1.0)

    @property
    def voices(self) -> tuple[str, ...]:
        return self._model.voices

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """Speak one clause, part by part. See `Voice`; `voice` is one of `voices`. Raises `SpeechFailed`."""
        if not language.lower().startswith("ko"):
            raise SpeechFailed(f"The voice Kokoro speaks Korean here, not {language!r}.")
        at = 0
        for part in parts(text):
            async for phrase in self._part(part, voice, speed, priority, hurried=at == 0 and _hurried()):
                for piece in pieces(phrase, at):
                    yield piece
                at += len(phrase.pcm) // 2

    async def _part(
        self, part: str, voice: str, speed: float, priority: Priority, *, hurried: bool
    ) -> AsyncIterator[Phrase]:
        """One part: what of it is stored from the store, the rest from the network, in two runs where `hurried`."""
        if (whole := await self._stored(part, voice, speed)) is not None:
            yield whole
            return
        words, known = read(part), phrases.ahead()
        head_text, tail_text = ends(part.split(), frozenset(known.heads), frozenset(known.tails))
        head, tail = await self._stored(head_text, voice, speed), await self._stored(tail_text, voice, speed)
        if head is not None:
            yield head
            words = words[len(head.words) :]
        if tail is not None:
            words = words[: len(words) - len(tail.words)]
        silent = hurried and head is None
        may_take = MAY_TAKE.get()
        while words:
            phrase, made = await self._run(
                priority,
                partial(self._piece, words, voice, speed, None if silent else may_take, hurried=silent),
            )
            yield phrase
            words, silent = words[made:], False
        if tail is not None:
            yield tail

    def _piece(
        self,
        words: Sequence[Saying],
        voice: str,
        speed: float,
        may_take: Callable[[], float] | None,
        *,
        hurried: bool,
    ) -> tuple[Phrase, int]:
        """Make as much of the words as there is time for when their turn has come; and how many those are. Blocking."""
        spoken = [word.spoken for word in words]
        made = len(words)
        if hurried:
            made = start(spoken) or made
        elif may_take is not None:
            made = fitting(spoken, may_take() / self._making_s)
        return self._spoken(words[:made], voice, speed), made

    async def _stored(self, text: str, voice: str, speed: float) -> Phrase | None:
        if self._store is None or not text:
            return None
        return await asyncio.to_thread(self._store.get, self.key(text, voice, speed))

    async def keep(self, part: str, *, voice: str, speed: float = 1.0) -> bool:
        """Render a part into the store if it is not there; True if it had to be rendered."""
        if self._store is None:
            return False
        key = self.key(part, voice, speed)
        if await asyncio.to_thread(self._store.get, key) is not None:
            return False
        phrase = await self._run(Priority.IDLE, lambda: self.render(part, voice, speed))
        await asyncio.to_thread(self._store.put, key, phrase)
        return True

    def key(self, part: str, voice: str, speed: float) -> str:
        return key_of(part, voice, _pace(speed), self._hash)

    def render(self, part: str, voice: str, speed: float) -> Phrase:
        """Run the network on a text. Blocking. Raises `SpeechFailed`."""
        return self._spoken(read(part), voice, speed)

    def _spoken(self, words: Sequence[Saying], voice: str, speed: float) -> Phrase:
        if voice not in self._model.voices:
            raise SpeechFailed(
                f"There is no Korean voice {voice!r}; there are {', '.join(self._model.voices)}."
            )
        began = time.monotonic()
        sound = self._model.speak(words, voice, _pace(speed))
        made = syllables([word.spoken for word in words])
        if made >= SHORTEST_PART:
            self._making_s += ((time.monotonic() - began) / made - self._making_s) / 4
        if sound is None:
            return Phrase(b"", tuple(Word(word.written, 0, 0) for word in words))
        wave = sound.wave.copy()
        fade = min(FADE, wave.size // 2)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        wave[:fade] *= ramp
        wave[wave.size - fade :] *= ramp[::-1]
        gap = np.zeros(round(_gap_ms(words) * SPEAKING_RATE / 1000 / _pace(speed)), np.float32)
        pcm = (np.concatenate((wave, gap)) * 32767).astype("<i2").tobytes()
        return Phrase(pcm, sound.words)


def pieces(phrase: Phrase, start: int) -> list[Spoken]:
    """A phrase cut for streaming, its words placed `start` samples later."""
    waiting = [Word(w.text, w.start + start, w.end + start) for w in phrase.words]
    total = len(phrase.pcm) // 2
    out: list[Spoken] = []
    at = 0
    while at < total or not out:
        end = min(at + PIECE, total)
        last = end == total
        begun = [w for w in waiting if last or w.start < start + end]
        waiting = waiting[len(begun) :]
        out.append(Spoken(phrase.pcm[at * 2 : end * 2], tuple(begun)))
        at = end
        if last:
            break
    return out


def _hurried() -> bool:
    """Whether a caller hears nothing until this is made: the first clause of an answer in a call."""
    urgency = URGENCY.get()
    return urgency is not None and urgency.priority is Priority.WAITED_FOR


def _pace(speed: float) -> float:
    return min(max(speed, SLOWEST), FASTEST)


def _gap_ms(words: Sequence[Saying]) -> int:
    spoken = next((w.spoken for w in reversed(words) if w.spoken), "")
    return GAPS_MS.get(spoken[-1:], NO_GAP_MS)
