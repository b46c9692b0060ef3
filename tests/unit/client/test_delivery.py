"""What is sent, what is sent again after a drop, and what is not."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moksori.client.delivery import Delivery
from moksori.protocol import client_events as c
from moksori.protocol.ids import CountingIds
from moksori.protocol.server_events import decode_server_event
from tests.unit.client import scripted
from tests.unit.client.tones import counted, silence

OPENING = c.SessionUpdate(session={"type": "realtime"}, event_id="event_opening")


def line(ring_ms: int = 60_000) -> Delivery:
    """A line that is up, its opening sent and answered."""
    delivery = Delivery(CountingIds(), ring_ms)
    delivery.begin_anew(OPENING)
    assert kinds(sent(delivery)) == ["session.update"]
    observe(delivery, {"type": "session.updated", "session": scripted.session()})
    return delivery


def sent(delivery: Delivery) -> list[dict[str, Any]]:
    frames = []
    while (frame := delivery.take()) is not None:
        frames.append(json.loads(frame))
    return frames


def observe(delivery: Delivery, event: dict[str, Any]) -> bool:
    decoded = decode_server_event(json.dumps({"event_id": "event_s", **event}))
    return delivery.observe(decoded)  # type: ignore[arg-type]


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    """Types in order, a run of audio as one."""
    short = [f["type"].replace("input_audio_buffer.append", "audio") for f in frames]
    return [kind for at, kind in enumerate(short) if not (at and kind == "audio" == short[at - 1])]


def audio(frames: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(f["audio"]) for f in frames if "audio" in f)


def text(item_id: str) -> c.ConversationItemCreate:
    item = {"id": item_id, "type": "message", "role": "user", "content": []}
    return c.ConversationItemCreate(item=item, event_id=f"event_{item_id}")


def message(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "user", "content": []}


def prove(delivery: Delivery) -> list[dict[str, Any]]:
    """The server refuses the question, having told all that was missed."""
    (question,) = sent(delivery)
    assert question["type"] == "conversation.item.retrieve"
    assert not observe(delivery, scripted.error("item_retrieve_invalid_item_id", "No.", question["event_id"]))
    return sent(delivery)


def test_audio_spoken_before_the_line_stands_follows_the_opening() -> None:
    delivery = Delivery(CountingIds())
    delivery.audio(counted(60))
    assert sent(delivery) == []
    delivery.begin_anew(OPENING)
    frames = sent(delivery)
    assert kinds(frames) == ["session.update", "audio"]
    assert audio(frames) == counted(60)


def test_after_a_drop_audio_is_sent_again_from_the_millisecond_the_server_has() -> None:
    delivery = line()
    delivery.audio(counted(100))
    sent(delivery)
    delivery.paused()
    delivery.audio(counted(40, first=2401))
    assert sent(delivery) == []
    assert delivery.resumed(70) == 0
    assert audio(sent(delivery)) == counted(140)[70 * 48 :]


def test_a_second_drop_counts_from_the_same_beginning() -> None:
    delivery = line()
    delivery.audio(counted(100))
    sent(delivery)
    for has in (20, 60, 100):
        delivery.paused()
        delivery.resumed(has)
        assert audio(sent(delivery)) == counted(100)[has * 48 :]


def test_what_the_ring_no_longer_holds_is_told_and_later_positions_stay_true() -> None:
    delivery = line(ring_ms=100)
    for at in range(10):
        delivery.audio(counted(20, first=1 + at * 480))
    sent(delivery)
    delivery.paused()
    lost = delivery.resumed(40)  # the server has 40 of 200 ms; the ring begins at 80
    assert lost == 40
    again = audio(sent(delivery))
    assert again == counted(200)[80 * 48 :]
    delivery.paused()
    delivery.resumed(40 + 60)  # it took 60 ms of those
    assert audio(sent(delivery)) == counted(200)[140 * 48 :]


def test_parts_of_a_millisecond_wait_for_the_rest() -> None:
    delivery = line()
    delivery.audio(counted(20)[:100])
    assert audio(sent(delivery)) == counted(20)[:96]
    delivery.audio(counted(20)[100:])
    assert audio(sent(delivery)) == counted(20)[96:]


def test_a_commit_takes_the_last_part_of_a_millisecond_with_it() -> None:
    delivery = line()
    delivery.audio(counted(20)[:100])
    delivery.control(c.InputAudioBufferCommit())
    frames = sent(delivery)
    assert kinds(frames) == ["audio", "input_audio_buffer.commit"]
    assert audio(frames) == counted(20)[:100] + bytes(44)


def test_a_message_the_server_answered_during_the_drop_is_not_sent_again() -> None:
    delivery = line()
    delivery.control(text("item_a"))
    delivery.control(c.ResponseCreate(event_id="event_r"))
    sent(delivery)
    delivery.paused()
    delivery.resumed(0)
    (question,) = sent(delivery)
    assert observe(delivery, scripted.added(message("item_a")))  # the missed events come first
    assert observe(delivery, scripted.created("resp_1", {"client_event_id": "event_r"}))
    assert not observe(delivery, scripted.error("item_retrieve_invalid_item_id", "No.", question["event_id"]))
    assert sent(delivery) == []
    assert delivery.unanswered == 0


def test_a_message_the_server_never_got_is_sent_again_in_order() -> None:
    delivery = line()
    delivery.control(text("item_a"))
    delivery.control(c.ResponseCreate(event_id="event_r"))
    sent(delivery)
    delivery.paused()
    delivery.resumed(0)
    assert kinds(prove(delivery)) == ["conversation.item.create", "response.create"]


def test_a_response_the_callers_voice_began_is_not_taken_for_the_one_asked_for() -> None:
    delivery = line()
    delivery.control(c.ResponseCreate(response={"metadata": {"mine": "1"}}, event_id="event_r"))
    (request,) = sent(delivery)
    assert request["response"]["metadata"] == {"mine": "1", "client_event_id": "event_r"}
    observe(delivery, scripted.created("resp_vad"))
    assert delivery.unanswered == 1
    observe(delivery, scripted.created("resp_1", request["response"]["metadata"]))
    assert delivery.unanswered == 0


def test_of_a_message_half_arrived_only_the_rest_is_sent() -> None:
    delivery = line()
    delivery.control(text("item_a"))
    delivery.control(c.ResponseCreate(event_id="event_r"))
    sent(delivery)
    delivery.paused()
    delivery.resumed(0)
    observe(delivery, scripted.added(message("item_a")))
    assert kinds(prove(delivery)) == ["response.create"]


def test_a_message_typed_while_the_line_is_down_goes_without_a_question() -> None:
    delivery = line()
    delivery.paused()
    delivery.control(text("item_a"))
    delivery.resumed(0)
    assert kinds(sent(delivery)) == ["conversation.item.create"]


def test_a_commit_keeps_its_place_between_the_audio() -> None:
    delivery = line()
    delivery.audio(counted(40))
    delivery.control(c.InputAudioBufferCommit(event_id="event_c"))
    delivery.audio(counted(40, first=961))
    sent(delivery)
    delivery.paused()
    delivery.resumed(20)
    frames = prove(delivery)
    assert kinds(frames) == ["audio", "input_audio_buffer.commit", "audio"]
    assert audio(frames[:1]) == counted(40)[20 * 48 :]


def test_audio_spoken_while_the_question_is_out_follows_what_is_sent_again() -> None:
    delivery = line()
    delivery.audio(counted(20))
    delivery.control(text("item_a"))
    sent(delivery)
    delivery.paused()
    delivery.resumed(0)
    delivery.audio(counted(20, first=481))
    assert audio(prove(delivery)) == counted(40)


def test_a_refused_event_is_answered_too() -> None:
    delivery = line()
    delivery.control(text("item_a"))
    sent(delivery)
    assert observe(delivery, scripted.error("item_create_duplicate_item_id", "Twice.", "event_item_a"))
    assert delivery.unanswered == 0


def test_a_cancel_is_never_sent_twice() -> None:
    delivery = line()
    delivery.control(c.ResponseCancel())
    sent(delivery)
    delivery.paused()
    delivery.resumed(0)
    assert sent(delivery) == []


def test_a_new_session_gets_what_waited_but_nothing_that_names_the_old_one() -> None:
    delivery = line()
    delivery.audio(counted(100))
    delivery.control(c.ConversationItemTruncate(item_id="item_old", content_index=0, audio_end_ms=5))
    sent(delivery)
    delivery.paused()
    delivery.audio(counted(20, first=2401))
    delivery.control(text("item_a"))
    delivery.begin_anew(OPENING)
    frames = sent(delivery)
    assert kinds(frames) == ["session.update", "audio", "conversation.item.create"]
    assert audio(frames) == counted(20, first=2401)


@given(st.data())
def test_the_server_ends_up_with_every_byte_once_however_often_the_line_breaks(data: st.DataObject) -> None:
    delivery = line()
    whole, has = b"", b""
    for _ in range(data.draw(st.integers(1, 12))):
        for ms in data.draw(st.lists(st.sampled_from([1, 5, 20, 100]), max_size=6)):
            piece = counted(ms, first=1 + len(whole) // 2)
            delivery.audio(piece)
            whole += piece
        if data.draw(st.booleans()):
            frames = sent(delivery)
            arrived = audio(frames)
            # All of it arrives, or the line breaks anywhere in it.
            kept = data.draw(st.integers(0, len(arrived) // 48)) * 48
            has += arrived[:kept]
            delivery.paused()
            delivery.resumed(len(has) // 48)
    has += audio(sent(delivery))
    assert has == whole


def test_silence_is_sent_like_any_audio() -> None:
    delivery = line()
    delivery.audio(silence(20))
    assert audio(sent(delivery)) == silence(20)
