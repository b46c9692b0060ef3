"""The spooled log, and the counting of a caller's audio."""

from __future__ import annotations

import base64
import json
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from moksori.protocol.frame import Frame
from moksori.protocol.session import default_session, merge
from moksori.sessions import log_sqlite
from moksori.sessions.heard import HeardAudio
from moksori.sessions.log import SLOT, EventLogs, Missed, Spool, SpooledLog
from moksori.sessions.log_sqlite import SqliteLog, SqliteLogs


def message(n: int, size: int = 100) -> bytes:
    return json.dumps({"type": "x", "event_id": f"event_{n}", "pad": "p" * size}).encode()


@pytest.fixture(params=["spool", "sqlite"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLogs]:
    made: EventLogs = Spool() if request.param == "spool" else SqliteLogs(tmp_path / "calls.db")
    yield made
    made.close()


def test_a_log_gives_back_the_same_bytes_after_any_event(logs: EventLogs) -> None:
    dice = random.Random(1)
    log, other = logs.log("sess_1"), logs.log("sess_2")
    messages = [message(n, dice.choice([10, 1000, 40_000])) for n in range(300)]
    for n, each in enumerate(messages):
        log.append(each)
        other.append(message(1000 + n))
        if n % 60 == 0:
            assert log.since(None) == Missed(tuple(messages[: n + 1]), gap=False)
    for n in (0, 1, 150, 298, 299):
        missed = log.since(f"event_{n}")
        assert (list(missed.messages), missed.gap) == (messages[n + 1 :], False)
    assert log.since(None) == Missed(tuple(messages), gap=False)
    assert log.since("event_300").gap
    other.close()
    assert len(log.since("event_0").messages) == 299


def test_an_id_inside_another_text_is_not_taken_for_the_event(logs: EventLogs) -> None:
    log = logs.log("sess_1")
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

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    def nearly_full(file: int, parts: list[bytes], at: int) -> int:
        return 100

    log = SpooledLog(spool)
    log.append(message(0, 1000))
    for write in (full, nearly_full):
        monkeypatch.setattr(os, "pwritev", write)
        for n in range(1, 100):
            log.append(message(n, 1000))
        assert log.since("event_0").gap
    assert spool._slots == 1, "what could not be written takes no place"
    assert log.since("event_98") == Missed((message(99, 1000),), gap=False)


@pytest.mark.parametrize("size", [1, 40, SLOT // 3, SLOT - 8, SLOT, SLOT + 1, 5 * SLOT])
def test_messages_of_every_size_come_back_as_they_were(size: int) -> None:
    spool = Spool()
    log = SpooledLog(spool)
    sent = [message(n, size) for n in range(max(4, min(2400, 4 * SLOT // size)))]
    sent[3:3] = [b"{}"] * (SLOT // 2)
    for each in sent:
        log.append(each)
    assert log.since(None) == Missed(tuple(sent), gap=False)
    spool.close()


# The log that other processes can read.

READER = """
import sys
from pathlib import Path
from moksori.sessions.log_sqlite import SqliteLogs
logs = SqliteLogs(Path(sys.argv[1]))
missed = logs.log("sess_1").since(sys.argv[2])
print(missed.gap)
sys.stdout.flush()
sys.stdout.buffer.write(b"\\n".join(missed.messages))
logs.close()
"""


def written(file: Path) -> int:
    with sqlite3.connect(file) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM piece").fetchone()
    return int(count)


def test_another_process_reads_the_same_bytes_and_goes_on(tmp_path: Path) -> None:
    """Given a process that wrote half of a call and is gone, another reads all after any event, and adds to it."""
    file = tmp_path / "calls.db"
    one = SqliteLogs(file)
    log = one.log("sess_1")
    for n in range(50):
        log.append(message(n))
    one.close()  # as at the end of a process: the session is not over
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    read = subprocess.run(
        [sys.executable, "-c", READER, str(file), "event_9"], capture_output=True, check=True, timeout=60
    ).stdout
    assert read == b"False\n" + b"\n".join(message(n) for n in range(10, 50))

    two = SqliteLogs(file)
    again = two.log("sess_1")
    for n in range(50, 60):
        again.append(message(n))
    assert again.since("event_9").messages == tuple(message(n) for n in range(10, 60))
    again.close()
    two.close()
    assert written(file) == 0


def test_what_was_appended_is_in_the_file_soon_without_being_asked_for(tmp_path: Path) -> None:
    logs = SqliteLogs(tmp_path / "calls.db")
    log = logs.log("sess_1")
    for n in range(10):
        log.append(message(n))
    reader = SqliteLogs(tmp_path / "calls.db")
    come = threading.Event()
    for _ in range(2000):
        if len(reader.log("sess_1").since(None).messages) == 10:
            break
        come.wait(0.005)
    assert reader.log("sess_1").since(None) == Missed(tuple(message(n) for n in range(10)), gap=False)
    log.close()
    logs.close()
    reader.close()


def test_the_oldest_goes_from_the_file_by_size_and_by_age(tmp_path: Path) -> None:
    now = [1000.0]
    logs = SqliteLogs(tmp_path / "calls.db", now=lambda: now[0])
    log = SqliteLog(logs, "sess_1", keep_bytes=10_000)
    for n in range(20):
        log.append(message(n, 1000))
        log.since(None)  # a piece each
    assert log.since("event_5").gap and not log.since("event_15").gap
    assert log.since(None).gap
    now[0] += 1000
    log.append(message(20))
    assert log.since("event_19").gap and written(tmp_path / "calls.db") == 1
    logs.close()
    now[0] += 1000
    SqliteLogs(tmp_path / "calls.db", now=lambda: now[0]).close()
    assert written(tmp_path / "calls.db") == 0  # nobody came back for it


def test_what_the_disk_did_not_take_is_a_gap_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sqlite, "BUSY_S", 0.01)
    logs = SqliteLogs(tmp_path / "calls.db")
    log = logs.log("sess_1")
    log.append(message(0))
    assert not log.since(None).gap
    with sqlite3.connect(tmp_path / "calls.db", isolation_level=None) as rival:
        rival.execute("BEGIN IMMEDIATE")
        log.append(message(1))
        assert log.since("event_0").gap
        rival.execute("ROLLBACK")
    log.append(message(2))
    assert log.since("event_0") == Missed((message(2),), gap=True)
    log.append(message(3))
    assert log.since("event_2") == Missed((message(3),), gap=False)
    logs.close()


def test_a_disk_that_hangs_costs_no_memory_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sqlite, "MOST_WAITING", 100)
    logs = SqliteLogs(tmp_path / "calls.db")
    log = logs.log("sess_1")
    with logs._lock:  # as the thread holds it while it waits for the disk
        for n in range(1050):
            log.append(message(n))
        assert len(log._waiting) <= 100
    missed = log.since("event_1000")
    assert (missed.messages, missed.gap) == (tuple(message(n) for n in range(1001, 1050)), False)
    assert log.since("event_10").gap
    logs.close()


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
