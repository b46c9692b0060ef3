"""What one call of a tool has at hand, and how it finds the caller's own things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.load import load_order
from moksori.shop.passages import PolicyIndex
from moksori.shop.policy import Policy
from moksori.shop.rules import Desk, Refusal
from moksori.shop.views import CustomerView, OrderView

SEPARATORS = re.compile(r"[\W_]+")
SHORTEST_TAIL = 4
"""How many last digits of an order number are enough to look for it."""


@dataclass(frozen=True, slots=True)
class Visit:
    session: AsyncSession
    policy: Policy
    index: PolicyIndex
    currency: str
    zone: ZoneInfo
    now: datetime
    customer: CustomerView | None
    call_id: str

    @property
    def me(self) -> CustomerView:
        """The customer of a tool that needs one; the toolset has refused everybody else."""
        assert self.customer is not None
        return self.customer

    def desk(self) -> Desk:
        return Desk(self.me, self.policy, self.now, self.zone, self.currency)

    async def order(self, reference: str) -> OrderView | Refusal:
        """The caller's own order of that number. Another customer's is refused as if it did not exist."""
        found = await self.session.scalar(
            select(m.Order.id).where(
                m.Order.number_key == number_key(reference), m.Order.customer_id == self.me.id
            )
        )
        view = await load_order(self.session, found) if found is not None else None
        return (
            view if view is not None else Refusal("order_not_found", {"order": reference}, ("find_orders",))
        )


def number_key(reference: str) -> str:
    """An order number as it can be said: "#W237-8156" and "w2378156" are the same."""
    return SEPARATORS.sub("", reference).upper()


def phone_key(phone: str) -> str:
    """Digits only, the Korean country code written as the leading 0."""
    digits = re.sub(r"\D", "", phone)
    return "0" + digits[2:] if digits.startswith("82") and len(digits) > 10 else digits


def name_keys(family: str, given: str) -> frozenset[str]:
    """Every way the name is said: family name first or last, alone with the given name folded together."""
    return frozenset({_bare(family + given), _bare(given + family)})


def _bare(text: str) -> str:
    return SEPARATORS.sub("", text).casefold()


def same_name(said: str, family: str, given: str) -> bool:
    return _bare(said.removesuffix("님")) in name_keys(family, given)
