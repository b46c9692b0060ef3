"""An interrupted answer keeps exactly the words whose sound had ended, whatever the cut, in English and Korean."""

from __future__ import annotations

import base64
import random

import pytest

from moksori.conversation import events as ev
from moksori.protocol.internal import Word
from moksori.protocol.items import Message
from tests.unit.conversation.harness import SAMPLES_PER_MS, Call, call

ANSWERS = {
    "en": "Sure, your order left yesterday. It should reach you on Friday, before noon; I will send you the number.",
    "ko": "네, 고객님의 주문은 어제 출발했습니다. 금요일 오전까지 도착할 예정이고, 송장 번호는 문자로 보내 드릴게요.",
}
CUTS = 60
"""Random cut points in each language."""


def answered(text: str, rng: random.Random) -> tuple[Call, str, list[tuple[str, int]]]:
    """A spoken answer whose words last 90 to 700 ms with gaps between; returns its item and (word, end in ms)."""
    c = call()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    c.client("conversation.item.create", item=item)
    c.client("response.create")
    c.brain_says(text)
    ends: list[tuple[str, int]] = []
    clause_at = spoken = 0
    while spoken < len(c.all(ev.Speak)):
        clause = c.all(ev.Speak)[spoken]
        spoken += 1
        words, at = [], 0
        for written in clause.text.split():
            at += rng.randrange(0, 80)
            end = at + rng.randrange(90, 700)
            words.append(Word(written, at * SAMPLES_PER_MS, end * SAMPLES_PER_MS))
            ends.append((written, clause_at + end))
            at = end
        total = at + rng.randrange(0, 300)
        # Two pieces, so that a word may begin in one and end in the next.
        half = rng.randrange(1, total)
        for begin, stop in ((0, half), (half, total)):
            begun = tuple(w for w in words if begin <= w.start // SAMPLES_PER_MS < stop)
            n = (stop - begin) * SAMPLES_PER_MS
            sound = base64.b64encode(bytes(2 * n)).decode()
            c.happens(ev.Sounded(clause.response_id, clause.clause, sound, n, begun))
        c.happens(ev.ClauseSpoken(clause.response_id, clause.clause))
        clause_at += total
    answer = c.conversation.items()[-1]
    assert isinstance(answer, Message) and answer.role == "assistant"
    return c, answer.id, ends


def kept(c: Call, item_id: str) -> str:
    item = next(i for i in c.conversation.items() if i.id == item_id)
    assert isinstance(item, Message)
    return item.content[0].transcript or ""  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_kept_text_is_exactly_what_had_sounded(language: str) -> None:
    rng = random.Random(7)
    for _ in range(CUTS):
        c, item_id, ends = answered(ANSWERS[language], rng)
        assert [w for w, _ in ends] == ANSWERS[language].split()
        # As often on a word's very end, or a millisecond beside it, as anywhere.
        cut = rng.choice([rng.randrange(ends[-1][1]), rng.choice(ends)[1] + rng.choice([-1, 0, 1])])
        c.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=cut)
        heard = " ".join(word for word, end in ends if end <= cut)
        assert kept(c, item_id) == heard
        assert c.of("conversation.item.truncated")[-1]["audio_end_ms"] == cut
        # The next answer remembers no more than that.
        c.client("response.create")
        assert [
            i.content[0].transcript  # type: ignore[union-attr]
            for i in c.last(ev.Think).history
            if isinstance(i, Message) and i.role == "assistant"
        ] == [heard]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_barge_in_keeps_what_the_loudspeaker_can_have_played(language: str) -> None:
    rng = random.Random(11)
    for _ in range(CUTS):
        c, item_id, ends = answered(ANSWERS[language], rng)
        began = c.now
        c.wait(rng.randrange(0, ends[-1][1] - 1_000))
        c.speech(352)
        played = c.now - began
        assert kept(c, item_id) == " ".join(word for word, end in ends if end <= played)


def test_nothing_and_everything_are_cuts_too() -> None:
    c, item_id, ends = answered(ANSWERS["en"], random.Random(3))
    c.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10_000_000)
    assert kept(c, item_id) == ANSWERS["en"]
    assert ends[-1][1] <= c.of("conversation.item.truncated")[-1]["audio_end_ms"] < 10_000_000
    c.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    assert kept(c, item_id) == ""
