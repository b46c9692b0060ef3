"""An answer cut anywhere is remembered as far as it was heard: asked what it said, the mind has only those words.

Over the wire, with the brain that says back what its history holds, in English and Korean. Where each word sounds is
known from the voice, whose words last as long as a dice says.
"""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moksori.agent.speech import Spoken
from moksori.engine.lite import EchoBrain
from moksori.protocol.internal import Word

from .server import Served, Talk, engine, served

SAMPLES_PER_MS = 24
CUTS = 60
"""In each language."""
SPOKEN = {
    "en": "Your order left the warehouse yesterday. It should reach you on Friday, before noon; I will write to you.",
    "ko": "고객님의 주문은 어제 창고에서 출발했습니다. 금요일 오전까지 도착할 예정이고, 번호는 문자로 보내 드릴게요.",
}
ASKED = {"en": ("Again: what did you say?", "I said: "), "ko": ("방금 뭐라고 하셨죠?", "제가 한 말은: ")}
NOTHING = {"en": "I have said nothing yet.", "ko": "아직 아무 말도 하지 않았습니다."}


class Timed:
    """A voice whose words last 60 to 500 ms, with gaps; it keeps when each ended, in samples of the answer."""

    def __init__(self) -> None:
        self.dice = random.Random(11)
        self.ends: list[tuple[str, int]] = []
        self.length = 0

    async def synthesise(self, text: str, **_: Any) -> AsyncIterator[Spoken]:
        begin, at, words = self.length, 0, []
        for written in text.split():
            at += self.dice.randrange(0, 80) * SAMPLES_PER_MS
            end = at + self.dice.randrange(60, 500) * SAMPLES_PER_MS
            words.append(Word(written, at, end))
            self.ends.append((written, begin + end))
            at = end
        total = at + self.dice.randrange(0, 200) * SAMPLES_PER_MS
        self.length += total
        half = self.dice.randrange(1, total)
        yield Spoken(bytes(2 * half), tuple(w for w in words if w.start < half))
        yield Spoken(bytes(2 * (total - half)), tuple(w for w in words if w.start >= half))

    def anew(self) -> None:
        self.ends, self.length = [], 0


async def answered(talk: Talk, text: str, **response: Any) -> tuple[str, str]:
    """The item and the words of an answer."""
    await talk.say(text, **response)
    done = (await talk.until("response.done"))["response"]
    item = done["output"][0]
    (part,) = item["content"]
    return item["id"], (part.get("transcript") or part.get("text") or "").strip()


async def cut_and_ask(server: Served, voice: Timed, language: str, dice: random.Random) -> None:
    async with server.talk() as talk:
        await talk.configure()
        voice.anew()
        # The echo says the sentence back, with words of its own before it.
        item, whole = await answered(talk, SPOKEN[language])
        assert [word for word, _ in voice.ends] == whole.split()
        sent = sum(
            len(base64.b64decode(e["delta"])) // 2
            for e in talk.log
            if e["type"] == "response.output_audio.delta"
        )
        assert sent == voice.length
        # As often on a word's very end, or a millisecond beside it, as anywhere.
        edge = dice.choice(voice.ends)[1] // SAMPLES_PER_MS + dice.choice([-1, 0, 1])
        cut = dice.choice([edge, dice.randrange(voice.length // SAMPLES_PER_MS)])
        await talk.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=cut)
        assert (await talk.until("conversation.item.truncated"))["audio_end_ms"] == cut
        heard = " ".join(word for word, end in voice.ends if end <= cut * SAMPLES_PER_MS)
        await talk.send("conversation.item.retrieve", item_id=item)
        kept = (await talk.until("conversation.item.retrieved"))["item"]["content"][0]
        assert kept["transcript"] == heard
        question, said = ASKED[language]
        _, words = await answered(talk, question, output_modalities=["text"])
        assert words == (said + heard if heard else NOTHING[language])


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_mind_asked_what_it_said_has_only_what_was_heard(language: str) -> None:
    dice, voice = random.Random(5), Timed()
    async with served(with_engine=engine(EchoBrain(), voice)) as server:
        for _ in range(CUTS):
            await cut_and_ask(server, voice, language, dice)
