"""The weights as a person sees them: a table, a progress bar, the total said first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from moksori.engine import weights
from moksori.settings import Settings


def table() -> Table:
    """Every known model with its licence and source; once fetched, the wheels it really came from."""
    shown = Table(title=f"Weights in {weights.default_home()}", title_justify="left", show_lines=True)
    shown.add_column("model", no_wrap=True)
    shown.add_column("licence and origin", overflow="fold")
    for model in weights.catalog():
        origin = weights.provenance(model)
        here = "here" if weights.present(model) else "not here"
        wheels = [wheel.requirement for wheel in origin.fetched] or list(origin.sources)
        shown.add_row(
            f"{model.name}\n{_megabytes(model.size)}, {here}\nprofiles {', '.join(model.profiles)}",
            f"{origin.licence}: {origin.licence_stated}\n"
            f"made by {origin.upstream}\n"
            f"{'fetched from' if origin.fetched else 'comes from'} {_few(wheels)}",
        )
    return shown


def pull(models: Sequence[weights.Model], console: Console | None = None) -> None:
    """Fetch what is missing. Raises `WeightsFailed` or `WeightsMissing`."""
    console = console or Console(stderr=True)
    lacking = [model for model in models if not weights.present(model)]
    if not lacking:
        console.print("All weights are here already: nothing to fetch.")
        return
    total = weights.total_bytes(lacking)
    names = ", ".join(model.name for model in lacking)
    console.print(f"Fetching {_megabytes(total)} in total into {weights.default_home()}: {names}.")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total)

        def advance(progress: weights.Progress) -> None:
            bar.update(task, completed=progress.done_bytes, description=f"{progress.model} {progress.state}")

        weights.pull(lacking, advance)
    console.print("All weights are here.")


def verify(models: Sequence[weights.Model], console: Console | None = None) -> list[weights.Problem]:
    """Hash them all again; what is damaged is fetched anew by the next pull."""
    console = console or Console(stderr=True)
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console) as bar:
        task = bar.add_task("", total=weights.total_bytes(models))

        def advance(progress: weights.Progress) -> None:
            bar.update(task, completed=progress.done_bytes, description=f"{progress.model} {progress.state}")

        return weights.verify(models, on_progress=advance)


def _few(names: Sequence[str]) -> str:
    return f"{names[0]} … {names[-1]} ({len(names)})" if len(names) > 2 else ", ".join(names)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


def upstream_table(settings: Settings) -> Table:
    """The catalogue of other people's models: which can be reached from here, and how far each is proven."""
    from moksori.gateway.gateway import Gateway

    gateway = Gateway(settings)
    shown = Table(box=None, pad_edge=False, title="Models elsewhere", title_justify="left")
    for column in ("model", "service", "needs", "proven", "ends"):
        shown.add_column(column)
    for model in gateway.catalog.models:
        provider = gateway.catalog.providers[model.provider]
        needs = "ready" if model.provider in gateway.upstreams else str(provider.env)
        proven = "against the live service" if provider.seen == "live" else "against its documents only"
        shown.add_row(model.name, provider.title, needs, proven, str(model.ends or ""))
    return shown
