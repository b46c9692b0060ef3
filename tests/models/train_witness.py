"""Learns `src/moksori/engine/witness.npz`: `python -m tests.models.train_witness [PART ...]`, about three quarters of an hour on two cores.

Synthetic speakers that no measured set contains say sentences that no measured set contains (witness.toml). *Ending*: a
sentence alone against the same words cut out of a longer one, so that only the sound can tell them apart. *Onset*: the
beginning of acknowledgements against that of anything else, cut where the turn machine would look at them,
and whole where the voice pauses earlier. *Still*: the mean of what the encoder makes of the silence after the same
sentences, by its place in the window. The parts that are not named stay as they are in the file. The first two are
ridge-regularised logistic regressions on what Whisper base's encoder gives; every onset voice counts the same, whatever
it says. Needs flite and espeak-ng.
"""

from __future__ import annotations

import itertools
import random
import sys
import tomllib
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from hibari import Hibari
from hibari.g2p import normalize

from moksori.agent.speech import HEARING_RATE
from moksori.bench.voice.manifest import RATE
from moksori.bench.voice.sets import LEVEL_DBFS, NOISES_DBFS, _boundary
from moksori.bench.voice.speakers import pink, say, trimmed
from moksori.conversation import turn as turns
from moksori.conversation.overlap import GLANCE_BEFORE_MS, LONGEST_ACKNOWLEDGEMENT_MS
from moksori.engine import weights
from moksori.engine.ear import PER_MS
from moksori.engine.kokoro_model import KokoroModel
from moksori.engine.vad import FRAME, SileroModel, SileroVad
from moksori.engine.whisper import GLANCE_PAD_S, PAD_S, Whisper
from moksori.engine.witness import FRAME as ENCODED
from moksori.engine.witness import STILL_BLOCK, ending_features, onset_features

ENDING: tuple[tuple[str, float], ...] = (
    ("hibari", 1.0),
    ("hibari", 0.88),
    ("flite:kal16", 1.0),
    ("flite:kal16", 1.12),
    ("flite:kal", 1.0),
    ("espeak-ng:en-gb+f3", 1.0),
    ("espeak-ng:en-029+m3", 1.0),
    ("espeak-ng:en-gb-scotland+m5", 1.0),
    ("espeak-ng:en-gb-x-rp+f2", 1.0),
    ("accent:jf_tebukuro", 1.0),
    ("accent:jf_gongitsune", 0.94),
    ("accent:jm_kumo", 1.05),
)
"""Voice, and the size of its throat: resampled, a voice sounds like another speaker's."""
ONSET: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("en", "hibari", (1.0, 0.88)),
    ("en", "accent:jf_tebukuro", (1.0,)),
    ("en", "flite:kal16", (1.0, 1.12)),
    ("en", "accent:jm_kumo", (1.0, 1.1)),
    ("en", "espeak-ng:en-gb+f3", (1.0,)),
    ("en", "accent:jf_gongitsune", (0.92,)),
    ("en", "flite:kal", (1.0,)),
    ("en", "espeak-ng:en-029+m3", (1.0,)),
    ("ko", "kokoro:jf_tebukuro", (1.0,)),
    ("ko", "kokoro:jm_kumo", (1.0, 1.12)),
    ("en", "espeak-ng:en-gb-scotland+m5", (1.0,)),
    ("en", "espeak-ng:en-gb-x-rp+f2", (1.0,)),
    ("en", "accent:jf_nezumi", (1.04,)),
    ("ko", "kokoro:jf_nezumi", (1.0, 0.9)),
    ("ko", "kokoro:jf_gongitsune", (1.0,)),
)
"""Language, voice, and the sizes of its throat."""
ONSET_READINGS: tuple[tuple[int, float, int], ...] = ((10, 1.0, 3), (15, 8.0, 7), (15, 0.25, 7))
"""Speakers from the first on, how much a Korean one counts, and how many of the features: the mean of these three
readings errs less than any of them."""
GLANCES_MS = (192, 288, 384)
"""Lengths of the speech at which it is looked at."""
LEAD_MS, SILENCE_MS = 300, 64
HEARD_MS = (8, 80)
"""Of the silence after a voice, when a pause is decoded: as the turn machine notices it, sooner or later."""
DRAWS = 2
"""Silences each sentence is given."""
ROOM_MS, TAIL_MS = 800, 600
"""Noise around an onset: the detector of voice needs some before it."""
STILL_PAD_S = 13.0
STILL_LINES = 18
"""Of each voice; one of them has one to six sentences, so that silence begins all over the window."""
WINDOW_FRAMES = 1500
WIDTH = 512
"""Numbers of a frame."""
PARTS = ("ending", "onset", "still")
RIDGES = {"ending": 500.0, "onset": 1_000.0}
"""How strongly each reading is kept plain: the more speakers, the less."""
OUT = Path("src/moksori/engine/witness.npz")
ASKING = frozenset(
    [
        "Can",
        "Could",
        "Do",
        "Did",
        "Is",
        "Are",
        "Will",
        "May",
        "Does",
        "What",
        "When",
        "Where",
        "Why",
        "Who",
        "How",
        "Which",
    ]
)

Floats = Any


class Accent:
    """English by Kokoro's Japanese voices: hibari's phonemes through their network."""

    def __init__(self) -> None:
        self._kokoro: Any = KokoroModel(weights.path("kokoro-ja"))
        self._g2p: Any = Hibari(threads=1).g2p

    def say(self, text: str, voice: str, speed: float) -> Floats:
        tokens = self._g2p.phonemize_tokens(self._g2p.tokenize(normalize(text)))
        sounds = "".join((t.phonemes or "") + (" " if t.whitespace else "") for t in tokens).strip()
        signs = [self._kokoro._signs[sound] for sound in sounds if sound in self._kokoro._signs]
        given = {
            "tokens": np.asarray([[0, *signs, 0]], np.int64),
            "style": self._kokoro._styles[voice][len(signs)].reshape(1, 256),
            "speed": np.asarray([speed], np.float32),
        }
        wave, _ = self._kokoro._session.run(None, given)
        return trimmed(np.asarray(wave, np.float32).ravel())


@cache
def _accent() -> Accent:
    return Accent()


@cache
def _hibari() -> Any:
    return Hibari(threads=2)


def speak(text: str, voice: str, speed: float) -> Floats:
    program, _, name = voice.partition(":")
    if program == "accent":
        return _accent().say(text, name, speed)
    if program == "hibari":
        return trimmed(np.asarray(_hibari()(text, speed=speed, seed=1), np.float32).ravel())
    return say(text, voice, speed)


def sized(speech: Floats, size: float) -> Floats:
    return soxr.resample(speech, RATE, RATE / size).astype(np.float32)


def on_the_line(speech: Floats, before_ms: float, after_ms: int, rng: np.random.Generator) -> Floats:
    """At the level and in the noise of the measured sets, some room around it; 16 kHz."""
    level = np.float32(
        10 ** (LEVEL_DBFS / 20) / max(1e-6, float(np.sqrt(np.mean(speech.astype(np.float64) ** 2))))
    )
    before, after = (np.zeros(int(RATE * ms / 1000), np.float32) for ms in (before_ms, after_ms))
    sound = np.concatenate([before, speech * level, after])
    sound = sound + pink(len(sound), NOISES_DBFS[rng.integers(len(NOISES_DBFS))], rng)
    return soxr.resample(sound, RATE, HEARING_RATE).astype(np.float32)


def features(model: Whisper, heard: Floats, pad_s: float, of: Callable[[Floats, Floats], Floats]) -> Floats:
    return of(np.asarray(model._encode(heard, pad_s), np.float32)[0], heard)


def endings(model: Whisper, voice: str, size: float, pairs: list[str]) -> tuple[list[Floats], list[int]]:
    speaker = voice if size == 1 else f"{voice}@{size:g}"
    rng, chance = np.random.default_rng(zlib.crc32(speaker.encode())), random.Random(speaker)
    found: list[Floats] = []
    for pair in pairs:
        alone, rest = (part.strip() for part in pair.split("|"))
        speed = chance.choice((0.9, 1.0, 1.1))
        mark = "?" if alone.split()[0] in ASKING else "."
        whole = speak(f"{alone} {rest}{mark}", voice, speed)
        cut = trimmed(whole[: _boundary(whole, speak(rest + mark, voice, speed))].copy())
        spoken = (sized(each, size) for each in (speak(alone + mark, voice, speed), cut, whole))
        for speech in spoken:
            for _ in range(DRAWS):
                heard = on_the_line(speech, LEAD_MS, int(rng.integers(HEARD_MS[0], HEARD_MS[1] + 1)), rng)
                found.append(features(model, heard, PAD_S, ending_features))
    return found, [each for each in (0, 1, 0) for _ in range(DRAWS)] * len(pairs)


def looks(heard: Floats, detector: SileroVad) -> list[Floats]:
    """What a glance gets of speech over an answer: at each length, and whole at the first pause."""
    machine, policy = turns.Turns(), turns.TurnPolicy(ask=False)
    onset: int | None = None
    found: list[Floats] = []
    due = list(GLANCES_MS)
    for frame in range(len(heard) // FRAME):
        at = (frame + 1) * turns.FRAME_MS
        probability = detector.step(heard[frame * FRAME : (frame + 1) * FRAME])
        machine, happened = machine.step(turns.Voice(probability, at), policy)
        if onset is None and any(isinstance(each, turns.Started) for each in happened):
            onset = at - turns.ONSET_FRAMES * turns.FRAME_MS
        if onset is None:
            continue
        begin = max(0, onset - GLANCE_BEFORE_MS) * PER_MS
        for each in happened:
            if isinstance(each, turns.Paused):
                return [*found, heard[begin : each.end_ms * PER_MS]]
        if due and at - onset >= due[0]:
            due.pop(0)
            found.append(heard[begin : at * PER_MS])
        if at - onset > LONGEST_ACKNOWLEDGEMENT_MS:
            break
    return found


class Onsets:
    """Examples of how speech over an answer begins."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self._vad = SileroModel(weights.path("silero-vad"))
        self.rows: list[Floats] = []
        self.labels: list[int] = []
        self.speakers: list[str] = []

    def voice(self, language: str, voice: str, sizes: tuple[float, ...], texts: dict[str, list[str]]) -> None:
        rng, chance = np.random.default_rng(zlib.crc32(voice.encode())), random.Random(voice)
        long = [pair.replace("| ", "") for pair in texts["pairs"]][::9]
        for label, lines in ((1, texts["acknowledgements"]), (0, texts["interruptions"] + long)):
            for text, size in itertools.product(lines, sizes):
                paces = (chance.choice((0.82, 0.9)), chance.choice((1.0, 1.1, 1.2)))
                for pace in paces if label else (chance.choice((0.9, 1.0, 1.1)),):
                    self._add(sized(speak(text, voice, pace), size), label, f"{language} {voice}", rng)

    def _add(self, speech: Floats, label: int, speaker: str, rng: np.random.Generator) -> None:
        heard = on_the_line(speech, ROOM_MS + rng.random() * turns.FRAME_MS, TAIL_MS, rng)
        for look in looks(heard, self._vad.detector()):
            self.rows.append(features(self._model, look, GLANCE_PAD_S, onset_features))
            self.labels.append(label)
            self.speakers.append(speaker)

    def reading(self, speakers: int, korean: float, parts: int) -> tuple[Floats, float]:
        """One of `ONSET_READINGS`, its weights filled up to the features of them all."""
        first = list(dict.fromkeys(self.speakers))[:speakers]
        chosen = [at for at, speaker in enumerate(self.speakers) if speaker in first]
        size = parts * WIDTH
        w, bias = fit(
            [self.rows[at][:size] for at in chosen],
            [self.labels[at] for at in chosen],
            RIDGES["onset"],
            self._shares(chosen, korean),
        )
        return np.concatenate([w, np.zeros(len(self.rows[0]) - size)]), bias

    def _shares(self, chosen: list[int], korean: float) -> Floats:
        """Every speaker counts the same, a Korean one `korean` times as much, and so do both answers of each."""
        pairs = [(self.speakers[at], self.labels[at]) for at in chosen]
        share = {pair: 1 / pairs.count(pair) for pair in set(pairs)}
        given = np.array([share[pair] * (korean if pair[0].startswith("ko ") else 1) for pair in pairs])
        return given * len(given) / given.sum()


def fit(
    rows: list[Floats], labels: list[int], ridge_of: float, share: Floats | None = None
) -> tuple[Floats, float]:
    """Weights and bias at even odds; iteratively reweighted least squares."""
    x, y = np.array(rows, np.float64), np.array(labels, np.float64)
    share = np.ones(len(y)) if share is None else share
    mean, spread = x.mean(0), x.std(0) + 1e-3
    z = np.column_stack([(x - mean) / spread, np.ones(len(y))])
    ridge = np.append(np.full(z.shape[1] - 1, ridge_of), 1e-6)
    beta = np.zeros(z.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(z @ beta, -30, 30)))
        curve = np.maximum(p * (1 - p), 1e-4) * share
        slope = z.T @ (share * (y - p)) - ridge * beta
        beta += np.linalg.solve((z * curve[:, None]).T @ z + np.diag(ridge), slope)
    w = beta[:-1] / spread
    yes = float((share * y).sum() / share.sum())
    return w, float(beta[-1] - mean @ w - np.log(yes / (1 - yes)))


def still(model: Whisper, texts: dict[str, Any]) -> Floats:
    """[300, 512]: means of the encoder's frames later than a second after speech, over `STILL_BLOCK` places each."""
    rng, chance = np.random.default_rng(0), random.Random(0)
    sums, counts = np.zeros((WINDOW_FRAMES, 512)), np.zeros((WINDOW_FRAMES, 1))
    voices = [("en", voice) for voice, size in ENDING if size == 1.0]
    voices += [("ko", voice) for lang, voice, _ in ONSET if lang == "ko"]
    for (language, voice), line in itertools.product(voices, range(STILL_LINES)):
        said = [pair.replace("| ", "") for pair in chance.sample(texts[language]["pairs"], 1 + line % 6)]
        heard = on_the_line(
            np.concatenate([speak(text, voice, 1.0) for text in said]), LEAD_MS, SILENCE_MS, rng
        )
        encoded = np.asarray(model._encode(heard, STILL_PAD_S), np.float32)[0]
        begin = min(len(encoded), int(len(heard) / ENCODED + PAD_S * HEARING_RATE / ENCODED))
        sums[begin : len(encoded)] += encoded[begin:]
        counts[begin : len(encoded)] += 1
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), sums.sum(0) / counts.sum())
    return mean.reshape(-1, STILL_BLOCK, 512).mean(1)


def main(parts: list[str]) -> None:
    texts = tomllib.loads(Path(__file__).with_name("witness.toml").read_text("utf-8"))
    model = Whisper(weights.path("whisper-base"))
    learned: dict[str, Any] = dict(np.load(OUT))
    if "still" in parts:
        learned["still"] = still(model, texts).astype(np.float16)
    fitted: dict[str, tuple[Floats, float]] = {}
    if "ending" in parts:
        ends = [endings(model, voice, size, texts["en"]["pairs"]) for voice, size in ENDING]
        fitted["ending"] = fit(
            [f for found, _ in ends for f in found],
            [y for _, labels in ends for y in labels],
            RIDGES["ending"],
        )
    if "onset" in parts:
        onsets = Onsets(model)
        for language, voice, sizes in ONSET:
            onsets.voice(language, voice, sizes, texts[language])
        found = [onsets.reading(*each) for each in ONSET_READINGS]
        fitted["onset"] = (
            np.mean([w for w, _ in found], axis=0),
            float(np.mean([bias for _, bias in found])),
        )
    for name, (w, bias) in fitted.items():
        learned |= {name: w.astype(np.float16), f"{name}_bias": np.float32(bias)}
    np.savez(OUT, **learned)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))
