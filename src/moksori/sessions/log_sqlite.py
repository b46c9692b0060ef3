"""`EventLogs` in a SQLite file: what a session has sent can be read by another process, and after this one's end.

Nothing of SQL is on a message's way: `append` puts it into a queue, and one thread writes what came in the last 50 ms,
of all sessions in one transaction, one row a session. A row is a piece of the stream, numbered from 0 in its session:
a missing number is a gap.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from moksori.sessions.log import KEEP_BYTES, KEEP_S, Missed, is_event
from moksori.telemetry import get_logger

VERSION: Final = 1
"""`v` of a record; a reader takes this one and the one before."""
HEAD = struct.Struct("<BI")
"""In front of each message of a record: version and length."""
WRITE_EVERY_S: Final = 0.05
"""How long a message waits for others to be written with it: what a crash may cost."""
BUSY_S: Final = 0.5
"""How long another process that writes to the file is waited for: its transactions take milliseconds."""
MOST_WAITING: Final = 4096
"""Messages a session holds in memory while the disk takes nothing; then they are dropped, and there is a gap."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS piece (
    session TEXT NOT NULL,
    n INTEGER NOT NULL,
    at REAL NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (session, n)
)"""

_log = get_logger(__name__)


class SqliteLogs:
    """All sessions' logs of a process. `log` and `close` belong to the event loop; the file may be shared."""

    def __init__(self, file: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open or make the file; only its owner may read what was said. Raises `sqlite3.Error`, `OSError`."""
        self._now = now  # Unix seconds: another process may read it
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT, 0o600))
        self._lock = threading.Lock()  # held by whoever uses the connection
        self._database = sqlite3.connect(file, BUSY_S, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # a call does not outlive a power cut
        self._database.execute("PRAGMA secure_delete = ON")
        self._database.execute(SCHEMA)
        self._database.execute("DELETE FROM piece WHERE at < ?", (now() - KEEP_S,))  # left by a crash
        self._waiting: queue.SimpleQueue[SqliteLog | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def log(self, session_id: str) -> SqliteLog:
        return SqliteLog(self, session_id)

    def close(self) -> None:
        """Write what waits, and let the file go. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        self._database.close()

    # What logs use.

    def written_soon(self, log: SqliteLog) -> None:
        """Have a log written, by the thread, which begins with the first."""
        if self._closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="event log", daemon=True)
            self._thread.start()
        self._waiting.put(log)

    def since(self, log: SqliteLog, event_id: str | None) -> Missed:
        newer: list[bytes] = []
        with self._lock:
            self._store([log])
            expected = log.pieces
            for n, body in self._newest_first(log.session_id):
                if n != expected - 1:
                    break  # the one before was not written, or not kept
                expected = n
                for message in reversed(list(messages(body))):
                    if event_id is not None and is_event(message, event_id):
                        return Missed(tuple(reversed(newer)), gap=False)
                    newer.append(message)
        return Missed(tuple(reversed(newer)), gap=event_id is not None or expected != 0)

    def _newest_first(self, session_id: str) -> Iterator[tuple[int, bytes]]:
        yield from self._database.execute(
            "SELECT n, body FROM piece WHERE session = ? ORDER BY n DESC", (session_id,)
        )

    def _write(self) -> None:
        """The thread."""
        ending = False
        while not ending:
            due = {self._waiting.get()}
            if None not in due:
                time.sleep(WRITE_EVERY_S)
            while not self._waiting.empty():
                due.add(self._waiting.get())
            ending = None in due
            with self._lock:
                self._store([log for log in due if log is not None])

    def _store(self, logs: list[SqliteLog]) -> None:
        """One transaction; what the disk does not take is a gap in its sessions, and costs no call."""
        for log in logs:
            if not log.adopted:
                log.adopt(
                    self._database.execute(
                        "SELECT n, LENGTH(body), at FROM piece WHERE session = ? ORDER BY n",
                        (log.session_id,),
                    ).fetchall()
                )
        now = self._now()
        pieces = [(log, piece) for log in logs if (piece := log.taken()) is not None]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for log, piece in pieces:
                row = (log.session_id, log.pieces - 1, now, piece)
                self._database.execute("INSERT INTO piece VALUES (?, ?, ?, ?)", row)
                if (first := log.first_kept(len(piece), now)) > 0:
                    self._database.execute(
                        "DELETE FROM piece WHERE session = ? AND n < ?", (log.session_id, first)
                    )
            for log in logs:
                if log.closed:
                    self._database.execute("DELETE FROM piece WHERE session = ?", (log.session_id,))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            _log.warning("event_log_not_written", sessions=len(pieces), problem=type(error).__name__)


class SqliteLog:
    """An `EventLog`. Bounded in bytes and in age; the oldest goes first."""

    def __init__(self, logs: SqliteLogs, session_id: str, *, keep_bytes: int = KEEP_BYTES) -> None:
        self.session_id = session_id
        self.closed = False
        self.adopted = False
        self.pieces = 0
        """How many the session has had so far."""
        self._logs = logs
        self._keep_bytes = keep_bytes
        self._waiting: deque[bytes] = deque()  # the event loop appends, whoever has the logs' lock takes
        self._due = False
        self._lost = False  # something was dropped that nobody has taken
        self._kept: deque[tuple[int, int, float]] = deque()  # number, bytes, Unix seconds
        self._size = 0

    def append(self, message: bytes) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._lost = True
        self._waiting.append(message)
        if not self._due:  # looked at after the message is in: who takes clears it before
            self._due = True
            self._logs.written_soon(self)

    def since(self, event_id: str | None) -> Missed:
        return self._logs.since(self, event_id)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._logs.written_soon(self)

    # What the logs use, under their lock.

    def adopt(self, kept: list[tuple[int, int, float]]) -> None:
        """Go on with what another process, or nobody, has written of this session."""
        self.adopted = True
        self._kept.extend(kept)
        self._size = sum(size for _, size, _ in kept)
        self.pieces = kept[-1][0] + 1 if kept else 0

    def taken(self) -> bytes | None:
        """What waits, as the next piece; None where nothing does."""
        self._due = False
        parts: list[bytes] = []
        with contextlib.suppress(IndexError):  # empty
            while True:
                message = self._waiting.popleft()
                parts += (HEAD.pack(VERSION, len(message)), message)
        if self._lost:
            self._lost = False
            self.pieces += 1  # a number that nobody will find
        if not parts or self.closed:
            return None
        self.pieces += 1
        return b"".join(parts)

    def first_kept(self, size: int, now: float) -> int:
        """The number of the oldest piece that stays, with the newest of `size` bytes."""
        self._kept.append((self.pieces - 1, size, now))
        self._size += size
        while len(self._kept) > 1 and (self._size > self._keep_bytes or self._kept[0][2] < now - KEEP_S):
            self._size -= self._kept.popleft()[1]
        return self._kept[0][0]


def messages(data: bytes) -> Iterable[bytes]:
    """The messages of a record, oldest first; those of a version nobody here knows are left out."""
    at = 0
    while at < len(data):
        version, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        if version in (VERSION, VERSION - 1):
            yield data[at : at + size]
        at += size
