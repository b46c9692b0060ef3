"""`moksori bench`: how fast it is, measured in a way anybody can repeat."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(help="Benchmarks of voice and relay.", no_args_is_help=True, pretty_exceptions_enable=False)

CANNOT = 1


@app.callback()
def top() -> None:
    """A benchmark that is ended from outside ends the servers it has started, too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@app.command()
def relay(  # noqa: PLR0917 - typer makes options of all of them
    json_out: Annotated[Path, typer.Option("--json", metavar="OUT", help="Where the result goes.")],
    sessions: Annotated[str, typer.Option(help="Session counts, comma separated.")] = "50,100,250",
    frame_ms: Annotated[str, typer.Option(help="Audio a message, in ms, comma separated.")] = "20,100",
    tls: Annotated[bool, typer.Option("--tls", help="Measure everything over TLS, too.")] = False,
    seconds: Annotated[float, typer.Option(help="Load of one measurement.")] = 5.0,
    rounds: Annotated[int, typer.Option(help="Measurements a row; the median is reported.")] = 3,
    litellm: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it at run time
        typer.Option(metavar="PROGRAM", help="LiteLLM's `litellm` script, from an environment of its own."),
    ] = None,
    picture: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it at run time
        typer.Option("--plot", metavar="OUT.svg", help="Draw the CPU a message of each stack, too."),
    ] = None,
    soak: Annotated[
        Optional[float],  # noqa: UP045 - typer reads it at run time
        typer.Option(
            metavar="MINUTES",
            help="Instead: one load for so long. Is anything lost?",
        ),
    ] = None,
) -> None:
    """What a relayed message costs, beside nginx (and LiteLLM, if given) in the same run."""
    from moksori.bench.relay.run import CannotMeasure, Plan, run

    def numbers(text: str) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in text.split(","))
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a list of numbers such as 50,100") from None

    if soak is not None:
        _soak(json_out, max(numbers(sessions)), min(numbers(frame_ms)), tls, soak)
        return
    plan = Plan(numbers(sessions), numbers(frame_ms), tls, seconds, rounds, litellm)
    try:
        result = run(plan, tell=lambda text: typer.echo(text, err=True))
    except CannotMeasure as error:
        typer.echo(f"moksori: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    json_out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if picture is not None:
        from moksori.bench.relay.plot import svg

        machine = result["machine"]
        picture.write_text(svg(result["rows"], f"{machine['cpu']}, {machine['cores']} cores"), "utf-8")
    typer.echo(json.dumps(result["ratio"]))


def _soak(json_out: Path, sessions: int, frame_ms: int, tls: bool, minutes: float) -> None:
    from moksori.bench.relay.run import CannotMeasure
    from moksori.bench.relay.soak import soak

    try:
        result = soak(sessions, frame_ms, minutes * 60, tls=tls)
    except CannotMeasure as error:
        typer.echo(f"moksori: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    json_out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps({key: result[key] for key in ("holds", "wrong", "memory_kib")}))
    if not result["holds"]:
        raise typer.Exit(CANNOT)


@app.command()
def voice(  # noqa: PLR0917 - typer makes options of all of them
    folder: Annotated[
        Path, typer.Option("--set", metavar="DIR", help="The set: manifest.jsonl and its WAVs.")
    ],
    json_out: Annotated[Path, typer.Option("--json", metavar="OUT", help="Where the result goes.")],
    url: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(metavar="WS", help="The server; without it one is started, profile lite."),
    ] = None,
    key: Annotated[Optional[str], typer.Option(envvar="MOKSORI_API_KEY", help="API key.")] = None,  # noqa: UP045
    turns: Annotated[
        int, typer.Option(min=1, help="Questions asked; the set is begun again if need be.")
    ] = 200,
    baseline: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="sequential", help="Also measure the same models, one stage after another."),
    ] = None,
    wav: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="OUT.wav", help="Both sides on one clock: caller left, answer right."),
    ] = None,
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Settings of the servers it starts."),
    ] = None,
    provoke: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="TEXT", help="What is typed to get an answer long enough to be interrupted."),
    ] = None,
    overlaps: Annotated[
        bool, typer.Option(help="Also speak the set's interruptions and backchannels over answers.")
    ] = True,
    detection: Annotated[str, typer.Option(help="semantic_vad or server_vad.")] = "semantic_vad",
    holds: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--holds/--no-holds",
            help="Hold the loudspeaker when asked, as moksori's clients do; by default where it starts the server.",
        ),
    ] = None,
    prompt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="ID", help="The prompt that the calls ask for, such as shop."),
    ] = None,
) -> None:
    """From the last voiced sample sent to the first substantive audible one received, over a real call."""
    from moksori.bench.voice.call import CallFailed
    from moksori.bench.voice.manifest import SetError, load
    from moksori.bench.voice.run import Plan, run
    from moksori.bench.voice.server import ServerFailed

    if baseline not in (None, "sequential"):
        raise typer.BadParameter("--baseline takes one value, sequential.")
    try:
        plan = Plan(
            url,
            key,
            load(folder),
            turns,
            config,
            "sequential" if baseline else None,
            provoke,
            wav,
            overlaps,
            detection,
            url is None if holds is None else holds,
            prompt,
        )
        result = run(plan, tell=lambda text: typer.echo(text, err=True))
    except (CallFailed, ServerFailed, SetError) as error:
        typer.echo(f"moksori: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    json_out.parent.mkdir(parents=True, exist_ok=True)
    json_out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    typer.echo(json.dumps({**result["summary"], "ratio": result["ratio"]}))


@app.command()
def callers(  # noqa: PLR0917 - typer makes options of all of them
    folder: Annotated[
        Path, typer.Option("--set", metavar="DIR", help="The set: manifest.jsonl and its WAVs.")
    ],
    json_out: Annotated[Path, typer.Option("--json", metavar="OUT", help="Where the result goes.")],
    number: Annotated[int, typer.Option("--callers", min=1, help="Who talk all the time.")] = 2,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long they talk.")] = 10,
    url: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(metavar="WS", help="The server; without it one is started, profile lite."),
    ] = None,
    key: Annotated[Optional[str], typer.Option(envvar="MOKSORI_API_KEY", help="API key.")] = None,  # noqa: UP045
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Settings of the server it starts."),
    ] = None,
    prompt: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="ID", help="The prompt that the calls ask for, such as shop."),
    ] = None,
) -> None:
    """Several callers at once: the longest gap in the sound of any answer, and what a newcomer meets."""
    from moksori.bench.voice.call import CallFailed
    from moksori.bench.voice.callers import Plan, run
    from moksori.bench.voice.manifest import SetError, load
    from moksori.bench.voice.server import ServerFailed

    try:
        plan = Plan(url, key, load(folder), number, minutes, config, prompt)
        result = run(plan, tell=lambda text: typer.echo(text, err=True))
    except (CallFailed, ServerFailed, SetError) as error:
        typer.echo(f"moksori: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    json_out.parent.mkdir(parents=True, exist_ok=True)
    json_out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    typer.echo(json.dumps(result["summary"]))


@app.command("set")
def make_set(  # noqa: PLR0917 - typer makes options of all of them
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the set goes.")],
    language: Annotated[str, typer.Option(help="en or ko.")] = "en",
    questions: Annotated[int, typer.Option(min=0)] = 200,
    overlaps: Annotated[int, typer.Option(min=0, help="Interruptions and backchannels, half each.")] = 36,
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 1,
    voice: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="Who speaks, such as kokoro:jf_alpha, espeak-ng:ko or flite:slt; may be repeated."),
    ] = None,
) -> None:
    """Make the default set from voices of which none answers: Debian's, and in Korean Kokoro's jf_alpha."""
    from moksori.bench.voice.sets import build
    from moksori.bench.voice.speakers import SpeakerMissing

    if language not in ("en", "ko"):
        raise typer.BadParameter("--language is en or ko.")
    try:
        count = build(
            folder, "ko" if language == "ko" else "en", questions, overlaps, seed, tuple(voice or ())
        )
    except SpeakerMissing as error:
        typer.echo(f"moksori: {error}", err=True)
        raise typer.Exit(CANNOT) from None
    typer.echo(f"{count} clips in {folder}")
