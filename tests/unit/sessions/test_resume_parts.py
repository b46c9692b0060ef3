"""The spooled log, and the counting of a caller's audio."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from moksori.protocol.frame import Frame
from moksori.protocol.session import default_session, merge
from moksori.sessions.heard import HeardAudio
from moksori.sessions.log import SLOT, Spool, SpooledLog


def message(n: int, size: int = 100) -> bytes:
    return json.dumps({"type": "x", "event_id": f"event_{n}", "pad": "p" * size}).encode()


def test_a_log_gives_back_the_same_bytes_after_any_event() -> None:
    dice = random.Random(1)
    log = SpooledLog(Spool())
    messages = [message(n, dice.choice([10, 1000, 40_000])) for n in range(300)]
    for each in messages:
        log.append(each)
    for n in (0, 1, 150, 298, 299):
        missed = log.since(f"event_{n}")
        assert (list(missed.messages), missed.gap) == (messages[n + 1 :], False)
    assert list(log.since(None).messages) == messages
    assert log.since("event_300").gap


def test_an_id_inside_another_text_is_not_taken_for_the_event() -> None:
    log = SpooledLog(Spool())
    log.append(b'{"event_id":"event_1"}')
    log.append(b'{"event_id":"event_2","said":"event_1"}')
    assert log.since("event_1").messages == (b'{"event_id":"event_2","said":"event_1"}',)


def test_the_oldest_goes_by_size_and_by_age_and_leaves_a_gap() -> None:
    now = [0.0]
    spool = Spool()
    log = SpooledLog(spool, keep_bytes=3 * SLOT, now=lambda: now[0])
    for n in range(200):
        log.append(message(n, 4000))
    assert log.since("event_0").gap and not log.since("event_190").gap
    now[0] = 1000.0
    for n in range(200, 210):
        log.append(message(n, 4000))
    assert log.since("event_190").gap
    assert not log.since(f"event_{209}").gap


def test_sessions_share_a_file_and_give_their_places_back() -> None:
    spool = Spool()
    logs = [SpooledLog(spool) for _ in range(3)]
    for n in range(100):
        for which, log in enumerate(logs):
            log.append(message(1000 * which + n, 3000))
    for which, log in enumerate(logs):
        assert list(log.since(None).messages) == [message(1000 * which + n, 3000) for n in range(100)]
    used = spool._slots
    logs[0].close()
    again = SpooledLog(spool)
    for n in range(80):
        again.append(message(n, 3000))
    assert spool._slots == used
    spool.close()


def test_a_full_disk_costs_a_resume_and_not_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool()

    def full(data: bytes) -> tuple[int, ...]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "write", full)
    log = SpooledLog(spool)
    for n in range(100):
        log.append(message(n, 1000))
    assert log.since("event_0").gap


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"input_audio_buffer.append","audio":"%s"}',
        b'{"type": "input_audio_buffer.append", "audio" : "%s", "event_id": "e"}',
        b'{"audio":"%s","type":"input_audio_buffer.append"}',
        b'{"type":"input_audio_buffer.append","event_id":"\\"audio\\":","audio":"%s"}',
    ],
)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 960, 961])
def test_the_length_of_an_append_is_that_of_its_audio(raw: bytes, size: int) -> None:
    pcm = random.Random(size).randbytes(size)
    encoded = base64.b64encode(pcm)
    for text in (encoded, encoded.replace(b"/", b"\\/")):
        assert Frame.from_raw(raw.replace(b"%s", text), 0).audio_bytes == size


def append(pcm: bytes) -> Frame:
    event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
    return Frame.from_raw(json.dumps(event).encode(), 0)


def new(heard: HeardAudio, pcm: bytes) -> bytes:
    frame = heard.take(append(pcm))
    return base64.b64decode(json.loads(frame.raw)["audio"]) if frame is not None else b""


def test_what_was_taken_of_a_broken_millisecond_is_not_taken_again() -> None:
    heard = HeardAudio(default_session("sess_1", "m", 0))
    assert new(heard, bytes(range(50))) == bytes(range(50))
    assert heard.ms == 1
    heard.resumed()
    assert new(heard, bytes([48])) == b""  # sent again, and known
    assert new(heard, bytes(range(49, 60))) == bytes(range(50, 60))
    assert heard.ms == 1


def test_milliseconds_go_on_counting_over_a_change_of_format() -> None:
    session = default_session("sess_1", "m", 0)
    heard = HeardAudio(session)
    heard.take(append(bytes(4800)))
    over: dict[str, Any] = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
    heard.configured(merge(session, over, strict=True))
    heard.take(append(bytes(800)))
    assert heard.ms == 200
