"""Phrases rendered ahead: kept whole, bounded, mended, and never about a caller."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from moksori.agent.speech import Priority, SpeechFailed, Spoken, Word
from moksori.conversation.clauses import Saying, clauses
from moksori.conversation.words import WordMap
from moksori.engine import kokoro_voice, phrases
from moksori.engine.kokoro_model import Sound
from moksori.engine.kokoro_voice import PIECE, KokoroVoice
from moksori.engine.korean.parts import Ahead, ahead, ends, fitting, parts, start
from moksori.engine.phrases import Phrase, PhraseStore, key_of
from moksori.engine.scheduler import MAY_TAKE, URGENCY, Urgency
from moksori.engine.voices_load import render_ahead

T = TypeVar("T")

FIXED = "더 필요하신 것이 있으세요?"


class Network:
    """In Kokoro's place: 0.25 s of tone a word, and a note of what it was asked."""

    voices = ("jm_kumo", "jf_alpha")

    def __init__(self, folder: Path, threads: int) -> None:
        self.asked: list[str] = []

    def speak(self, words: tuple[Saying, ...], voice: str, speed: float) -> Sound | None:
        self.asked.append(" ".join(word.written for word in words))
        sounding = [word for word in words if word.spoken]
        if not sounding:
            return None
        placed = tuple(Word(word.written, n * 6000, (n + 1) * 6000) for n, word in enumerate(words))
        return Sound(np.full(6000 * len(words), 0.5, np.float32), placed)


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KokoroVoice:
    monkeypatch.setattr(kokoro_voice, "KokoroModel", Network)
    return KokoroVoice(tmp_path, run=at_once, store=PhraseStore(tmp_path), model_hash="m")


def at_once(priority: Priority, call: Callable[[], T]) -> Awaitable[T]:
    async def run() -> T:
        return call()

    return run()


def stored(home: Path) -> list[Path]:
    return list(home.rglob("*.phrase"))


def network(voice: KokoroVoice) -> Network:
    model = voice._model
    assert isinstance(model, Network)
    return model


async def say(voice: KokoroVoice, text: str, speed: float = 1.0) -> list[Spoken]:
    return [p async for p in voice.synthesise(text, voice="jm_kumo", language="ko", speed=speed)]


async def test_a_phrase_rendered_ahead_is_played_without_the_network(voice: KokoroVoice) -> None:
    assert await voice.keep(FIXED, voice="jm_kumo")
    ahead = await say(voice, FIXED)

    assert network(voice).asked == [FIXED]
    assert not await voice.keep(FIXED, voice="jm_kumo")
    assert b"".join(p.pcm for p in ahead) == voice.render(FIXED, "jm_kumo", 1.0).pcm


async def test_of_a_template_only_what_varies_is_synthesised(voice: KokoroVoice) -> None:
    template = "확인했습니다. 주문번호는 {order}입니다. 더 필요하신 것이 있으세요?"
    await kept(voice, ahead([template]))

    for clause in clauses(template.format(order="W2378156")):
        await say(voice, clause)

    assert network(voice).asked == ["주문번호는 W2378156입니다."]


async def kept(voice: KokoroVoice, texts: Ahead) -> None:
    for text in texts.texts:
        await voice.keep(text, voice="jm_kumo")
    network(voice).asked.clear()


async def test_of_one_sentence_only_the_words_between_its_fixed_ends_are_synthesised(
    voice: KokoroVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "등록된 전화번호는 {phone|이고} 배송지로 쓰입니다."
    monkeypatch.setattr(phrases, "_registered", {})
    phrases.register([template])
    await kept(voice, ahead([template]))

    spoken = await say(voice, "등록된 전화번호는 010-1234-5678이고 배송지로 쓰입니다.")

    assert network(voice).asked == ["010-1234-5678이고"]
    words = [word for piece in spoken for word in piece.words]
    assert [word.text for word in words] == [
        "등록된",
        "전화번호는",
        "010-1234-5678이고",
        "배송지로",
        "쓰입니다.",
    ]
    assert all(before.end <= after.start for before, after in pairwise(words))


async def test_what_stands_between_the_ends_is_read_as_in_its_sentence(
    voice: KokoroVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a head that says a number's name follows, the number is still spelt, not counted."""
    said: list[str] = []
    speak = network(voice).speak

    def listening(words: tuple[Saying, ...], voice: str, speed: float) -> Sound | None:
        said.extend(word.spoken for word in words)
        return speak(words, voice, speed)

    monkeypatch.setattr(phrases, "_registered", {})
    phrases.register(["고객님의 주문번호 {order|은} 배송 완료되었어요."])
    await kept(voice, phrases.ahead())
    monkeypatch.setattr(network(voice), "speak", listening)

    await say(voice, "고객님의 주문번호 2378은 배송 완료되었어요.")

    assert said == ["이삼칠팔은"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["주문을 취소했습니다."], Ahead(("주문을 취소했습니다.",), (), ())),
        (["주문 {order|은} 취소된 주문이에요."], Ahead((), (), ("취소된 주문이에요.",))),
        (["접수 번호는 {n}번입니다."], Ahead((), ("접수 번호는",), ())),
        (["네, {name} 고객님, 확인되었어요."], Ahead(("확인되었어요.",), (), ())),
        (["{a|과} {b}"], Ahead((), (), ())),
    ],
)
def test_a_template_is_cut_at_what_varies(texts: list[str], expected: Ahead) -> None:
    assert ahead(texts) == expected


def test_what_stands_in_the_middle_of_one_answer_may_begin_another() -> None:
    """Given a text whose second sentence is cut shorter at the beginning of an answer, those pieces are there, too."""
    known = frozenset(
        ahead(["찾으시는 상품이 없습니다. 이미 준비 중이거나 배송 중이면 받으신 뒤에 반품해 주세요."]).whole
    )
    sentence = "이미 준비 중이거나 배송 중이면 받으신 뒤에 반품해 주세요."
    begun = [part for clause in clauses(sentence) for part in parts(clause)]
    assert len(begun) > 1
    assert known >= {sentence, *begun}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("접수 번호는 12번이고,", ("접수 번호는", "")),
        ("접수 번호는 12번이고 취소된 주문이에요.", ("접수 번호는", "주문이에요.")),
        ("접수 번호는", ("", "")),
        ("그 접수 번호는 7번", ("", "")),
    ],
)
def test_known_ends_of_a_part_are_found(part: str, expected: tuple[str, str]) -> None:
    assert ends(part.split(), frozenset({"접수 번호는"}), frozenset({"주문이에요."})) == expected


def test_between_the_ends_enough_is_left_to_be_spoken() -> None:
    tails = frozenset({"들어 있습니다."})

    assert ends(["바지가", "들어", "있습니다."], frozenset(), tails) == ("", "")
    assert ends(["청바지가", "들어", "있습니다."], frozenset(), tails) == ("", "들어 있습니다.")


LONG = "주문 W2378은 대한통운으로 가고 있어요."


async def test_the_first_words_a_caller_waits_for_are_made_before_the_rest(voice: KokoroVoice) -> None:
    URGENCY.set(Urgency(Priority.WAITED_FOR))

    spoken = await say(voice, LONG)

    assert network(voice).asked == ["주문 W2378은", "대한통운으로 가고 있어요."]
    assert " ".join(word.text for piece in spoken for word in piece.words) == LONG


@pytest.mark.parametrize("urgency", [None, Urgency(Priority.NEXT)])
async def test_what_nobody_waits_for_is_made_in_one_run(voice: KokoroVoice, urgency: Urgency | None) -> None:
    URGENCY.set(urgency)

    await say(voice, LONG)

    assert network(voice).asked == [LONG]


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("주문 더블유이삼칠팔은 대한통운으로 가고 있어요.", 2),
        ("네, 확인했습니다.", 0),
        ("상담원에게 순서대로 연락드리라고 전하겠습니다.", 2),
        ("할수있는것은모두해보았습니다만 안 됩니다.", 0),  # nothing ends where a start may
        ("네 알겠습니다 지금 바로 변경해 드릴게요.", 4),
        ("오늘 주문하신 상품은 도착해요.", 0),  # so little is left that it is spoken badly alone
    ],
)
def test_where_a_part_is_begun(spoken: str, expected: int) -> None:
    assert start(spoken.split()) == expected


async def test_in_a_call_a_piece_takes_no_longer_than_it_may_when_its_turn_comes(voice: KokoroVoice) -> None:
    """It may take 0.7 s, then a minute: a first piece is cut off, and the rest made at once."""
    URGENCY.set(Urgency(Priority.NEXT))
    allowed = iter((0.7, 60.0))
    MAY_TAKE.set(lambda: next(allowed))

    spoken = await say(voice, LONG)

    assert network(voice).asked == ["주문 W2378은", "대한통운으로 가고 있어요."]
    assert " ".join(word.text for piece in spoken for word in piece.words) == LONG


@pytest.mark.parametrize(
    ("spoken", "most", "expected"),
    [
        ("주문하신 무선 이어폰은 오늘 오후에 배송될 예정입니다.", 12, 3),  # after a particle
        ("주문하신 무선 이어폰은 오늘 오후에 배송될 예정입니다.", 6, 2),
        ("주문하신 무선 이어폰은 오늘 오후에 배송될 예정입니다.", 40, 7),  # all of it fits
        ("주문하신 무선 이어폰은 오늘 오후에 배송될 예정입니다.", 0, 2),  # no less can be spoken alone
        ("네, 확인했습니다.", 0, 2),  # made nearly as soon as its beginning
        ("할수있는것은모두해보았습니다만 안 됩니다.", 5, 1),  # the first place there is
    ],
)
def test_how_much_of_a_part_fits(spoken: str, most: int, expected: int) -> None:
    assert fitting(spoken.split(), most) == expected


async def test_what_is_said_live_is_never_stored(voice: KokoroVoice, tmp_path: Path) -> None:
    await say(voice, "주문번호는 W2378156입니다.")

    assert not stored(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"not json\nsound", b'{"sha256":"0","words":[]}\nsound'])
async def test_a_damaged_file_is_rendered_again(voice: KokoroVoice, tmp_path: Path, damage: bytes) -> None:
    await voice.keep(FIXED, voice="jm_kumo")
    (file,) = stored(tmp_path)
    file.write_bytes(damage)

    heard = await say(voice, FIXED)

    assert heard[0].pcm
    assert not file.exists()
    assert await voice.keep(FIXED, voice="jm_kumo")


@pytest.mark.parametrize(
    "other", [("네.", "v", 1.0, "m"), ("네?", "w", 1.0, "m"), ("네?", "v", 1.1, "m"), ("네?", "v", 1.0, "n")]
)
def test_the_key_holds_text_voice_speed_and_weights(other: tuple[str, str, float, str]) -> None:
    assert key_of("네?", "v", 1.0, "m") != key_of(*other)
    assert key_of("네?", "v", 1.0, "m") == key_of("네?", "v", 1.0001, "m")


def test_the_store_is_bounded_and_drops_what_was_used_longest_ago(tmp_path: Path) -> None:
    store = PhraseStore(tmp_path, max_bytes=3000)
    phrase = Phrase(bytes(800), (Word("네", 0, 400),))
    for n, key in enumerate("abc"):
        store.put(key, phrase)
        os.utime(tmp_path / "phrases" / f"{key}.phrase", (n, n))
    assert store.get("a") == phrase  # used now, so no longer the oldest

    store.put("d", phrase)

    assert [key for key in "abcd" if store.get(key)] == ["a", "c", "d"]
    assert not list(tmp_path.rglob("*.new"))


def test_a_store_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    (tmp_path / "phrases").write_text("a file where the folder should be")
    store = PhraseStore(tmp_path)

    store.put("a", Phrase(b"", ()))

    assert store.get("a") is None


async def test_rendering_ahead_waits_while_somebody_calls(voice: KokoroVoice) -> None:
    quiet = asyncio.Event()
    rendering = asyncio.create_task(render_ahead(voice, quiet))
    await asyncio.sleep(0)
    assert network(voice).asked == []

    quiet.set()

    assert await rendering == len(phrases.ahead().texts)


def test_registered_texts_are_rendered_too_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "_registered", {})

    phrases.register(["재고가 없습니다.", "재고가  없습니다."])

    assert phrases.registered().count("재고가 없습니다.") == 1


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("네, 알겠습니다.", ("네, 알겠습니다.",)),
        ("총 12,300원이고, 배송비는 3,000원입니다.", ("총 12,300원이고,", "배송비는 3,000원입니다.")),
        ("2026. 11. 27. 도착", ("2026. 11. 27. 도착",)),
        (
            "가나다라마바사아자차 카타파하가나다라마바 사아자차카타파하가나다라마",
            ("가나다라마바사아자차 카타파하가나다라마바", "사아자차카타파하가나다라마"),
        ),
        ("", ()),
    ],
)
def test_a_clause_is_cut_at_its_marks(clause: str, expected: tuple[str, ...]) -> None:
    assert parts(clause) == expected


async def test_pieces_are_short_and_their_words_fill_the_playback_map(voice: KokoroVoice) -> None:
    text = " 총 12,300원이고, 😊 배송비는 3,000원입니다."
    spoken = await say(voice, text)

    assert all(len(p.pcm) // 2 <= PIECE for p in spoken)
    said = WordMap().clause(text)
    for piece in spoken:
        said = said.piece(piece.words, len(piece.pcm) // 2)
    said = said.end_clause()
    assert " ".join(w.text for p in spoken for w in p.words) == " ".join(text.split())
    assert said.heard(said.samples) == text.strip()
    assert said.heard(6000) == "총"


async def test_text_without_sound_gives_its_words_and_no_audio(voice: KokoroVoice) -> None:
    (piece,) = await say(voice, "😊")

    assert piece == Spoken(b"", (Word("😊", 0, 0),))


async def test_a_voice_or_language_it_has_not_is_a_sentence(voice: KokoroVoice) -> None:
    with pytest.raises(SpeechFailed, match="no Korean voice 'xx'; there are jm_kumo, jf_alpha"):
        voice.render("네", "xx", 1.0)
    with pytest.raises(SpeechFailed, match="Korean"):
        async for _ in voice.synthesise("Hello", voice="jm_kumo", language="en"):
            pass
