"""Conversations as transcripts: what a client sends and hears, what models are asked."""

from __future__ import annotations

from moksori.conversation import events as ev
from moksori.protocol.items import Message
from moksori.protocol.response import FILLER
from tests.unit.conversation.harness import Call, call

ANSWER_EVENTS = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def typed(c: Call, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    c.client("conversation.item.create", item=item)
    c.client("response.create")


def test_a_typed_question_is_answered_aloud_in_the_recorded_order() -> None:
    c = call()
    typed(c, "Where is my order?")
    c.brain_says("It is on its way.")
    c.speak()
    assert c.types == ["conversation.item.added", "conversation.item.done", *ANSWER_EVENTS]
    done = c.sent[-1]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "It is on its way."}]
    assert done["usage"]["output_token_details"] == {"text_tokens": 12, "audio_tokens": 5 * 300 // 50}
    question, answer = c.of("conversation.item.added")
    assert answer["previous_item_id"] == question["item"]["id"]


def test_a_spoken_turn_is_announced_committed_and_answered_once() -> None:
    c = call()
    c.speech(960)
    c.silence(160)
    assert c.types == ["input_audio_buffer.speech_started"]
    assert c.last(ev.Transcribe).speculative
    c.transcribed("Where is my order?")
    c.brain_says("It is on its way.")
    c.speak()
    assert c.types == ["input_audio_buffer.speech_started"], "speculation leaked"
    c.judged(0.99)
    c.silence(288)
    assert c.types == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        *ANSWER_EVENTS,
    ]
    item_ids = {e["item_id"] for e in c.sent[:3]}
    assert len(item_ids) == 1
    assert len(c.all(ev.Think)) == 1, "the answer was thought of once, before the commit"
    assert c.sent[-1]["response"]["usage"]["moksori"]["latency_ms"] <= 448


def test_an_answer_to_half_a_question_is_never_given() -> None:
    c = call()
    c.speech(640)
    c.silence(160)
    c.transcribed("I want to return")
    c.brain_says("What would you like to return?")
    c.speak()
    early = c.last(ev.Think)
    c.speech(640)
    assert ev.StopThinking(early.response_id) in c.asked
    c.silence(160)
    c.transcribed("I want to return the blue shoes")
    c.silence(480)
    c.brain_says("The blue shoes, right.")
    c.speak()
    assert [e["response"]["id"] for e in c.of("response.created")] == [c.last(ev.Think).response_id]
    spoken = c.of("response.output_audio_transcript.done")
    assert [e["transcript"] for e in spoken] == ["The blue shoes, right."]
    heard = [i for i in c.conversation.items() if isinstance(i, Message) and i.role == "user"]
    assert [i.content[0].transcript for i in heard] == ["I want to return the blue shoes"]


def test_a_late_transcript_of_the_first_half_is_ignored() -> None:
    c = call()
    c.speech(640)
    c.silence(96)
    first_half = c.last(ev.Transcribe).job
    c.speech(640)
    c.silence(600)
    assert c.of("input_audio_buffer.committed")
    c.happens(ev.Transcribed(first_half, "I want to return", "en", 640))
    assert not c.all(ev.Think)
    c.transcribed("I want to return the blue shoes")
    assert c.last(ev.Think).history[-1].content[0].transcript == "I want to return the blue shoes"


def test_doubt_waits_and_certainty_does_not() -> None:
    sure, unsure = call(), call()
    for c, probability in ((sure, 0.99), (unsure, 0.1)):
        c.speech(640)
        c.silence(160)
        c.judged(probability)
        c.transcribed("Where is my order?")
        c.silence(224)
    assert sure.of("input_audio_buffer.committed")
    assert not unsure.of("input_audio_buffer.committed")
    unsure.silence(96)
    assert unsure.of("input_audio_buffer.committed"), (
        "silence_duration_ms is the longest a server_vad turn is held"
    )


def _semantic(eagerness: str) -> Call:
    c = call()
    vad = {"type": "semantic_vad", "eagerness": eagerness}
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    return c


def test_a_sentence_that_breaks_off_is_waited_for_and_answered_whole() -> None:
    c = _semantic("auto")
    c.speech(640)
    c.silence(192)
    c.judged(0.99)
    c.transcribed("My order number is.")
    c.silence(1_024)
    assert not c.of("input_audio_buffer.committed")
    c.speech(640)
    c.silence(192)
    c.judged(0.99)
    c.transcribed("My order number is four seven one nine.")
    c.silence(704)
    assert len(c.of("input_audio_buffer.committed")) == 1


def test_eagerness_says_how_long_doubt_waits() -> None:
    waited = {}
    for eagerness in ("low", "medium", "high"):
        c = _semantic(eagerness)
        c.speech(640)
        c.silence(192)
        c.judged(0.1)
        c.transcribed("My order number is")
        waited[eagerness] = 192
        while not c.of("input_audio_buffer.committed"):
            c.silence(32)
            waited[eagerness] += 32
    assert waited["high"] < waited["medium"] < waited["low"]
    assert waited["low"] <= 2_700


def test_noise_that_holds_no_words_is_not_answered() -> None:
    c = call()
    c.spoken_turn("")
    assert c.of("input_audio_buffer.committed")
    assert not c.of("response.created")


def test_manual_turn() -> None:
    c = call()
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    c.speech(960)
    assert not c.of("input_audio_buffer.speech_started")
    c.client("input_audio_buffer.commit")
    c.client("response.create")
    assert c.types[-1] == "response.created", "a response is announced at once"
    assert not c.all(ev.Think), "and thought of when its words are known"
    c.transcribed("Hello")
    c.brain_says("Hi there.")
    c.speak()
    assert c.sent[-1]["response"]["status"] == "completed"


def test_a_commit_of_next_to_nothing_is_refused() -> None:
    c = call()
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    c.silence(64)
    c.client("input_audio_buffer.commit", event_id="mine")
    error = c.sent[-1]["error"]
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")


def test_function_call_round_trip() -> None:
    c = call()
    tool = {"type": "function", "name": "find_order", "parameters": {"type": "object"}}
    c.client("session.update", session={"type": "realtime", "tools": [tool]})
    typed(c, "Where is 42?")
    c.brain_calls("find_order", '{"id": 42}')
    assert c.types[-8:] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert c.of("response.output_item.added")[0]["item"]["status"] == "in_progress"
    output = {"type": "function_call_output", "call_id": "call_a", "output": '{"status": "shipped"}'}
    c.client("conversation.item.create", item=output)
    assert len(c.of("response.created")) == 1, "the server never goes on by itself"
    c.client("response.create")
    assert [type(i).__name__ for i in c.last(ev.Think).history] == [
        "Message",
        "FunctionCall",
        "FunctionCallOutput",
    ]


def test_an_answer_through_a_tool_has_its_turns_latency_and_a_filler_has_none() -> None:
    c = call()
    tool = {"type": "function", "name": "find_order", "parameters": {"type": "object"}}
    c.client("session.update", session={"type": "realtime", "tools": [tool]})
    c.spoken_turn("Where is 42?")
    c.brain_calls("find_order", '{"id": 42}')
    c.client("response.create", response={"metadata": {FILLER: "One moment."}})
    c.brain_says("One moment.")
    c.speak()
    assert c.sent[-1]["response"]["usage"]["moksori"]["latency_ms"] is None
    output = {"type": "function_call_output", "call_id": "call_a", "output": '{"status": "shipped"}'}
    c.client("conversation.item.create", item=output)
    c.client("response.create")
    c.brain_says("It has been shipped.")
    c.speak()
    own = c.sent[-1]["response"]["usage"]["moksori"]
    assert own["stages_ms"]["hold"] <= own["stages_ms"]["tools"] <= own["latency_ms"]
    c.client("response.create")
    c.brain_says("Anything else?")
    c.speak()
    assert c.sent[-1]["response"]["usage"]["moksori"]["latency_ms"] is None, "the turn was answered"


def test_a_turn_answered_in_writing_lends_its_latency_to_nothing_said_later() -> None:
    c = call()
    c.client("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    c.spoken_turn("Where is my order?")
    c.brain_says("It is on its way.")
    c.client("session.update", session={"type": "realtime", "output_modalities": ["audio"]})
    typed(c, "Thank you.")
    c.brain_says("You are welcome.")
    c.speak()
    assert c.sent[-1]["response"]["usage"]["moksori"]["latency_ms"] is None


def test_speech_before_a_call_is_finished_first() -> None:
    c = call()
    typed(c, "Where is 42?")
    c.brain_says("Let me look that up for you.", finish=False)
    c.brain_calls("find_order", "{}")
    assert not c.of("response.function_call_arguments.done")
    c.speak()
    kinds = [item["type"] for item in c.sent[-1]["response"]["output"]]
    assert kinds == ["message", "function_call"]


def test_barge_in_cuts_what_was_not_heard() -> None:
    c = call()
    typed(c, "Tell me about returns.")
    c.brain_says("You can return everything within thirty days.")
    c.speak()
    c.wait(2 * 300 + 20)
    c.speech(352)
    assert c.types[-1] == "input_audio_buffer.speech_started"
    heard = c.conversation.items()[-1].content[0].transcript
    # 352 ms passed until it was sure that this is no acknowledgement; a fourth word needs 1200 ms.
    assert heard == "You can return"


def test_barge_in_ends_a_running_answer_before_the_next_commit() -> None:
    c = call()
    typed(c, "Tell me about returns.")
    c.brain_says("You can return everything within thirty days of delivery. ", finish=False)
    c.speak()
    c.wait(1000)
    c.speech(352)
    tail = c.types[c.types.index("input_audio_buffer.speech_started") :]
    assert tail == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done = c.sent[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert done["output"][0]["status"] == "incomplete"
    late = c.last(ev.Speak)
    assert c.since(lambda: c.speak_clause(late)) == [], "nothing after the terminal event"


def test_the_clients_word_on_what_was_heard_replaces_the_estimate() -> None:
    c = call()
    typed(c, "Tell me about returns.")
    c.brain_says("You can return everything within thirty days.")
    c.speak()
    c.wait(5 * 300)
    c.speech(192)
    item = c.conversation.items()[-1]
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=2 * 300)
    assert c.sent[-1]["audio_end_ms"] == 600
    assert c.conversation.items()[-1].content[0].transcript == "You can"
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=0)
    assert c.conversation.items()[-1].content[0].transcript == ""
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=99_999)
    assert c.sent[-1]["audio_end_ms"] == 7 * 300, "overshoot is clamped"
    assert c.conversation.items()[-1].content[0].transcript == "You can return everything within thirty days."


def test_strict_sessions_refuse_a_cut_behind_the_end() -> None:
    c = call(strict=True)
    typed(c, "Hello")
    c.brain_says("Hi there, friend.")
    c.speak()
    item = c.conversation.items()[-1]
    c.client("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=57_340)
    assert c.sent[-1]["error"]["message"] == "Audio content of 900ms is already shorter than 57340ms"


def test_one_answer_at_a_time_in_the_conversation_and_any_number_beside_it() -> None:
    c = call()
    typed(c, "Hello")
    c.client("response.create", event_id="second")
    assert c.sent[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert c.sent[-1]["error"]["event_id"] == "second"
    c.client(
        "response.create",
        response={"conversation": "none", "output_modalities": ["text"], "input": [], "metadata": {"k": "v"}},
    )
    aside = c.last(ev.Think)
    assert aside.history == ()
    c.brain_says("Summary.")
    done = c.sent[-1]["response"]
    assert (done["id"], done["conversation_id"], done["metadata"]) == (aside.response_id, None, {"k": "v"})
    assert len(c.conversation.items()) == 1, "out of band leaves nothing behind"


def test_cancel_ends_the_answer_or_says_there_is_none() -> None:
    c = call()
    c.client("response.cancel", event_id="early")
    assert c.sent[-1]["error"]["code"] == "response_cancel_not_active"
    typed(c, "Hello")
    c.client("response.cancel")
    done = c.sent[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    c.client("response.create")
    assert c.types[-1] == "response.created"


def test_a_failed_brain_is_said_in_response_done() -> None:
    c = call()
    typed(c, "Hello")
    c.happens(ev.BrainFailedEvent(c.last(ev.Think).response_id, "rate_limit_exceeded", "Too many questions."))
    done = c.sent[-1]["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_a_lost_transcript_fails_the_answer_and_not_the_session() -> None:
    c = call()
    c.client(
        "session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    )
    c.speech(640)
    c.silence(640)
    c.happens(ev.TranscribeFailed(c.last(ev.Transcribe).job, "The recogniser is out of memory."))
    assert c.of("conversation.item.input_audio_transcription.failed")
    assert c.sent[-1]["response"]["status"] == "failed"
    c.spoken_turn("Hello?")
    assert len(c.of("response.created")) == 2


def test_transcription_is_told_when_it_was_asked_for() -> None:
    c = call()
    c.client(
        "session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    )
    c.spoken_turn("Hello there")
    completed = c.of("conversation.item.input_audio_transcription.completed")[0]
    assert completed["transcript"] == "Hello there"
    assert completed["item_id"] == c.of("input_audio_buffer.committed")[0]["item_id"]
    assert c.types.index("conversation.item.input_audio_transcription.completed") < c.types.index(
        "response.created"
    )


def test_with_both_switches_off_voice_activity_only_reports() -> None:
    c = call()
    vad = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    c.spoken_turn("Hello")
    assert c.of("input_audio_buffer.committed")
    assert not c.of("response.created")
    assert not c.all(ev.Think)


def test_the_idle_timeout_counts_audio_and_asks_once_nobody_speaks() -> None:
    c = call()
    vad = {"type": "server_vad", "idle_timeout_ms": 2000}
    c.client("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    c.silence(2048)
    assert c.types[-8:] == [
        "session.updated",
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    c.silence(4000)
    assert len(c.of("input_audio_buffer.timeout_triggered")) == 1, "not while an answer is due"


def test_an_answer_keeps_the_settings_it_began_with() -> None:
    c = call()
    typed(c, "Hello")
    c.client("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    c.brain_says("Hi there.")
    c.speak()
    assert c.of("response.output_audio.done")
    assert c.sent[-1]["response"]["output_modalities"] == ["audio"]


def test_items_keep_the_clients_ids_and_order() -> None:
    c = call()
    for name, after in (("b", None), ("a", "root"), ("c", "b")):
        item = {
            "id": name,
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": name}],
        }
        extra = {} if after is None else {"previous_item_id": after}
        c.client("conversation.item.create", item=item, **extra)
    assert [i.id for i in c.conversation.items()] == ["a", "b", "c"]
    c.client("conversation.item.create", item=item, event_id="twice")
    assert c.sent[-1]["error"]["code"] == "item_create_duplicate_item_id"
    c.client("conversation.item.delete", item_id="b")
    assert [i.id for i in c.conversation.items()] == ["a", "c"]
    c.client("conversation.item.delete", item_id="b")
    assert c.sent[-1]["error"]["code"] == "item_delete_invalid_item_id"
