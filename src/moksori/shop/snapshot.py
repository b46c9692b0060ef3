"""A shop's state as a flat table of short texts, so that two states can be compared and the difference read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable, select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.tools.toolset import ShopTools


async def snapshot(shop: ShopTools) -> dict[str, str]:
    """`order/ID/status|address|method|items|returns|exchange`, `customer/ID/address`, `cart/ID`, `tickets`.

    Columns, not rows' objects, and a query a table: a conversation is judged by two of these of the whole shop.
    """
    async with shop.database.reading() as session:
        found = await _orders(session)
        addresses = select(m.Address.customer_id, m.Address.postcode).where(m.Address.is_default)
        for customer, postcode in await session.execute(addresses):
            found[f"customer/{customer}/address"] = postcode
        carts = await _by_first(
            session, select(m.CartLine.customer_id, m.CartLine.variant_id, m.CartLine.quantity)
        )
        for customer in await session.scalars(select(m.Customer.id)):
            found[f"cart/{customer}"] = ",".join(sorted(f"{variant}x{n}" for variant, n in carts[customer]))
        found["tickets"] = ",".join(await session.scalars(select(m.Ticket.topic).order_by(m.Ticket.id)))
    return found


async def _orders(session: AsyncSession) -> dict[str, str]:
    lines = await _by_first(
        session,
        select(
            m.OrderLine.order_id,
            m.OrderLine.id,
            m.OrderLine.position,
            m.OrderLine.variant_id,
            m.OrderLine.quantity,
        ).order_by(m.OrderLine.position),
    )
    position = {line: at for each in lines.values() for line, at, _, _ in each}
    paid = await _by_first(
        session,
        select(m.Payment.order_id, m.Payment.method_id)
        .where(m.Payment.kind == m.PaymentKind.PAYMENT)
        .order_by(m.Payment.position),
    )
    returned = await _by_first(
        session,
        select(m.ReturnLine.return_id, m.ReturnLine.line_id, m.ReturnLine.quantity).order_by(
            m.ReturnLine.line_id
        ),
    )
    returns = await _by_first(
        session, select(m.Return.order_id, m.Return.id, m.Return.reason).order_by(m.Return.id)
    )
    exchanged = await _by_first(
        session,
        select(
            m.ExchangeLine.exchange_id,
            m.ExchangeLine.line_id,
            m.ExchangeLine.new_variant_id,
            m.ExchangeLine.quantity,
        ).order_by(m.ExchangeLine.id),
    )
    exchanges = await _by_first(session, select(m.Exchange.order_id, m.Exchange.id, m.Exchange.reason))
    found: dict[str, str] = {}
    for order, status, postcode in await session.execute(
        select(m.Order.id, m.Order.status, m.Order.postcode)
    ):
        shown = {
            "status": status.value,
            "address": postcode,
            "method": paid[order][-1][0] if paid[order] else "",
            "items": ",".join(f"{variant}x{n}" for _, _, variant, n in lines[order]),
            "returns": "; ".join(
                f"{','.join(f'{position[line]}x{n}' for line, n in returned[each])} {reason}"
                for each, reason in returns[order]
            ),
            "exchange": "; ".join(
                f"{','.join(f'{position[line]}>{new}x{n}' for line, new, n in exchanged[each])} {reason}"
                for each, reason in exchanges[order]
            ),
        }
        found |= {f"order/{order}/{k}": v for k, v in shown.items()}
    return found


async def _by_first(session: AsyncSession, query: Executable) -> defaultdict[Any, list[tuple[Any, ...]]]:
    """The rows without their first column, by it."""
    found: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for first, *rest in await session.execute(query):
        found[first].append(tuple(rest))
    return found


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What is different afterwards, by its new value ("" for what is gone)."""
    return {
        k: after.get(k, "") for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)
    }
