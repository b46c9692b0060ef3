"""A receipt for each write: what was read out, how far it was heard, the yes and where it lies, the rows. Signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from moksori.agent.money import Money
from moksori.agent.tools import JSON, Confirmation, Plan
from moksori.shop.guard.tokens import BadToken, Key, hash_of, sign, verify

RECEIPT = "moksori-receipt+jwt"
EVIDENCE = "moksori-evidence+jwt"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that settles a dispute about one write. Spans are milliseconds of the call's input audio."""

    confirmation_id: str
    session_id: str
    key_id: str
    customer_id: str | None
    identified_by: str
    tool: str
    arguments: dict[str, JSON]
    amount: Money | None
    read_out: str
    heard: str
    """From the start of the read-out to the last word heard when the yes began."""
    yes: str
    yes_span_ms: tuple[int, int]
    at: datetime
    plan: str
    """The plan's digest: the rows and amounts as they were when the caller agreed."""
    rows: tuple[str, ...]
    """The rows the write changed; empty in the evidence that is kept before it is known."""
    result: str
    """SHA-256 of the commit's result as canonical JSON; "" in the evidence."""


class Receipts(Protocol):
    """Where signed receipts go besides the shop's own confirmation rows."""

    async def keep(self, receipt: str) -> None: ...


def evidence(plan: Plan, confirmation: Confirmation, key: Key) -> str:
    """Signed before the commit and stored with it: the receipt without its rows."""
    return sign(_claims(plan, confirmation, (), ""), key, EVIDENCE)


def receipt(plan: Plan, confirmation: Confirmation, result: JSON, rows: tuple[str, ...], key: Key) -> str:
    return sign(_claims(plan, confirmation, rows, hash_of(result)), key, RECEIPT)


def verify_receipt(token: str, *keys: Key) -> Receipt:
    """The receipt, or evidence, that `token` is. Raises `BadToken` when it was changed or is by no known key."""
    try:
        return _receipt(verify(token, keys, RECEIPT))
    except BadToken:
        return _receipt(verify(token, keys, EVIDENCE))


def _claims(plan: Plan, confirmation: Confirmation, rows: tuple[str, ...], result: str) -> dict[str, JSON]:
    return {
        "v": VERSION,
        "jti": confirmation.id,
        "sid": confirmation.session_id,
        "key": confirmation.principal.key_id,
        "sub": plan.customer_id,
        "how": confirmation.caller.how,
        "tool": plan.tool,
        "args": dict(plan.arguments),
        "amount": None if plan.amount is None else [plan.amount.amount, plan.amount.currency],
        "said": confirmation.said,
        "heard": confirmation.heard,
        "yes": confirmation.answer,
        "span": list(confirmation.yes_span_ms),
        "at": confirmation.at.astimezone(UTC).isoformat(),
        "plan": plan.digest,
        "rows": list(rows),
        "result": result,
    }


def _receipt(c: dict[str, JSON]) -> Receipt:
    match c:
        case {
            "v": 1,
            "jti": str(confirmation_id),
            "sid": str(session_id),
            "key": str(key_id),
            "sub": (str() | None) as customer_id,
            "how": str(how),
            "tool": str(tool),
            "args": dict(arguments),
            "amount": (list() | None) as money,
            "said": str(said),
            "heard": str(heard),
            "yes": str(yes),
            "span": [int(begin), int(end)],
            "at": str(at),
            "plan": str(plan),
            "rows": list(rows),
            "result": str(result),
        }:
            amount = Money(int(str(money[0])), str(money[1])) if money else None
            return Receipt(
                confirmation_id, session_id, key_id, customer_id, how, tool, arguments, amount, said, heard, yes,
                (begin, end), datetime.fromisoformat(at), plan, tuple(map(str, rows)), result,
            )  # fmt: skip
    raise BadToken("invalid", "It is signed, but it is no receipt of a version this program reads.")
