"""The Korean voice with its real weights: its sound, its words' places, and that it is understood."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE, Spoken, Word
from moksori.audio.pcm import to_float
from moksori.audio.resample import resample
from moksori.bench.normalise import compare
from moksori.engine import weights
from moksori.engine.kokoro_voice import PIECE, KokoroVoice
from moksori.engine.whisper import WhisperRecogniser

pytestmark = pytest.mark.models

TEXT = "네, 주문하신 상품은 내일 도착합니다."


@pytest.fixture(scope="module")
def voice() -> KokoroVoice:
    return KokoroVoice(weights.path("kokoro-ja"))


async def speak(voice: KokoroVoice, text: str, speed: float = 1.0) -> list[Spoken]:
    return [s async for s in voice.synthesise(text, voice="jm_kumo", language="ko", speed=speed)]


def joined(pieces: list[Spoken]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


async def test_a_clause_begins_at_once_ends_in_a_short_gap_and_its_words_are_placed(
    voice: KokoroVoice,
) -> None:
    pieces = await speak(voice, TEXT)

    wave = np.abs(np.frombuffer(joined(pieces), "<i2").astype(np.float32) / 32768)
    ms = SPEAKING_RATE // 1000
    sounding = np.flatnonzero(wave > 0.006)
    assert sounding[0] < 30 * ms
    assert wave.size - sounding[-1] < 400 * ms
    assert wave[:10].max() < 0.01, "no click"
    assert wave.max() < 0.99, "no clipping"
    assert all(len(piece.pcm) // 2 <= PIECE for piece in pieces)

    words: list[Word] = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == TEXT.split()
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert words[-1].end <= wave.size
    # The place of a word is the place of its sound: the last one is as long as its six syllables.
    assert 0.5 < (words[-1].end - words[-1].start) / SPEAKING_RATE < 1.6


async def test_speed_shortens_and_the_same_text_gives_the_same_bytes(voice: KokoroVoice) -> None:
    once = joined(await speak(voice, "네, 확인했습니다."))

    assert joined(await speak(voice, "네, 확인했습니다.")) == once
    assert len(joined(await speak(voice, "네, 확인했습니다.", speed=1.5))) < 0.8 * len(once)


async def test_it_is_understood_by_the_recogniser(voice: KokoroVoice) -> None:
    sound = to_float(resample(joined(await speak(voice, TEXT)), SPEAKING_RATE, HEARING_RATE))
    recogniser = WhisperRecogniser(weights.path("whisper-base"), threads=2)

    heard = await recogniser.transcribe(sound, language="ko")

    assert compare(TEXT, heard.text, "ko").rate < 0.5, heard.text
