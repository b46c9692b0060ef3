"""The shop's tools on a database: reads, plans without effect, commits that happen once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.money import Money
from moksori.agent.tools import JSON, Caller, Confirmation, Done, Language, Plan, Refused, ToolSpec
from moksori.shop import model as m
from moksori.shop.apply import Applied, apply_effects
from moksori.shop.load import load_customer, load_order, load_profile
from moksori.shop.passages import PolicyIndex
from moksori.shop.policy import Policy, load_policy
from moksori.shop.rules import Refusal
from moksori.shop.schema import prepare
from moksori.shop.texts import both, sentence
from moksori.shop.tools import present
from moksori.shop.tools.arguments import Arguments, FindOrders, OneOrder, VerifyCustomer
from moksori.shop.tools.reads import READS, product_categories, verify_customer
from moksori.shop.tools.record import Records, record_call
from moksori.shop.tools.specs import BY_NAME, Entry, tool_specs
from moksori.shop.tools.visit import Visit
from moksori.shop.tools.writes import WRITES, Decided
from moksori.store import Database, open_database


class ShopUnusable(Exception):
    """There is no shop to serve; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a commit came to, as it is kept with the confirmation."""

    ok: bool
    result: dict[str, Any]
    rows: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)

    def answer(self) -> Done | Refused:
        if self.ok:
            return Done(self.result, rows=self.rows)
        return Refused(self.result["code"], self.result["message"], tuple(self.result["possible"]))


class ShopTools:
    """A `ToolSet` on one shop's database. Safe to share between sessions of one event loop."""

    def __init__(
        self,
        database: Database,
        profile: m.Profile,
        policy: Policy,
        categories: list[str],
        *,
        record_reads: bool = True,
    ) -> None:
        self.database = database
        self.profile = profile
        self.policy = policy
        self.index = PolicyIndex(policy, profile.currency)
        self.zone = shop_zone(profile)
        self._specs = tool_specs(policy, categories)
        self._record_reads = record_reads
        self.records = Records(database)

    def specs(self) -> tuple[ToolSpec, ...]:
        return self._specs

    async def read(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Done | Refused:
        """Look something up, and record that it was. A result is JSON; a refusal's message is fit to be spoken."""
        parsed = _parsed(name, arguments, caller, writes=False)
        if isinstance(parsed, Refused):
            return parsed
        entry, args = parsed
        customer_id: str | None = None
        async with self.database.reading() as session:
            visit = await self.visit(session, caller.customer_id, caller.call_id, now)
            if isinstance(args, VerifyCustomer):
                identified = await verify_customer(visit, args)
                if isinstance(identified, Refusal):
                    found: Any = identified
                else:
                    customer_id, found = identified
            elif visit.customer is None and (entry.needs_customer or caller.customer_id is not None):
                found = Refusal("not_verified", {}, ("verify_customer",))
            else:
                found = await READS[name](visit, args)
        if visit.customer is None:
            caller = Caller(call_id=caller.call_id)  # a record refers only to customers there are
        outcome = refused(found) if isinstance(found, Refusal) else Done(found, customer_id)
        if self._record_reads:
            plain = msgspec.to_builtins(args)
            await self.records.add(
                lambda session: record_call(
                    session, name, plain, caller, outcome, now, customer_id=customer_id
                )
            )
        return outcome

    async def plan(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Plan | Refused:
        parsed = _parsed(name, arguments, caller, writes=True)
        if isinstance(parsed, Refused):
            return parsed
        _, args = parsed
        async with self.database.reading() as session:
            visit = await self.visit(session, caller.customer_id, caller.call_id, now)
            if visit.customer is None and caller.customer_id is not None:
                return refused(Refusal("not_verified", {}, ("verify_customer",)))
            made = await self._decide(visit, name, args)
        return refused(made) if isinstance(made, Refusal) else self._plan(name, made, caller.customer_id)

    async def commit(self, plan: Plan, confirmation: Confirmation, now: datetime) -> Done | Refused:
        if confirmation.caller.customer_id != plan.customer_id:
            return refused(Refusal("not_verified", {}, ("verify_customer",)))
        await self.records.settled()
        outcome = await self.database.writing(lambda session: self._commit(session, plan, confirmation, now))
        return outcome.answer()

    def read_out(self, plan: Plan, language: Language) -> str:
        return sentence("read_out", str(plan.facts["sentence"]), language, plan.facts)

    async def warm(self) -> None:
        """Look up everything once, so that the first caller is answered as fast as the tenth. Leaves no record."""
        async with self.database.reading() as session:
            first = await session.scalar(select(m.Order.customer_id).order_by(m.Order.placed_at.desc()))
            if first is None:
                return
            visit = await self.visit(session, first, "", self.profile.created_at)
            found: Any = await READS["find_orders"](visit, FindOrders(limit=1))
            last = OneOrder(order_id=found["orders"][0]["order_id"])
            await READS["track_delivery"](visit, last)
            await READS["get_order"](visit, last)

    async def close(self) -> None:
        await self.records.settled()
        await self.database.close()

    async def _commit(
        self, session: AsyncSession, plan: Plan, confirmation: Confirmation, now: datetime
    ) -> _Outcome:
        """One attempt, inside the transaction: look for the first result, plan again, write everything."""
        first = await session.get(m.ConfirmedWrite, confirmation.id)
        if first is not None:
            if first.digest != plan.digest or first.tool != plan.tool:
                return _refusal(Refusal("confirmation_used"))
            return _Outcome(first.ok, first.result, tuple(first.rows))
        caller = confirmation.caller
        call_id = caller.call_id or confirmation.session_id
        visit = await self.visit(session, plan.customer_id, call_id, now)
        args = msgspec.convert(plan.arguments, BY_NAME[plan.tool].takes)
        made = await self._decide(visit, plan.tool, args)
        if isinstance(made, Refusal):
            outcome = _refusal(made)
        elif self._plan(plan.tool, made, plan.customer_id).digest != plan.digest:
            outcome = _refusal(Refusal("changed", {}, (plan.tool,)))
        else:
            applied = await apply_effects(
                session,
                made.decision.effects,
                order_id=made.order_id,
                customer_id=plan.customer_id,
                now=now,
                confirmation_id=confirmation.id,
            )
            result = await self._result(visit, made, applied)
            outcome = _Outcome(True, result, tuple(applied.rows))
        session.add(
            m.ConfirmedWrite(
                id=confirmation.id,
                session_id=confirmation.session_id,
                customer_id=plan.customer_id,
                tool=plan.tool,
                digest=plan.digest,
                said=confirmation.said,
                heard=confirmation.heard,
                answer=confirmation.answer,
                yes_began_ms=confirmation.yes_span_ms[0],
                yes_ended_ms=confirmation.yes_span_ms[1],
                at=confirmation.at,
                evidence=confirmation.evidence,
                ok=outcome.ok,
                result=outcome.result,
                rows=list(outcome.rows),
            )
        )
        await record_call(
            session,
            plan.tool,
            plan.arguments,
            caller,
            outcome.answer(),
            now,
            call_id=call_id,
            key_id=confirmation.principal.key_id,
            confirmation_id=confirmation.id,
        )
        return outcome

    async def _result(self, visit: Visit, made: Decided, applied: Applied) -> dict[str, Any]:
        """What the model may say now: what was done, and the order as it stands afterwards."""
        decision = made.decision
        result: dict[str, Any] = {"done": decision.action.partition(".")[0]}
        if decision.amount is not None:
            result["amount"] = present.money(decision.amount, visit.currency)
        if made.order_id is not None:
            order = await load_order(visit.session, made.order_id)
            assert order is not None
            result["order"] = present.order_hit(order, visit.currency, visit.zone)
        if applied.ticket_id is not None:
            result["ticket"] = str(applied.ticket_id)
        return result

    async def _decide(self, visit: Visit, name: str, args: Any) -> Decided | Refusal:
        if BY_NAME[name].needs_customer and visit.customer is None:
            return Refusal("not_verified", {}, ("verify_customer",))
        return await WRITES[name](visit, args)

    def _plan(self, name: str, made: Decided, customer_id: str | None) -> Plan:
        decision = made.decision
        basis = [name, made.arguments, customer_id, decision.action, decision.amount, decision.basis]
        canonical = json.dumps(basis, sort_keys=True, ensure_ascii=False, default=msgspec.to_builtins)
        return Plan(
            tool=name,
            arguments=made.arguments,
            customer_id=customer_id,
            action=decision.action.partition(".")[0],
            objects=tuple(thing for thing in decision.objects if thing),
            amount=Money(decision.amount, self.profile.currency) if decision.amount is not None else None,
            facts={**decision.facts, "sentence": decision.action},
            digest=hashlib.sha256(canonical.encode()).hexdigest(),
        )

    async def visit(
        self, session: AsyncSession, customer_id: str | None, call_id: str, now: datetime
    ) -> Visit:
        customer = await load_customer(session, customer_id) if customer_id is not None else None
        return Visit(
            session, self.policy, self.index, self.profile.currency, self.zone, now, customer, call_id
        )


async def open_shop(url: str, *, policy: Path | None = None, record_reads: bool = True) -> ShopTools:
    """Open a shop's database that exists, bring its tables up to date, read its policy.

    Raises `DatabaseUnusable`, `ShopUnusable` or `PolicyUnusable`, each with a sentence.
    """
    database = await open_database(url, must_exist=True)
    try:
        await prepare(database)
        async with database.reading() as session:
            profile = await load_profile(session)
            if profile is None:
                raise ShopUnusable(
                    "The database holds no shop yet. Fill it with `moksori shop demo` or `moksori shop import`."
                )
            rules = load_policy(policy, kind=profile.kind)
            probe = Visit(
                session,
                rules,
                PolicyIndex(rules, profile.currency),
                profile.currency,
                shop_zone(profile),
                profile.created_at,
                None,
                "",
            )
            categories = await product_categories(probe)
        return ShopTools(database, profile, rules, categories, record_reads=record_reads)
    except BaseException:
        await database.close()
        raise


def shop_zone(profile: m.Profile) -> ZoneInfo:
    try:
        return ZoneInfo(profile.zone)
    except ZoneInfoNotFoundError as error:
        raise ShopUnusable(
            f"The time zone {profile.zone} is not known here; install the system's tzdata package."
        ) from error


def refused(refusal: Refusal) -> Refused:
    """A refusal in its words."""
    return Refused(refusal.code, both("refusals", refusal.code, refusal.facts), refusal.possible)


def _refusal(refusal: Refusal) -> _Outcome:
    words = refused(refusal)
    return _Outcome(
        False,
        {"code": words.code, "message": dict(words.message), "possible": list(words.possible)},
    )


def _parsed(
    name: str, arguments: Mapping[str, JSON], caller: Caller, *, writes: bool
) -> tuple[Entry, Arguments] | Refused:
    entry = BY_NAME.get(name)
    if entry is None:
        return refused(Refusal("unknown_tool", {"tool": name}))
    if entry.writes != writes:
        return refused(Refusal("not_a_read" if entry.writes else "not_a_write", {"tool": name}))
    if entry.needs_customer and caller.customer_id is None:
        return refused(Refusal("not_verified", {}, ("verify_customer",)))
    try:
        return entry, msgspec.convert(dict(arguments), entry.takes)
    except msgspec.ValidationError as error:
        return refused(Refusal("bad_arguments", {"problem": str(error)}))
