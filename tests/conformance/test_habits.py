"""What published clients do and count on, each habit as a test, in a session that asked for nothing special.

The clients are those of `docs/reference/conformance.md`. What they demand of each event's fields is checked with every
event (`tests.support.openai_schema`), and that they hold whole conversations in `tests/clients`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from .server import KEY, Served, Talk, served

LENIENT = "model=moksori-local"
TEXT = {"type": "realtime", "output_modalities": ["text"]}
VAD = {"type": "server_vad", "silence_duration_ms": 300}


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


async def spoken_answer(talk: Talk) -> str:
    """Begins a long answer in sound; returns the item that is being spoken."""
    await talk.configure()
    await talk.say("Tell me a story")
    return str((await talk.until("response.output_audio.delta"))["item_id"])


# ------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "path", ["/v1/realtime", "/v1/realtime/realtime", "/openai/v1/realtime", "/openai/realtime"]
)
async def test_where_clients_look_for_a_session(server: Served, path: str) -> None:
    """SDKs append `/realtime` to a base URL that may already end so; one for Azure looks below `/openai`."""
    address = server.ws.removesuffix("/v1/realtime") + path
    query = (
        "?api-version=2025-04-01-preview&deployment=moksori-local"
        if "openai/realtime" in path
        else f"?{LENIENT}"
    )
    async with connect(address + query, additional_headers={"api-key": KEY}) as socket:
        assert (await Talk(socket).until("session.created"))["session"]["model"] == "moksori-local"


# ------------------------------------------------------------------------------------------------- the session


async def test_a_client_may_speak_before_it_was_greeted(server: Served) -> None:
    """Several send their first events without reading: they are answered in order, after `session.created`."""
    async with server.talk(LENIENT) as talk:
        await talk.send("session.update", session={**TEXT, "instructions": "One."})
        await talk.send("conversation.item.create", item=message("Hello"))
        await talk.send("response.create")
        await talk.until("response.done")
        assert talk.types()[:4] == [
            "session.created", "session.updated", "conversation.item.added", "conversation.item.done",
        ]  # fmt: skip


async def test_a_default_session_of_another_service_is_taken_as_far_as_it_goes(server: Served) -> None:
    """A model that is not here, a voice and a transcription model by other names, tracing: nothing of it is an error."""
    wanted = {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "tracing": "auto",
        "truncation": "auto",
        "prompt": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "some-newer-transcriber"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "nobody-here", "speed": 1.0},
        },
    }
    async with server.talk(LENIENT) as talk:
        await talk.send("session.update", session=wanted)
        session = (await talk.until("session.updated"))["session"]
        assert session["model"] == "moksori-local"
        assert (session["tracing"], session["audio"]["input"]["noise_reduction"]) == (None, None)
        assert session["audio"]["output"]["voice"] == "alloy"
        assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"
        # Clients decide by this echo whether they cancel an answer themselves.
        assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is True
        # And a second update, of the tracing alone, changes nothing else.
        await talk.send(
            "session.update", session={"type": "realtime", "model": "gpt-realtime-2.1", "tracing": "auto"}
        )
        assert (await talk.until("session.updated"))["session"] == session


async def test_settings_of_the_retired_dialect_find_their_places(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        flat = {
            "modalities": ["text", "audio"],
            "voice": "marin",
            "input_audio_format": "g711_ulaw",
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300},
            "input_audio_buffering": {"committed_samples": 4800},
            "temperature": 0.8,
        }
        await talk.send("session.update", session=flat)
        session = (await talk.until("session.updated"))["session"]
        assert session["output_modalities"] == ["audio"]
        assert session["audio"]["output"]["voice"] == "marin"
        assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}


async def test_an_end_of_the_session_that_does_not_move(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        before = (await talk.until("session.created"))["session"]["expires_at"]
        assert (await talk.configure(instructions="Other."))["expires_at"] == before


async def test_empty_clears_and_null_turns_off(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        tool = {"type": "function", "name": "f"}
        await talk.configure(detection=VAD, instructions="Some.", tools=[tool], input={"transcription": {}})
        session = await talk.configure(instructions="", tools=[], input={"transcription": None})
        assert (session["instructions"], session["tools"]) == ("", [])
        assert session["audio"]["input"]["transcription"] is None
        assert session["audio"]["input"]["turn_detection"] is None


# ------------------------------------------------------------------------------------------------- ids and echoes


async def test_ids_that_a_client_chose_come_back(server: Served) -> None:
    """Items keep the client's id, answers echo its metadata, refusals the id of the event that was refused."""
    async with server.talk(LENIENT) as talk:
        await talk.send("session.update", session=TEXT)
        await talk.send("conversation.item.create", item=message("Hello", id="client_item_0"))
        added = await talk.until("conversation.item.added")
        assert added["item"]["id"] == "client_item_0"
        await talk.send(
            "response.create",
            event_id="client_event_1",
            response={"metadata": {"client_event_id": "client_event_1"}},
        )
        created = await talk.until("response.created")
        assert created["response"]["metadata"] == {"client_event_id": "client_event_1"}
        done = await talk.until("response.done")
        assert done["response"]["metadata"] == {"client_event_id": "client_event_1"}
        await talk.send("conversation.item.retrieve", event_id="client_event_2", item_id="nobody")
        assert (await talk.until("error"))["error"]["event_id"] == "client_event_2"
        ids = [event["event_id"] for event in talk.log]
        assert len(set(ids)) == len(ids)


async def test_a_history_is_edited_item_by_item(server: Served) -> None:
    """A client that reconnects replays its history, each item behind the one before, and waits for each answer."""
    async with server.talk(LENIENT) as talk:
        await talk.send("session.update", session=TEXT)
        before = "root"
        for n in range(3):
            await talk.send(
                "conversation.item.create", item=message(f"{n}", id=f"i{n}"), previous_item_id=before
            )
            added = await talk.until("conversation.item.added")
            assert added["previous_item_id"] == (None if n == 0 else before)
            before = f"i{n}"
        part = {"type": "output_text", "text": "what was heard of it"}
        answer = {
            "id": "a",
            "type": "message",
            "role": "assistant",
            "status": "incomplete",
            "content": [part],
        }
        await talk.send("conversation.item.create", item=answer, previous_item_id="i0")
        assert (await talk.until("conversation.item.added"))["previous_item_id"] == "i0"
        await talk.send("conversation.item.delete", item_id="i1")
        assert (await talk.until("conversation.item.deleted"))["item_id"] == "i1"
        await talk.say("What did you say?")
        done = await talk.until("response.done")
        assert done["response"]["output"][0]["content"][0]["text"].strip() == "I said: what was heard of it"


# ------------------------------------------------------------------------------------------------- answers


async def test_a_cancelled_answer_closes_what_it_opened(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        await spoken_answer(talk)
        await talk.send("response.cancel")
        done = (await talk.until("response.done"))["response"]
        if done["status"] == "cancelled":  # else it was over before
            assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
            assert done["output"][0]["status"] == "incomplete"
        closing = ("response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done",
                   "conversation.item.done", "response.output_item.done")  # fmt: skip
        types = [e["type"] for e in talk.log]
        at = [len(types) - 1 - types[::-1].index(kind) for kind in closing]
        assert at == sorted(at) and at[-1] < types.index("response.done")


async def test_a_refused_request_for_an_answer_begins_none(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        await spoken_answer(talk)
        running = next(e for e in talk.log if e["type"] == "response.created")["response"]["id"]
        await talk.send("response.create", event_id="client_response_create_2")
        error = (await talk.until("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert error["event_id"] == "client_response_create_2"
        assert running in error["message"]
        await talk.until("response.done")
        assert talk.types().count("response.created") == 1


async def test_an_answer_beside_the_running_one(server: Served) -> None:
    """Out of band, cancelled only by its own id, with nothing of it in the conversation."""
    async with server.talk(LENIENT) as talk:
        await spoken_answer(talk)
        given = {"conversation": "none", "input": [message("Hello")], "output_modalities": ["text"]}
        await talk.send("response.create", response={**given, "metadata": {"for": "aside"}})
        ends = [(await talk.until("response.done"))["response"] for _ in range(2)]
        (aside,) = [end for end in ends if end["metadata"] == {"for": "aside"}]
        assert aside["conversation_id"] is None and aside["status"] == "completed"
        await talk.send("conversation.item.retrieve", item_id=aside["output"][0]["id"])
        assert (await talk.until("error"))["error"]["code"] == "item_retrieve_invalid_item_id"


async def test_a_call_is_announced_before_its_arguments_and_goes_on_only_when_asked(server: Served) -> None:
    tool = {"type": "function", "name": "find_order", "parameters": {"type": "object"}}
    async with server.talk(LENIENT) as talk:
        await talk.send("session.update", session={**TEXT, "tools": [tool]})
        await talk.say("Where is my order?")
        added = await talk.until("conversation.item.added", lambda e: e["item"]["type"] == "function_call")
        assert (added["item"]["name"], added["item"]["status"]) == ("find_order", "in_progress")
        call = await talk.until("response.function_call_arguments.done")
        assert (call["name"], call["call_id"]) == ("find_order", added["item"]["call_id"])
        # The output may come at once, while the answer that called is not over.
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"status": "here"}'}
        await talk.send("conversation.item.create", item=output)
        await talk.until("response.done")
        await talk.configure()
        assert talk.types().count("response.created") == 1, "the server never goes on by itself"
        await talk.send("response.create", response={"output_modalities": ["text"]})
        done = await talk.until("response.done")
        assert "It says here." in done["response"]["output"][0]["content"][0]["text"]


async def test_pieces_of_sound_are_small(server: Served) -> None:
    """A common client library takes no message over 1 MiB unless told to."""
    async with server.talk(LENIENT) as talk:
        await spoken_answer(talk)
        await talk.until("response.done")
        assert (
            max(len(e["delta"]) for e in talk.log if e["type"] == "response.output_audio.delta") < 256 * 1024
        )


# ------------------------------------------------------------------------------------------------- interruption


async def test_a_truncation_may_come_at_any_time_and_twice(server: Served) -> None:
    """While the answer runs, when it is over, again, and a little behind its end: none of it is an error."""
    async with server.talk(LENIENT) as talk:
        item = await spoken_answer(talk)
        for cut in (300, 300, 200):
            await talk.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=cut)
            assert (await talk.until("conversation.item.truncated"))["audio_end_ms"] == cut
        if "response.done" not in talk.types():
            await talk.send("response.cancel")
            await talk.until("response.done")
        await talk.say("Hello there")
        item = (await talk.until("response.done"))["response"]["output"][0]["id"]
        length = sum(
            len(base64.b64decode(e["delta"])) // 48
            for e in talk.log
            if e["type"] == "response.output_audio.delta" and e["item_id"] == item
        )
        await talk.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=length + 150
        )
        assert (await talk.until("conversation.item.truncated"))["audio_end_ms"] == length
        await talk.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=0)
        assert (await talk.until("conversation.item.truncated"))["audio_end_ms"] == 0


async def test_a_cancel_that_comes_too_late_is_the_one_error_clients_forgive(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        await talk.configure(output_modalities=["text"])
        await talk.say("Hello there")
        await talk.until("response.done")
        await talk.send("response.cancel", event_id="late")
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "late")
        assert error["message"].startswith("Cancellation failed")


# ------------------------------------------------------------------------------------------------- what is heard


async def test_what_was_heard_is_fetched_when_its_words_are_known(server: Served) -> None:
    """Two SDKs retrieve the item as soon as they hear of its transcript, and want its sound."""
    async with server.talk(LENIENT) as talk:
        await talk.configure(detection=VAD, input={"transcription": {"model": "gpt-4o-mini-transcribe"}})
        await talk.sound(speech_ms=800, silence_ms=800)
        words = await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.send("conversation.item.retrieve", item_id=words["item_id"])
        (part,) = (await talk.until("conversation.item.retrieved"))["item"]["content"]
        assert part["transcript"] == words["transcript"]
        assert len(base64.b64decode(part["audio"])) > 800 * 48


async def test_times_count_the_sound_that_was_sent(server: Served) -> None:
    """Whole milliseconds since the session began, however fast the sound came."""
    async with server.talk(LENIENT) as talk:
        await talk.configure(detection={**VAD, "create_response": False})
        spans = []
        for _ in range(2):
            await talk.sound(speech_ms=800, silence_ms=1200)
            began = (await talk.until("input_audio_buffer.speech_started"))["audio_start_ms"]
            spans.append((began, (await talk.until("input_audio_buffer.speech_stopped"))["audio_end_ms"]))
        (first, end), (second, last) = spans
        assert 0 <= first < 800 < end < second < 2800 < last <= 4000
        assert all(isinstance(each, int) for span in spans for each in span)


async def test_a_turn_by_hand_is_not_answered_by_itself(server: Served) -> None:
    async with server.talk(LENIENT) as talk:
        await talk.configure()
        await talk.sound(speech_ms=400, silence_ms=0)
        await talk.send("input_audio_buffer.commit")
        await talk.until("input_audio_buffer.committed")
        await talk.configure()
        assert "response.created" not in talk.types()
        await talk.send("response.create")
        await talk.until("response.done")


# ------------------------------------------------------------------------------------------------- the end


async def test_a_client_that_just_leaves_leaves_nothing(server: Served) -> None:
    for _ in range(5):
        async with server.talk(LENIENT) as talk:
            await spoken_answer(talk)
    await asyncio.sleep(0)
    async with server.talk(LENIENT) as talk:
        await talk.until("session.created")
