"""A shop's state as a flat table of short texts, so that two states can be compared and the difference read."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from moksori.shop import model as m
from moksori.shop.load import load_cart, load_customer, load_orders
from moksori.shop.tools.toolset import ShopTools
from moksori.shop.views import OrderView


async def snapshot(shop: ShopTools) -> dict[str, str]:
    """`order/ID/status|address|method|items|returns|exchange`, `customer/ID/address`, `cart/ID`, `tickets`."""
    found: dict[str, str] = {}
    async with shop.database.reading() as session:
        ids = list(await session.scalars(select(m.Order.id)))
        for order in await load_orders(session, ids):
            found |= {f"order/{order.id}/{k}": v for k, v in _order(order).items()}
        for customer_id in await session.scalars(select(m.Customer.id)):
            customer = await load_customer(session, customer_id)
            if customer is not None and customer.address is not None:
                found[f"customer/{customer_id}/address"] = customer.address.postcode
            cart = await load_cart(session, customer_id)
            found[f"cart/{customer_id}"] = ",".join(sorted(f"{c.variant.id}x{c.quantity}" for c in cart))
        topics = await session.scalars(select(m.Ticket.topic).order_by(m.Ticket.id))
        found["tickets"] = ",".join(topics)
    return found


def _order(order: OrderView) -> dict[str, str]:
    by_id = {line.id: line.position for line in order.lines}
    exchange = order.exchange
    paid = [p for p in order.payments if p.kind is m.PaymentKind.PAYMENT]
    return {
        "status": order.status.value,
        "address": order.address.postcode,
        "method": paid[-1].method_id if paid else "",
        "items": ",".join(f"{line.variant_id}x{line.quantity}" for line in order.lines),
        "returns": "; ".join(
            f"{','.join(f'{by_id[line]}x{n}' for line, n in each.lines)} {each.reason}"
            for each in order.returns
        ),
        "exchange": ""
        if exchange is None
        else ",".join(f"{by_id[e.line_id]}>{e.new_variant_id}x{e.quantity}" for e in exchange.lines)
        + f" {exchange.reason}",
    }


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What is different afterwards, by its new value ("" for what is gone)."""
    return {
        k: after.get(k, "") for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)
    }
