"""Tools for somebody who is not on a call (MCP): reads as ever, writes are only proposed.

A proposal is carried out when the shop itself signs an approval for it; the token holds all of the plan, so that
nothing has to be remembered between the two, and a repeated commit gives the first result.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from moksori.agent.guard import CONFIRM, OfferedTool, Outcome
from moksori.agent.money import Money
from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import JSON, Confirmation, Language, Plan, Refused
from moksori.shop.guard.call import ShopGuards, committed_output, described
from moksori.shop.guard.gate import Readable, dumped, parsed, refused_output
from moksori.shop.guard.receipts import evidence, receipt
from moksori.shop.guard.texts import refusal, text
from moksori.shop.guard.tokens import APPROVAL, PROPOSAL, BadToken, sign, verify

log = logging.getLogger(__name__)


class DetachedGuard:
    """One client's guard. Identity, verification and reading are those of a call; no yes can be heard here.

    A client that keeps no session (`keeps_session` False) cannot verify anybody: there is nowhere to count attempts.
    """

    def __init__(
        self,
        guards: ShopGuards,
        session_id: str,
        principal: Principal,
        language: Language,
        *,
        keeps_session: bool = True,
    ) -> None:
        self._guards, self._gate, self._settings = guards, guards.gate, guards.settings
        self._session_id, self._principal, self._language = session_id, principal, language
        self._inner = guards.open(session_id, principal, language=language, transcripts="none")
        self._specs = {n: s for n, s in self._gate.specs.items() if keeps_session or not s.verifies}

    @property
    def reading(self) -> frozenset[str]:
        """Names of the tools that only read."""
        return frozenset(s.name for s in self._specs.values() if not s.writes)

    @property
    def caller(self) -> Caller:
        return self._inner.caller

    async def identify(self, context: str) -> Caller | Refused:
        return await self._inner.identify(context)

    def tools(self) -> tuple[OfferedTool, ...]:
        offered = [
            OfferedTool(s.name, described(s, self._language), s.parameters) for s in self._specs.values()
        ]
        if any(s.writes and s.confirm for s in self._specs.values()):
            offered.append(_approved_commit(self._language))
        return tuple(offered)

    async def call(self, name: str, arguments: str | Mapping[str, JSON]) -> Outcome:
        if name == CONFIRM:
            return await self._commit(arguments)
        spec = self._specs.get(name)
        if spec is None:
            return self._refused(refusal("unknown_tool", tool=name[:64]))
        if not spec.writes or not spec.confirm:
            return await self._inner.call(name, arguments, call_id=secrets.token_hex(16))
        admitted = self._gate.admit(name, arguments)
        if isinstance(admitted, Refused):
            return self._refused(admitted)
        now = self._guards.clock()
        ready = await self._gate.plan(*admitted, self.caller, language=self._language, now=now)
        if isinstance(ready, Refused):
            return self._refused(ready)
        return self._proposed(ready, now)

    def _proposed(self, ready: Readable, now: datetime) -> Outcome:
        proposal_id = secrets.token_hex(16)
        claims = _claims(ready, proposal_id, self._session_id)
        life = self._settings.proposal_life
        claims |= {"iat": int(now.timestamp()), "exp": int((now + life).timestamp())}
        output = dumped(
            {
                "ok": True,
                "done": False,
                "proposal": {
                    "token": sign(claims, self._settings.tokens, PROPOSAL),
                    "id": proposal_id,
                    "plan": ready.plan.digest,
                    "read_out": ready.sentence,
                    "amount": _money(ready.plan.amount),
                },
                "next": text("next", "approval", self._language),
            }
        )
        return Outcome("proposed", output, read_out=ready.sentence)

    async def _commit(self, raw: str | Mapping[str, JSON]) -> Outcome:
        arguments = parsed(raw)
        if isinstance(arguments, Refused):
            return self._refused(arguments)
        now = self._guards.clock()
        try:
            claims = verify(str(arguments.get("token", "")), (self._settings.tokens,), PROPOSAL)
        except BadToken:
            return self._refused(refusal("unknown_proposal"))
        try:
            approval = verify(str(arguments.get("approval", "")), self._settings.approvals, APPROVAL, now=now)
        except BadToken as why:
            return self._refused(refusal("token_expired" if why.code == "expired" else "approval_needed"))
        if now.timestamp() >= claims["exp"]:
            return self._refused(refusal("token_expired"))
        plan = _plan(claims)
        approved = (approval.get("proposal"), approval.get("plan"), approval.get("sub"), approval.get("aud"))
        if approved != (claims["jti"], plan.digest, plan.customer_id, self._settings.audience):
            return self._refused(refusal("approval_needed"))
        return await self._carry_out(plan, claims, str(approval.get("jti", "")), now)

    async def _carry_out(
        self, plan: Plan, claims: dict[str, Any], approval_id: str, now: datetime
    ) -> Outcome:
        caller = Caller(plan.customer_id, "signed", self._session_id) if plan.customer_id else Caller()
        confirmation = Confirmation(
            id=f"conf_{claims['jti']}",
            session_id=str(claims["sid"]),
            said=str(claims["said"]),
            heard="",
            yes_span_ms=(0, 0),
            at=now,
            principal=replace(self._principal, caller=caller),
            caller=caller,
            answer=f"approval {approval_id}".strip(),
        )
        key = self._settings.receipts
        confirmation = replace(confirmation, evidence=evidence(plan, confirmation, key))
        try:
            done = await self._gate.tools.commit(plan, confirmation, now)
        except Exception as why:  # a shop's tool may fail in any way; the same token may be tried again
            log.error("A commit of tool %s did not come back: %s", plan.tool, type(why).__name__)
            return self._refused(refusal("not_certain"))
        if isinstance(done, Refused):
            return self._refused(done)
        signed = receipt(plan, confirmation, done.value, done.rows, key)
        await self._guards.keep(signed, plan)
        return Outcome("committed", committed_output(done, self._gate.specs[plan.tool]), receipt=signed)

    def _refused(self, refused: Refused) -> Outcome:
        return Outcome("refused", refused_output(refused, self._language), code=refused.code)


def _claims(ready: Readable, proposal_id: str, session_id: str) -> dict[str, JSON]:
    plan = ready.plan
    return {
        "jti": proposal_id,
        "sid": session_id,
        "sub": plan.customer_id,
        "tool": plan.tool,
        "arguments": dict(plan.arguments),
        "action": plan.action,
        "objects": list(plan.objects),
        "amount": None if plan.amount is None else [plan.amount.amount, plan.amount.currency],
        "facts": plan.facts,
        "plan": plan.digest,
        "said": ready.sentence,
    }


def _plan(claims: dict[str, Any]) -> Plan:
    money = claims["amount"]
    return Plan(
        tool=claims["tool"],
        arguments=claims["arguments"],
        customer_id=claims["sub"],
        action=claims["action"],
        objects=tuple(claims["objects"]),
        amount=None if money is None else Money(*money),
        facts=claims["facts"],
        digest=claims["plan"],
    )


def _money(amount: Money | None) -> JSON:
    return None if amount is None else {"amount": amount.amount, "currency": amount.currency}


def _approved_commit(language: Language) -> OfferedTool:
    properties: dict[str, JSON] = {
        "token": {"type": "string", "description": text("describe", "token", language)},
        "approval": {"type": "string", "description": text("describe", "approval", language)},
    }
    schema: dict[str, JSON] = {
        "type": "object",
        "properties": properties,
        "required": ["token", "approval"],
        "additionalProperties": False,
    }
    return OfferedTool(CONFIRM, text("describe", "approved_commit", language), schema)
