"""The staff's side of an order: packed, shipped, delivered, goods back. No tool of a conversation comes here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.tools import Done, Refused
from moksori.shop.apply import apply_effects
from moksori.shop.effects import Effect
from moksori.shop.load import load_order
from moksori.shop.rules import Desk, Refusal
from moksori.shop.rules import back_office as rules
from moksori.shop.tools.toolset import ShopTools, refused
from moksori.shop.views import OrderView

Rule = Callable[[Desk, OrderView], tuple[Effect, ...] | Refusal]


class BackOffice:
    """What happened in the warehouse, one order a transaction. `Done.rows` names the rows that changed."""

    def __init__(self, shop: ShopTools) -> None:
        self._shop = shop

    async def advance(self, order_id: str, now: datetime) -> Done | Refused:
        """The order goes on: paid, preparing, shipped, delivered."""
        return await self._run(order_id, now, lambda _, order: rules.advance(order))

    async def receive_return(self, order_id: str, return_id: int, now: datetime) -> Done | Refused:
        """The goods of a return are in: the money goes back."""
        return await self._run(
            order_id, now, lambda desk, order: rules.receive_return(desk, order, return_id)
        )

    async def complete_exchange(self, order_id: str, now: datetime) -> Done | Refused:
        """The old goods are in and the new ones out: what is open of the difference is settled."""
        return await self._run(order_id, now, rules.complete_exchange)

    async def _run(self, order_id: str, now: datetime, rule: Rule) -> Done | Refused:
        async def work(session: AsyncSession) -> Done | Refused:
            order = await load_order(session, order_id)
            if order is None:
                return refused(Refusal("order_not_found", {"order": order_id}))
            visit = await self._shop.visit(session, order.customer_id, "", now)
            made = rule(visit.desk(), order)
            if isinstance(made, Refusal):
                return refused(made)
            applied = await apply_effects(
                session, made, order_id=order_id, customer_id=order.customer_id, now=now
            )
            return Done(None, rows=tuple(applied.rows))

        return await self._shop.database.writing(work)
