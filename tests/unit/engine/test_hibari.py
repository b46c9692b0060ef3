"""The English voice: real synthesis, small enough to run everywhere (the network is in the hibari-tts package)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest

pytest.importorskip("hibari", reason="the [engine] extra is not installed")

from moksori.agent.speech import SPEAKING_RATE, Priority, SpeechFailed, Spoken, Word
from moksori.conversation.clauses import speakable
from moksori.conversation.words import WordMap
from moksori.engine.hibari_model import HOP, LEAD, HibariModel, align, with_durations
from moksori.engine.hibari_voice import PIECE, VOICES, HibariVoice, one_thread

T = TypeVar("T")

SENTENCES = [
    "Sure, let me check that for you,",
    "Your order number W1234567 shipped on 3/14, and it costs $1,250.50 in total.",
    "Hello!",
    "She sells sea shells.",
    "He said it's 5 km away — see you at 10:30 a.m. on Jan. 5th, 2026.",
    "Dr. Kim lives at 12 Main St. and paid 50% 👍 of **it**!",
    'Fifty-five people (all of them) said "no".',
    "Thank you for waiting; I found it.",
    "Please visit https://www.example.com/returns or mail help@example.com.",
    "It opens at 9. It closes at 5. Is that all?",
]


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    made = HibariVoice()
    made.warm()
    return made


@pytest.fixture(scope="module")
def model(voice: HibariVoice) -> HibariModel:
    return voice._model


async def speak(voice: HibariVoice, text: str, speed: float = 1.0) -> list[Spoken]:
    return [s async for s in voice.synthesise(text, voice="alloy", language="en", speed=speed)]


def wave_of(pieces: list[Spoken]) -> np.ndarray:
    return np.frombuffer(b"".join(p.pcm for p in pieces), "<i2").astype(np.float32) / 32768


def level(wave: np.ndarray) -> float:
    return float(10 * np.log10((wave**2).mean() + 1e-12))


def words_of(pieces: list[Spoken]) -> list[Word]:
    return [w for p in pieces for w in p.words]


# ---------------------------------------------------------------------------------------------------- the sound


@pytest.mark.parametrize("text", SENTENCES)
async def test_speech_begins_within_30_ms_and_ends_in_a_short_silence(voice: HibariVoice, text: str) -> None:
    wave = wave_of(await speak(voice, text))
    ms = SPEAKING_RATE // 1000

    assert level(wave[: 30 * ms]) > -50
    sounding = np.flatnonzero(np.abs(wave) > 0.003)
    gap_ms = (wave.size - sounding[-1]) / ms
    assert 30 <= gap_ms <= 400


async def test_a_comma_leaves_a_shorter_gap_than_a_full_stop(voice: HibariVoice) -> None:
    def gap(pieces: list[Spoken]) -> int:
        wave = wave_of(pieces)
        return wave.size - int(np.flatnonzero(wave)[-1])

    comma, stop = [gap(await speak(voice, f"I will look it up{mark}")) for mark in ",."]
    assert comma < stop


async def test_neither_end_clicks(voice: HibariVoice) -> None:
    for text in SENTENCES:
        wave = wave_of(await speak(voice, text))
        assert abs(float(wave[0])) < 0.002
        assert abs(float(wave[-1])) < 0.002


async def test_pieces_are_short_and_joined_are_what_one_rendering_gives(voice: HibariVoice) -> None:
    pieces = await speak(voice, SENTENCES[1])

    assert len(pieces) > 5
    assert all(len(p.pcm) <= 2 * (PIECE + HOP) for p in pieces)
    model = voice._model
    utterance = model.utter(speakable(SENTENCES[1]), 1.0)
    assert utterance is not None
    whole = model.render(utterance, 0, utterance.frames)[utterance.begin : utterance.end]
    streamed = wave_of(pieces)[: whole.size]
    inner = slice(SPEAKING_RATE // 100, whole.size - SPEAKING_RATE // 100)  # the fades are not in `whole`
    assert np.abs(whole[inner] - streamed[inner]).max() < 2 / 32768


async def test_the_same_text_gives_the_same_bytes(voice: HibariVoice) -> None:
    once, again = [await speak(voice, SENTENCES[0]) for _ in range(2)]
    assert once == again


async def test_speed_changes_the_length_and_keeps_the_words(voice: HibariVoice) -> None:
    slow, fast = await speak(voice, SENTENCES[0], 0.8), await speak(voice, SENTENCES[0], 1.5)
    assert wave_of(slow).size > 1.5 * wave_of(fast).size
    assert [w.text for w in words_of(slow)] == [w.text for w in words_of(fast)]


async def test_each_openai_voice_name_and_an_unknown_one_speak(voice: HibariVoice) -> None:
    assert len(VOICES) == 10
    for name in (*VOICES, "somebody"):
        assert [s async for s in voice.synthesise("Hi!", voice=name, language="en-US")]


async def test_korean_is_refused_with_a_sentence(voice: HibariVoice) -> None:
    with pytest.raises(SpeechFailed, match="English only"):
        [s async for s in voice.synthesise("안녕하세요.", voice="alloy", language="ko")]


async def test_text_without_sound_has_its_words_and_no_audio(voice: HibariVoice) -> None:
    assert await speak(voice, "👍 ---") == [Spoken(b"", (Word("👍", 0, 0), Word("---", 0, 0)))]
    assert await speak(voice, "  ") == []


# ---------------------------------------------------------------------------------------------------- the words


@pytest.mark.parametrize("text", [*SENTENCES, " It  shipped —\nSure—let me see… “Fine!” he said."])
async def test_the_words_joined_are_the_text_and_lie_in_order_inside_the_audio(
    voice: HibariVoice, text: str
) -> None:
    pieces = await speak(voice, text)
    words = words_of(pieces)

    assert " ".join(w.text for w in words) == " ".join(text.split())
    total = wave_of(pieces).size
    at = 0
    for word in words:
        assert at <= word.start <= word.end <= total
        at = word.start
    at = 0
    for piece in pieces[:-1]:
        at += len(piece.pcm) // 2
        assert all(w.start < at for w in piece.words)


async def test_what_one_word_is_read_as_belongs_to_that_word(model: HibariModel) -> None:
    said = speakable("Order W123 cost $1,250.50 on 3/14, 5 km away.")
    phonemes, owners = model.read(said)
    read = {
        said[n].written: "".join(p for p, o in zip(phonemes, owners, strict=True) if o == n)
        for n in range(len(said))
    }

    assert read["W123"].startswith("dˈʌbᵊlju")
    assert read["Order"] == "ˈɔɹdəɹ"
    assert read["3/14,"].startswith("mˈɑɹʧ") and "tˈin" in read["3/14,"]
    assert "dˈɑləɹz" in read["$1,250.50"]
    assert read["away."].startswith("əw")


@pytest.mark.parametrize("text", SENTENCES)
def test_the_reading_is_the_packages_own(model: HibariModel, text: str) -> None:
    said = speakable(text)
    spoken = " ".join(w.spoken for w in said if w.spoken)
    assert model.read(said)[0] == model._hibari.g2p(spoken)


def test_words_between_anchors_share_what_they_became() -> None:
    sizes = {"$5": "$5", "3/14": "March fourteenth", "5": "5", "km": "kilometers"}
    owners = align(
        [(0, "at"), (1, "3/14"), (2, "5"), (3, "km"), (4, "away")],
        ["at", "March", "fourteenth", "5", "kilometers", "away"],
        lambda word: sizes.get(word, word),
    )
    assert owners[:-1] == [0, 1, 1, 2, 3, 4]


async def test_a_cut_at_a_word_leaves_its_sound_whole_and_the_next_ones_out(voice: HibariVoice) -> None:
    text = "Blue, then red, then green."
    pieces = await speak(voice, text)
    wave, words = wave_of(pieces), words_of(pieces)
    spoken = WordMap().clause(text)
    for piece in pieces:
        spoken = spoken.piece(piece.words, len(piece.pcm) // 2)

    assert [spoken.heard(w.end) for w in words][:2] == ["Blue,", "Blue, then"]
    # The pause at each comma lies between two words' places, and each word's place is filled with sound.
    for word, following in pairwise(words):
        assert level(wave[word.start : word.end]) > -40
        if word.text.endswith(","):
            assert level(wave[word.end : following.start]) < level(wave[word.start : word.end]) - 15


def test_sound_leads_the_predicted_durations_by_the_constant(model: HibariModel) -> None:
    """Vowels must be loud and voiceless consonants soft where `LEAD` says they sound, and less so elsewhere."""
    vowels, consonants = set("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻᵊ"), set("ptkʧsʃfθ")

    loud, soft = list[list[float]](), list[list[float]]()
    leads = (0, LEAD // HOP, 10)
    for text in (SENTENCES[0], SENTENCES[1]):
        said = speakable(text)
        phonemes, _ = model.read(said)
        ids = [0, *[model._hibari.vocab[p] for p in phonemes], 0]
        inputs = {"ids": np.asarray([ids]), "speed": np.asarray([1], np.float32)}
        durations = model._session.run(None, inputs)[6].ravel()
        utterance = model.utter(said, 1.0)
        assert utterance is not None
        frames = model.render(utterance, 0, utterance.frames).reshape(-1, HOP)
        db = np.maximum(10 * np.log10((frames**2).mean(1) + 1e-12), -70)
        kinds = [1 if p in vowels else -1 if p in consonants else 0 for p in ("_", *phonemes, "_")]
        kind = np.repeat(kinds, durations * 2)
        loud.append([float(db[: db.size - lead][kind[lead:] == 1].mean()) for lead in leads])
        soft.append([float(db[: db.size - lead][kind[lead:] == -1].mean()) for lead in leads])
    at_once, ours, late = np.mean(loud, 0) - np.mean(soft, 0)
    assert ours > 8
    assert ours > at_once + 3
    assert ours > late + 3


def test_a_network_without_durations_is_refused_with_a_sentence() -> None:
    with pytest.raises(SpeechFailed, match="install hibari-tts"):
        with_durations(b"\x3a\x00")
    with pytest.raises(SpeechFailed, match="damaged"):
        with_durations(b"\x3a\x85")


# ---------------------------------------------------------------------------------------------------- the work


async def test_the_scheduler_given_does_the_work_at_the_priority_asked(model: HibariModel) -> None:
    seen: list[Priority] = []
    inner = one_thread("test")

    def run(priority: Priority, work: Callable[[], T]) -> Awaitable[T]:
        seen.append(priority)
        return inner(priority, work)

    voice = HibariVoice(run=run)
    [s async for s in voice.synthesise("Hi there.", voice="ash", language="en", priority=Priority.NEXT)]
    assert seen == [Priority.NEXT, Priority.NEXT]


async def test_queued_work_of_a_cancelled_clause_is_never_done() -> None:
    run = one_thread("test")
    gate, done = threading.Event(), list[str]()
    busy = asyncio.ensure_future(run(Priority.NEXT, gate.wait))
    queued = asyncio.ensure_future(run(Priority.NEXT, lambda: done.append("ran")))
    await asyncio.sleep(0)
    queued.cancel()
    gate.set()
    await busy
    await run(Priority.NEXT, lambda: done.append("after"))
    assert done == ["after"]


async def test_a_listener_that_leaves_after_the_first_piece_stops_the_rest(model: HibariModel) -> None:
    jobs: list[Priority] = []
    inner = one_thread("test")

    def run(priority: Priority, work: Callable[[], T]) -> Awaitable[T]:
        jobs.append(priority)
        return inner(priority, work)

    voice = HibariVoice(run=run)
    stream = voice.synthesise(SENTENCES[1], voice="alloy", language="en")
    await anext(stream)
    await stream.aclose()
    assert len(jobs) == 1
