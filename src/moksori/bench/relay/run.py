"""One run: every stack under the same load; rows and ratios as `moksori.bench.relay/1`.

The stacks take turns, round by round, so that a machine whose mood changes changes it for all of them.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from moksori.bench.relay import stacks
from moksori.bench.relay.procs import cpu_s, process, pss_kib
from moksori.bench.relay.stacks import KEY, CannotMeasure, Certificate, Relay, Stack

SCHEMA = "moksori.bench.relay/1"
RELAY_CORE, LOAD_CORE = 0, 1
"""The relay alone on one core; upstream and load share the other, which they fill to a third."""
SETTLE_S = 0.5
SETUPS = 300
SETUPS_AT_ONCE = 8
WARM_UP = 8
STALLED = 8
"""Sessions that send as fast as they may and never read."""

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    sessions: tuple[int, ...] = (50, 100, 250)
    frame_ms: tuple[int, ...] = (20, 100)
    tls: bool = False
    seconds: float = 5.0
    rounds: int = 3
    """How often each row is measured; medians are reported, with the spread of the CPU figure."""
    litellm: Path | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator is to do; see the head of `rtload.c`."""

    mode: str
    sessions: int
    frame_ms: int
    seconds: float = 0.0
    window: int = 8
    answer_every: float = 0.0
    vanish: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """The compiled generator, the relay it loads, and the folder of their logs."""

    generator: Path
    relay: Relay
    folder: Path


def run(plan: Plan, tell: Any = print) -> Json:
    """Measure everything. Raises `CannotMeasure`. About 20 s a row and stack."""
    began = datetime.datetime.now(datetime.UTC)
    with tempfile.TemporaryDirectory(prefix="moksori-relay-") as name:
        folder = Path(name)
        load = compile_load(folder)
        chosen: dict[str, Stack] = {"moksori": stacks.moksori, "nginx": stacks.nginx}
        if plan.litellm is not None:
            chosen["litellm"] = stacks.litellm(plan.litellm)
        rows = []
        for tls in (False, True) if plan.tls else (False,):
            certificate = stacks.certificate(folder) if tls else None
            with upstream(load, folder) as mock:
                memory: dict[str, Json] = {}
                for stack, start in chosen.items():
                    tell(f"memory of {stack}{' over TLS' if tls else ''} ...")
                    memory[stack] = {}
                    for state, held in _states(plan).items():
                        # Each in a relay of its own: what an earlier load left behind would be used again.
                        with start(folder, mock.port, RELAY_CORE, certificate) as relay:
                            memory[stack][state] = _memory(Bench(load, relay, folder), held)
                with contextlib.ExitStack() as running:
                    benches = [
                        Bench(
                            load,
                            running.enter_context(start(folder, mock.port, RELAY_CORE, certificate)),
                            folder,
                        )
                        for start in chosen.values()
                    ]
                    rows += _rows(benches, plan, memory, tell)
    return {
        "schema": SCHEMA,
        "at": began.isoformat(timespec="seconds"),
        "machine": machine(),
        "rows": rows,
        "ratio": _ratio(rows),
    }


def _rows(benches: Sequence[Bench], plan: Plan, memory: Mapping[str, Json], tell: Any) -> list[Json]:
    """All rows of all stacks; `memory` by stack."""
    where = " over TLS" if benches[0].relay.tls else ""
    tell(f"set-ups{where} ...")
    opening = Load("open", SETUPS, plan.frame_ms[0], window=SETUPS_AT_ONCE)
    setups = _by_turns(benches, plan.rounds, lambda bench: float(_once(bench, opening)["setup_per_s"]))
    rows = []
    for mode in ("paced", "flat"):
        for frame_ms in plan.frame_ms:
            for sessions in plan.sessions:
                load = Load(mode, sessions, frame_ms, plan.seconds)
                shown = "paced" if mode == "paced" else "saturated"
                tell(f"{sessions} sessions of {frame_ms} ms, {shown}{where} ...")
                measured = _by_turns(benches, plan.rounds, partial(_cost, load=load))
                for stack, costs in measured.items():
                    cpu = sorted(m["cpu_us_per_msg"] for m in costs)
                    rows.append(
                        {
                            "stack": stack,
                            "mode": shown,
                            "sessions": sessions,
                            "frame_ms": frame_ms,
                            "tls": benches[0].relay.tls,
                            "cpu_us_per_msg": round(statistics.median(cpu), 2),
                            "cpu_us_per_msg_spread": [cpu[0], cpu[-1]],
                            "msg_per_s": round(statistics.median(m["msg_per_s"] for m in costs)),
                            "lost": sum(m["lost"] for m in costs),
                            "rtt_us": {
                                "p50": statistics.median(m["p50"] for m in costs),
                                "p99": statistics.median(m["p99"] for m in costs),
                            },
                            "setup_per_s": statistics.median(setups[stack]),
                            "setup_per_s_spread": [min(setups[stack]), max(setups[stack])],
                            "kib_per_session": memory[stack],
                        }
                    )
    return rows


def _by_turns(benches: Sequence[Bench], rounds: int, measure: Callable[[Bench], T]) -> dict[str, list[T]]:
    """What is measured of each stack, by its name; one round of all of them, then the next."""
    found: dict[str, list[T]] = {bench.relay.name: [] for bench in benches}
    for _ in range(rounds):
        for bench in benches:
            found[bench.relay.name].append(measure(bench))
    return found


def _cost(bench: Bench, load: Load) -> Json:
    with connected(bench, load) as talk:
        pids = bench.relay.pids()
        before = cpu_s(pids)
        said = talk.go()
        spent = cpu_s(pids) - before
    messages = said["sent"] + said["received"]
    return {
        "cpu_us_per_msg": round(spent / messages * 1e6, 2) if messages else 0.0,
        "msg_per_s": messages / said["seconds"],
        "lost": said["sent"] - said["received"] + said["wrong"],
        "p50": said["p50"],
        "p99": said["p99"],
    }


def _states(plan: Plan) -> dict[str, Load]:
    """What a session may be doing while its memory is measured: nothing, talking, and never reading."""
    sessions, frame_ms = max(plan.sessions), min(plan.frame_ms)
    return {
        "idle": Load("idle", sessions, frame_ms, SETTLE_S),
        "active": Load("paced", sessions, frame_ms, 3.0),
        "stalled": Load("stall", STALLED, frame_ms, 4.0),
    }


def _memory(bench: Bench, load: Load) -> float:
    """KiB a session takes, of a relay that has served a few before."""
    with connected(bench, Load("paced", WARM_UP, load.frame_ms, SETTLE_S)) as talk:
        talk.go()
    base = pss_kib(bench.relay.pids())
    with connected(bench, load) as talk:
        talk.go()
        return round((pss_kib(bench.relay.pids()) - base) / load.sessions, 1)


class Mock:
    """The upstream; `port` is where it listens."""

    def __init__(self, running: subprocess.Popen[str], port: int) -> None:
        self._running = running
        self.port = port

    def heard(self) -> Json:
        """What came to it: appends by session, answers it gave."""
        assert self._running.stdin is not None and self._running.stdout is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()
        return _result(self._running.stdout.readline())


class Talk:
    """The load generator, connected and waiting for the word."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running

    def go(self) -> Json:
        """Run the load; returns what the generator counted, with its sessions still open."""
        assert self._running.stdin is not None and self._running.stdout is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()
        return _result(self._running.stdout.readline())


@contextlib.contextmanager
def connected(bench: Bench, load: Load) -> Iterator[Talk]:
    with _generator(bench, load) as running:
        assert running.stdout is not None
        opened = json.loads(running.stdout.readline() or '{"sessions": 0}')["sessions"]
        if opened < load.sessions:
            why = (bench.folder / "load.log").read_text().strip()
            raise CannotMeasure(f"{bench.relay.name} took {opened} of {load.sessions} sessions. {why}")
        yield Talk(running)
    time.sleep(SETTLE_S)  # for the relay to clear up


def _once(bench: Bench, load: Load) -> Json:
    with _generator(bench, load) as running:
        assert running.stdout is not None
        return _result(running.stdout.readline())


def _result(line: str) -> Json:
    if not line:
        raise CannotMeasure("The load generator ended before its result; its log is load.log.")
    result: Json = json.loads(line)
    return result


def _generator(bench: Bench, load: Load) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    relay = bench.relay
    command = [str(bench.generator), load.mode, relay.host, str(relay.port), relay.path, KEY]
    command += ["--sessions", str(load.sessions), "--frame-ms", str(load.frame_ms)]
    command += [
        "--seconds",
        str(load.seconds),
        "--window",
        str(load.window),
        *(["--tls"] if relay.tls else []),
        *(["--answer-every", str(load.answer_every)] if load.answer_every else []),
        *(["--vanish"] if load.vanish else []),
    ]
    return process(command, core=LOAD_CORE, folder=bench.folder, log="load.log")


@contextlib.contextmanager
def upstream(load: Path, folder: Path) -> Iterator[Mock]:
    with process([str(load), "mock", "0"], core=LOAD_CORE, folder=folder, log="upstream.log") as running:
        assert running.stdout is not None
        yield Mock(running, int(running.stdout.readline()))


def compile_load(folder: Path) -> Path:
    program = folder / "rtload"
    source = Path(__file__).with_name("rtload.c")
    try:
        subprocess.run(
            ["cc", "-O2", "-o", str(program), str(source), "-lssl", "-lcrypto"],
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise CannotMeasure("The load generator is written in C: install a C compiler (cc).") from None
    except subprocess.CalledProcessError as error:
        raise CannotMeasure(
            f"The load generator does not compile; it needs OpenSSL's headers (libssl-dev): {error.stderr[-300:]}"
        ) from None
    return program


def machine() -> Json:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load1": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def _ratio(rows: Sequence[Json]) -> Json:
    """Ours over nginx's, and LiteLLM's over ours, row by row: CPU a message; at the end set-ups a second."""
    by = {(r["stack"], r["mode"], r["sessions"], r["frame_ms"], r["tls"]): r for r in rows}
    ratios: Json = {"vs_nginx": [], "vs_litellm": []}
    for (stack, *where), row in by.items():
        if stack != "moksori":
            continue
        shown = dict(zip(("mode", "sessions", "frame_ms", "tls"), where, strict=True))
        if floor := by.get(("nginx", *where)):
            ratios["vs_nginx"].append({**shown, "cpu": _over(row["cpu_us_per_msg"], floor["cpu_us_per_msg"])})
        if peer := by.get(("litellm", *where)):
            ratios["vs_litellm"].append(
                {
                    **shown,
                    "cpu": _over(peer["cpu_us_per_msg"], row["cpu_us_per_msg"]),
                    "setup": _over(row["setup_per_s"], peer["setup_per_s"]),
                }
            )
    return ratios


def _over(a: float, b: float) -> float | None:
    return round(a / b, 2) if b else None


__all__ = ["CannotMeasure", "Certificate", "Plan", "machine", "run"]
