"""The thin shell one call is held by: it runs the pure machines, asks the shop and signs. `Guard` of the agent room."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from moksori.agent.guard import (
    CONFIRM,
    Clear,
    Held,
    OfferedTool,
    Outcome,
    Pending,
    Transcripts,
    UserTurn,
    Verdict,
)
from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import JSON, Confirmation, Done, Language, Plan, Refused, ToolSet, ToolSpec
from moksori.protocol.internal import Heard
from moksori.shop.guard import proposal as machine
from moksori.shop.guard.about import About
from moksori.shop.guard.context import BadContext, Seen, SeenHere, read_context
from moksori.shop.guard.coverage import Facts, commit_fact, record_facts, uncovered
from moksori.shop.guard.gate import Gate, Readable, dumped, parsed, refused_output
from moksori.shop.guard.identity import Attempts, AttemptsHere, Identity, failed, known, unknown
from moksori.shop.guard.proposal import Why
from moksori.shop.guard.quoting import quoted
from moksori.shop.guard.readout import ReadOut
from moksori.shop.guard.receipts import Receipts, evidence, receipt
from moksori.shop.guard.text import sentences
from moksori.shop.guard.texts import refusal, text
from moksori.shop.guard.tokens import Key, hash_of

log = logging.getLogger(__name__)
_REMEMBERED = 512
"""Function calls whose outcome is kept for a repetition, and records kept for claims to rest on."""

_REASONS = 32
"""Reasons of refusals that may be said again."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """`tokens` signs proposals (a fresh one per process will do), `receipts` signs receipts (kept for years)."""

    tokens: Key = field(default_factory=lambda: Key("HS256", secrets.token_hex(32)))
    receipts: Key = field(default_factory=lambda: Key("HS256", secrets.token_hex(32)))
    context: tuple[Key, ...] = ()
    """The shop's keys for caller contexts; without one nobody can be signed in."""
    approvals: tuple[Key, ...] = ()
    """The shop's keys for commits without a call (MCP)."""
    audience: str = "moksori"
    proposal_life: timedelta = timedelta(seconds=120)
    """How long a caller may think about a sentence."""
    patience_s: float = 3.0
    """How long a confirmation waits for the caller's last words to become final."""


class ShopGuards:
    """Makes each call's guard. What calls share, such as failed verifications and used contexts, is kept here."""

    def __init__(
        self,
        tools: ToolSet,
        settings: GuardSettings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        seen: Seen | None = None,
        receipts: Receipts | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self.gate = Gate(tools)
        if CONFIRM in self.gate.specs:
            raise ValueError(f"A shop's tool may not be named {CONFIRM}: that is the guard's own.")
        self.settings = settings or GuardSettings()
        self.clock = clock
        self.seen: Seen = seen or SeenHere()
        self.receipts = receipts
        self.attempts: Attempts = attempts or AttemptsHere()

    def open(
        self, session_id: str, principal: Principal, *, language: Language, transcripts: Transcripts
    ) -> CallGuard:
        return CallGuard(self, session_id, principal, language, transcripts)

    async def keep(self, signed: str, plan: Plan) -> None:
        """The write stands whether or not the receipt finds a second home; its evidence is in the shop's row."""
        if self.receipts is None:
            return
        try:
            await self.receipts.keep(signed)
        except Exception as why:  # any store, any failure
            log.error("The receipt of a %s could not be kept: %s", plan.tool, type(why).__name__)


class CallGuard:
    """One call. Everything here runs on the event loop of the call's owner."""

    def __init__(
        self,
        guards: ShopGuards,
        session_id: str,
        principal: Principal,
        language: Language,
        transcripts: Transcripts,
    ) -> None:
        self._guards, self._gate, self._settings = guards, guards.gate, guards.settings
        self._session_id, self._principal = session_id, principal
        self._language: Language = language
        self._transcripts: Transcripts = transcripts
        caller = principal.caller or Caller()
        self._identity = Identity(replace(caller, call_id=session_id))
        self._state = machine.State()
        self._facts = Facts()
        self._policy: tuple[str, ...] = ()  # what was read of it in this call: it tells of no deed
        self._reasons: list[str] = []  # of refusals in this call, as they were given
        self._tokens: dict[str, str] = {}  # token -> proposal id
        self._calls: dict[str, asyncio.Task[Outcome]] = {}  # call id -> its one run
        self._results: dict[str, Outcome] = {}  # proposal id -> what its commit came to
        self._turned = asyncio.Event()  # set whenever the caller's words change

    @property
    def caller(self) -> Caller:
        return self._identity.caller

    @property
    def pending(self) -> Pending | None:
        step = self._state.step
        if isinstance(step, machine.Idle):
            return None
        settled = isinstance(step, machine.Committing | machine.Unsure)
        if not settled and self._guards.clock() >= step.proposal.expires_at:
            return None
        waiting = isinstance(step, machine.Asking) and machine.hearing_at(step).required
        status: Literal["unheard", "waiting", "agreed", "committing"] = (
            "committing" if settled
            else "agreed" if isinstance(step, machine.Agreed)
            else "waiting" if waiting
            else "unheard"
        )  # fmt: skip
        p = step.proposal
        return Pending(p.token, p.plan.tool, p.readout.sentence, p.plan.amount, status)

    def tools(self, language: Language) -> tuple[OfferedTool, ...]:
        mute = self._transcripts == "none"
        specs = [s for s in self._gate.specs.values() if not (mute and s.writes and s.confirm)]
        offered = [OfferedTool(s.name, described(s, language), s.parameters) for s in specs]
        if any(s.writes and s.confirm for s in specs):
            offered.append(_confirm_tool(language))
        return tuple(offered)

    async def call(self, name: str, arguments: str | Mapping[str, JSON], *, call_id: str) -> Outcome:
        running = self._calls.get(call_id)
        if running is None:
            running = asyncio.create_task(self._run(name, arguments, call_id))
            self._calls[call_id] = running
            if len(self._calls) > _REMEMBERED:
                del self._calls[next(iter(self._calls))]
        # A call that is dropped while the shop works must not leave half a write, nor forget a whole one.
        return await asyncio.shield(running)

    async def identify(self, context: str) -> Caller | Refused:
        now = self._guards.clock()
        try:
            signed = read_context(context, self._settings.context, now, self._settings.audience)
        except BadContext as why:
            log.warning("A caller context was refused: %s", why.code)
            return refusal(why.code)
        if not await self._guards.seen.claim(signed.token_id, self._session_id, signed.expires_at, now):
            return refusal("context_replayed")
        identity, refused = known(self._identity, signed.customer_id, "signed")
        if refused is not None:
            return refusal(refused.value)
        self._identity = identity
        return identity.caller

    def said(self, item_id: str, text: str) -> None:
        self._step(machine.Saying(item_id))

    def heard(self, heard: Heard, at_ms: int) -> None:
        self._step(machine.HeardTo(heard.item_id, heard.text, at_ms))

    def user_turn(self, turn: UserTurn) -> Pending | None:
        if self._transcripts != "none":
            self._step(machine.Answered(turn))
            self._turned.set()
        return self.pending

    def backend(self, transcripts: Transcripts) -> None:
        self._transcripts = transcripts
        if transcripts == "none":
            self._step(machine.Withdraw(Why.NO_TRANSCRIPTS))

    def speak(self, language: Language) -> None:
        self._language = language

    def review(self, text: str) -> Verdict:
        for told in (*self._policy, *self._reasons):
            text = text.replace(told, " ")  # the shop's own reason, said as it stands
        claim = uncovered(text, self._facts)
        return Clear() if claim is None else Held(claim.text, self._correction())

    # calls

    async def _run(self, name: str, raw: str | Mapping[str, JSON], call_id: str) -> Outcome:
        if name == CONFIRM:
            return await self._confirm(raw)
        admitted = self._gate.admit(name, raw)
        if isinstance(admitted, Refused):
            return self._refused(admitted)
        spec, arguments = admitted
        if spec.verifies:
            return await self._verify(spec, arguments)
        if not spec.writes:
            return await self._read(spec, arguments)
        return await self._write(spec, arguments, call_id)

    async def _read(self, spec: ToolSpec, arguments: dict[str, JSON]) -> Outcome:
        now = self._guards.clock()
        done = await self._gate.read(spec, arguments, self.caller, now)
        if self._turns_out_unknown(done):
            done = await self._gate.read(spec, arguments, self.caller, now)
        if isinstance(done, Refused):
            return self._refused(done)
        records = record_facts(done.value)
        self._policy = (*self._policy, *_passages(done.value))[-_REASONS:]
        self._facts = replace(
            self._facts, records=(*self._facts.records, *records)[-_REMEMBERED:], latest=records
        )
        return Outcome("read", self._gate.output(done, spec))

    def _turns_out_unknown(self, answer: Done | Readable | Refused) -> bool:
        """Whether the shop has not the customer the call was opened for; from then on it is a stranger's call."""
        customer_id = self.caller.customer_id
        if customer_id is None or not isinstance(answer, Refused) or answer.code != "not_verified":
            return False
        log.warning("The shop has no customer %r: the caller is a stranger until verified.", customer_id[:64])
        self._identity = unknown(self._identity)
        return True

    async def _verify(self, spec: ToolSpec, arguments: dict[str, JSON]) -> Outcome:
        """Every failure sounds the same: nothing tells whether such a customer, or such an order, exists."""
        now, attempts = self._guards.clock(), self._guards.attempts
        if self.caller.customer_id is not None:
            return self._refused(refusal("another_customer"))
        taken = None if self._identity.locked else await attempts.take(arguments, now)
        if taken is None:
            return self._refused(refusal("verification_locked"))
        done = await self._gate.read(spec, arguments, self.caller, now)
        if isinstance(done, Refused) and done.code == "shop_failed":
            await attempts.give_back(taken)
            return self._refused(done)
        if isinstance(done, Refused) or done.customer_id is None:
            self._identity = failed(self._identity)
            return self._refused(refusal("not_verified"))
        await attempts.give_back(taken)
        identity, stop = known(self._identity, done.customer_id, "verified")
        if stop is not None:
            return self._refused(refusal(stop.value))
        self._identity = identity
        return Outcome("read", self._gate.output(done, spec))

    async def _write(self, spec: ToolSpec, arguments: dict[str, JSON], call_id: str) -> Outcome:
        if spec.confirm and self._transcripts == "none":
            return self._refused(refusal("no_transcripts"))
        now = self._guards.clock()
        ready = await self._gate.plan(spec, arguments, self.caller, language=self._language, now=now)
        if self._turns_out_unknown(ready):
            ready = await self._gate.plan(spec, arguments, self.caller, language=self._language, now=now)
        if isinstance(ready, Refused):
            return self._refused(ready)
        if not spec.confirm:
            return await self._commit_at_once(ready, call_id)
        return self._propose(ready)

    def _propose(self, ready: Readable) -> Outcome:
        now = self._guards.clock()
        standing = machine.proposal_of(self._state)
        if standing is not None and standing.plan == ready.plan and self.pending is not None:
            return self._proposed(standing)
        proposal_id = secrets.token_hex(16)
        made = machine.Proposal(
            id=proposal_id,
            token=self._token(proposal_id, ready.plan, now),
            session_id=self._session_id,
            plan=ready.plan,
            readout=ReadOut.of(ready.sentence, ready.plan),
            about=About.of(
                ready.sentence,
                ready.plan.objects,
                f"{ready.plan.tool} {ready.plan.action}",
                str(ready.plan.arguments.get("postcode", "")),
            ),
            language=self._language,
            made_at=now,
            expires_at=now + self._settings.proposal_life,
        )
        for effect in self._step(machine.Propose(made)):
            if isinstance(effect, machine.Deny):
                return self._refused(refusal(effect.why.value))
        self._tokens[made.token] = made.id
        return self._proposed(made)

    def _proposed(self, made: machine.Proposal) -> Outcome:
        agreed = isinstance(self._state.step, machine.Agreed)
        amount: JSON = None
        if made.plan.amount is not None:
            amount = {"amount": made.plan.amount.amount, "currency": made.plan.amount.currency}
        output = dumped(
            {
                "ok": True,
                "done": False,
                "proposal": {"token": made.token, "read_out": made.readout.sentence, "amount": amount},
                "next": text("next", "agreed" if agreed else "proposed", self._language),
            }
        )
        return Outcome("proposed", output, read_out=None if agreed else made.readout.sentence)

    async def _confirm(self, raw: str | Mapping[str, JSON]) -> Outcome:
        arguments = parsed(raw)
        if isinstance(arguments, Refused):
            return self._refused(arguments)
        proposal_id = self._tokens.get(str(arguments.get("token", "")))
        if proposal_id is None:
            return self._refused(refusal(Why.UNKNOWN.value))
        await self._last_words(proposal_id)
        for effect in self._step(machine.Confirm(proposal_id)):
            match effect:
                case machine.Commit(made, yes):
                    return await self._commit(made, yes)
                case machine.Deny(Why.COMMITTED) if proposal_id in self._results:
                    return self._results[proposal_id]
                case machine.Deny(why):
                    return self._refused(refusal(why.value))
                case machine.Void():
                    continue
        return self._refused(refusal(Why.UNKNOWN.value))

    async def _last_words(self, proposal_id: str) -> None:
        """A speech model may ask for the commit before the transcript of the yes has come."""
        try:
            async with asyncio.timeout(self._settings.patience_s):
                while machine.awaits_transcript(self._state, proposal_id):
                    self._turned.clear()
                    await self._turned.wait()
        except TimeoutError:
            return

    async def _commit(self, made: machine.Proposal, yes: machine.Yes) -> Outcome:
        confirmation = Confirmation(
            id=f"conf_{made.id}",
            session_id=self._session_id,
            said=made.readout.sentence,
            heard=yes.heard,
            yes_span_ms=yes.span_ms,
            at=self._guards.clock(),
            principal=replace(self._principal, caller=self.caller),
            caller=self.caller,
            answer=yes.text,
        )
        try:
            outcome = await self._carry_out(made.plan, confirmation)
        except BaseException as why:
            self._step(machine.Interrupted(made.id))
            if not isinstance(why, Exception):
                raise
            log.error("A commit of tool %s did not come back: %s", made.plan.tool, type(why).__name__)
            return self._refused(refusal("not_certain"))
        if outcome.kind == "committed":
            self._step(machine.Committed(made.id))
            self._results[made.id] = outcome
        else:
            self._step(machine.ShopRefused(made.id))
        return outcome

    async def _commit_at_once(self, ready: Readable, call_id: str) -> Outcome:
        """A write that needs no yes: once for each function call, however often it is repeated."""
        confirmation = Confirmation(
            id=f"call_{hash_of([self._session_id, call_id])[:32]}",
            session_id=self._session_id,
            said="",
            heard="",
            yes_span_ms=(0, 0),
            at=self._guards.clock(),
            principal=replace(self._principal, caller=self.caller),
            caller=self.caller,
        )
        try:
            return await self._carry_out(ready.plan, confirmation)
        except Exception as why:  # a shop's tool may fail in any way; the call goes on
            log.error("A commit of tool %s failed: %s", ready.plan.tool, type(why).__name__)
            return self._refused(refusal("shop_failed"))

    async def _carry_out(self, plan: Plan, confirmation: Confirmation) -> Outcome:
        key = self._settings.receipts
        confirmation = replace(confirmation, evidence=evidence(plan, confirmation, key))
        done = await self._gate.tools.commit(plan, confirmation, self._guards.clock())
        if isinstance(done, Refused):
            return self._refused(done)
        self._facts = replace(self._facts, commits=(*self._facts.commits, commit_fact(plan)))
        signed = receipt(plan, confirmation, done.value, done.rows, key)
        await self._guards.keep(signed, plan)
        return Outcome("committed", committed_output(done, self._gate.specs[plan.tool]), receipt=signed)

    # small things

    def _step(self, event: machine.Event) -> tuple[machine.Effect, ...]:
        self._state, effects = machine.step(self._state, event, self._guards.clock())
        return effects

    def _refused(self, refused: Refused) -> Outcome:
        reason = refused.message.get(self._language, "")
        if reason and reason not in self._reasons:
            self._reasons = [*self._reasons, reason][-_REASONS:]
        return Outcome("refused", refused_output(refused, self._language), code=refused.code)

    def _correction(self) -> str:
        return text("correction", "pending" if self.pending else "default", self._language)

    def _token(self, proposal_id: str, plan: Plan, now: datetime) -> str:
        """Short enough for a speech model to copy; bound to session, arguments, amount, customer and time."""
        amount: JSON = None if plan.amount is None else [plan.amount.amount, plan.amount.currency]
        bound: JSON = [
            self._session_id,
            proposal_id,
            plan.tool,
            plan.arguments,
            plan.customer_id,
            amount,
            plan.digest,
        ]
        secret = self._settings.tokens.secret
        key = secret.encode() if isinstance(secret, str) else secret
        mac = hmac.new(key, f"{hash_of(bound)} {now.isoformat()}".encode(), hashlib.sha256).digest()
        return base64.b32encode(mac[:10]).decode().casefold()


def described(spec: ToolSpec, language: Language) -> str:
    what = spec.description[language]
    return text("describe", "propose", language, what=what) if spec.writes and spec.confirm else what


def _confirm_tool(language: Language) -> OfferedTool:
    return OfferedTool(
        CONFIRM,
        text("describe", "confirm", language),
        {
            "type": "object",
            "properties": {"token": {"type": "string", "description": text("describe", "token", language)}},
            "required": ["token"],
            "additionalProperties": False,
        },
    )


def committed_output(done: Done, spec: ToolSpec) -> str:
    return dumped({"ok": True, "done": True, "result": quoted(done.value, spec.quotes)})


def _passages(value: JSON) -> tuple[str, ...]:
    """The passages of the policy in what a tool returned: each whole, then its sentences."""
    found = value.get("passages") if isinstance(value, dict) else None
    if not isinstance(found, list):
        return ()
    texts = [str(each["text"]) for each in found if isinstance(each, dict) and "text" in each]
    return tuple(part for whole in texts for part in (whole, *sentences(whole)))
