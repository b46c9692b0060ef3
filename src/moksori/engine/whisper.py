"""Speech to text: Whisper base on CTranslate2 (int8), with our own mel features.

Whisper was made for windows of 30 s, most of them silence for a spoken question, and its encoder costs what the window
is long. CTranslate2's encoder takes shorter windows; but the shorter the window, the more often the decoder, which has
seldom seen speech without silence after it, fails to stop and writes the utterance again and again. So the encoder
gets the utterance and four seconds of silence, and the decoder reads on in silence that was encoded long before
(`Witness.followed_by_silence`). Text that repeats itself all the same is decoded once more in a longer window
(`SECOND_PAD_S`). Decoding is greedy and its length capped by the length of the audio; what the model writes when
nobody spoke is dropped.

Source: A. Radford et al., arXiv 2212.04356, section 2.3 (tokens) and 4.5 (thresholds for silence and repetition).
"""

from __future__ import annotations

import math
import re
import time
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import tokenizers

from moksori.agent.speech import HEARING_RATE, Glimpse, Priority, Samples, SpeechFailed, Transcript
from moksori.audio import pcm
from moksori.audio.mel import HOP, log_mel
from moksori.engine.runner import Run, one_thread
from moksori.engine.witness import Floats, Witness

PAD_S = 4.0
"""Silence encoded after the utterance."""
STILL_FRAMES = 400
"""Frames of 20 ms of encoded silence that the decoder finds after it."""
LONE_PAD_S = 8.0
"""Silence encoded after the utterance where the encoder is not the one whose silence is known."""
SECOND_PAD_S = 12.0
"""Silence after an utterance that came out repeating itself."""
PROBE_PAD_S = 0.5
GLANCE_PAD_S = 1.2
GLANCE_TOKENS = 5
"""A glance writes two or three words; in so short a window the model would go on for ever."""
_SOUND_IS_ENOUGH = HEARING_RATE * 8 // 10
"""Samples, 300 ms of them before the speech: the readings of the encoder were learned from so much and less."""
WINDOW_S = 30.0
"""The longest window the encoder has positions for."""
LONGEST_PIECE_S = 26.0
"""Longer audio is cut, at its quietest place in the last `_CUT_RANGE_S` of a piece."""
_CUT_RANGE_S = 8.0
LANGUAGES = ("en", "ko")
"""What an unknown language is looked for among."""

_CLOSING = (".", "?", "!", '."', '?"', '!"', "\u0120.", "\u0120?", "??", "!!", "?!")
_TRAILING = ("...", "..", "....", "-", ",", "\u2026", "\u0120...", "...?", "\u0120-", "--")
"""Marks as the tokenizer writes them ("\u0120" is a space): those that end a sentence, and those that leave it open."""

_TOKENS_PER_S = 14
"""No speaker needs more: fast English has 5 to 6 tokens a second, Korean 8 to 10 (about 1.4 a syllable)."""
_TOKENS_LEAST = 8
_PROMPT_TOKENS = 96
"""A prompt is kept to its last tokens; it is decoded in front of every utterance."""
_TOO_QUIET_DBFS = -66.0
"""No line delivers speech at this level; room noise of a good microphone lies at -60 to -75."""
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class _Doubt:
    """From where on text is not believed. `no_speech` is the model's probability that nobody spoke."""

    no_speech: float
    log_probability: float

    def both(self, heard: _Heard) -> bool:
        return heard.no_speech > self.no_speech and heard.log_probability < self.log_probability

    def either(self, heard: _Heard) -> bool:
        return heard.no_speech > self.no_speech or heard.log_probability < self.log_probability


# Radford et al. (4.5) drop text where no_speech > 0.6 and the mean log probability < -1. On noises of seven kinds
# no_speech was 0.64 to 0.97 and the mean -0.8 to -3.3; on recorded prompts at most 0.2 and -0.05 to -0.4.
_SILENT = _Doubt(0.6, -0.6)
_PHANTOM_NEVER = _Doubt(0.2, -0.5)
_PHANTOM_SOMETIMES = _Doubt(0.5, -1.0)
_PHRASE_TOKENS = 4
"""As many tokens written twice in a row are doubted; fewer, as in "no, no" or "1, 1", only `_REPEATED` times."""
_REPEATED = 4


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    tokens: int
    log_probability: float
    """Mean over the tokens and the end of text."""
    no_speech: float
    endless: bool
    """The model did not stop within the tokens a speaker can fill."""
    doubtful: bool
    """Endless, or it repeats itself."""
    closes: float | None = None
    """Probability of an end where the text ends."""


class Whisper:
    """The model and its blocking decode; one for all callers, one decode at a time."""

    def __init__(
        self, path: Path, threads: int = 2, languages: Sequence[str] = LANGUAGES, whole_window: bool = False
    ) -> None:
        """Load the folder `path` (about 0.5 s, 250 MB). Raises `SpeechFailed`.

        `whole_window`: always encode 30 s, as the model was trained; only for comparison.
        """
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(path), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
            )
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
        except Exception as error:  # both libraries raise plain Exception or RuntimeError
            raise SpeechFailed(
                f"Whisper cannot be loaded from {path} ({error}): run `moksori models verify`."
            ) from error
        self._languages = tuple(languages)
        self._witness = Witness()
        probe = np.zeros(HEARING_RATE // 2, np.float32)
        frames = _frames(self._encode(probe, PROBE_PAD_S))
        self.hears_ends = self._witness.goes_on(frames, probe) is not None
        self._knows_silence = not whole_window and self._witness.followed_by_silence(frames, 1) is not None
        self._pad_s = PAD_S if self._knows_silence else WINDOW_S if whole_window else LONE_PAD_S
        self._start = self._token("<|startoftranscript|>")
        self._before = self._token("<|startofprev|>")
        self._task = [self._token("<|transcribe|>"), self._token("<|notimestamps|>")]
        known = [self._tokenizer.token_to_id(mark) for mark in (*_CLOSING, *_TRAILING)]
        self._marks = frozenset(token for token in known if token is not None)
        closing = [self._tokenizer.token_to_id(mark) for mark in _CLOSING]
        self._ends = np.array([t for t in [*closing, self._token("<|endoftext|>")] if t is not None])

    def decode(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
    ) -> Transcript:
        """Understand one utterance of 16 kHz samples, of any length. Blocking.

        `language` is a code such as "en" or "ko-KR"; None means the likeliest of `languages`. `prompt` is text that
        might have come before, whose spelling is then preferred. Raises `SpeechFailed`.
        """
        began = time.perf_counter()
        known = self._known(language)
        heard: list[_Heard] = []
        goes_on = None
        try:
            for piece in pieces(samples):
                encoded = self._encode(piece, self._pad_s)
                goes_on = self._witness.goes_on(_frames(encoded), piece)
                encoded = self._followed_by_silence(encoded)
                known = known or self._detect(encoded)
                before = " ".join([prompt or "", *(h.text for h in heard)]).strip()
                heard.append(self._write(piece, encoded, known, before))
        except Exception as error:  # ctranslate2 raises RuntimeError and ValueError
            raise SpeechFailed(f"Whisper could not decode {len(samples)} samples: {error}.") from error
        return Transcript(
            text=" ".join(h.text for h in heard if h.text),
            language=known or self._languages[0],
            confidence=_confidence(heard),
            audio_ms=pcm.ms_of(len(samples), HEARING_RATE),
            decode_ms=round((time.perf_counter() - began) * 1000),
            closes=heard[-1].closes if heard else None,
            goes_on=goes_on,
        )

    def glance(self, samples: Samples, language: str | None) -> Glimpse:
        """The first words of speech that goes on, in a short window: three times quicker and less exact.

        Of the first half second only the sound is told: words cut so short are more often wrong than right.
        """
        try:
            known = self._known(language)
            encoded = self._encode(samples, GLANCE_PAD_S)
            listens = self._witness.listens(_frames(encoded), samples)
            if listens is not None and len(samples) < _SOUND_IS_ENOUGH:
                return Glimpse("", listens)
            known = known or self._detect(encoded)
            heard = self._generate(encoded, len(samples), known, "", most=GLANCE_TOKENS)
        except Exception as error:  # ctranslate2 raises RuntimeError and ValueError
            raise SpeechFailed(f"Whisper could not decode {len(samples)} samples: {error}.") from error
        return Glimpse("" if _nobody_spoke(heard) else heard.text, listens)

    def warm(self) -> None:
        """Decode something of a question's length, so that the first caller waits no longer than the tenth."""
        babble = np.random.default_rng(0).standard_normal(3 * HEARING_RATE).astype(np.float32) * 0.05
        encoded = self._followed_by_silence(self._encode(babble, self._pad_s))
        self._generate(encoded, len(babble), self._languages[0], "")

    def _known(self, language: str | None) -> str | None:
        if language is None:
            return None
        code = re.split(r"[-_]", language.strip().lower())[0]
        if self._tokenizer.token_to_id(f"<|{code}|>") is None:
            raise SpeechFailed(
                f"Whisper does not know the language {language!r}; give a code such as en or ko."
            )
        return code

    def _token(self, text: str) -> int:
        token = self._tokenizer.token_to_id(text)
        if token is None:
            raise SpeechFailed(f"The tokenizer of Whisper has no {text}: run `moksori models verify`.")
        return int(token)

    def _encode(self, piece: Samples, pad_s: float) -> Any:
        length = min(len(piece) + int(pad_s * HEARING_RATE), int(WINDOW_S * HEARING_RATE))
        length -= length % (2 * HOP)  # the encoder halves the frames
        features = log_mel(piece[:length], length)
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None]))
        return self._model.encode(view)

    def _followed_by_silence(self, encoded: Any) -> Any:
        if not self._knows_silence:
            return encoded
        frames = self._witness.followed_by_silence(_frames(encoded), STILL_FRAMES)
        assert frames is not None
        return ctranslate2.StorageView.from_array(frames[None])

    def _detect(self, encoded: Any) -> str:
        likely = {token.strip("<|>"): p for token, p in self._model.detect_language(encoded)[0]}
        return max(self._languages, key=lambda code: likely.get(code, 0.0))

    def _write(self, piece: Samples, encoded: Any, language: str, before: str) -> _Heard:
        heard = self._generate(encoded, len(piece), language, before)
        if heard.doubtful and not _nobody_spoke(heard):
            # A second opinion, which is believed, repeated or not, if it ends: a speaker may repeat himself.
            encoded = self._encode(piece, SECOND_PAD_S)
            heard = self._generate(encoded, len(piece), language, "")
            if heard.endless:
                heard = self._generate(encoded, len(piece), language, "", no_repeat_ngram_size=3)
        return replace(heard, text="", tokens=0) if heard.endless or _nobody_spoke(heard) else heard

    def _generate(
        self,
        encoded: Any,
        samples: int,
        language: str,
        before: str,
        most: int | None = None,
        **options: Any,
    ) -> _Heard:
        prompt = [self._start, self._token(f"<|{language}|>"), *self._task]
        if before:
            tokens = self._tokenizer.encode(f" {before}", add_special_tokens=False).ids
            prompt = [self._before, *tokens[-_PROMPT_TOKENS:], *prompt]
        allowed = most or _TOKENS_LEAST + samples * _TOKENS_PER_S // HEARING_RATE
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + allowed,
            return_scores=True,
            return_no_speech_prob=True,
            return_logits_vocab=most is None,  # a glance asks for no end
            **options,
        )[0]
        ids = result.sequences_ids[0]
        # CTranslate2 divides the sum by the tokens without the end of text, whose probability is in the sum.
        mean = result.scores[0] * len(ids) / (len(ids) + 1) if ids else -math.inf
        return _Heard(
            text=clean(self._tokenizer.decode(ids)),
            tokens=len(ids),
            log_probability=mean,
            no_speech=result.no_speech_prob,
            endless=len(ids) >= allowed,
            doubtful=len(ids) >= allowed or repeats(ids),
            closes=self._closes(ids, result.logits[0]) if most is None else None,
        )

    def _closes(self, ids: Sequence[int], logits: Sequence[Any]) -> float | None:
        """How much of the probability stood on ending when the first mark after the last word was written."""
        at = len(ids)
        while at > 0 and ids[at - 1] in self._marks:
            at -= 1
        if at == 0 or at >= len(logits):
            return None
        scores = np.asarray(logits[at], np.float32).ravel()
        scores = np.exp(scores - scores.max())
        return float(scores[self._ends].sum() / scores.sum())


class WhisperRecogniser:
    """Implements `Recogniser` by `Whisper`, decoding where `run` says."""

    def __init__(
        self,
        path: Path,
        threads: int = 2,
        run: Run | None = None,
        languages: Sequence[str] = LANGUAGES,
        whole_window: bool = False,
    ) -> None:
        """Load the model. `run` defaults to a thread of its own. Raises `SpeechFailed`."""
        self.model = Whisper(path, threads, languages, whole_window)
        self._run = run or one_thread("whisper")

    async def transcribe(
        self,
        samples: Samples,
        *,
        language: str | None = None,
        prompt: str | None = None,
        priority: Priority = Priority.WAITED_FOR,
    ) -> Transcript:
        """See `Whisper.decode`. Cancelled before its turn came, it never runs."""
        return await self._run(
            priority, partial(self.model.decode, samples, language=language, prompt=prompt)
        )

    @property
    def hears_ends(self) -> bool:
        return self.model.hears_ends

    async def glance(self, samples: Samples, language: str | None = None) -> Glimpse:
        """See `Whisper.glance`; implements `Glancing`."""
        return await self._run(Priority.WAITED_FOR, partial(self.model.glance, samples, language))

    def warm(self) -> None:
        self.model.warm()


def pieces(samples: Samples) -> list[Samples]:
    """Cut long audio where it is quietest; drop what cannot be speech: too short, or silent."""
    longest, reach = int(LONGEST_PIECE_S * HEARING_RATE), int(_CUT_RANGE_S * HEARING_RATE)
    out = []
    while len(samples) > longest:
        block = HEARING_RATE // 5
        starts = range(longest - reach, longest - block + 1, block // 2)
        quietest = min(starts, key=lambda at: pcm.rms(samples[at : at + block]))
        out.append(samples[: quietest + block // 2])
        samples = samples[quietest + block // 2 :]
    out.append(samples)
    least = _LEAST_S * HEARING_RATE
    return [piece for piece in out if len(piece) >= least and pcm.dbfs(piece) > _TOO_QUIET_DBFS]


def _frames(encoded: Any) -> Floats:
    """[frames, size] of what the encoder gave for one utterance."""
    frames: Floats = np.asarray(encoded, np.float32)[0]
    return frames


def clean(text: str) -> str:
    """Text without notes on sounds ("[Music]", "(sighs)", "*beep*", notes of music) and with single spaces."""
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫�]", " ", text)
    return " ".join(text.split())


def repeats(ids: Sequence[int]) -> bool:
    """Whether the same tokens come again and again: a phrase twice in a row, a word or two `_REPEATED` times."""
    for period in range(1, len(ids) // 2 + 1):
        least = 2 if period >= _PHRASE_TOKENS else _REPEATED
        run = 0  # tokens in a row that equal the one a period before
        for at in range(period, len(ids)):
            run = run + 1 if ids[at] == ids[at - period] else 0
            if run >= period * (least - 1):
                return True
    return False


def _nobody_spoke(heard: _Heard) -> bool:
    if not any(char.isalnum() for char in heard.text):
        return True
    bare = _bare(heard.text)
    never, sometimes = _phantoms()
    return (
        _SILENT.both(heard)
        or (bare.startswith(never) and _PHANTOM_NEVER.either(heard))
        or (bare in sometimes and _PHANTOM_SOMETIMES.either(heard))
    )


@cache
def _phantoms() -> tuple[tuple[str, ...], frozenset[str]]:
    data = tomllib.loads(resources.files(__package__).joinpath("phantoms.toml").read_text(encoding="utf-8"))
    return tuple(map(_bare, data["never"])), frozenset(map(_bare, data["sometimes"]))


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def _confidence(heard: Iterable[_Heard]) -> float:
    """exp of the mean log probability over all tokens; 0 when nothing was said."""
    spoken = [h for h in heard if h.text]
    tokens = sum(h.tokens for h in spoken)
    return math.exp(sum(h.log_probability * h.tokens for h in spoken) / tokens) if tokens else 0.0
