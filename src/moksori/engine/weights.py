"""The weights on disk: what there is, what is missing, where it lies, whether it is whole.

`models.toml` beside this module is the catalogue. Fetched models live in `<home>/models/<name>/` with their
licence texts, a `NOTICE.moksori` and a stamp (`.stamp.json`) that says where they came from; fetching is
`weights_fetch.py`. `<home>` is `$MOKSORI_HOME`, by default the platform's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

Profile = Literal["full", "lite", "off"]

CATALOGUE = "models.toml"
STAMP = ".stamp.json"
NOTICE = "NOTICE.moksori"
PULL = "moksori models pull"
_BLOCK = 1 << 20


class WeightsMissing(Exception):
    """Weights are not on disk; the sentence says what to run."""


class WeightsFailed(Exception):
    """Weights could not be fetched, or are not what they should be; the sentence says what to do."""


class Part(msgspec.Struct, frozen=True):
    """One member of one wheel."""

    project: str
    version: str
    member: str

    @property
    def wheel(self) -> str:
        return f"{self.project}=={self.version}"

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read `pypi:NAME==VERSION#path/in/wheel`; raises ValueError."""
        scheme, _, rest = text.partition(":")
        requirement, _, member = rest.partition("#")
        project, _, version = requirement.partition("==")
        if scheme != "pypi" or not (project and version and member):
            raise ValueError(f"{text!r} is not pypi:NAME==VERSION#path/in/wheel.")
        return cls(project, version, member)


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a model. `size` is in bytes; `parts` are joined in order."""

    path: str
    size: int
    sha256: str
    parts: tuple[str, ...] = ()
    role: Literal["weights", "licence"] = "weights"

    def sources(self) -> tuple[Part, ...]:
        return tuple(Part.parse(part) for part in self.parts)


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One complete set of files; the editions of a model are alternatives."""

    name: str
    file: tuple[File, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.file)


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the catalogue. `licence` is an SPDX expression."""

    name: str
    kind: Literal["files", "package"]
    profiles: tuple[Profile, ...]
    what: str
    upstream: str
    licence: str
    licence_stated: str
    edition: tuple[Edition, ...]
    notice: str = ""
    distribution: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk, of the first edition."""
        return self.edition[0].size


class Stamped(msgspec.Struct, frozen=True):
    """A file as it was when it was last hashed."""

    size: int
    mtime_ns: int
    sha256: str


class Wheel(msgspec.Struct, frozen=True):
    """A wheel the files came from, as the index delivered it."""

    requirement: str
    filename: str
    sha256: str


class Stamp(msgspec.Struct, frozen=True):
    edition: str
    files: dict[str, Stamped]
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the weights on disk, as a sentence."""

    model: str
    file: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is. Bytes are of files on disk, over all models of the pull."""

    model: str
    done_bytes: int
    total_bytes: int
    state: Literal["waiting", "fetching", "checking", "done"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from: by the catalogue, and, once it is here, by its stamp."""

    model: str
    upstream: str
    licence: str
    licence_stated: str
    sources: tuple[str, ...]
    fetched: tuple[Wheel, ...]
    folder: Path | None


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    model: tuple[Model, ...]


def read_catalogue(text: str) -> tuple[Model, ...]:
    """Decode a catalogue; raises `WeightsFailed` if it is not one."""
    try:
        models = msgspec.toml.decode(text, type=_Catalogue).model
        for model in models:
            for edition in model.edition:
                for file in edition.file:
                    file.sources()
    except (msgspec.DecodeError, ValueError) as error:
        raise WeightsFailed(f"The catalogue of weights cannot be read: {error}.") from error
    return models


@cache
def catalog() -> tuple[Model, ...]:
    """All known models, in the order of the catalogue."""
    return read_catalogue(resources.files(__package__).joinpath(CATALOGUE).read_text(encoding="utf-8"))


def find(name: str) -> Model:
    """The model of this name; raises `WeightsMissing`."""
    for model in catalog():
        if model.name == name:
            return model
    known = ", ".join(model.name for model in catalog())
    raise WeightsMissing(f"There is no model {name!r}; known are {known}.")


def default_home() -> Path:
    """`$MOKSORI_HOME`, or the folder `moksori` in the platform's place for caches."""
    if given := os.environ.get("MOKSORI_HOME"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "moksori"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "moksori" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moksori"


def folder(model: Model, home: Path | None = None) -> Path:
    """Where the files of a model of kind "files" belong."""
    return (home or default_home()) / "models" / model.name


def of_profile(profile: Profile) -> list[Model]:
    """The models a profile needs; none for "off"."""
    return [model for model in catalog() if profile in model.profiles]


def missing(profile: Profile, home: Path | None = None) -> list[Model]:
    """The models of a profile that are not on disk or not whole. Cheap when all is well: only `stat`."""
    return [model for model in of_profile(profile) if not present(model, home)]


def total_bytes(models: Iterable[Model]) -> int:
    """Bytes that pulling these will put on disk; those that come with a package count nothing."""
    return sum(model.size for model in models if model.kind == "files")


def present(model: Model, home: Path | None = None) -> bool:
    """Whether a model is on disk and whole."""
    if model.kind == "package":
        return _distribution(model) is not None
    return _whole(model, folder(model, home)) is None


def path(name: str, home: Path | None = None) -> Path:
    """The model's weights: the file itself if they are one file, otherwise their folder.

    Raises `WeightsMissing` if they are not there and `WeightsFailed` if they are damaged.
    """
    model = find(name)
    if model.kind == "package":
        raise WeightsMissing(
            f"{name} has no files of its own: they are inside the package {model.distribution}."
        )
    place = folder(model, home)
    if problem := _whole(model, place):
        if problem.file:
            raise WeightsFailed(problem.sentence)
        raise WeightsMissing(problem.sentence)
    edition = _edition_of(model, read_stamp(place))
    assert edition is not None
    weights = [file.path for file in edition.file if file.role == "weights"]
    return place / weights[0] if len(weights) == 1 else place


def verify(
    models: Iterable[Model], home: Path | None = None, on_progress: Callable[[Progress], None] | None = None
) -> list[Problem]:
    """Hash every file again. What is found damaged here is fetched anew by the next pull."""
    models = tuple(models)
    total, done, problems = total_bytes(models), 0, list[Problem]()
    for model in models:
        if on_progress:
            on_progress(Progress(model.name, done, total, "checking"))
        if model.kind == "package":
            problems += _verify_package(model)
            continue
        place = folder(model, home)
        _forget_times(place)
        if problem := _whole(model, place):
            problems.append(problem)
        done += model.size
    if on_progress and models:
        on_progress(Progress(models[-1].name, done, total, "done"))
    return problems


def provenance(model: Model, home: Path | None = None) -> Provenance:
    """Licence and origin of a model, with the wheels it was really taken from once it is on disk."""
    wheels = [
        part.wheel for edition in model.edition for file in edition.file for part in file.sources()
    ] or [model.distribution]
    place = None if model.kind == "package" else folder(model, home)
    stamp = read_stamp(place) if place else None
    return Provenance(
        model=model.name,
        upstream=model.upstream,
        licence=model.licence,
        licence_stated=model.licence_stated,
        sources=tuple(dict.fromkeys(wheels)),
        fetched=stamp.wheels if stamp else (),
        folder=place if stamp else None,
    )


def pull(
    models: Iterable[Model],
    on_progress: Callable[[Progress], None] | None = None,
    home: Path | None = None,
) -> None:
    """Fetch what is not there yet. Safe to interrupt and run again, and to run from two places at once.

    `on_progress` is called on this thread. Raises `WeightsFailed` (source unreachable, content wrong, disk
    full) and `WeightsMissing` (a model that comes with a package which is not installed).
    """
    from moksori.engine import weights_fetch

    weights_fetch.pull(tuple(models), on_progress or (lambda _: None), home or default_home())


def sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_stamp(place: Path) -> Stamp | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((place / STAMP).read_bytes(), type=Stamp)
    return None


def write_stamp(place: Path, edition: Edition, wheels: tuple[Wheel, ...]) -> None:
    """Record the files of a folder as just hashed. A folder that may not be written keeps no stamp."""
    files = {}
    for file in edition.file:
        status = (place / file.path).stat()
        files[file.path] = Stamped(status.st_size, status.st_mtime_ns, file.sha256)
    with contextlib.suppress(OSError):
        draft = place / (STAMP + ".new")
        draft.write_bytes(msgspec.json.encode(Stamp(edition.name, files, wheels)))
        draft.replace(place / STAMP)


def _edition_of(model: Model, stamp: Stamp | None) -> Edition | None:
    return next((e for e in model.edition if stamp and e.name == stamp.edition), None)


def _forget_times(place: Path) -> None:
    """Make the stamp say nothing about the files' times, so that the next look hashes them."""
    if stamp := read_stamp(place):
        files = {name: Stamped(seen.size, 0, seen.sha256) for name, seen in stamp.files.items()}
        with contextlib.suppress(OSError):
            (place / STAMP).write_bytes(msgspec.json.encode(Stamp(stamp.edition, files, stamp.wheels)))


def _whole(model: Model, place: Path) -> Problem | None:
    """None if the folder holds one whole edition. A file not of the stamped size and time is hashed again."""
    if not place.is_dir():
        megabytes = max(1, round(model.size / 1e6))
        return Problem(model.name, "", f"{model.name} ({megabytes} MB) is not here yet: run `{PULL}`.")
    stamp = read_stamp(place)
    known = _edition_of(model, stamp)
    first: Problem | None = None
    for edition in (known,) if known else model.edition:
        problem, hashed = _compare(model, edition, place, stamp if known else None)
        if problem is None:
            if hashed or not known:
                write_stamp(place, edition, stamp.wheels if known and stamp else ())
            return None
        first = first or problem
    return first


def _compare(model: Model, edition: Edition, place: Path, stamp: Stamp | None) -> tuple[Problem | None, bool]:
    """Compare a folder with an edition: (the first problem, whether any file had to be hashed)."""
    hashed = False
    for file in edition.file:
        target = place / file.path
        try:
            status = target.stat()
        except OSError:
            sentence = f"{file.path} of {model.name} is gone: run `{PULL}`."
            return Problem(model.name, file.path, sentence), hashed
        now = Stamped(status.st_size, status.st_mtime_ns, file.sha256)
        if stamp and stamp.files.get(file.path) == now:
            continue
        hashed = True
        if status.st_size != file.size or sha256(target) != file.sha256:
            sentence = (
                f"{file.path} of {model.name} is damaged (its content is not the expected one): "
                f"run `{PULL}` to fetch it again."
            )
            return Problem(model.name, file.path, sentence), hashed
    return None, hashed


def _distribution(model: Model) -> importlib.metadata.Distribution | None:
    name, _, version = model.distribution.partition("==")
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return found if found.version == version else None


def _verify_package(model: Model) -> list[Problem]:
    found = _distribution(model)
    if found is None:
        sentence = (
            f"{model.name} needs the package {model.distribution}: run `pip install {model.distribution}`."
        )
        return [Problem(model.name, "", sentence)]
    problems = []
    for file in model.edition[0].file:
        target = Path(str(found.locate_file(file.path)))
        if not target.is_file() or sha256(target) != file.sha256:
            sentence = (
                f"{file.path} of {model.distribution} is damaged: "
                f"run `pip install --force-reinstall --no-deps {model.distribution}`."
            )
            problems.append(Problem(model.name, file.path, sentence))
    return problems


def free_bytes(place: Path) -> int:
    """Free bytes on the disk that holds, or will hold, this folder."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free
