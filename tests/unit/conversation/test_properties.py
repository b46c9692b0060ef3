"""Random calls: whatever clients and models do, in whatever order, the promises hold."""

from __future__ import annotations

import base64
import random
from collections import Counter
from typing import Any

import pytest

from moksori.conversation import events as ev
from moksori.conversation.turn import FRAME_MS
from moksori.protocol.internal import Word
from moksori.protocol.items import Message
from tests.support.openai_schema import validate_server_event
from tests.unit.conversation.harness import Call, call

PHRASES = ["Hello.", "Where is my order, please? ", "It shipped. ", "네, 확인했습니다. ", "Well, ", "ok"]


class RandomCall:
    """Plays client, microphone and every model at random; late, repeated and unwanted results included."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.call: Call = call(strict=seed % 5 == 0)
        self.audio_given = 0
        self.spoken: dict[tuple[str, int], int] = {}

    def run(self, steps: int) -> None:
        acts = [self.microphone] * 6 + [self.client] * 2 + [self.models] * 6 + [self.time_passes]
        for _ in range(steps):
            self.rng.choice(acts)()

    def microphone(self) -> None:
        self.call.audio(FRAME_MS * self.rng.randint(1, 25), self.rng.choice([0.02, 0.02, 0.4, 0.95, 0.95]))

    def time_passes(self) -> None:
        self.call.wait(self.rng.choice([0, 5, 300, 5_000]))

    def an_item(self) -> str:
        items = [i.id for i in self.call.conversation.items()]
        return self.rng.choice([*items, "item_none"])

    def client(self) -> None:
        rng, c = self.rng, self.call
        text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        vad: Any = rng.choice(
            [
                None,
                {"type": "server_vad", "silence_duration_ms": rng.choice([0, 200, 500])},
                {"type": "server_vad", "create_response": False},
                {"type": "server_vad", "interrupt_response": False},
                {"type": "server_vad", "idle_timeout_ms": 1500},
                {"type": "semantic_vad", "eagerness": rng.choice(["low", "high", "auto"])},
            ]
        )
        audio_input = {"turn_detection": vad, "transcription": rng.choice([None, {"model": "whisper-1"}])}
        events: list[tuple[str, dict[str, Any]]] = [
            ("session.update", {"session": {"type": "realtime", "audio": {"input": audio_input}}}),
            (
                "session.update",
                {"session": {"type": "realtime", "output_modalities": [rng.choice(["text", "audio"])]}},
            ),
            ("session.update", {"session": {"type": "transcription"}}),
            ("input_audio_buffer.commit", {}),
            ("input_audio_buffer.clear", {}),
            ("output_audio_buffer.clear", {}),
            ("conversation.item.create", {"item": text}),
            ("conversation.item.create", {"item": text, "previous_item_id": self.an_item()}),
            (
                "conversation.item.create",
                {"item": {"type": "function_call_output", "call_id": "call_a", "output": "1"}},
            ),
            ("conversation.item.retrieve", {"item_id": self.an_item()}),
            ("conversation.item.delete", {"item_id": self.an_item()}),
            (
                "conversation.item.truncate",
                {"item_id": self.an_item(), "content_index": 0, "audio_end_ms": rng.randrange(5_000)},
            ),
            ("response.create", {}),
            ("response.create", {"response": {"conversation": "none", "input": []}}),
            ("response.create", {"response": {"output_modalities": ["text"]}}),
            ("response.cancel", {}),
        ]
        type, fields = rng.choice(events)
        c.client(type, **fields)

    def models(self) -> None:
        rng, c = self.rng, self.call
        asked = [e for e in c.asked if isinstance(e, ev.Transcribe | ev.JudgeEnd | ev.Think | ev.Speak)]
        if not asked:
            return
        what = asked[-1] if rng.random() < 0.7 else rng.choice(asked)
        match what:
            case ev.Transcribe():
                if rng.random() < 0.1:
                    c.happens(ev.TranscribeFailed(what.job, "Out of memory."))
                else:
                    text = rng.choice(["", "Where is my order?", "네"])
                    c.happens(ev.Transcribed(what.job, text, "en", 900))
            case ev.JudgeEnd():
                c.happens(ev.EndJudged(what.turn, what.revision, rng.random()))
            case ev.Think():
                self.brain(what)
            case ev.Speak():
                self.voice(what)

    def brain(self, what: ev.Think) -> None:
        rng, c = self.rng, self.call
        roll = rng.random()
        if roll < 0.55:
            c.happens(ev.BrainSaid(what.response_id, rng.choice(PHRASES)))
        elif roll < 0.65:
            c.happens(ev.BrainCalled(what.response_id, f"call_{rng.randrange(99)}", "find", "{}"))
        elif roll < 0.95:
            c.happens(ev.BrainFinished(what.response_id, rng.choice(["stop", "stop", "length"]), 10, 0, 5))
        else:
            c.happens(ev.BrainFailedEvent(what.response_id, "server_error", "It broke."))

    def voice(self, what: ev.Speak) -> None:
        key = (what.response_id, what.clause)
        roll = self.rng.random()
        if roll < 0.6 and self.spoken.get(key, 0) < 3:
            n = 2400
            self.spoken[key] = self.spoken.get(key, 0) + 1
            stamp = f"{what.response_id}/{what.clause}/{self.spoken[key]}"
            audio = base64.b64encode(stamp.encode()).decode()
            word = what.text.split()[0] if what.text.split() else ""
            words = (Word(word, 0, n),) if self.spoken[key] == 1 else ()
            self.call.happens(ev.Sounded(what.response_id, what.clause, audio, n, words))
        elif roll < 0.97:
            self.call.happens(ev.ClauseSpoken(what.response_id, what.clause))
        else:
            self.call.happens(ev.SpeakFailed(what.response_id, what.clause, "No voice."))


def check(sent: list[dict[str, Any]]) -> None:
    """The promises, on the events one client got."""
    assert len({e["event_id"] for e in sent}) == len(sent)
    created = [e["response"]["id"] for e in sent if e["type"] == "response.created"]
    done = [e["response"]["id"] for e in sent if e["type"] == "response.done"]
    assert len(set(created)) == len(created)
    assert max(Counter(done).values(), default=0) <= 1, "response.done said twice"
    assert set(done) <= set(created)
    ended: set[str] = set()
    open_responses: set[str] = set()
    open_items: set[str] = set()
    speaking = False
    audio: list[str] = []
    for event in sent:
        type = event["type"]
        of = event.get("response_id") or event.get("response", {}).get("id")
        if type != "output_audio_buffer.cleared":  # playback goes on after the answer is done
            assert of not in ended, f"{type} after response.done"
        match type:
            case "response.created":
                if event["response"]["conversation_id"] is not None:
                    assert not open_responses, "two answers in one conversation"
                    open_responses.add(of)
            case "response.done":
                assert event["response"]["status"] != "in_progress"
                assert not {i["id"] for i in event["response"]["output"]} & open_items
                open_responses.discard(of)
                ended.add(of)
            case "response.output_item.added":
                open_items.add(event["item"]["id"])
            case "response.output_item.done":
                assert event["item"]["id"] in open_items
                open_items.remove(event["item"]["id"])
            case "response.output_audio.delta":
                assert event["item_id"] in open_items
                audio.append(event["delta"])
            case "input_audio_buffer.speech_started":
                assert not speaking
                speaking = True
            case "input_audio_buffer.speech_stopped":
                assert speaking
                speaking = False
            case "input_audio_buffer.cleared" | "input_audio_buffer.committed":
                assert not speaking, "a turn outlived its audio"
            case _:
                pass
    assert len(set(audio)) == len(audio), "audio sent twice"


@pytest.mark.parametrize("block", range(8))
def test_random_calls_keep_every_promise(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        random_call = RandomCall(seed)
        random_call.run(160)
        check(random_call.call.sent)


def test_random_calls_send_nothing_a_strict_client_would_refuse() -> None:
    checked: set[str] = set()
    for seed in range(40):
        random_call = RandomCall(seed)
        random_call.run(120)
        for event in random_call.call.sent:
            validate_server_event(event)
            checked.add(event["type"])
    assert len(checked) >= 25


def test_audio_of_a_whole_answer_comes_out_once_and_in_order() -> None:
    c = call()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    c.client("conversation.item.create", item=item)
    c.client("response.create")
    c.brain_says("One is the first number. ", "Two comes after it. ", "And three is the last of them.")
    pieces: list[str] = []
    while True:
        clause = c.last(ev.Speak)
        for n in range(3):
            audio = base64.b64encode(f"{clause.clause}.{n}".encode()).decode()
            pieces.append(audio)
            c.happens(ev.Sounded(clause.response_id, clause.clause, audio, 240, ()))
        c.happens(ev.ClauseSpoken(clause.response_id, clause.clause))
        if c.last(ev.Speak) is clause:
            break
    assert [e["delta"] for e in c.of("response.output_audio.delta")] == pieces
    said = "".join(e["delta"] for e in c.of("response.output_audio_transcript.delta"))
    assert said == "One is the first number. Two comes after it. And three is the last of them."
    answer = c.conversation.items()[-1]
    assert isinstance(answer, Message)
    assert answer.content[0].transcript == said
