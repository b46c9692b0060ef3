"""표준 발음법 as a table, and Kokoro's phonemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.engine.korean.g2p import breaths, pronounce
from moksori.engine.korean.phonemes import phonemes
from moksori.engine.korean.reader import read

CASES = Path(__file__).with_name("pronunciation_cases.txt")

KOKORO = frozenset(
    ';:,.!?—…"()“” ̃ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ'
)
"""All signs of `vocab.json` of the weights."""


def cases() -> Iterator[tuple[str, str, str]]:
    """(the section's article, written, pronounced)."""
    rule = ""
    for line in CASES.read_text("utf-8").splitlines():
        if line.startswith("["):
            rule = line[1:-1]
        elif " => " in line and not line.startswith("#"):
            written, said = line.split(" => ")
            yield rule, written, said


@pytest.mark.parametrize(("rule", "written", "said"), list(cases()))
def test_written_is_pronounced(rule: str, written: str, said: str) -> None:
    assert pronounce(written) == said, rule


@pytest.mark.parametrize(
    ("written", "signs"),
    [
        # Plain stops are voiced between voiced sounds, and only there.
        ("고기", "koɡi"),
        ("바보", "pabo"),
        ("한국", "hanɡuk"),
        ("감자", "kamʥa"),
        # ㅅ before ㅣ and j is ɕ.
        ("시", "ɕi"),
        ("사", "sa"),
        # ㄹ: a flap at the beginning, l at the end and doubled.
        ("라면", "ɾamjʌn"),
        ("물", "mul"),
        ("관리", "kwalli"),
        # Tense behind a vowel, aspirated, and tense behind a closure that is there already.
        ("아까", "aʔka"),
        ("코", "kʰo"),
        ("국밥", "kukpap"),
        ("네, 확인했습니다.", "ne, hwaɡinhɛtsɯmnida."),
    ],
)
def test_pronounced_is_written_in_kokoro_s_signs(written: str, signs: str) -> None:
    assert phonemes(written.split()).signs == signs


def test_a_sound_carried_over_belongs_to_the_eojeol_it_is_heard_with() -> None:
    given_ = ["만", "원입니다."]

    said = phonemes(given_)

    assert said.signs == "manwʌnimnida."
    assert said.owners == (0, 0, *[1] * 10, -1)


@given(
    st.lists(
        st.text(alphabet="각난닫랄맘밥삿앙잦찿칵탙팦핳닭없않핥읊곬늘를은이의요육,.?", min_size=1, max_size=6),
        max_size=8,
    )
)
def test_every_sign_is_known_to_the_network_and_has_an_owner(eojeols: list[str]) -> None:
    said = phonemes(eojeols)

    assert set(said.signs) <= KOKORO
    assert len(said.signs) == len(said.owners)
    assert [o for o in said.owners if o >= 0] == sorted(o for o in said.owners if o >= 0)


@given(st.text(alphabet=[chr(c) for c in range(0xAC00, 0xD7A4)], min_size=1, max_size=12))
def test_pronunciation_has_only_the_seven_final_sounds(text: str) -> None:
    (breath,) = breaths([text])

    assert len(breath.syllables) == len(text)
    assert all(s.coda in ("", *"ㄱㄴㄷㄹㅁㅂㅇ") for s in breath.syllables)


def test_what_the_reader_says_can_be_pronounced_whole() -> None:
    words = read("주문번호 W2378156, 총 45,800원이 11월 25일 오후 3시에 발송되었습니다.")

    said = phonemes([word.spoken for word in words if word.spoken])

    assert set(said.signs) <= KOKORO
