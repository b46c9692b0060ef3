"""One load for long: all messages arrived, all books say the same, memory stayed. `moksori.bench.relay-soak/1`.

What was sent and what came back is counted by the generator, what arrived in between by the upstream, both session by
session; moksori's counters, its ledger and its logs for resuming have to agree with them.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from moksori.bench.relay import run as measure
from moksori.bench.relay import stacks
from moksori.bench.relay.procs import cpu_s, pss_kib
from moksori.bench.relay.run import Bench, Load
from moksori.bench.relay.stacks import KEY, CannotMeasure, Relay

SCHEMA: Final = "moksori.bench.relay-soak/1"
ANSWER_EVERY_S: Final = 10.0
SAMPLE_S: Final = 5.0
WARM_S: Final = 60.0
"""Memory is judged from here on: buffers and books have found their size."""
FLAT_KIB: Final = 16 * 1024
"""What memory may grow by afterwards, on the line of least squares."""
LEDGER_S: Final = 5.0
"""The ledger is written within a fraction of a second."""
KEPT_UP_US: Final = 1_000_000
"""A load whose messages come back later than this, in the middle, is more than the machine could carry at the time."""
MISSED: Final = 100
"""Messages of each session that its client claims not to have had when it comes back."""

Json = dict[str, Any]


def soak(sessions: int, frame_ms: int, seconds: float, *, tls: bool = False) -> Json:
    """Run it. Raises `CannotMeasure`."""
    began = datetime.datetime.now(datetime.UTC)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moksori-soak-")))
        generator = measure.compile_load(folder)
        mock = stack.enter_context(measure.upstream(generator, folder))
        certificate = stacks.certificate(folder) if tls else None
        relay = stack.enter_context(stacks.moksori(folder, mock.port, measure.RELAY_CORE, certificate))
        bench = Bench(generator, relay, folder)
        load = Load(
            "paced", sessions, frame_ms, seconds, answer_every=min(ANSWER_EVERY_S, seconds / 3), vanish=True
        )
        with measure.connected(bench, load) as talk:
            before = cpu_s(relay.pids())
            said, memory = _watched(talk.go, relay)
            if said["p50"] > KEPT_UP_US:
                raise CannotMeasure(
                    f"The machine could not carry this load: half the messages took over {said['p50'] / 1e6:.1f} s. "
                    "Nothing else may run beside it."
                )
            spent = cpu_s(relay.pids()) - before
            metrics = {} if tls else _metrics(relay)
            heard = mock.heard()
            ledger = _ledger(folder / "accounts.db", said["asked"])
        resumed = [] if tls else [_resumed(relay, each[0], each[2]) for each in said["each"]]
    wrong = _wrong(said, heard, metrics, ledger, resumed)
    growth = _growth(memory)
    if growth is not None and growth > FLAT_KIB:
        wrong.append(f"memory grew by {growth} KiB after the first {WARM_S:g} s")
    return {
        "schema": SCHEMA,
        "at": began.isoformat(timespec="seconds"),
        "machine": measure.machine(),
        "load": {
            "sessions": sessions,
            "frame_ms": frame_ms,
            "seconds": said["seconds"],
            "answer_every_s": load.answer_every,
            "tls": tls,
        },
        "holds": not wrong,
        "wrong": wrong,
        "messages": {
            "sent": said["sent"],
            "upstream_had": sum(heard["heard"]),
            "received": said["received"],
            "out_of_order": said["wrong"] + heard["out_of_order"],
            "answers_asked": said["asked"],
            "answers_had": said["answered"],
            "sessions_alive": said["alive"],
        },
        "moksori": metrics,
        "ledger": ledger,
        "resumed": {"sessions": len(resumed), "whole": sum(not why for why in resumed)},
        "cost_micro_told": said["cost_micro"],
        "cpu_us_per_msg": round(spent / (said["sent"] + said["received"]) * 1e6, 2),
        "rtt_us": {"p50": said["p50"], "p99": said["p99"]},
        "memory_kib": {"growth_after_warm_up": growth, "first": memory[0][1], "last": memory[-1][1]},
        "memory_samples": [[round(at, 1), kib] for at, kib in memory],
    }


def _watched(go: Callable[[], Json], relay: Relay) -> tuple[Json, list[tuple[float, int]]]:
    """What `go` says, and the relay's memory while it lasted: seconds and KiB."""
    over = threading.Event()
    began = time.monotonic()
    samples: list[tuple[float, int]] = []

    def look() -> None:
        while True:
            samples.append((time.monotonic() - began, pss_kib(relay.pids())))
            if over.wait(SAMPLE_S):
                return

    watcher = threading.Thread(target=look, name="memory")
    watcher.start()
    try:
        return go(), samples
    finally:
        over.set()
        watcher.join()


def _growth(samples: Sequence[tuple[float, int]]) -> int | None:
    """KiB by which the line of least squares rises from the end of the warm-up; None for a run too short to say."""
    later = [(at, kib) for at, kib in samples if at >= WARM_S]
    if len(later) < 10:
        return None
    line = statistics.linear_regression(*zip(*later, strict=True))
    return round(line.slope * (later[-1][0] - later[0][0]))


def _metrics(relay: Relay) -> Json:
    """The counters that count what the generator counts."""
    request = urllib.request.Request(
        f"http://{relay.host}:{relay.port}/metrics", headers={"authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()

    def total(pattern: str) -> int:
        return round(sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE)))

    return {
        "messages_in": total(r'moksori_messages_total\{direction="in"\}'),
        "messages_out": total(r'moksori_messages_total\{direction="out"\}'),
        "sessions": total("moksori_sessions"),
        "turns": total(r"moksori_turns_total\{[^}]*\}"),
        "refused": total(r"moksori_connections_refused_total\{[^}]*\}"),
        "parked": total(r'moksori_lines_total\{event="parked"\}'),
    }


def _ledger(file: Path, wanted: int) -> Json:
    """Rows of answers and their sum in millionths, once they are written."""
    deadline = time.monotonic() + LEDGER_S
    while True:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            rows, micro, calls = database.execute(
                "SELECT count(*), coalesce(sum(micro), 0), count(DISTINCT call_id) FROM accounts_usage"
                " WHERE kind = 'response'"
            ).fetchone()
        if rows >= wanted or time.monotonic() > deadline:
            return {"rows": rows, "micro": micro, "calls": calls}
        time.sleep(0.2)  # another process writes it


def _resumed(relay: Relay, session_id: str, got: int) -> str:
    """Come back to a session whose client vanished, for its last messages; what was wrong with them, or nothing."""
    seen = max(0, got - MISSED - 1)
    url = f"ws://{relay.host}:{relay.port}{relay.path}&session_id={session_id}&last_event_id=event_{seen}"
    try:
        with connect(
            url, additional_headers={"authorization": f"Bearer {KEY}"}, max_size=None, close_timeout=1
        ) as line:
            greeting = json.loads(line.recv(10))
            if greeting.get("resume", {}).get("gap") is not False:
                return f"{session_id}: a gap"
            for number in range(seen + 1, got):
                event = json.loads(line.recv(10))
                while event["type"] in ("response.created", "response.done"):
                    event = json.loads(line.recv(10))
                if event["event_id"] != f"event_{number}":
                    return f"{session_id}: {event['event_id']} where event_{number} was due"
    except (OSError, TimeoutError, ValueError, WebSocketException) as error:
        return f"{session_id}: {type(error).__name__}: {error}"
    return ""


def _wrong(said: Json, heard: Json, metrics: Json, ledger: Json, resumed: Sequence[str]) -> list[str]:
    """What does not agree, a line each."""
    wrong = []

    def agree(what: str, one: int, other: int) -> None:
        if one != other:
            wrong.append(f"{what}: {one} and {other}")

    for index, (session_id, sent, got, asked, answered) in enumerate(said["each"]):
        had = heard["heard"][index] if index < len(heard["heard"]) else 0
        if not sent == had == got or asked != answered:
            wrong.append(
                f"{session_id}: sent {sent}, upstream had {had}, received {got}, asked {asked}, answered {answered}"
            )
    agree("sessions alive at the end", said["alive"], len(said["each"]))
    agree("messages out of their order", said["wrong"] + heard["out_of_order"], 0)
    agree("answers the upstream gave, and the client had", heard["answered"], said["answered"])
    agree("answers in the ledger, and had", ledger["rows"], said["answered"])
    agree("cost in the ledger, and told", ledger["micro"], said["cost_micro"])
    if metrics:
        sent, sessions = said["sent"] + said["asked"], len(said["each"])
        agree("moksori_messages_total in, and sent", metrics["messages_in"], sent)
        # Beside the deltas there is a greeting a session, and two events an answer.
        agree(
            "moksori_messages_total out, and received",
            metrics["messages_out"],
            said["received"] + 2 * said["answered"] + sessions,
        )
        agree("moksori_sessions, and sessions", metrics["sessions"], sessions)
        agree("moksori_turns_total, and answers", metrics["turns"], said["answered"])
        agree("refused, parked", metrics["refused"] + metrics["parked"], 0)
    return wrong + [why for why in resumed if why]
