"""Dialogue and its end, read off the events."""

from __future__ import annotations

import json

from moksori.client.progress import Progress
from moksori.client.transcript import Line, Transcript, Who
from moksori.protocol.server_events import decode_server_event
from tests.unit.client import scripted as say


def told(reader: Transcript | Progress, *events: say.Event) -> None:
    for event in events:
        reader.feed(decode_server_event(json.dumps({"event_id": "event_1", **event})))


def test_a_late_transcript_of_the_caller_stands_before_the_answer_it_caused() -> None:
    transcript = Transcript()
    told(
        transcript,
        say.added(say.spoken("item_q")),
        say.added(say.answer_item("item_a")),
        say.words_delta("resp_1", "item_a", "It is "),
        say.words_delta("resp_1", "item_a", "noon."),
        say.words_done("resp_1", "item_a", "It is noon."),
    )
    assert transcript.awaited == 1
    told(transcript, say.heard("item_q", "What time is it?"))
    assert [line.text for line in transcript.lines] == ["What time is it?", "It is noon."]
    assert transcript.awaited == 0


def test_deltas_grow_a_line_and_late_ones_do_not_touch_a_final_one() -> None:
    transcript = Transcript()
    told(transcript, say.words_delta("r", "item_a", "He"), say.words_delta("r", "item_a", "llo"))
    assert transcript.lines == (Line("item_a", Who.AGENT, "Hello"),)
    told(transcript, say.words_done("r", "item_a", "Hello."), say.words_delta("r", "item_a", "?"))
    assert transcript.lines == (Line("item_a", Who.AGENT, "Hello.", final=True),)


def test_a_function_call_is_a_line_and_an_interrupted_answer_says_so() -> None:
    transcript = Transcript()
    told(
        transcript,
        say.item_done("r", say.function_call("item_f", "call_1", "order_status", '{"id":"W1"}')),
        say.words_done("r", "item_a", "Your order is on its way."),
        {"type": "conversation.item.truncated", "item_id": "item_a", "content_index": 0, "audio_end_ms": 300},
    )
    assert transcript.lines == (
        Line("item_f", Who.TOOL, 'order_status({"id":"W1"})', final=True),
        Line("item_a", Who.AGENT, "Your order is on its way.", final=True, cut=True),
    )


def test_a_turn_is_settled_when_its_response_is_done() -> None:
    progress = Progress()
    steps = [
        say.speech_started("item_q"),
        say.speech_stopped("item_q"),
        say.committed("item_q"),
        say.created("resp_1"),
    ]
    for event in steps:
        told(progress, event)
        assert not progress.settled
    told(progress, say.done("resp_1"))
    assert progress.settled


def test_an_answer_cut_because_the_caller_went_on_is_not_the_end() -> None:
    progress = Progress()
    told(progress, say.committed("item_1"), say.created("resp_1"), say.speech_started("item_2"))
    told(progress, say.done("resp_1", "cancelled"))
    assert not progress.settled
    told(
        progress,
        say.speech_stopped("item_2"),
        say.committed("item_2"),
        say.created("resp_2"),
        say.done("resp_2"),
    )
    assert progress.settled


def test_a_tool_of_the_servers_own_is_followed_by_the_answer() -> None:
    progress = Progress()
    call = say.function_call("item_f", "call_1", "find_order", "{}")
    told(progress, say.committed("item_1"), say.created("resp_1"), say.done("resp_1", output=[call]))
    assert not progress.settled
    told(progress, say.created("resp_2"), say.done("resp_2"))
    assert progress.settled


def test_a_failed_response_says_why() -> None:
    progress = Progress()
    details = {"type": "failed", "error": {"type": "server_error", "message": "The model is not loaded."}}
    told(progress, say.created("resp_1"), say.done("resp_1", "failed", status_details=details))
    assert progress.settled
    assert progress.failure == "The model is not loaded."
