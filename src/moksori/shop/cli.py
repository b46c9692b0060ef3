"""`moksori shop …`: make a demo shop, import and export one, call its tools."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import typer

from moksori.agent.tools import Caller, Done, Language, Refused
from moksori.shop.compat.tau2 import Tau2Tools
from moksori.shop.demo import make_demo
from moksori.shop.formats import tau2
from moksori.shop.formats.faults import ImportRefused
from moksori.shop.formats.files import read_csv_folder, read_json_file
from moksori.shop.formats.write import ShopInconsistent, ShopNotEmpty, write_shop
from moksori.shop.policy import PolicyUnusable
from moksori.shop.schema import prepare
from moksori.shop.texts import LANGUAGES
from moksori.shop.tools.toolset import ShopTools, ShopUnusable, open_shop
from moksori.store import DatabaseUnusable, open_database

app = typer.Typer(help="The shop: demo data, import, export, and its tools.", no_args_is_help=True)

T = TypeVar("T")
CHAT = "moksori.shop.flows.chat"
BAD_USE = 2
"""Exit code where nothing could be begun: a wrong address, a wrong file, a wrong time."""
EXPECTED = (DatabaseUnusable, ShopUnusable, PolicyUnusable, ShopNotEmpty, ShopInconsistent, ImportRefused)

DatabaseOption = Annotated[
    str, typer.Option("--database", help="sqlite:///FILE or postgresql://USER@HOST/NAME", metavar="URL")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="What counts as now: 2026-11-22T09:00.")
]


class Format(StrEnum):
    TAU2 = "tau2"
    CSV = "csv"
    JSON = "json"


class ExportFormat(StrEnum):
    TAU2 = "tau2"


class Compat(StrEnum):
    TAU2 = "tau2"


@app.command()
def demo(
    database: DatabaseOption,
    seed: Annotated[int, typer.Option(help="The same seed in the same hour gives the same shop.")] = 1,
    as_of: AsOf = None,
) -> None:
    """Fill an empty database with a Korean shop: customers, products, some thousand orders around today."""

    async def work() -> None:
        now = _time(as_of) if as_of is not None else datetime.now(UTC)
        shop = make_demo(seed, now)
        async with await open_database(database) as opened:
            await prepare(opened)
            await write_shop(opened, shop, now)
        typer.echo(
            f"{shop.name_ko}: {len(shop.customers)} customers, {len(shop.products)} products, "
            f"{len(shop.orders)} orders."
        )
        someone = shop.customers[0]
        theirs = [order.id for order in shop.orders if order.customer_id == someone.id]
        typer.echo(
            f"Try {someone.family_name}{someone.given_name}, {someone.phone}, "
            f"with the orders {', '.join(theirs[-3:])}."
        )

    _run(work)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A file (tau2, json) or a folder (csv).")],
    database: DatabaseOption,
    format_: Annotated[Format, typer.Option("--format")],
    as_of: AsOf = None,
) -> None:
    """Fill an empty database from a file. Nothing is stored when a row is bad; each bad row gets a sentence."""

    async def work() -> None:
        now = _time(as_of) if as_of is not None else datetime.now(UTC)
        try:
            match format_:
                case Format.TAU2:
                    shop = tau2.read_world(path.read_bytes(), now)
                case Format.JSON:
                    shop = read_json_file(path, now)
                case Format.CSV:
                    shop = read_csv_folder(path, now)
        except OSError as error:
            raise ImportRefused([f"{error.filename or path} cannot be read: {error.strerror}."]) from error
        async with await open_database(database) as opened:
            await prepare(opened)
            await write_shop(opened, shop, now)
        typer.echo(
            f"Imported {len(shop.products)} products, {len(shop.customers)} customers, {len(shop.orders)} orders."
        )

    _run(work)


@app.command()
def export(
    database: DatabaseOption,
    format_: Annotated[ExportFormat, typer.Option("--format")] = ExportFormat.TAU2,
) -> None:
    """Write the whole shop to standard output as JSON."""

    async def work() -> None:
        shop = await open_shop(database)
        try:
            if shop.profile.currency != "USD":
                raise ShopUnusable(
                    f"tau2's format knows only US dollars; this shop keeps {shop.profile.currency}."
                )
            async with shop.database.reading() as session:
                world = await tau2.write_world(session)
        finally:
            await shop.close()
        shown = msgspec.json.format(msgspec.json.encode(world), indent=4)
        sys.stdout.write(shown.decode() + "\n")

    _run(work)


@app.command()
def call(  # noqa: PLR0917 - typer makes options of all of them
    database: DatabaseOption,
    tool: Annotated[str | None, typer.Argument(help="The tool's name.")] = None,
    arguments: Annotated[str, typer.Argument(help="Its arguments, a JSON object.", metavar="JSON")] = "{}",
    stdin: Annotated[
        bool, typer.Option("--stdin", help='Take lines of {"name", "arguments"} from standard input.')
    ] = False,
    compat: Annotated[Compat | None, typer.Option(help="Another system's tools.")] = None,
    customer: Annotated[
        str | None, typer.Option(help="Whose call it is, by customer id (the shop's own tools).")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of messages: ko or en.")] = "en",
) -> None:
    """Call a tool. The shop's own tools look things up and say what a write would do; only a confirmed call writes."""
    if (tool is None) != stdin:
        _fail("Give either a tool's name or --stdin.")
    if language not in LANGUAGES:
        _fail("--language is ko or en.")

    async def work() -> bool:
        try:
            shop = await open_shop(database)
        except EXPECTED as error:
            _show({"ok": False, "error": {"code": "shop_unusable", "message": str(error)}})
            return False
        try:
            try:
                counter = _Counter(shop, compat, customer, "ko" if language == "ko" else "en")
            except ShopUnusable as error:
                _show({"ok": False, "error": {"code": "not_tau2", "message": str(error)}})
                return False
            if tool is not None:
                return _show(await counter.answer(tool, arguments))
            # A pipe's end is the only thing that ends the loop; answers go out line by line.
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip():
                    _show(await counter.line(line))
            return True
        finally:
            await shop.close()

    if not _run(work):
        raise typer.Exit(1)


@app.command()
def mcp(
    database: DatabaseOption,
    compat: Annotated[Compat | None, typer.Option(help="Another system's tools.")] = None,
    language: Annotated[str, typer.Option(help="Language of descriptions and messages: ko or en.")] = "en",
) -> None:
    """Serve the tools over MCP on standard input and output. Writes are only proposed without the shop's signature."""
    from moksori.shop.mcp import run_stdio

    if language not in LANGUAGES:
        _fail("--language is ko or en.")
    raise typer.Exit(run_stdio(database, compat and compat.value, "ko" if language == "ko" else "en"))


def chat(
    database: DatabaseOption,
    language: Annotated[str, typer.Option(help="ko or en.")] = "ko",
    context: Annotated[
        str | None, typer.Option(metavar="JSON", help="What the page knows of the call.")
    ] = None,
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help='Lines of {"say"} in, lines of {"text","tools","proposal","done"} out.'),
    ] = False,
) -> None:
    """Talk to the shop in writing, without a model."""
    if language not in LANGUAGES:
        _fail("--language is ko or en.")
    raise typer.Exit(importlib.import_module(CHAT).run_chat(database, language, context, jsonl))


if Path(__file__).with_name("flows").joinpath("chat.py").is_file():
    app.command()(chat)


class _Counter:
    """Where calls from the command line are answered."""

    def __init__(
        self, shop: ShopTools, compat: Compat | None, customer: str | None, language: Language
    ) -> None:
        self.shop = shop
        self.other = Tau2Tools(shop) if compat is Compat.TAU2 else None
        # Who can run this command holds the database: the operator vouches for the customer.
        self.caller = Caller(customer, "signed" if customer is not None else "none", "cli")
        self.language = language

    async def line(self, line: str) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            name, arguments = asked["name"], asked.get("arguments", {})
        except (ValueError, TypeError, KeyError, AttributeError):
            return _error("bad_json", 'A line is a JSON object with "name" and "arguments".')
        return await self.answer(str(name), arguments)

    async def answer(self, name: str, arguments: Any) -> dict[str, Any]:
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except ValueError as error:
                return _error("bad_json", f"The arguments are not JSON: {error}.")
        if not isinstance(arguments, dict):
            return _error("bad_json", "The arguments are a JSON object.")
        match await self._ask(name, arguments):
            case Done(value):
                return {"ok": True, "result": value}
            case Refused(code, message, possible):
                return _error(code, message[self.language], list(possible))

    async def _ask(self, name: str, arguments: dict[str, Any]) -> Done | Refused:
        now = datetime.now(UTC)
        if self.other is not None:
            return await self.other.call(name, arguments, now)
        if not any(spec.name == name and spec.writes for spec in self.shop.specs()):
            return await self.shop.read(name, arguments, self.caller, now)
        plan = await self.shop.plan(name, arguments, self.caller, now)
        if isinstance(plan, Refused):
            return plan
        return Done(
            {
                "proposal": {"tool": plan.tool, "arguments": plan.arguments},
                "read_out": {"ko": self.shop.read_out(plan, "ko"), "en": self.shop.read_out(plan, "en")},
                "done": False,
            }
        )


def _error(code: str, message: str, possible: list[str] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if possible:
        error["possible"] = possible
    return {"ok": False, "error": error}


def _show(answer: dict[str, Any]) -> bool:
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return bool(answer["ok"])


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ImportRefused([f"{text!r} is not a time; write it like 2026-11-22T09:00+09:00."]) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo("Asia/Seoul"))


def _run(work: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await work()

    try:
        return asyncio.run(main())
    except ImportRefused as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        raise typer.Exit(1) from error
    except EXPECTED as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(BAD_USE)


from moksori.shop import chat_cli  # noqa: E402, F401 - adds its command to `app`
