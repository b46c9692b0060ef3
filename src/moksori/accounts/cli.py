"""`moksori keys …`: make, list and revoke API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn, Optional, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from moksori.accounts import keystore
from moksori.accounts.accounts import open_accounts
from moksori.accounts.keystore import KeyRefused, ListedKey, NewKey
from moksori.accounts.prices import micro_of, shown
from moksori.settings import SettingsError, load
from moksori.store import Database, DatabaseUnusable

app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)
T = TypeVar("T")
FAILED, BAD_SETTINGS = 1, 2

Config = Annotated[Optional[Path], typer.Option("--config", "-c", metavar="FILE", help="Settings file.")]  # noqa: UP045
Place = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--database", metavar="URL", help="Instead of the settings' accounts.database."),
]


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"moksori: {message}", err=True)
    raise typer.Exit(code)


def _run(config: Path | None, database: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    async def opened() -> T:
        url = database or load(config).accounts.database
        async with await open_accounts(url) as found:
            return await work(found)

    try:
        return asyncio.run(opened())
    except SettingsError as error:
        _fail("\nmoksori: ".join(error.problems), BAD_SETTINGS)
    except DatabaseUnusable as error:
        _fail(str(error), BAD_SETTINGS)
    except KeyRefused as error:
        _fail(str(error), FAILED)


def _micro(option: str, dollars: str | None) -> int | None:
    if dollars is None:
        return None
    whole, _, part = dollars.partition(".")
    if not whole.isdecimal() or (part and not part.isdecimal()) or len(part) > 6:
        _fail(f"{option} is an amount in US dollars, such as 5.00.", FAILED)
    return micro_of(dollars)


@app.command()
def create(  # noqa: PLR0917 - typer makes options of all of them
    name: Annotated[str, typer.Argument(help="Whom or what the key is for.")],
    model: Annotated[Optional[list[str]], typer.Option(help="Only this model; may be repeated.")] = None,  # noqa: UP045
    origin: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Only pages of this origin, such as https://shop.example; may be repeated."),
    ] = None,
    scope: Annotated[Optional[list[str]], typer.Option(help="admin: may see and change keys.")] = None,  # noqa: UP045
    sessions: Annotated[Optional[int], typer.Option(help="Sessions at once.")] = None,  # noqa: UP045
    per_minute: Annotated[Optional[int], typer.Option(help="Sessions begun in a minute.")] = None,  # noqa: UP045
    credit: Annotated[Optional[str], typer.Option(help="US dollars it may spend in all.")] = None,  # noqa: UP045
    call_budget: Annotated[Optional[str], typer.Option(help="US dollars a call may cost.")] = None,  # noqa: UP045
    days: Annotated[Optional[int], typer.Option(min=1, help="Days it is good for.")] = None,  # noqa: UP045
    config: Config = None,
    database: Place = None,
) -> None:
    """Make a key. Its value goes to stdout, this once; what is not given is not limited."""
    now = datetime.now(UTC)
    key = NewKey(
        name=name,
        scopes=tuple(scope or ()),
        models=tuple(model) if model else None,
        origins=tuple(origin) if origin else None,
        sessions=sessions,
        per_minute=per_minute,
        credit_micro=_micro("--credit", credit),
        call_micro=_micro("--call-budget", call_budget),
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    key_id, value = _run(config, database, lambda found: keystore.create(found, key, now))
    typer.echo(f"moksori: {key_id} for {name}; its value is shown only now:", err=True)
    typer.echo(value)


@app.command(name="list")
def list_keys(config: Config = None, database: Place = None) -> None:
    """All keys, without their values."""
    keys = _run(config, database, keystore.listed)
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "ends in", "may", "credit", "spent", "state"):
        table.add_column(column, no_wrap=column in ("id", "ends in"))
    for key in keys:
        credit = shown(key.credit_micro) if key.credit_micro is not None else "unlimited"
        table.add_row(key.id, key.name, key.hint, _may(key), credit, shown(key.spent_micro), _state(key))
    Console(soft_wrap=True).print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    config: Config = None,
    database: Place = None,
) -> None:
    """End a key for good. A running server ends its calls within seconds."""
    _run(config, database, lambda found: keystore.revoke(found, key_id, datetime.now(UTC)))
    typer.echo(f"moksori: {key_id} is revoked.", err=True)


@app.command()
def credit(
    subject: Annotated[str, typer.Argument(help="A key's id, or customer:ID.")],
    dollars: Annotated[str, typer.Argument(help="US dollars more to spend.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    config: Config = None,
    database: Place = None,
) -> None:
    """Give a key or a customer more to spend."""
    micro = _micro("DOLLARS", dollars)
    assert micro is not None
    name = subject if subject.startswith("customer:") else f"key:{subject}"
    _run(config, database, lambda found: keystore.add_credit(found, name, micro, datetime.now(UTC), note))


def _may(key: ListedKey) -> str:
    parts = [*key.scopes, *(key.models or ()), *(key.origins or ())]
    if key.sessions is not None:
        parts.append(f"{key.sessions} at once")
    if key.per_minute is not None:
        parts.append(f"{key.per_minute} a minute")
    if key.call_micro is not None:
        parts.append(f"{shown(key.call_micro)} a call")
    return ", ".join(parts) or "anything but administer"


def _state(key: ListedKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is not None:
        return (
            f"{'expired' if key.expires_at <= datetime.now(UTC) else 'good until'} {key.expires_at:%Y-%m-%d}"
        )
    return "good"
