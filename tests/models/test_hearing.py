"""What is understood of speech, and of this project's own voice; and that silence is understood as silence.

The figures of docs/reference/engine.md come from here: `pytest tests/models/test_hearing.py -rP`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm
from moksori.audio.resample import resample
from moksori.bench.normalise import ErrorRate, compare
from moksori.engine import weights
from moksori.engine.hibari_voice import HibariVoice
from moksori.engine.whisper import Whisper
from tests.support import speech

pytestmark = pytest.mark.models

MOST_WRONG = 0.10
"""Word error rate after `bench.normalise`: the promise of the project."""
SOFT_END_MS = 200
"""Silence behind an utterance when it is decoded: the first pause that may end a turn."""


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(weights.path("whisper-base"))


def spread(clips: Sequence[speech.Clip], count: int) -> list[speech.Clip]:
    """Every so many-th of the clips, so that no part of the set is left out."""
    return [clips[at * len(clips) // count] for at in range(count)]


def word_errors(name: str, heard: Iterable[tuple[str, str]]) -> float:
    """The error rate of (said, understood) pairs; those that differ are printed, then the sum."""
    total, count = ErrorRate(), 0
    for said, understood in heard:
        one = compare(said, understood)
        total, count = total + one, count + 1
        if one.errors:
            print(f"  {one.errors}/{one.of}  {said!r} -> {understood!r}")
    print(f"{name}: {count} utterances, {total.errors} of {total.of} words wrong, {total.rate:.1%}")
    assert count >= 30
    return total.rate


def test_recorded_prompts_are_understood(whisper: Whisper) -> None:
    """Given 60 of Debian's prompts over a telephone's 8 kHz, the transcripts have at most a word in ten wrong."""
    clips = spread(speech.asterisk(), 60)
    heard = ((clip.text, whisper.decode(clip.followed_by_silence(SOFT_END_MS)).text) for clip in clips)
    assert word_errors("recorded prompts", heard) <= MOST_WRONG


def test_callers_questions_are_understood(whisper: Whisper) -> None:
    """Given a shop's questions from three voices of flite and read-aloud speech, the same holds."""
    asked = [clip for clip in speech.questions() if clip.voice.startswith("flite")]
    heard = (
        (clip.text, whisper.decode(clip.followed_by_silence(SOFT_END_MS), language="en").text)
        for clip in spread(asked, 48)
    )
    assert word_errors("a shop's questions", heard) <= MOST_WRONG


async def test_the_voice_says_what_it_was_given(whisper: Whisper) -> None:
    """Given 32 answers, spoken by hibari and heard again, at most a word in ten is another one."""
    voice = HibariVoice()
    heard = []
    for text in answers():
        pieces = [piece.pcm async for piece in voice.synthesise(text, voice="alloy", language="en")]
        sound = pcm.to_float(resample(b"".join(pieces), SPEAKING_RATE, HEARING_RATE))
        heard.append((text, whisper.decode(sound, language="en").text))
    assert word_errors("hibari's answers", heard) <= MOST_WRONG


@pytest.mark.parametrize("kind", speech.NOISES)
@pytest.mark.parametrize("level", [-55.0, -30.0])
def test_noise_is_no_words(whisper: Whisper, kind: str, level: float) -> None:
    """Given three seconds in which nobody speaks, nothing was said; not "Thanks for watching"."""
    assert whisper.decode(speech.noise(kind, 3.0, level)).text == ""


def test_a_question_in_noise_keeps_its_words(whisper: Whisper) -> None:
    """The guard against text on noise does not cost words: speech 15 dB above a pink noise is still understood."""
    asked = spread([clip for clip in speech.questions() if clip.voice == "flite:slt"], 24)
    asked += spread(speech.asterisk(), 12)
    heard = []
    for clip in asked:
        sound = clip.followed_by_silence(SOFT_END_MS)
        level = pcm.dbfs(clip.speech) - 15
        heard.append(
            (clip.text, whisper.decode(sound + speech.noise("pink", 60.0, level)[: len(sound)]).text)
        )
    assert word_errors("speech 15 dB above noise", heard) <= 2 * MOST_WRONG


def answers() -> list[str]:
    said: list[str] = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text("utf-8"))["answers"]
    assert len(said) >= 30 and len(set(said)) == len(said)
    return said
