"""`moksori shop chat`: the flows in writing, a JSON line in, a JSON line out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Optional, cast

import typer

from moksori.agent.brain import Brain, BrainEvent, Finished, Thought
from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import JSON, Language
from moksori.shop.chat import TextCall
from moksori.shop.cli import BAD_USE, EXPECTED, DatabaseOption, app
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from moksori.shop.flows.data import say
from moksori.shop.prompt import named
from moksori.shop.texts import LANGUAGES


class _Silent:
    """No brain: the shop's tools are always offered here."""

    async def think(self, thought: Thought) -> Any:
        event: BrainEvent = Finished()
        yield event


@app.command()
def chat(
    database: DatabaseOption,
    language: Annotated[str, typer.Option(help="ko or en.")] = "ko",
    context: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(
            metavar="JSON",
            help='What a page would send, and "customerId" (or "customer_id"): whom you vouch for.',
        ),
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Lines of {"say"} in, lines of JSON out.')] = False,
) -> None:
    """Talk to the shop in writing. No model is needed; writes happen after your yes."""
    if language not in LANGUAGES:
        _fail("--language is ko or en.")
    try:
        variables = json.loads(context or "{}")
    except ValueError as why:
        _fail(f"--context is not JSON: {why}.")
    if not isinstance(variables, dict):
        _fail("--context is a JSON object.")
    try:
        asyncio.run(_chat(database, cast("Language", language), variables, jsonl=jsonl))
    except EXPECTED as why:
        _fail(str(why))


async def _chat(database: str, language: Language, variables: Mapping[str, JSON], *, jsonl: bool) -> None:
    desk = ShopDesk(database, language=language)
    await desk.start()
    try:
        call = await open_call(desk, language, variables)
        while line := await asyncio.to_thread(sys.stdin.readline):
            if not line.strip() and jsonl:
                continue
            said = _said(line, jsonl=jsonl)
            if said is None:
                answer: dict[str, Any] = {"error": 'A line is a JSON object with "say".'}
            else:
                answer = (await call.say(said)).as_json()
            shown = json.dumps(answer, ensure_ascii=False) if jsonl else answer.get("text", "")
            sys.stdout.write(f"{shown}\n")
            sys.stdout.flush()
            if answer.get("done"):
                return
    finally:
        await desk.close()


async def open_call(
    desk: ShopDesk, language: Language, variables: Mapping[str, JSON], brain: Brain | None = None
) -> TextCall:
    """A written call. Who holds the database vouches for `customerId`; a signed `context` is taken as on a call."""
    known = named(variables)
    customer = known.get("customerId") or known.get("userId")
    caller = Caller(str(customer), "signed") if customer else None
    guard = desk.open("chat", Principal("cli", "shop chat", caller), language=language, transcripts="early")
    signed = desk.context(known)
    if signed is not None:
        await guard.identify(signed)
    goodbyes = tuple(say("goodbye", each) for each in cast("tuple[Language, ...]", LANGUAGES))
    mind = brain or FlowsBrain(otherwise=_Silent(), language=language)
    return TextCall(mind, guard, language, desk.instructions(known, language, ""), goodbyes)


def _said(line: str, *, jsonl: bool) -> str | None:
    if not jsonl:
        return line.strip()
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    said = asked.get("say") if isinstance(asked, dict) else None
    return said if isinstance(said, str) else None


def _fail(message: str) -> Any:
    typer.echo(message, err=True)
    raise typer.Exit(BAD_USE)
