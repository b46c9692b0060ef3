"""The store of weights, against small wheels served from a folder to the real pip."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from moksori.engine import weights, weights_fetch
from moksori.engine.weights import Edition, File, Model, Progress, WeightsFailed, WeightsMissing

EAR = b"ear " * 1000
LEFT, RIGHT = b"left " * 2000, b"right " * 3000
LICENCE = b"Do as you like.\n"


def make_wheel(index: Path, project: str, version: str, members: dict[str, bytes]) -> None:
    name = f"{project.replace('-', '_')}-{version}"
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        for path, content in members.items():
            wheel.writestr(path, content)
        wheel.writestr(
            f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")


def file(path: str, content: bytes, *parts: str, role: str = "weights") -> File:
    digest = hashlib.sha256(content).hexdigest()
    return File(path, len(content), digest, tuple(f"pypi:{part}" for part in parts), role)  # type: ignore[arg-type]


def model(name: str, *editions: Edition, **more: object) -> Model:
    fields: dict[str, object] = {
        "name": name,
        "kind": "files",
        "profiles": ("lite", "full"),
        "what": "A model",
        "upstream": "somewhere",
        "licence": "MIT",
        "licence_stated": "in its wheel",
        "edition": editions,
    }
    return Model(**(fields | more))  # type: ignore[arg-type]


ONE = model(
    "one",
    Edition(
        "first",
        (
            file("ear.onnx", EAR, "ear-model==1.0#ear/ear.onnx"),
            file("LICENSE", LICENCE, "ear-model==1.0#ear/LICENSE", role="licence"),
        ),
    ),
    notice="Copyright somebody.",
)
TWO = model(
    "two",
    Edition(
        "first",
        (
            file("model.bin", LEFT + RIGHT, "big-part1==2.0#p/part1", "big-part2==2.0#p/part2"),
            file("config.json", b"{}", "big-part2==2.0#p/config.json"),
        ),
    ),
    Edition("mirror", (file("model.bin", LEFT, "mirror==3.0#m/model.bin"),)),
)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder, and nothing else."""
    place = tmp_path / "index"
    place.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    make_wheel(place, "ear-model", "1.0", {"ear/ear.onnx": EAR, "ear/LICENSE": LICENCE})
    make_wheel(place, "big-part1", "2.0", {"p/part1": LEFT})
    make_wheel(place, "big-part2", "2.0", {"p/part2": RIGHT, "p/config.json": b"{}"})
    return place


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(weights, "catalog", lambda: (ONE, TWO))
    return tmp_path / "home"


def test_a_pull_brings_every_file_whole_with_its_licence_and_its_origin(index: Path, home: Path) -> None:
    assert weights.missing("lite") == [ONE, TWO]
    assert weights.total_bytes([ONE, TWO]) == len(EAR + LICENCE + LEFT + RIGHT + b"{}")
    with pytest.raises(WeightsMissing, match=r"one \(1 MB\) is not here yet: run `moksori models pull`"):
        weights.path("one")

    steps: list[Progress] = []
    weights.pull([ONE, TWO], steps.append)

    assert weights.missing("lite") == []
    assert weights.path("one") == home / "models" / "one" / "ear.onnx"
    assert weights.path("one").read_bytes() == EAR
    assert weights.path("two") == home / "models" / "two"
    assert (weights.path("two") / "model.bin").read_bytes() == LEFT + RIGHT
    assert (home / "models" / "one" / "LICENSE").read_bytes() == LICENCE
    notice = (home / "models" / "one" / "NOTICE.moksori").read_text()
    assert "Copyright somebody." in notice
    assert "ear-model==1.0" in notice

    done = [step.done_bytes for step in steps]
    assert done == sorted(done)
    assert steps[-1] == Progress(
        "two", weights.total_bytes([ONE, TWO]), weights.total_bytes([ONE, TWO]), "done"
    )

    origin = weights.provenance(TWO)
    assert origin.licence == "MIT"
    assert [wheel.requirement for wheel in origin.fetched] == ["big-part1==2.0", "big-part2==2.0"]
    wheel = index / origin.fetched[0].filename
    assert origin.fetched[0].sha256 == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert not list(home.rglob("*.whl"))


def test_what_is_there_is_not_fetched_again(index: Path, home: Path) -> None:
    weights.pull([ONE])
    for wheel in index.iterdir():
        wheel.unlink()
    weights.pull([ONE])
    assert weights.verify([ONE]) == []


def test_an_interrupted_pull_keeps_the_finished_part_and_fetches_the_half_one_again(
    index: Path, home: Path
) -> None:
    second = index / "big_part2-2.0-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    only = model("two", TWO.edition[0])
    with pytest.raises(WeightsFailed, match=r"big-part2==2.0 could not be fetched"):
        weights.pull([only])

    # The process died while it wrote the second part: some of its bytes are in the file already.
    half = home / "models" / ".partial" / "two" / "first" / "model.bin"
    assert half.read_bytes() == LEFT
    half.write_bytes(LEFT + RIGHT[:100])
    (index / "big_part1-2.0-py3-none-any.whl").unlink()  # whoever fetches it again will fail
    second.write_bytes(kept)

    weights.pull([only])
    assert (weights.path("two") / "model.bin").read_bytes() == LEFT + RIGHT


def test_a_file_that_changed_is_noticed_told_and_replaced(index: Path, home: Path) -> None:
    weights.pull([ONE])
    ear = weights.path("one")
    ear.write_bytes(b"EAR " + EAR[4:])

    assert weights.missing("lite") == [ONE, TWO]
    with pytest.raises(WeightsFailed, match=r"ear.onnx of one is damaged .* run `moksori models pull`"):
        weights.path("one")
    weights.pull([ONE])
    assert weights.path("one").read_bytes() == EAR


def test_verify_hashes_what_the_cheap_look_cannot_see(index: Path, home: Path) -> None:
    weights.pull([ONE])
    ear = weights.path("one")
    times = ear.stat()
    ear.write_bytes(b"EAR " + EAR[4:])  # as a failing disk would: same size, same time
    os.utime(ear, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert weights.path("one") == ear

    problems = weights.verify([ONE])
    assert [(problem.model, problem.file) for problem in problems] == [("one", "ear.onnx")]
    assert "run `moksori models pull`" in problems[0].sentence
    assert ONE in weights.missing("lite")  # and the next pull mends it
    weights.pull([ONE])
    assert weights.verify([ONE]) == []


def test_a_deleted_file_is_noticed(index: Path, home: Path) -> None:
    weights.pull([TWO])
    (weights.path("two") / "config.json").unlink()
    assert TWO in weights.missing("full")
    with pytest.raises(WeightsFailed, match=r"config.json of two is gone"):
        weights.path("two")


def test_files_copied_here_by_hand_are_hashed_and_accepted(home: Path) -> None:
    place = home / "models" / "one"
    place.mkdir(parents=True)
    (place / "ear.onnx").write_bytes(EAR)
    (place / "LICENSE").write_bytes(LICENCE)
    assert weights.path("one") == place / "ear.onnx"
    assert weights.provenance(ONE).fetched == ()


def test_a_touched_file_is_hashed_once_and_accepted(
    index: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.pull([ONE])
    os.utime(weights.path("one"), (1, 1))
    hashed: list[Path] = []
    real = weights.sha256
    monkeypatch.setattr(weights, "sha256", lambda file: hashed.append(file) or real(file))
    for _ in range(3):
        weights.path("one")
    assert len(hashed) == 1


def test_when_a_source_is_gone_the_next_one_is_used(index: Path, home: Path) -> None:
    (index / "big_part1-2.0-py3-none-any.whl").unlink()
    make_wheel(index, "mirror", "3.0", {"m/model.bin": LEFT})
    weights.pull([TWO])
    assert weights.path("two") == home / "models" / "two" / "model.bin"
    assert weights.path("two").read_bytes() == LEFT
    assert weights.provenance(TWO).fetched[0].requirement == "mirror==3.0"


def test_content_that_is_not_as_published_is_refused_and_deleted(index: Path, home: Path) -> None:
    make_wheel(index, "ear-model", "1.0", {"ear/ear.onnx": EAR[::-1], "ear/LICENSE": LICENCE})
    with pytest.raises(WeightsFailed, match=r"ear.onnx of one, .* is not the expected file .*run `moksori"):
        weights.pull([ONE])
    assert not list(home.rglob("ear.onnx"))


def test_a_wheel_without_the_member_is_refused(index: Path, home: Path) -> None:
    make_wheel(index, "ear-model", "1.0", {"ear/other": EAR})
    with pytest.raises(WeightsFailed, match=r"does not hold ear/ear.onnx"):
        weights.pull([ONE])


def test_an_unreachable_index_is_one_sentence_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(weights_fetch, "_PIP_OPTIONS", (*weights_fetch._PIP_OPTIONS, "--retries=0"))
    with pytest.raises(WeightsFailed) as caught:
        weights.pull([ONE])
    sentence = str(caught.value)
    assert "ear-model==1.0 could not be fetched" in sentence
    assert "run `moksori models pull` again" in sentence
    assert "secret" not in sentence
    assert "\n" not in sentence


def test_a_full_disk_is_said_before_anything_is_fetched(
    index: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_fetch, "free_bytes", lambda place: 1000)
    with pytest.raises(
        WeightsFailed, match=r"need 0.13 GB .* 0.00 GB are free: make room, or set MOKSORI_HOME"
    ):
        weights.pull([ONE])


def test_a_disk_that_fills_up_meanwhile_is_one_sentence(
    index: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_fetch.os, "fsync", full)
    with pytest.raises(WeightsFailed, match=r"disk of .* is full: make room"):
        weights.pull([ONE])


def test_a_python_without_pip_is_told_how_to_get_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", f"{sys.executable}: No module named pip\n")
    monkeypatch.setattr(weights_fetch.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(WeightsFailed, match=r"has no pip .* -m ensurepip"):
        weights.pull([ONE])


def test_a_second_instance_waits_for_the_first_and_finds_its_work_done(
    index: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on, downloads = threading.Event(), threading.Event(), list[str]()
    real = weights_fetch._download

    def slow(wheel: str, scratch: Path) -> Path:
        downloads.append(wheel)
        inside.set()
        assert go_on.wait(30)
        return real(wheel, scratch)

    monkeypatch.setattr(weights_fetch, "_download", slow)
    first = threading.Thread(target=weights.pull, args=([ONE],))
    first.start()
    assert inside.wait(30)

    def waits(step: Progress) -> None:
        states.append(step.state)
        go_on.set()

    states: list[str] = []
    weights.pull([ONE], waits)
    first.join(30)
    assert states[0] == "waiting"
    assert states[-1] == "done"
    assert downloads == ["ear-model==1.0"]


def test_a_model_of_a_package_is_asked_of_the_package(home: Path) -> None:
    absent = model("voice", Edition("x", ()), kind="package", distribution="no-such-voice==1")
    assert not weights.present(absent)
    with pytest.raises(WeightsMissing, match=r"run `pip install no-such-voice==1`"):
        weights.pull([absent])
    assert [problem.model for problem in weights.verify([absent])] == ["voice"]

    here = model("pip", Edition("x", (File("pip/__init__.py", 1, "0" * 64),)), kind="package")
    import importlib.metadata

    here = model(
        "pip", here.edition[0], kind="package", distribution=f"pip=={importlib.metadata.version('pip')}"
    )
    assert weights.present(here)
    assert "is damaged" in weights.verify([here])[0].sentence


def test_an_unknown_model_names_the_known_ones(home: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no model 'ears'; known are one, two"):
        weights.path("ears")


def test_the_default_home_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOKSORI_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/somebody/cache")
    monkeypatch.setattr(weights.sys, "platform", "linux")
    assert weights.default_home() == Path("/var/somebody/cache/moksori")


def test_the_shipped_catalogue_is_complete() -> None:
    models = {entry.name: entry for entry in weights.catalog()}
    lite, full = weights.of_profile("lite"), weights.of_profile("full")
    assert [entry.name for entry in lite] == [
        "silero-vad",
        "smart-turn",
        "whisper-base",
        "hibari",
        "kokoro-ja",
    ]
    assert {entry.name for entry in full} == set(models)
    assert weights.of_profile("off") == []
    assert weights.total_bytes(lite) < 300_000_000
    assert weights.total_bytes(full) < 1_400_000_000
    assert len(models["whisper-base"].edition) == 2
    for entry in models.values():
        assert entry.licence
        assert entry.licence_stated
        for edition in entry.edition:
            for each in edition.file:
                assert len(bytes.fromhex(each.sha256)) == 32
                assert bool(each.sources()) == (entry.kind == "files")
            licensed = entry.notice or any(each.role == "licence" for each in edition.file)
            assert licensed or entry.kind == "package"


def test_a_broken_catalogue_is_one_sentence() -> None:
    with pytest.raises(WeightsFailed, match="catalogue of weights cannot be read"):
        weights.read_catalogue("version = 2")
    with pytest.raises(WeightsFailed, match="is not pypi:NAME==VERSION"):
        weights.read_catalogue(CATALOGUE_WITH_BAD_PART)


CATALOGUE_WITH_BAD_PART = """
version = 1
[[model]]
name = "m"
kind = "files"
profiles = ["lite"]
what = "w"
upstream = "u"
licence = "MIT"
licence_stated = "l"
[[model.edition]]
name = "e"
[[model.edition.file]]
path = "p"
size = 1
sha256 = "00"
parts = ["pypi:no-version#member"]
"""


@pytest.mark.models
def test_the_weights_on_this_machine_are_whole() -> None:
    assert weights.verify(weights.of_profile("lite")) == []


def test_the_stamp_is_json_a_person_can_read(index: Path, home: Path) -> None:
    weights.pull([ONE])
    stamp = json.loads((home / "models" / "one" / ".stamp.json").read_text())
    assert stamp["edition"] == "first"
    assert stamp["files"]["ear.onnx"]["sha256"] == hashlib.sha256(EAR).hexdigest()
