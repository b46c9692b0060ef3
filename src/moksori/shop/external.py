"""A shop's own tools behind the same guard as ours. Which of them only read is said in the settings, never by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.money import Money
from moksori.agent.tools import JSON, Caller, Confirmation, Done, Language, Plan, Refused, ToolSpec
from moksori.shop import model as m
from moksori.shop.external_links import About, Answer, Link, LinkFailed, Offered
from moksori.shop.guard.texts import refusal, text
from moksori.shop.tools.record import record_call
from moksori.shop.tools.toolset import ShopTools

SPOKEN: tuple[Language, ...] = ("ko", "en")
MOST_SPOKEN = 6
"""Arguments that a generic read-out names; a tool with more needs a preview."""


class ExternalUnusable(Exception):
    """The settings and the shop's server do not fit; the message says where."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the settings say of the shop's tools. A tool nobody spoke of writes, and needs a customer."""

    reads: frozenset[str] = frozenset()
    verifies: frozenset[str] = frozenset()
    """Tools that find out who is calling: their result holds `customer_id`."""
    everyone: frozenset[str] = frozenset()
    """Tools that need no customer."""
    previews: Mapping[str, str] = field(default_factory=dict)
    """Write tool to the read tool that says what it would do: `amount`, `objects`, `read_out`."""
    customer_argument: str | None = None
    """An argument that names the customer: not shown to the model, filled in by the server."""
    quotes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: frozenset[str] = frozenset({"search_policy", "hand_over"})
    """Our own tools that are offered beside them."""


class ExternalTools:
    """`ToolSet` over a link, with our own database as the memory of what was confirmed.

    A commit carries the confirmation's id as idempotency key and is noted here once it was answered: a process that
    died in between asks again under the same key, and the shop's server has to know it.
    """

    def __init__(self, link: Link, manner: Manner, own: ShopTools) -> None:
        self._link, self._manner, self._own = link, manner, own
        self._specs: dict[str, ToolSpec] = {}

    async def start(self) -> None:
        """Raises `LinkFailed` or `ExternalUnusable`, each with a sentence."""
        offered = {tool.name: tool for tool in await self._link.start()}
        manner = self._manner
        named = (
            manner.reads
            | manner.verifies
            | manner.everyone
            | set(manner.previews)
            | set(manner.previews.values())
        )
        if missing := sorted(named - set(offered)):
            raise ExternalUnusable(f"The shop's server has no tool {missing[0]}, which the settings name.")
        hidden = set(manner.previews.values())
        if loud := sorted(hidden - manner.reads):
            raise ExternalUnusable(f"The preview {loud[0]} must be listed in reads.")
        strangers = {spec.name for spec in self._own.specs() if not spec.needs_customer and not spec.verifies}
        if unfit := sorted(manner.own - strangers):
            raise ExternalUnusable(
                f"Our own tool {unfit[0]} cannot stand beside the shop's: it needs our customers."
            )
        self._specs = {name: self._spec(tool) for name, tool in offered.items() if name not in hidden}

    async def close(self) -> None:
        await self._link.close()

    def specs(self) -> tuple[ToolSpec, ...]:
        own = [spec for spec in self._own.specs() if spec.name in self._manner.own]
        return (*self._specs.values(), *(spec for spec in own if spec.name not in self._specs))

    async def read(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Done | Refused:
        spec = self._specs.get(name)
        if spec is None:
            return await self._own.read(name, arguments, _stranger(caller), now)
        if spec.writes:
            return refusal("unknown_tool", tool=name)
        answer = await self._link.call(name, self._filled(name, arguments, caller), _about(caller))
        outcome = _outcome(answer)
        if isinstance(outcome, Done) and spec.verifies:
            found = outcome.value.get("customer_id") if isinstance(outcome.value, dict) else None
            if not isinstance(found, str) or not found:
                return refusal("shop_refused", what=name)
            outcome = Done(outcome.value, customer_id=found)
        await self._own.records.add(
            lambda session: record_call(session, name, arguments, caller, outcome, now, ours=False)
        )
        return outcome

    async def plan(
        self, name: str, arguments: Mapping[str, JSON], caller: Caller, now: datetime
    ) -> Plan | Refused:
        spec = self._specs.get(name)
        if spec is None:
            return await self._own.plan(name, arguments, _stranger(caller), now)
        preview: JSON = None
        if (previewer := self._manner.previews.get(name)) is not None:
            answer = await self._link.call(previewer, self._filled(name, arguments, caller), _about(caller))
            if not answer.ok:
                return _refused(answer.value)
            preview = answer.value
        return self._plan(spec, arguments, caller, preview)

    async def commit(self, plan: Plan, confirmation: Confirmation, now: datetime) -> Done | Refused:
        if plan.tool not in self._specs:
            ours = replace(confirmation, caller=_stranger(confirmation.caller))
            return await self._own.commit(plan, ours, now)
        if confirmation.caller.customer_id != plan.customer_id:
            return refusal("needs_customer")
        await self._own.records.settled()
        first = await self._remembered(confirmation.id, plan)
        if first is not None:
            return first
        again = await self.plan(plan.tool, plan.arguments, confirmation.caller, now)
        if isinstance(again, Refused):
            outcome: Done | Refused = again
        elif again.digest != plan.digest:
            outcome = refusal("changed")
        else:
            about = _about(confirmation.caller, confirmation.id)
            arguments = self._filled(plan.tool, plan.arguments, confirmation.caller)
            answer = await self._done(plan.tool, arguments, about)
            if answer is None:
                return refusal("outcome_unknown", possible=("hand_over",))
            outcome = _outcome(answer)
        await self._own.database.writing(lambda session: _keep(session, plan, confirmation, outcome, now))
        return outcome

    def read_out(self, plan: Plan, language: Language) -> str:
        if plan.tool not in self._specs:
            return self._own.read_out(plan, language)
        own: Any = plan.facts.get("read_out")
        if isinstance(own, dict) and isinstance(own.get(language), str):
            return str(own[language])
        what = self._specs[plan.tool].title[language]
        if not plan.objects:
            return text("external", "read_out_bare", language, what=what)
        return text("external", "read_out", language, what=what, arguments=", ".join(plan.objects))

    def _spec(self, tool: Offered) -> ToolSpec:
        manner = self._manner
        verifies = tool.name in manner.verifies
        return ToolSpec(
            name=tool.name,
            title=_both(tool.title),
            description=_both(tool.description),
            parameters=_without(tool.parameters, manner.customer_argument),
            writes=not verifies and tool.name not in manner.reads,
            needs_customer=not verifies and tool.name not in manner.everyone,
            verifies=verifies,
            quotes=manner.quotes.get(tool.name, ()),
        )

    def _filled(self, name: str, arguments: Mapping[str, JSON], caller: Caller) -> dict[str, JSON]:
        """The arguments with the customer in them, where the shop's tools take one. What a model put there is gone."""
        argument, filled = self._manner.customer_argument, dict(arguments)
        if argument is not None:
            filled.pop(argument, None)
            if self._specs[name].needs_customer and caller.customer_id is not None:
                filled[argument] = caller.customer_id
        return filled

    def _plan(
        self, spec: ToolSpec, arguments: Mapping[str, JSON], caller: Caller, preview: JSON
    ) -> Plan | Refused:
        facts: dict[str, Any] = dict(preview) if isinstance(preview, dict) else {}
        objects = facts.get("objects")
        spoken = objects if isinstance(objects, list) else _values(dict(arguments))
        if len(spoken) > MOST_SPOKEN:
            return refusal("shop_failed", possible=("hand_over",))
        canonical = json.dumps([spec.name, dict(arguments), caller.customer_id, preview], sort_keys=True)
        return Plan(
            tool=spec.name,
            arguments=dict(arguments),
            customer_id=caller.customer_id if spec.needs_customer else None,
            action=spec.name,
            objects=tuple(str(each) for each in spoken),
            amount=_money(facts.get("amount")),
            facts=facts,
            digest=hashlib.sha256(canonical.encode()).hexdigest(),
        )

    async def _done(self, name: str, arguments: dict[str, JSON], about: About) -> Answer | None:
        """Ask once more under the same key where the line broke; None when it is still not known what was done."""
        for _ in range(2):
            try:
                return await self._link.call(name, arguments, about)
            except LinkFailed:
                continue
        return None

    async def _remembered(self, confirmation_id: str, plan: Plan) -> Done | Refused | None:
        async with self._own.database.reading() as session:
            first = await session.get(m.ConfirmedWrite, confirmation_id)
        if first is None:
            return None
        if (first.tool, first.digest) != (plan.tool, plan.digest):
            return refusal("changed")
        if first.ok:
            return Done(first.result)
        return Refused(first.result["code"], first.result["message"], tuple(first.result["possible"]))


async def _keep(
    session: AsyncSession, plan: Plan, confirmation: Confirmation, outcome: Done | Refused, now: datetime
) -> None:
    if await session.get(m.ConfirmedWrite, confirmation.id) is not None:
        return
    ok = isinstance(outcome, Done)
    result: Any = (
        outcome.value
        if isinstance(outcome, Done)
        else {"code": outcome.code, "message": dict(outcome.message), "possible": list(outcome.possible)}
    )
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
            ok=ok,
            result=result,
            rows=[],
        )
    )
    await record_call(
        session,
        plan.tool,
        plan.arguments,
        confirmation.caller,
        outcome,
        now,
        call_id=confirmation.caller.call_id or confirmation.session_id,
        key_id=confirmation.principal.key_id,
        confirmation_id=confirmation.id,
        ours=False,
    )


def _stranger(caller: Caller) -> Caller:
    """The caller as our own database knows them: the shop's customers are not in it."""
    return Caller(call_id=caller.call_id)


def _about(caller: Caller, confirmation_id: str | None = None) -> About:
    return About(caller.customer_id, caller.call_id, confirmation_id)


def _outcome(answer: Answer) -> Done | Refused:
    return Done(answer.value) if answer.ok else _refused(answer.value)


def _refused(error: JSON) -> Refused:
    """The shop's own words, where it has some, as what the shop says: never as ours."""
    message = error.get("message") if isinstance(error, dict) else error
    words = message if isinstance(message, dict) else {}
    plain = message if isinstance(message, str) else "-"
    said: dict[Language, str] = {each: str(words.get(each, plain)) for each in SPOKEN}
    return Refused(
        "shop_refused",
        {each: text("refusal", "shop_refused", each, what=words) for each, words in said.items()},
    )


def _both(words: str | Mapping[str, str]) -> dict[str, str]:
    if isinstance(words, str):
        return dict.fromkeys(SPOKEN, words)
    spare = next(iter(words.values()), "")
    return {each: words.get(each, spare) for each in SPOKEN}


def _without(schema: dict[str, JSON], argument: str | None) -> dict[str, JSON]:
    properties, required = schema.get("properties"), schema.get("required")
    if argument is None or not isinstance(properties, dict):
        return schema
    rest: JSON = {name: value for name, value in properties.items() if name != argument}
    needed: JSON = [name for name in required if name != argument] if isinstance(required, list) else []
    return {**schema, "properties": rest, "required": needed}


def _values(arguments: dict[str, JSON]) -> list[str]:
    """Every word and number among the arguments, in order: what a read-out without a preview has to name."""
    found: list[str] = []
    ahead: list[JSON] = [arguments]
    while ahead:
        match ahead.pop(0):
            case dict(members):
                ahead = [*members.values(), *ahead]
            case list(members):
                ahead = [*members, *ahead]
            case bool() | None:
                pass
            case value:
                found.append(str(value))
    return found


def _money(amount: Any) -> Money | None:
    """{"minor": 12000, "currency": "KRW"}. Raises ValueError or TypeError for anything else: the guard refuses it."""
    if amount is None:
        return None
    if not isinstance(amount, dict) or not {"minor", "currency"} <= set(amount):
        raise ValueError('An amount is {"minor": …, "currency": …}.')
    return Money(amount["minor"], amount["currency"])
