"""`moksori doctor`: what a machine needs to hold conversations, each checked, each with what to do."""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from moksori.engine import weights
from moksori.server import needs, page
from moksori.server.run import CannotListen, listen
from moksori.settings import Settings

MIN_PYTHON = (3, 11)
MEMORY_MB = {"full": 3500, "lite": 1200, "off": 250}
"""Free memory a profile wants, in MB: resident size after its first turns, with a third more as room."""
CORES_WANTED = 2
DISK_SPARE_MB = 500
MEMINFO = Path("/proc/meminfo")


class Verdict(StrEnum):
    GOOD = "ok"
    NOTE = "note"
    """Works, with something missing or slow."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    verdict: Verdict
    sentence: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Check one thing after another."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _python,
        _cores,
        _memory,
        _packages,
        _weights,
        _disk,
        _port,
        _microphone,
        _page,
    )
    for check in checks:
        yield check(settings)


def show(findings: Iterator[Finding], console: Console | None = None) -> int:
    """Print each finding as it comes; the exit code is 1 if any is bad."""
    console = console or Console(highlight=False, soft_wrap=True)
    colours = {Verdict.GOOD: "green", Verdict.NOTE: "yellow", Verdict.BAD: "red"}
    bad = False
    for finding in findings:
        bad = bad or finding.verdict is Verdict.BAD
        console.print(f"[{colours[finding.verdict]}]{finding.verdict:<5}[/] {finding.subject:<11}", end="")
        console.print(finding.sentence, markup=False)
    return int(bad)


def _python(settings: Settings) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < MIN_PYTHON:
        wanted = ".".join(map(str, MIN_PYTHON))
        return Finding("python", Verdict.BAD, f"{version} is too old: install Python {wanted} or newer.")
    return Finding("python", Verdict.GOOD, f"{version} ({sys.executable})")


def _cores(settings: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < CORES_WANTED and settings.engine.profile != "off":
        return Finding(
            "threads", Verdict.NOTE, f"{cores} core: answers will be slow; {CORES_WANTED} or more are wanted."
        )
    return Finding("threads", Verdict.GOOD, f"{cores} cores may be used")


def _memory(settings: Settings) -> Finding:
    wanted = MEMORY_MB[settings.engine.profile]
    free = _free_memory_mb()
    if free is None:
        return Finding(
            "memory",
            Verdict.NOTE,
            f"cannot be told here; profile {settings.engine.profile} wants {wanted} MB",
        )
    if free < wanted:
        hint = (
            'close other programs, or set engine.profile to "lite"'
            if settings.engine.profile == "full"
            else "close other programs"
        )
        return Finding("memory", Verdict.BAD, f"{free} MB free, {wanted} MB wanted: {hint}.")
    return Finding("memory", Verdict.GOOD, f"{free} MB free, {wanted} MB wanted")


def _free_memory_mb() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return None


def _packages(settings: Settings) -> Finding:
    if settings.engine.profile == "off":
        return Finding("packages", Verdict.GOOD, "none needed: the local engine is off")
    wanted = ["onnxruntime", "ctranslate2", "tokenizers", "hibari"]
    if settings.engine.llm.kind == "local":
        wanted.append("xllamacpp")
    lacking = [name for name in wanted if importlib.util.find_spec(name) is None]
    if lacking:
        return Finding(
            "packages", Verdict.BAD, f"{', '.join(lacking)} missing: run `pip install 'moksori[engine]'`."
        )
    return Finding("packages", Verdict.GOOD, "the engine's packages are installed")


def _weights(settings: Settings) -> Finding:
    lacking = needs.missing(settings.engine)
    if lacking:
        return Finding("weights", Verdict.BAD, needs.complaint(lacking))
    return Finding("weights", Verdict.GOOD, f"all here, in {weights.default_home()}")


def _disk(settings: Settings) -> Finding:
    wanted = weights.total_bytes(needs.missing(settings.engine)) // 1_000_000 + DISK_SPARE_MB
    place = weights.default_home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 1_000_000
    if free < wanted:
        return Finding(
            "disk",
            Verdict.BAD,
            f"{free} MB free at {place}, {wanted} MB wanted: free some, or set MOKSORI_HOME.",
        )
    if not os.access(place, os.W_OK):
        lacking = bool(needs.missing(settings.engine))
        return Finding(
            "disk",
            Verdict.BAD if lacking else Verdict.NOTE,
            f"{place} cannot be written: "
            + ("no weights can be fetched" if lacking else "nothing is kept for the next start")
            + "; set MOKSORI_HOME to a folder that can.",
        )
    return Finding("disk", Verdict.GOOD, f"{free} MB free at {place}")


def _port(settings: Settings) -> Finding:
    server = settings.server
    try:
        listen(server.host, server.port).close()
    except CannotListen as error:
        return Finding("port", Verdict.BAD, str(error))
    return Finding("port", Verdict.GOOD, f"{server.port} on {server.host} is free")


def _microphone(settings: Settings) -> Finding:
    if importlib.util.find_spec("sounddevice") is None:
        return Finding(
            "microphone",
            Verdict.NOTE,
            "`moksori talk` has none: run `pip install 'moksori[client]'`; files and text work.",
        )
    # The wheels for macOS and Windows carry PortAudio; on Linux it is the system's.
    if sys.platform == "linux" and ctypes.util.find_library("portaudio") is None:
        return Finding(
            "microphone",
            Verdict.NOTE,
            "`moksori talk` has none: install PortAudio (Debian: libportaudio2); files and text work.",
        )
    return Finding("microphone", Verdict.GOOD, "its library is here")


def _page(settings: Settings) -> Finding:
    place = page.folder()
    if place is None:
        return Finding("page", Verdict.NOTE, "the voice page is not built: run `make web` (needs npm).")
    return Finding("page", Verdict.GOOD, f"built, in {place}")
