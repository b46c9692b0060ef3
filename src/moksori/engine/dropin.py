"""Voices that a user drops into `$MOKSORI_HOME/voices/NAME/`: sherpa-onnx VITS or Matcha models.

A folder holds `tokens.txt`, and either `model.onnx` (VITS) or `model-steps-3.onnx` or another acoustic model with
`vocoder.onnx` (Matcha); besides, where the model wants them, `lexicon.txt`, `dict/`, and `*.fst` rules. A folder with
`espeak-ng-data/` or a `*.onnx.json` beside its model (Piper's and Mimic's voices) wants phonemes: they come from the
program espeak-ng (GPL-3.0), which is run, never linked. The package sherpa-onnx (Apache-2.0, from 2.0 on without
espeak-ng in it) runs the networks; neither is a dependency of ours.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from moksori.agent.speech import SPEAKING_RATE, Priority, SpeechFailed, Spoken, Word
from moksori.conversation.clauses import Saying, speakable
from moksori.engine.kokoro_voice import pieces
from moksori.engine.korean.parts import parts
from moksori.engine.korean.reader import read
from moksori.engine.phrases import Phrase
from moksori.engine.runner import Run, one_thread

FOLDER = "voices"
INSTALL = "pip install 'sherpa-onnx>=2'"
PHONEMIZER = "espeak-ng"
PHONEMIZER_VOICES = {"ko": "ko", "en": "en-us"}
PHONEMIZER_S = 10.0
"""A sentence takes it some 10 ms."""
SILENCE = 0.006
"""Of full scale: quieter samples at either end are cut off."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One folder, with the paths sherpa-onnx is given; "" for what is not there."""

    name: str
    acoustic: Path
    tokens: Path
    vocoder: str
    lexicon: str
    dictionary: str
    rules: str
    by_phonemes: bool
    """It is given phonemes, not text."""


def found(home: Path) -> tuple[Dropped, ...]:
    """The voice folders under a home, by name. Raises `SpeechFailed` for a folder that lacks a file."""
    folder = home / FOLDER
    if not folder.is_dir():
        return ()
    return tuple(_look(place) for place in sorted(folder.iterdir()) if place.is_dir())


def _look(place: Path) -> Dropped:
    tokens = place / "tokens.txt"
    if not tokens.is_file():
        raise SpeechFailed(
            f"The voice folder {place} has no tokens.txt; it is part of every sherpa-onnx voice."
        )
    vocoder = next(iter(sorted([*place.glob("voco*.onnx"), *place.glob("hifigan*.onnx")])), None)
    models = [file for file in sorted(place.glob("*.onnx")) if file != vocoder]
    if not models:
        raise SpeechFailed(f"The voice folder {place} has no model.onnx.")
    acoustic = place / "model.onnx" if place / "model.onnx" in models else models[0]
    lexicon, dictionary = place / "lexicon.txt", place / "dict"
    return Dropped(
        name=place.name,
        acoustic=acoustic,
        tokens=tokens,
        vocoder=str(vocoder) if vocoder else "",
        lexicon=str(lexicon) if lexicon.is_file() else "",
        dictionary=str(dictionary) if dictionary.is_dir() else "",
        rules=",".join(str(rule) for rule in sorted(place.glob("*.fst"))),
        by_phonemes=not lexicon.is_file()
        and ((place / "espeak-ng-data").is_dir() or any(place.glob("*.onnx.json"))),
    )


class DroppedVoice:
    """`Voice` over one folder. Loads the model when made, blocking. Raises `SpeechFailed` without what it needs.

    sherpa-onnx tells nothing of durations: words are placed by their syllables over the real length of each part.
    """

    def __init__(self, dropped: Dropped, *, threads: int = 2, run: Run | None = None) -> None:
        try:
            import sherpa_onnx
        except ImportError as error:
            raise SpeechFailed(
                f"The voice {dropped.name!r} in {dropped.tokens.parent} needs the package sherpa-onnx: "
                f"run `{INSTALL}`, or move the folder away."
            ) from error
        if dropped.by_phonemes and shutil.which(PHONEMIZER) is None:
            raise SpeechFailed(
                f"The voice {dropped.name!r} in {dropped.tokens.parent} needs the program {PHONEMIZER}: install it "
                f"(on Debian: apt-get install {PHONEMIZER}), or move the folder away."
            )
        self._sherpa: Any = sherpa_onnx
        self._dropped = dropped
        self._tts = _load(sherpa_onnx, dropped, threads)
        self._run = run or one_thread("sherpa")

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        """Speak one clause, part by part. `voice` is not looked at: a folder is one voice."""
        start = 0
        for part in parts(text):
            words = read(part) if language.startswith("ko") else speakable(part, language)
            phrase = await self._run(priority, partial(self._render, words, language, speed))
            for piece in pieces(phrase, start):
                yield piece
            start += len(phrase.pcm) // 2

    def _render(self, words: tuple[Saying, ...], language: str, speed: float) -> Phrase:
        said = " ".join(word.spoken for word in words if word.spoken)
        if not said:
            return Phrase(b"", tuple(Word(word.written, 0, 0) for word in words))
        try:
            made = self._generated(said, language, speed)
        except Exception as error:
            raise SpeechFailed(f"sherpa-onnx failed on a clause: {error}.") from error
        if made.sample_rate <= 0:
            raise SpeechFailed(
                f"sherpa-onnx made no sound of a clause with the voice {self._dropped.name!r}; its own messages "
                "say why."
            )
        wave = np.asarray(made.samples, np.float32)
        if made.sample_rate != SPEAKING_RATE:
            wave = soxr.resample(wave, made.sample_rate, SPEAKING_RATE)
        loud = np.flatnonzero(np.abs(wave) > SILENCE)
        wave = wave[loud[0] : loud[-1] + 1] if loud.size else wave[:0]
        pcm = (np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes()
        return Phrase(pcm, tuple(_by_syllables(words, wave.size)))

    def _generated(self, said: str, language: str, speed: float) -> Any:
        if not self._dropped.by_phonemes:
            return self._tts.generate(said, sid=0, speed=speed)
        config = self._sherpa.GenerationConfig()
        config.sid, config.speed = 0, speed
        config.phoneme_codepoints = [[ord(sign) for sign in phonemes(said, language)]]
        return self._tts.generate(said, config)


def phonemes(text: str, language: str) -> str:
    """A clause as Piper's voices learnt it: espeak-ng's IPA, and the mark the clause ends with."""
    voice = PHONEMIZER_VOICES.get(language[:2], language)
    done = subprocess.run(
        [PHONEMIZER, "-q", "--ipa", "-v", voice, "--stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=PHONEMIZER_S,
    )
    # It ends a line where the clause pauses, and tells no mark.
    # It writes "(en)" where it changes language, a joiner inside affricates, and hyphens between some syllables.
    plain = re.sub(r"\([a-z-]+\)|[\u200d-]", "", ", ".join(done.stdout.split("\n")).strip(", "))
    return plain + (text[-1] if text[-1] in ".,;:!?" else "")


def _by_syllables(words: tuple[Saying, ...], samples: int) -> Iterator[Word]:
    sizes = [sum(c.isalnum() for c in word.spoken) for word in words]
    total, done = max(1, sum(sizes)), 0
    for word, size in zip(words, sizes, strict=True):
        start = done * samples // total
        done += size
        yield Word(word.written, start, done * samples // total)


def _load(sherpa: Any, dropped: Dropped, threads: int) -> Any:
    lexical = {"lexicon": dropped.lexicon, "tokens": str(dropped.tokens)}
    if dropped.dictionary:
        lexical["dict_dir"] = dropped.dictionary
    if dropped.vocoder:
        matcha = sherpa.OfflineTtsMatchaModelConfig(
            acoustic_model=str(dropped.acoustic), vocoder=dropped.vocoder, **lexical
        )
        model = sherpa.OfflineTtsModelConfig(matcha=matcha, num_threads=threads)
    else:
        vits = sherpa.OfflineTtsVitsModelConfig(model=str(dropped.acoustic), **lexical)
        model = sherpa.OfflineTtsModelConfig(vits=vits, num_threads=threads)
    config = sherpa.OfflineTtsConfig(model=model, rule_fsts=dropped.rules)
    if not config.validate():
        raise SpeechFailed(
            f"sherpa-onnx does not accept the voice in {dropped.tokens.parent}; its own messages above say why."
        )
    return sherpa.OfflineTts(config)
