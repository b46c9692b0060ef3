"""Every field of a session and of a response does something, or is refused by its name (`fields.py` lists them)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from moksori.engine.lite import EchoBrain, Limited

from .fields import RESPONSE, SESSION, uncovered
from .server import SAID, Served, Talk, engine, served

TOOL = {"type": "function", "name": "find_order", "description": "Find it.", "parameters": {"type": "object"}}
VAD = {"type": "server_vad", "silence_duration_ms": 300}
HEARD = "conversation.item.input_audio_transcription"


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


@pytest.fixture
async def echo() -> AsyncIterator[Served]:
    """Its mind says what its history holds, and reads 512 tokens."""
    async with served(with_engine=engine(Limited(EchoBrain()), context_tokens=1024)) as running:
        yield running


def test_the_list_is_whole_and_its_tests_are_there() -> None:
    assert uncovered() == []
    for _, test in [*SESSION.values(), *RESPONSE.values()]:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (Path(__file__).parents[1] / file).read_text("utf-8"), test


async def text(talk: Talk) -> str:
    """The words of the next answer."""
    done = (await talk.until("response.done"))["response"]
    (part,) = done["output"][0]["content"]
    return str(part.get("text", part.get("transcript"))).strip()


def audio(talk: Talk) -> bytes:
    return b"".join(
        base64.b64decode(e["delta"]) for e in talk.log if e["type"].endswith("output_audio.delta")
    )


# ------------------------------------------------------------------------------- the model and what it may do


async def test_instructions_reach_the_model(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"], instructions="Speak like a sailor.")
        await talk.say("What are your instructions?")
        assert await text(talk) == "Speak like a sailor."


async def test_a_choice_of_none_lets_no_call_through(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"], tools=[TOOL], tool_choice="none")
        await talk.say("Where is my order?")
        done = await talk.until("response.done")
        assert done["response"]["output"] == []


async def test_one_call_an_answer_where_parallel_calls_are_off(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(output_modalities=["text"], tools=[TOOL])
        await talk.say("Do both")
        assert len((await talk.until("response.done"))["response"]["output"]) == 2
        session = await talk.configure(parallel_tool_calls=False)
        assert session["parallel_tool_calls"] is False
        await talk.say("Do both")
        assert len((await talk.until("response.done"))["response"]["output"]) == 1


async def test_an_answer_ends_at_its_limit(echo: Served) -> None:
    async with echo.talk() as talk:
        await talk.configure(max_output_tokens=4)
        await talk.say("one two three four five")
        done = (await talk.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "You said: one two"
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["max_output_tokens"] == 4


async def test_one_answer_may_differ_from_its_session(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(instructions="Speak like a sailor.")
        own = {"instructions": "Speak like a judge.", "output_modalities": ["text"], "max_output_tokens": 77}
        await talk.say("What are your instructions?", **own)
        done = (await talk.until("response.done"))["response"]
        assert done["output"][0]["content"] == [{"type": "output_text", "text": "Speak like a judge."}]
        assert (done["output_modalities"], done["max_output_tokens"]) == (["text"], 77)
        await talk.say("Do both", tools=[TOOL], parallel_tool_calls=False)
        assert len((await talk.until("response.done"))["response"]["output"]) == 1
        await talk.say("Where is my order?", tools=[TOOL], tool_choice="none")
        assert (await talk.until("response.done"))["response"]["output"] == []
        form = {"type": "audio/pcmu"}
        await talk.say("Hello there", audio={"output": {"format": form, "voice": "marin"}})
        done = (await talk.until("response.done"))["response"]
        assert done["audio"]["output"] == {"format": form, "voice": "marin"}
        assert abs(len(audio(talk)) - 4 * 800) < 500  # four words of 100 ms, 8 bytes a millisecond
        await talk.say("What are your instructions?")
        assert await text(talk) == "Speak like a sailor."


# ------------------------------------------------------------------------------- how much is remembered


async def said_before(talk: Talk, answers: int) -> None:
    """A conversation as a client replays it: questions, and answers that each begin with a word of its own."""
    for n in range(answers):
        for role, kind, words in (
            ("user", "input_text", f"question {n} and some more words"),
            ("assistant", "output_text", f"answer-{n} and a few more words of it"),
        ):
            part = {"type": kind, "text": words}
            item = {"id": f"{role}_{n}", "type": "message", "role": role, "content": [part]}
            await talk.send("conversation.item.create", item=item)
    await talk.until("conversation.item.done", lambda e: e["item"]["id"] == f"assistant_{answers - 1}")


def remembered(said: str) -> list[int]:
    return [int(word.partition("-")[2]) for word in said.split() if word.startswith("answer-")]


async def test_retention_drops_the_oldest_once_and_for_all(echo: Served) -> None:
    truncation = {
        "type": "retention_ratio",
        "retention_ratio": 0.5,
        "token_limits": {"post_instructions": 200},
    }
    async with echo.talk() as talk:
        session = await talk.configure(output_modalities=["text"], truncation=truncation)
        assert session["truncation"] == truncation
        await said_before(talk, 10)
        await talk.say("What did you say?")
        first = remembered(await text(talk))
        assert first and first[-1] == 9 and first == list(range(first[0], 10))
        assert 1 <= len(first) <= 4, "half of 200 tokens, at about 13 a message"
        # There is room again, and what was dropped does not come back.
        await talk.say("What did you say?", max_output_tokens=60)
        assert remembered(await text(talk))[: len(first)] == first


async def test_automatic_truncation_drops_as_little_as_it_must(echo: Served) -> None:
    async with echo.talk() as talk:
        session = await talk.configure(output_modalities=["text"])
        assert session["truncation"] == "auto"
        await said_before(talk, 10)
        await talk.say("What did you say?")
        assert remembered(await text(talk)) == list(range(10)), "all of it fits"
        await said_before(Replayed(talk, 100), 30)
        await talk.say("What did you say?")
        kept = remembered(await text(talk))
        assert kept[-1] == 129 and 0 not in kept and len(kept) >= 8


class Replayed(Talk):
    """The same connection, with item numbers that begin elsewhere."""

    def __init__(self, talk: Talk, first: int) -> None:
        super().__init__(talk.socket, talk.beta, talk.log)
        self._first = first

    async def send(self, type: str, **fields: Any) -> None:
        item = fields.get("item")
        if item is not None:
            role, n = item["id"].split("_")
            (part,) = item["content"]
            number = int(n) + self._first
            words = part["text"].replace(f"answer-{n} ", f"answer-{number} ")
            fields["item"] = {**item, "id": f"{role}_{number}", "content": [{**part, "text": words}]}
        await super().send(type, **fields)

    async def until(self, type: str, check: Any = lambda _: True) -> dict[str, Any]:
        last = f"assistant_{self._first + 29}"
        return await super().until(type, lambda e: e["item"]["id"] == last)


async def test_disabled_truncation_fails_the_answer_and_the_session_lives_on(echo: Served) -> None:
    async with echo.talk() as talk:
        await talk.configure(output_modalities=["text"], truncation="disabled")
        await said_before(talk, 30)
        await talk.say("What did you say?")
        done = (await talk.until("response.done"))["response"]
        assert done["status"] == "failed"
        error = done["status_details"]["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")
        await talk.configure(truncation="auto")
        await talk.say("What did you say?")
        assert 29 in remembered(await text(talk))


async def test_what_is_given_for_one_answer_is_no_part_of_the_memory(echo: Served) -> None:
    """Items named for one answer are shown to the model though the conversation has dropped them."""
    truncation = {
        "type": "retention_ratio",
        "retention_ratio": 0.5,
        "token_limits": {"post_instructions": 200},
    }
    async with echo.talk() as talk:
        await talk.configure(output_modalities=["text"], truncation=truncation)
        await said_before(talk, 10)
        await talk.say("What did you say?")
        assert 0 not in remembered(await text(talk))
        part = {"type": "input_text", "text": "What did you say?"}
        asked = {"type": "message", "role": "user", "content": [part]}
        given = [{"type": "item_reference", "id": "assistant_0"}, asked]
        await talk.send("response.create", response={"input": given, "conversation": "none"})
        assert remembered(await text(talk)) == [0]


# ------------------------------------------------------------------------------- what is heard


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"language": "ko", "prompt": "names of dishes"}, "in ko expecting names of dishes"),
        ({"languages": ["ko"], "keywords": ["kimchi", "bulgogi"]}, "in ko expecting kimchi, bulgogi"),
        (
            {"languages": ["ko", "en"], "prompt": "dishes", "keywords": ["tofu"]},
            "in None expecting dishes tofu",
        ),
    ],
)
async def test_the_recogniser_is_told_what_to_expect(
    server: Served, wanted: dict[str, Any], told: str
) -> None:
    async with server.talk() as talk:
        await talk.configure(detection=VAD, input={"transcription": {"model": "whisper-1", **wanted}})
        await talk.sound(speech_ms=600, silence_ms=800)
        assert (await talk.until(f"{HEARD}.completed"))["transcript"] == told


async def test_words_come_in_deltas_except_from_whisper(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(detection=VAD, input={"transcription": {"model": "gpt-4o-transcribe"}})
        await talk.sound(speech_ms=800, silence_ms=800)
        done = await talk.until(f"{HEARD}.completed")
        deltas = [e for e in talk.log if e["type"] == f"{HEARD}.delta"]
        assert "".join(e["delta"] for e in deltas) == done["transcript"] == SAID
        assert {e["item_id"] for e in deltas} == {done["item_id"]}
        await talk.until("response.done")
        await talk.configure(detection=VAD, input={"transcription": {"model": "whisper-1"}})
        began = len(talk.log)
        await talk.sound(speech_ms=800, silence_ms=800)
        await talk.until(f"{HEARD}.completed")
        assert not [e for e in talk.log[began:] if e["type"] == f"{HEARD}.delta"]


async def test_a_recogniser_that_fails_is_told_instead_of_the_transcript(server: Served) -> None:
    async with server.talk() as talk:
        unlucky = {"model": "whisper-1", "prompt": "fail now"}
        await talk.configure(detection=VAD, input={"transcription": unlucky})
        await talk.sound(speech_ms=600, silence_ms=800)
        failed = await talk.until(f"{HEARD}.failed")
        committed = next(e for e in talk.log if e["type"] == "input_audio_buffer.committed")
        assert failed["item_id"] == committed["item_id"]
        assert failed["error"]["message"]
        done = (await talk.until("response.done"))["response"]
        assert done["status_details"]["error"]["code"] == "transcription_failed"
        # The session lives on.
        await talk.configure(output_modalities=["text"])
        await talk.say("Hello there")
        assert await text(talk) == "You said: Hello there"


async def test_a_threshold_above_the_sound_hears_nothing(server: Served) -> None:
    async with server.talk() as talk:
        await talk.configure(detection={**VAD, "threshold": 0.99})
        await talk.sound(speech_ms=800, silence_ms=800)
        await talk.send("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
        assert "input_audio_buffer.speech_started" not in talk.types()


async def test_the_padding_begins_the_turn_earlier(server: Served) -> None:
    begins = []
    for padding in (0, 500):
        async with server.talk() as talk:
            await talk.configure(detection={**VAD, "prefix_padding_ms": padding})
            await talk.sound(speech_ms=0, silence_ms=1000)
            await talk.sound(speech_ms=800, silence_ms=800)
            begins.append((await talk.until("input_audio_buffer.speech_started"))["audio_start_ms"])
    assert begins[0] - begins[1] == 500
    assert abs(begins[0] - 1000) <= 64


async def test_the_silence_that_ends_a_turn() -> None:
    """Whatever the words and the voice tell, a turn waits no longer than its client asked."""
    async with served(with_engine=engine(judged=False)) as server:
        ends = []
        for silence in (200, 320):
            async with server.talk() as talk:
                await talk.configure(detection={"type": "server_vad", "silence_duration_ms": silence})
                await talk.sound(speech_ms=800, silence_ms=1400)
                ends.append((await talk.until("input_audio_buffer.speech_stopped"))["audio_end_ms"])
        assert abs(ends[1] - ends[0] - 120) <= 64, "each to a frame of 32 ms"


# ------------------------------------------------------------------------------- what is spoken


async def test_the_voice_is_heard(server: Served) -> None:
    sounds = []
    for voice in ("alloy", "marin"):
        async with server.talk() as talk:
            session = await talk.configure(
                audio={"output": {"voice": voice}, "input": {"turn_detection": None}}
            )
            assert session["audio"]["output"]["voice"] == voice
            await talk.say("Hello there")
            await talk.until("response.done")
            sounds.append(audio(talk))
    assert len(sounds[0]) == len(sounds[1]) and sounds[0] != sounds[1]


# ------------------------------------------------------------------------------- what nothing implements

NOTHING: list[tuple[str, Any]] = [
    ("prompt", {"id": "pmpt_1", "variables": {"name": "Kim"}}),
    ("reasoning", {"effort": "low"}),
    ("tracing", {"workflow_name": "calls"}),
    ("include", ["item.input_audio_transcription.logprobs"]),
    ("audio.input.noise_reduction", {"type": "near_field"}),
    ("audio.input.transcription.delay", "low"),
]


@pytest.mark.parametrize(("path", "value"), NOTHING, ids=[path for path, _ in NOTHING])
async def test_what_nothing_implements_is_refused_by_name(server: Served, path: str, value: Any) -> None:
    given: Any = value
    for step in reversed(path.split(".")):
        given = {step: given}
    if path.endswith("delay"):
        given["audio"]["input"]["transcription"]["model"] = "whisper-1"
    async with server.talk() as talk:
        await talk.until("session.created")
        await talk.send("session.update", event_id="mine", session={"type": "realtime", **given})
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_value", f"session.{path}")
        assert error["event_id"] == "mine"
        if path in ("prompt", "reasoning"):
            await talk.send("response.create", event_id="mine", response=given)
            error = (await talk.until("error"))["error"]
            assert (error["code"], error["param"]) == ("invalid_value", f"response.{path}")
    async with server.talk("model=moksori-local") as talk:
        await talk.send("session.update", session={"type": "realtime", **given})
        found: Any = (await talk.until("session.updated"))["session"]
        for step in path.split("."):
            found = found.get(step)
        assert found is None
        await talk.say("Hello there", **({path: value} if path in ("prompt", "reasoning") else {}))
        assert (await talk.until("response.done"))["response"]["status"] == "completed"
