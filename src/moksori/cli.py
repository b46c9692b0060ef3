"""The command `moksori`. Thin: every command is imported when it is called, so that `--help` is quick."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer

if TYPE_CHECKING:
    from moksori.engine.weights import Model
    from moksori.settings import Settings

FAILED = 1
BAD_SETTINGS = 2
WEIGHTS_MISSING = 4

SUB_APPS = {
    "shop": ("moksori.shop.cli", "The shop: demo data, import, export, tools."),
    "keys": ("moksori.accounts.cli", "API keys: create, list, revoke."),
    "bench": ("moksori.bench.cli", "Benchmarks of voice and relay."),
}
"""Commands with an application of their own, which alone decides about their arguments."""

app = typer.Typer(
    help="A voice server for customer service, speaking OpenAI's Realtime protocol.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, which may hold keys and what was said
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="The weights: what there is, where it came from, fetching and checking it.")
config_app = typer.Typer(help="The settings.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")

Config = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads it at run time
    typer.Option(
        "--config", "-c", metavar="FILE", help="Settings file (default: moksori.toml here, if any)."
    ),
]
Profile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="full or lite, instead of what the settings need.", metavar="PROFILE"),
]


def main() -> None:
    """The console script."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in SUB_APPS:
        module, _ = SUB_APPS[arguments[0]]
        if _exists(module):
            importlib.import_module(module).app(args=arguments[1:], prog_name=f"moksori {arguments[0]}")
            return
    app(prog_name="moksori")


def _exists(module: str) -> bool:
    """Whether a module is there, without importing it or its room."""
    return Path(__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py").is_file()


def _listed(name: str, about: str) -> None:
    """Name a sub-application in `moksori --help`; `main` has it run before this could."""

    @app.command(name, help=about, add_help_option=False)
    def delegated() -> None: ...


for _name, (_module, _about) in SUB_APPS.items():
    if _exists(_module):
        _listed(_name, _about)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"moksori: {message}", err=True)
    raise typer.Exit(code)


def _settings(config: Path | None, host: str | None = None, port: int | None = None) -> Settings:
    from moksori.settings import SettingsError, load

    try:
        return load(config, host=host, port=port)
    except SettingsError as error:
        _fail("\nmoksori: ".join(error.problems), BAD_SETTINGS)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    if version:
        from moksori import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def serve(
    config: Config = None,
    host: Annotated[Optional[str], typer.Option(help="Address to listen on.")] = None,  # noqa: UP045
    port: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, max=65535, help="Port to listen on; 0 lets the system choose."),
    ] = None,
    ready_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PATH", help="Also write the ready line here, while the server is up."),
    ] = None,
    tls: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="self-signed", help="Serve https with a certificate made on this machine."),
    ] = None,
) -> None:
    """Run the server. Prints one JSON line when ready.

    Exit codes: 2 bad settings, 3 port taken, 4 weights missing.
    """
    if tls not in (None, "self-signed"):
        _fail("--tls takes one value, self-signed.", BAD_SETTINGS)
    settings = _settings(config, host, port)
    from moksori.server.launch import CannotStart, launch

    try:
        launch(settings, ready_file=ready_file, self_signed=tls is not None)
    except CannotStart as error:
        _fail(str(error), error.exit_code)


@app.command()
def talk(  # noqa: PLR0917 - typer makes options of all of them
    url: Annotated[Optional[str], typer.Option(metavar="WS", help="The server's WebSocket address.")] = None,  # noqa: UP045
    key: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="API key (default: the variable MOKSORI_API_KEY)."),
    ] = None,
    model: Annotated[Optional[str], typer.Option(help="Model to ask for.")] = None,  # noqa: UP045
    language: Annotated[Optional[str], typer.Option(help="ko or en.")] = None,  # noqa: UP045
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="WAV", help="Speak this file instead of the microphone."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="WAV", help="Write the answer here."),
    ] = None,
    text: Annotated[Optional[str], typer.Option(help="Type this instead of speaking.")] = None,  # noqa: UP045
    stereo: Annotated[
        bool, typer.Option("--stereo", help="Caller left, answer right, on one clock.")
    ] = False,
) -> None:
    """Hold a conversation: by microphone, with a WAV file, or typed."""
    from moksori.client.talk import main_talk

    raise typer.Exit(
        main_talk(url, key, model, language=language, file=file, out=out, text=text, stereo=stereo)
    )


@app.command("eval")
def eval_(  # noqa: PLR0917 - typer makes options of all of them
    run: Annotated[
        Path, typer.Argument(metavar="RUN.yaml", help="What to hold, on which shop, and who answers.")
    ],
    report: Annotated[Path | None, typer.Option(metavar="HTML", help="Write the report as a page.")] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the result as JSON.")
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Hold only the conversations that --json does not have yet.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no further conversation after so many minutes.")
    ] = None,
    wavs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep spoken calls: caller left, answer right.")
    ] = None,
    from_log: Annotated[
        Path | None,
        typer.Option(
            metavar="LOG", help="Save the calls of a server's log, or of a result, as conversations (--out)."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="YAML", help="Where --from-log saves them.")] = None,
) -> None:
    """Hold scripted conversations with the shop, in writing or aloud. Exits with 1 when one went wrong."""
    from moksori.bench.eval.scenario import RunUnusable
    from moksori.bench.voice.call import CallFailed
    from moksori.bench.voice.speakers import SpeakerMissing
    from moksori.server.evaluation import main as evaluate
    from moksori.server.evaluation import save

    if (from_log is None) != (out is None):
        _fail("--from-log and --out belong together.", BAD_SETTINGS)
    try:
        if from_log is not None and out is not None:
            save(run, from_log, out)
            return
        raise typer.Exit(evaluate(run, report, json_, go_on=go_on, minutes=minutes, wavs=wavs))
    except (CallFailed, SpeakerMissing) as error:
        _fail(str(error), 1)
    except RunUnusable as error:
        _fail(str(error), BAD_SETTINGS)


@app.command()
def doctor(config: Config = None) -> None:
    """Check this machine: one line for each thing, and what to do about it."""
    from moksori.server.doctor import examine, show

    raise typer.Exit(show(examine(_settings(config))))


@config_app.command("check")
def config_check(config: Config = None) -> None:
    """Check the settings and name every problem."""
    settings = _settings(config)
    typer.echo(
        f"The settings are good: {settings.server.host}:{settings.server.port}, engine {settings.engine.profile}, "
        f"{len(settings.auth.keys)} key(s), {len(settings.upstreams)} upstream(s)."
    )


@config_app.command("reference")
def config_reference() -> None:
    """Print every setting with its values and default, as Markdown."""
    from moksori.settings_reference import page

    typer.echo(page(), nl=False)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        models_list()


def _wanted(config: Path | None, profile: str | None) -> list[Model]:
    from moksori.engine import weights

    if profile is None:
        from moksori.server.needs import needed

        return needed(_settings(config).engine)
    if profile not in ("full", "lite"):
        _fail("--profile is full or lite.", BAD_SETTINGS)
    return weights.of_profile("full" if profile == "full" else "lite")


@models_app.command("list")
def models_list(config: Config = None) -> None:
    """All known weights, and all models elsewhere: what each needs, and how far it is proven."""
    from rich.console import Console

    from moksori.server.model_store import table, upstream_table

    Console().print(table())
    Console().print(upstream_table(_settings(config)))


@models_app.command("pull")
def models_pull(
    config: Config = None,
    profile: Profile = None,
    phrases: Annotated[
        bool, typer.Option(help="Also render the Korean sentences that are said again and again.")
    ] = True,
) -> None:
    """Fetch the weights that are needed and not here yet, and render fixed Korean sentences; says first how much."""
    from moksori.agent.speech import SpeechFailed
    from moksori.engine.weights import WeightsFailed, WeightsMissing
    from moksori.server import phrases_ahead
    from moksori.server.model_store import pull

    wanted = _wanted(config, profile)
    try:
        pull(wanted)
        if phrases and any(model.name == phrases_ahead.VOICE for model in wanted):
            phrases_ahead.register(_settings(config), lite=profile == "lite")
            phrases_ahead.render()
    except (WeightsFailed, WeightsMissing) as error:
        _fail(str(error), WEIGHTS_MISSING)
    except SpeechFailed as error:
        _fail(f"The Korean phrases could not be rendered: {error}", FAILED)


@models_app.command("verify")
def models_verify(config: Config = None, profile: Profile = None) -> None:
    """Hash every file again and name what is damaged."""
    from moksori.server.model_store import verify

    problems = verify(_wanted(config, profile))
    for problem in problems:
        typer.echo(f"moksori: {problem.sentence}", err=True)
    if problems:
        raise typer.Exit(FAILED)
    typer.echo("All weights are whole.")
