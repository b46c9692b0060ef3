"""The command line: what it says, its exit codes, and that it starts light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from moksori import cli
from moksori.engine import weights
from moksori.server import doctor, model_store, needs
from moksori.server.doctor import Finding, Verdict
from moksori.settings import Engine, Llm, Part, Settings, Tts

HEAVY = (
    "fastapi",
    "uvicorn",
    "numpy",
    "pydantic",
    "sqlalchemy",
    "onnxruntime",
    "msgspec",
    "httpx",
    "moksori.settings",
)
runner = CliRunner()


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOKSORI_API_KEY", raising=False)


def test_help_imports_nothing_heavy_and_names_every_command() -> None:
    script = (
        "import sys; sys.argv = ['moksori', '--help']\n"
        "from moksori.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("serve", "talk", "models", "doctor", "config"):
        assert command in done.stdout


def test_a_command_with_an_application_of_its_own_gets_its_arguments_untouched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = "moksori.shop.cli"
    seen: dict[str, object] = {}
    stand_in = type(sys)(module)
    stand_in.app = lambda **given: seen.update(given)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.setattr(cli, "_exists", lambda name: name == module)
    monkeypatch.setattr(sys, "argv", ["moksori", "shop", "call", "--", "tool", '{"--x": 1}', "--help"])
    cli.main()
    assert seen == {"args": ["call", "--", "tool", '{"--x": 1}', "--help"], "prog_name": "moksori shop"}


def test_config_check_names_every_problem_and_exits_2() -> None:
    good = runner.invoke(cli.app, ["config", "check"])
    assert good.exit_code == 0
    assert "127.0.0.1:8080" in good.stdout
    Path("moksori.toml").write_text("[server]\nport = -1\nprot = 2\n")
    bad = runner.invoke(cli.app, ["config", "check"])
    assert bad.exit_code == 2
    assert bad.stderr.splitlines() == [
        "moksori: moksori.toml: server.port must be 0 or more.",
        'moksori: moksori.toml: server.prot is not a key moksori knows; did you mean "port"?',
    ]


def test_serve_refuses_what_it_cannot_do_before_it_starts() -> None:
    for arguments, sentence in (
        (["--tls", "letsencrypt"], "--tls takes one value, self-signed."),
        (["--config", "no.toml"], "The settings file no.toml does not exist."),
        (["--host", "0.0.0.0"], 'server.host "0.0.0.0" lets other machines in'),
    ):
        done = runner.invoke(cli.app, ["serve", *arguments])
        assert done.exit_code == 2
        assert sentence in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("engine", "left_out"),
    [
        (Engine(profile="full"), set()),
        (Engine(profile="full", llm=Llm(kind="echo")), {"qwen2.5-coder-1.5b"}),
        (Engine(profile="lite", llm=Llm(kind="lite")), {"qwen2.5-coder-1.5b"}),
        (
            Engine(stt=Part(kind="openai", base_url="http://a", model="m")),
            {"whisper-base"},
        ),
        (
            Engine(tts=Tts(kind="openai", base_url="http://a", model="m")),
            {"hibari", "kokoro-ja"},
        ),
        (
            Engine(tts=Tts(kind="openai", base_url="http://a", model="m", languages=("ko",))),
            {"kokoro-ja"},
        ),
    ],
)
def test_only_weights_of_parts_that_run_here_are_needed(engine: Engine, left_out: set[str]) -> None:
    everything = {model.name for model in weights.of_profile("full")}
    assert {model.name for model in needs.needed(engine)} == everything - left_out


def test_an_engine_that_is_off_needs_none() -> None:
    assert needs.needed(Engine(profile="off")) == []


def test_every_name_a_part_needs_is_in_the_catalogue() -> None:
    known = {model.name for model in weights.catalog()}
    assert all(names <= known for names in needs.MODELS_OF_PART.values())


def test_missing_weights_are_one_sentence_with_the_command(tmp_path: Path) -> None:
    lacking = [model for model in needs.needed(Engine()) if model.kind == "files"]
    sentence = needs.complaint(lacking, tmp_path)
    assert sentence.startswith("Weights are missing (silero-vad, smart-turn, whisper-base")
    assert sentence.endswith("MB): run `moksori models pull`.")


def test_pull_says_the_total_first_and_fetches_only_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [model for model in weights.catalog() if model.kind == "files"][:3]
    monkeypatch.setattr(weights, "present", lambda model, home=None: model is models[0])
    pulled: list[list[weights.Model]] = []

    def pull(lacking: list[weights.Model], on_progress: object) -> None:
        pulled.append(list(lacking))

    monkeypatch.setattr(weights, "pull", pull)
    console = Console(record=True, width=200)
    model_store.pull(models, console)
    assert pulled == [models[1:]]
    first = console.export_text().splitlines()[0]
    assert first.startswith(f"Fetching {weights.total_bytes(models[1:]) / 1e6:,.0f} MB in total into ")
    assert models[1].name in first


def test_the_table_shows_licence_and_origin_of_every_model() -> None:
    console = Console(record=True, width=300)
    console.print(model_store.table())
    shown = console.export_text()
    for model in weights.catalog():
        assert model.name in shown
        assert model.licence in shown
        assert weights.provenance(model).sources[0] in shown


def test_doctor_is_bad_only_when_something_is() -> None:
    console = Console(record=True, width=200)
    good = Finding("python", Verdict.GOOD, "3.11 [here]")
    note = Finding("page", Verdict.NOTE, "not built: run `make web`.")
    bad = Finding("port", Verdict.BAD, "taken: stop the other.")
    assert doctor.show(iter([good, note]), console) == 0
    assert doctor.show(iter([good, bad]), console) == 1
    assert "3.11 [here]" in console.export_text()


def test_doctor_says_what_to_do_about_missing_weights_and_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1 kB\nMemAvailable:  1024000 kB\n")
    monkeypatch.setattr(doctor, "MEMINFO", meminfo)
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    found = {finding.subject: finding for finding in doctor.examine(Settings())}
    assert found["memory"] == Finding(
        "memory",
        Verdict.BAD,
        '1000 MB free, 3500 MB wanted: close other programs, or set engine.profile to "lite".',
    )
    assert found["weights"].verdict is Verdict.BAD
    assert "moksori models pull" in found["weights"].sentence
    assert found["python"].verdict is Verdict.GOOD
