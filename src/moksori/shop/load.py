"""Loads rows as the frozen views the rules look at. Orders come in batches: a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop import views as v
from moksori.shop.model.customers import STORED_VALUE, AddressColumns

T = TypeVar("T")
MANY = 500
"""How many ids go into one IN list; SQLite takes 32,766 variables, smaller lists plan better."""


def address_view(row: AddressColumns) -> v.AddressView:
    return v.AddressView(
        recipient=row.recipient,
        phone=row.phone,
        line1=row.line1,
        line2=row.line2,
        city=row.city,
        region=row.region,
        country=row.country,
        postcode=row.postcode,
    )


async def load_profile(session: AsyncSession) -> m.Profile | None:
    return await session.get(m.Profile, 1)


async def load_customer(session: AsyncSession, customer_id: str) -> v.CustomerView | None:
    found = await load_customers(session, [customer_id])
    return found.get(customer_id)


async def load_customers(session: AsyncSession, ids: Sequence[str]) -> dict[str, v.CustomerView]:
    """Those that exist, by id."""
    found: dict[str, v.CustomerView] = {}
    for part in _parts(ids):
        addresses = {
            row.customer_id: address_view(row)
            for row in await session.scalars(
                select(m.Address).where(m.Address.customer_id.in_(part), m.Address.is_default)
            )
        }
        methods: dict[str, dict[str, v.MethodView]] = defaultdict(dict)
        rows = await session.execute(
            select(m.PaymentMethod, m.Account.balance)
            .join(m.Account, m.Account.id == m.PaymentMethod.account_id)
            .where(m.PaymentMethod.customer_id.in_(part))
            .order_by(m.PaymentMethod.position)
        )
        for method, balance in rows:
            methods[method.customer_id][method.id] = v.MethodView(
                id=method.id,
                kind=method.kind,
                brand=method.brand,
                last_four=method.last_four,
                balance=balance if method.kind in STORED_VALUE else None,
            )
        for row in await session.scalars(select(m.Customer).where(m.Customer.id.in_(part))):
            found[row.id] = v.CustomerView(
                id=row.id,
                family_name=row.family_name,
                given_name=row.given_name,
                email=row.email,
                phone=row.phone,
                language=row.language,
                tier=row.tier,
                joined_at=row.joined_at,
                version=row.version,
                address=addresses.get(row.id),
                methods=methods[row.id],
            )
    return found


def variant_view(row: m.Variant) -> v.VariantView:
    return v.VariantView(
        id=row.id,
        product_id=row.product_id,
        options=row.options,
        price=row.price,
        on_sale=row.on_sale,
        stock=row.stock,
    )


async def load_products(session: AsyncSession, ids: Sequence[str] | None = None) -> dict[str, v.ProductView]:
    """Products with their variants, by id, in the shop's order; all of them when `ids` is None."""
    products = select(m.Product).order_by(m.Product.position)
    variants = select(m.Variant).order_by(m.Variant.product_id, m.Variant.position)
    if ids is not None:
        products = products.where(m.Product.id.in_(ids))
        variants = variants.where(m.Variant.product_id.in_(ids))
    by_product: dict[str, dict[str, v.VariantView]] = defaultdict(dict)
    for row in await session.scalars(variants):
        by_product[row.product_id][row.id] = variant_view(row)
    return {
        row.id: v.ProductView(
            id=row.id,
            name_ko=row.name_ko,
            name_en=row.name_en,
            category=row.category,
            description_ko=row.description_ko,
            description_en=row.description_en,
            returnable=row.returnable,
            variants=by_product[row.id],
        )
        for row in await session.scalars(products)
    }


async def load_variants(session: AsyncSession, ids: Iterable[str]) -> dict[str, v.VariantView]:
    rows = await session.scalars(select(m.Variant).where(m.Variant.id.in_(list(ids))))
    return {row.id: variant_view(row) for row in rows}


async def load_cart(session: AsyncSession, customer_id: str) -> tuple[v.CartItemView, ...]:
    rows = await session.execute(
        select(m.CartLine, m.Variant, m.Product)
        .join(m.Variant, m.Variant.id == m.CartLine.variant_id)
        .join(m.Product, m.Product.id == m.Variant.product_id)
        .where(m.CartLine.customer_id == customer_id)
        .order_by(m.CartLine.added_at, m.CartLine.variant_id)
    )
    return tuple(
        v.CartItemView(variant_view(variant), product.name_ko, product.name_en, line.quantity)
        for line, variant, product in rows
    )


async def load_order(session: AsyncSession, order_id: str) -> v.OrderView | None:
    found = await load_orders(session, [order_id])
    return found[0] if found else None


async def load_orders(session: AsyncSession, ids: Sequence[str]) -> list[v.OrderView]:
    """Those that exist, in the order of `ids`."""
    found: dict[str, v.OrderView] = {}
    for part in _parts(ids):
        for order in await _orders(session, part):
            found[order.id] = order
    return [found[each] for each in ids if each in found]


async def _orders(session: AsyncSession, ids: Sequence[str]) -> list[v.OrderView]:
    returns, returned = await _returns(session, ids)
    exchanges, exchanged = await _exchanges(session, ids)
    lines: dict[str, list[v.LineView]] = defaultdict(list)
    for line, product in await session.execute(
        select(m.OrderLine, m.Product)
        .join(m.Product, m.Product.id == m.OrderLine.product_id)
        .where(m.OrderLine.order_id.in_(ids))
        .order_by(m.OrderLine.position)
    ):
        lines[line.order_id].append(
            v.LineView(
                id=line.id,
                position=line.position,
                product_id=product.id,
                name_ko=product.name_ko,
                name_en=product.name_en,
                returnable=product.returnable,
                variant_id=line.variant_id,
                options=line.options,
                unit_price=line.unit_price,
                quantity=line.quantity,
                returned=returned.get(line.id, 0),
                exchanged=exchanged.get(line.id, 0),
            )
        )
    payments: dict[str, list[v.PaymentView]] = defaultdict(list)
    for payment in await session.scalars(
        select(m.Payment).where(m.Payment.order_id.in_(ids)).order_by(m.Payment.position)
    ):
        payments[payment.order_id].append(
            v.PaymentView(payment.kind, payment.amount, payment.method_id, payment.at)
        )
    shipments = await _shipments(session, ids)
    refunds: dict[str, list[v.RefundView]] = defaultdict(list)
    for refund in await session.scalars(
        select(m.Refund).where(m.Refund.order_id.in_(ids)).order_by(m.Refund.id)
    ):
        refunds[refund.order_id].append(
            v.RefundView(
                id=refund.id,
                order_id=refund.order_id,
                cause=refund.cause,
                method_id=refund.method_id,
                amount=refund.amount,
                status=refund.status,
                requested_at=refund.requested_at,
                expected_at=refund.expected_at,
                done_at=refund.done_at,
            )
        )
    return [
        v.OrderView(
            id=row.id,
            customer_id=row.customer_id,
            placed_at=row.placed_at,
            status=row.status,
            discount_percent=row.discount_percent,
            shipping_fee=row.shipping_fee,
            items_changed=row.items_changed,
            note=row.note,
            cancel_reason=row.cancel_reason,
            cancelled_at=row.cancelled_at,
            delivered_at=row.delivered_at,
            version=row.version,
            address=address_view(row),
            lines=tuple(lines[row.id]),
            payments=tuple(payments[row.id]),
            shipments=tuple(shipments[row.id]),
            returns=tuple(returns[row.id]),
            exchange=exchanges.get(row.id),
            refunds=tuple(refunds[row.id]),
        )
        for row in await session.scalars(select(m.Order).where(m.Order.id.in_(ids)))
    ]


async def _returns(
    session: AsyncSession, ids: Sequence[str]
) -> tuple[dict[str, list[v.ReturnView]], dict[int, int]]:
    """The orders' returns, and how many of each line are in one."""
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    returned: dict[int, int] = defaultdict(int)
    for line in await session.scalars(
        select(m.ReturnLine)
        .join(m.Return, m.Return.id == m.ReturnLine.return_id)
        .where(m.Return.order_id.in_(ids))
        .order_by(m.ReturnLine.line_id)
    ):
        lines[line.return_id].append((line.line_id, line.quantity))
        returned[line.line_id] += line.quantity
    found: dict[str, list[v.ReturnView]] = defaultdict(list)
    for row in await session.scalars(
        select(m.Return).where(m.Return.order_id.in_(ids)).order_by(m.Return.id)
    ):
        found[row.order_id].append(
            v.ReturnView(
                id=row.id,
                status=row.status,
                reason=row.reason,
                method_id=row.method_id,
                amount=row.amount,
                fee=row.fee,
                requested_at=row.requested_at,
                refunded_at=row.refunded_at,
                lines=tuple(lines[row.id]),
            )
        )
    return found, returned


async def _exchanges(
    session: AsyncSession, ids: Sequence[str]
) -> tuple[dict[str, v.ExchangeView], dict[int, int]]:
    """The orders' exchanges, and how many of each line are in one."""
    lines: dict[int, list[v.ExchangeLineView]] = defaultdict(list)
    exchanged: dict[int, int] = defaultdict(int)
    for line in await session.scalars(
        select(m.ExchangeLine)
        .join(m.Exchange, m.Exchange.id == m.ExchangeLine.exchange_id)
        .where(m.Exchange.order_id.in_(ids))
        .order_by(m.ExchangeLine.id)
    ):
        lines[line.exchange_id].append(
            v.ExchangeLineView(line.line_id, line.new_variant_id, line.new_unit_price, line.quantity)
        )
        exchanged[line.line_id] += line.quantity
    rows = await session.scalars(select(m.Exchange).where(m.Exchange.order_id.in_(ids)))
    found = {
        row.order_id: v.ExchangeView(
            id=row.id,
            status=row.status,
            reason=row.reason,
            method_id=row.method_id,
            difference=row.difference,
            settled=row.settled,
            requested_at=row.requested_at,
            completed_at=row.completed_at,
            lines=tuple(lines[row.id]),
        )
        for row in rows
    }
    return found, exchanged


async def _shipments(session: AsyncSession, ids: Sequence[str]) -> dict[str, list[v.ShipmentView]]:
    rows = list(
        await session.scalars(
            select(m.Shipment).where(m.Shipment.order_id.in_(ids)).order_by(m.Shipment.position)
        )
    )
    mine = select(m.Shipment.id).where(m.Shipment.order_id.in_(ids))
    line_ids: dict[int, list[int]] = defaultdict(list)
    for line in await session.scalars(
        select(m.ShipmentLine).where(m.ShipmentLine.shipment_id.in_(mine)).order_by(m.ShipmentLine.position)
    ):
        line_ids[line.shipment_id].append(line.line_id)
    events: dict[int, list[v.EventView]] = defaultdict(list)
    for event in await session.scalars(
        select(m.ShipmentEvent)
        .where(m.ShipmentEvent.shipment_id.in_(mine))
        .order_by(m.ShipmentEvent.at, m.ShipmentEvent.id)
    ):
        events[event.shipment_id].append(v.EventView(event.at, event.code, event.place))
    found: dict[str, list[v.ShipmentView]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(
            v.ShipmentView(
                courier=row.courier,
                tracking_numbers=tuple(row.tracking_numbers),
                expected_at=row.expected_at,
                line_ids=tuple(line_ids[row.id]),
                events=tuple(events[row.id]),
            )
        )
    return found


def _parts(ids: Sequence[T]) -> Iterable[Sequence[T]]:
    return (ids[start : start + MANY] for start in range(0, len(ids), MANY))
