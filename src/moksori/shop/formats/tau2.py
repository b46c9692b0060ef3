"""tau2-bench's retail world (Sierra Research, MIT) to records and back; the import and the export are inverse.

The format has no times, quantities or stock: orders are placed at the import's `as_of`, every item is one piece, and
an available variant gets so many pieces that no benchmark uses them up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.formats import records as r
from moksori.shop.formats.faults import ImportRefused
from moksori.shop.load import load_customers, load_orders, load_products
from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.views import AddressView, CustomerView, ExchangeView, MethodView, OrderView, ProductView

PLENTY = 10_000
CENTS = 100
UNSPECIFIED = "unspecified"
KINDS = {
    "credit_card": m.MethodKind.CARD,
    "gift_card": m.MethodKind.GIFT_CARD,
    "paypal": m.MethodKind.PAYPAL,
}
SOURCES = {kind: source for source, kind in KINDS.items()}
EXCHANGED, RETURNED, MODIFIED = "exchange requested", "return requested", "pending (item modified)"
STATUSES = {
    "pending": m.OrderStatus.PAID,
    MODIFIED: m.OrderStatus.PAID,
    "processed": m.OrderStatus.PREPARING,
    "delivered": m.OrderStatus.DELIVERED,
    EXCHANGED: m.OrderStatus.DELIVERED,
    RETURNED: m.OrderStatus.DELIVERED,
    "cancelled": m.OrderStatus.CANCELLED,
}
PLAIN = {
    m.OrderStatus.PAID: "pending",
    m.OrderStatus.PREPARING: "processed",
    m.OrderStatus.SHIPPED: "processed",
    m.OrderStatus.DELIVERED: "delivered",
    m.OrderStatus.CANCELLED: "cancelled",
}


class _Shape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class VariantShape(_Shape, kw_only=True):
    item_id: str
    options: dict[str, str]
    available: bool
    price: float


class ProductShape(_Shape, kw_only=True):
    name: str
    product_id: str
    variants: dict[str, VariantShape]


class NameShape(_Shape, kw_only=True):
    first_name: str
    last_name: str


class AddressShape(_Shape, kw_only=True):
    address1: str
    address2: str
    city: str
    country: str
    state: str
    zip: str


class MethodShape(_Shape, kw_only=True):
    source: Literal["credit_card", "gift_card", "paypal"]
    id: str
    brand: str = ""
    last_four: str = ""
    balance: float = 0.0


class UserShape(_Shape, kw_only=True):
    user_id: str
    name: NameShape
    address: AddressShape
    email: str
    payment_methods: dict[str, MethodShape]
    orders: list[str]


class ItemShape(_Shape, kw_only=True):
    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


class FulfillmentShape(_Shape, kw_only=True):
    tracking_id: list[str]
    item_ids: list[str]


class PaymentShape(_Shape, kw_only=True):
    transaction_type: Literal["payment", "refund"]
    amount: float
    payment_method_id: str


class OrderShape(_Shape, kw_only=True):
    order_id: str
    user_id: str
    address: AddressShape
    items: list[ItemShape]
    status: str
    fulfillments: list[FulfillmentShape]
    payment_history: list[PaymentShape]
    cancel_reason: str | None = None
    exchange_items: list[str] | None = None
    exchange_new_items: list[str] | None = None
    exchange_payment_method_id: str | None = None
    exchange_price_difference: float | None = None
    return_items: list[str] | None = None
    return_payment_method_id: str | None = None


class WorldShape(_Shape, kw_only=True):
    products: dict[str, ProductShape]
    users: dict[str, UserShape]
    orders: dict[str, OrderShape]


def read_world(raw: bytes, as_of: datetime) -> r.ShopRecord:
    """The file's records. Raises `ImportRefused` with the place of what is wrong."""
    try:
        world = msgspec.json.decode(raw, type=WorldShape)
    except msgspec.DecodeError as error:
        raise ImportRefused([f"This is not a tau2 retail database: {error}."]) from error
    prices = {
        item: _cents(variant.price)
        for product in world.products.values()
        for item, variant in product.variants.items()
    }
    faults = _faults(world, prices)
    if faults:
        raise ImportRefused(faults)
    return r.ShopRecord(
        kind=m.ShopKind.TAU2,
        name_ko="tau2 쇼핑몰",
        name_en="tau2 retail",
        currency="USD",
        zone="America/New_York",
        products=[_product(each) for each in world.products.values()],
        customers=[_customer(each, as_of) for each in world.users.values()],
        orders=[_order(each, as_of, prices) for each in world.orders.values()],
    )


def _faults(world: WorldShape, prices: dict[str, int]) -> list[str]:
    faults: list[str] = []
    for order_id, order in world.orders.items():
        user = world.users.get(order.user_id)
        if user is None:
            faults.append(f"Order {order_id} belongs to {order.user_id}, who is not among the users.")
            continue
        if order.status not in STATUSES:
            faults.append(f"Order {order_id} has the status {order.status!r}, which tau2 does not know.")
        named = [*(item.item_id for item in order.items), *(order.exchange_new_items or [])]
        faults += [
            f"Order {order_id} has the item {i}, which no product has." for i in named if i not in prices
        ]
        faults += [
            f"Order {order_id} was paid with {payment.payment_method_id}, which {order.user_id} does not have."
            for payment in order.payment_history
            if payment.payment_method_id not in user.payment_methods
        ]
        if order.status == EXCHANGED and not (order.exchange_items and order.exchange_new_items):
            faults.append(f"Order {order_id} is {EXCHANGED!r} without exchange_items and exchange_new_items.")
        if order.status == RETURNED and not order.return_items:
            faults.append(f"Order {order_id} is {RETURNED!r} without return_items.")
    for user_id, user in world.users.items():
        theirs = [order_id for order_id, order in world.orders.items() if order.user_id == user_id]
        if theirs != user.orders:
            faults.append(f"The orders listed for user {user_id} are not the orders that name them.")
    return faults


def _cents(amount: float) -> int:
    return round(amount * CENTS)


def _dollars(minor: int) -> float:
    return minor / CENTS


def address_of(shape: AddressShape) -> AddressView:
    return AddressView(
        recipient="",
        phone="",
        line1=shape.address1,
        line2=shape.address2,
        city=shape.city,
        region=shape.state,
        country=shape.country,
        postcode=shape.zip,
    )


def _product(shape: ProductShape) -> r.ProductRecord:
    return r.ProductRecord(
        id=shape.product_id,
        name_ko=shape.name,
        name_en=shape.name,
        variants=[
            r.VariantRecord(
                id=each.item_id,
                options=each.options,
                price=_cents(each.price),
                stock=PLENTY if each.available else 0,
                on_sale=each.available,
            )
            for each in shape.variants.values()
        ],
    )


def _customer(shape: UserShape, as_of: datetime) -> r.CustomerRecord:
    return r.CustomerRecord(
        id=shape.user_id,
        family_name=shape.name.last_name,
        given_name=shape.name.first_name,
        email=shape.email,
        joined_at=as_of,
        language="en",
        address=address_of(shape.address),
        methods=[
            r.MethodRecord(
                id=each.id,
                kind=KINDS[each.source],
                brand=each.brand,
                last_four=each.last_four,
                balance=_cents(each.balance),
            )
            for each in shape.payment_methods.values()
        ],
    )


def _order(shape: OrderShape, as_of: datetime, prices: dict[str, int]) -> r.OrderRecord:
    status = STATUSES[shape.status]
    cancelled = status is m.OrderStatus.CANCELLED
    return r.OrderRecord(
        id=shape.order_id,
        customer_id=shape.user_id,
        placed_at=as_of,
        status=status,
        address=address_of(shape.address),
        lines=[r.LineRecord(item.item_id, _cents(item.price)) for item in shape.items],
        payments=[
            r.PaymentRecord(
                kind=m.PaymentKind(each.transaction_type),
                amount=_cents(each.amount),
                method_id=each.payment_method_id,
                at=as_of,
                cause="order"
                if each.transaction_type == "payment"
                else "cancel"
                if cancelled
                else "change_items",
            )
            for each in shape.payment_history
        ],
        items_changed=shape.status == MODIFIED,
        cancel_reason=shape.cancel_reason,
        cancelled_at=as_of if cancelled else None,
        delivered_at=as_of if status is m.OrderStatus.DELIVERED else None,
        shipments=[
            r.ShipmentRecord(
                courier="",
                tracking_numbers=each.tracking_id,
                lines=positions_of([item.item_id for item in shape.items], each.item_ids),
            )
            for each in shape.fulfillments
        ],
        returns=_returns(shape, as_of),
        exchange=_exchange(shape, as_of, prices),
    )


def positions_of(items: list[str], wanted: list[str]) -> list[int]:
    """Which items of an order are meant, from 1; an id that comes twice means two of them. Raises `KeyError`."""
    free: dict[str, list[int]] = defaultdict(list)
    for position, item in enumerate(items, 1):
        free[item].append(position)
    found = []
    for item in wanted:
        if not free[item]:
            raise KeyError(item)
        found.append(free[item].pop(0))
    return found


def _returns(shape: OrderShape, as_of: datetime) -> list[r.ReturnRecord]:
    if not shape.return_items or shape.return_payment_method_id is None:
        return []
    positions = positions_of([item.item_id for item in shape.items], shape.return_items)
    return [
        r.ReturnRecord(
            status=ReturnStatus.REQUESTED,
            reason=UNSPECIFIED,
            method_id=shape.return_payment_method_id,
            amount=sum(_cents(shape.items[each - 1].price) for each in positions),
            fee=0,
            requested_at=as_of,
            lines=[(each, 1) for each in positions],
        )
    ]


def _exchange(shape: OrderShape, as_of: datetime, prices: dict[str, int]) -> r.ExchangeRecord | None:
    if not shape.exchange_items or not shape.exchange_new_items or shape.exchange_payment_method_id is None:
        return None
    positions = positions_of([item.item_id for item in shape.items], shape.exchange_items)
    return r.ExchangeRecord(
        status=ExchangeStatus.REQUESTED,
        reason=UNSPECIFIED,
        method_id=shape.exchange_payment_method_id,
        difference=_cents(shape.exchange_price_difference or 0),
        settled=0,
        requested_at=as_of,
        # The format keeps both lists sorted, so which new item was for which old one is not told.
        lines=[
            (position, item, prices[item], 1)
            for position, item in zip(positions, shape.exchange_new_items, strict=True)
        ],
    )


async def write_world(session: AsyncSession) -> dict[str, Any]:
    """The whole shop in tau2's format."""
    products = await load_products(session)
    customers = await load_customers(
        session, list(await session.scalars(select(m.Customer.id).order_by(m.Customer.position)))
    )
    ids = list(await session.scalars(select(m.Customer.id).order_by(m.Customer.position)))
    orders = await load_orders(
        session, list(await session.scalars(select(m.Order.id).order_by(m.Order.position)))
    )
    theirs: dict[str, list[str]] = defaultdict(list)
    for order in orders:
        theirs[order.customer_id].append(order.id)
    return {
        "products": {each.id: show_product(each) for each in products.values()},
        "users": {each: show_user(customers[each], theirs[each]) for each in ids},
        "orders": {each.id: show_order(each) for each in orders},
    }


def show_product(view: ProductView) -> dict[str, Any]:
    return {
        "name": view.name_en,
        "product_id": view.id,
        "variants": {
            each.id: {
                "item_id": each.id,
                "options": dict(each.options),
                "available": each.has(1),
                "price": _dollars(each.price),
            }
            for each in view.variants.values()
        },
    }


def show_address(view: AddressView) -> dict[str, str]:
    return {
        "address1": view.line1,
        "address2": view.line2,
        "city": view.city,
        "country": view.country,
        "state": view.region,
        "zip": view.postcode,
    }


def show_user(view: CustomerView, orders: list[str]) -> dict[str, Any]:
    empty = AddressView("", "", "", "", "", "", "", "")
    return {
        "user_id": view.id,
        "name": {"first_name": view.given_name, "last_name": view.family_name},
        "address": show_address(view.address or empty),
        "email": view.email,
        "payment_methods": {each.id: _show_method(each) for each in view.methods.values()},
        "orders": orders,
    }


def _show_method(view: MethodView) -> dict[str, Any]:
    shown: dict[str, Any] = {"source": SOURCES.get(view.kind, view.kind.value), "id": view.id}
    if view.kind is m.MethodKind.CARD:
        shown |= {"brand": view.brand, "last_four": view.last_four}
    if view.balance is not None:
        shown["balance"] = _dollars(view.balance)
    return shown


def show_order(view: OrderView) -> dict[str, Any]:
    items = {line.id: line.variant_id for line in view.lines}
    shown: dict[str, Any] = {
        "order_id": view.id,
        "user_id": view.customer_id,
        "address": show_address(view.address),
        "items": [
            {
                "name": line.name_en,
                "product_id": line.product_id,
                "item_id": line.variant_id,
                "price": _dollars(line.unit_price),
                "options": dict(line.options),
            }
            for line in view.lines
            for _ in range(line.quantity)
        ],
        "status": _status(view),
        "fulfillments": [
            {
                "tracking_id": list(each.tracking_numbers),
                "item_ids": [items[line] for line in each.line_ids],
            }
            for each in view.shipments
        ],
        "payment_history": [
            {
                "transaction_type": each.kind.value,
                "amount": _dollars(each.amount),
                "payment_method_id": each.method_id,
            }
            for each in view.payments
        ],
    }
    if view.cancel_reason is not None:
        shown["cancel_reason"] = view.cancel_reason
    if view.exchange is not None:
        shown |= _show_exchange(view.exchange, items)
    if view.returns:
        back = view.returns[0]
        shown["return_items"] = sorted(items[line] for line, quantity in back.lines for _ in range(quantity))
        shown["return_payment_method_id"] = back.method_id
    return shown


def _show_exchange(view: ExchangeView, items: dict[int, str]) -> dict[str, Any]:
    pieces = Counter({each: each.quantity for each in view.lines}).elements()
    lines = list(pieces)
    return {
        "exchange_items": sorted(items[each.line_id] for each in lines),
        "exchange_new_items": sorted(each.new_variant_id for each in lines),
        "exchange_payment_method_id": view.method_id,
        "exchange_price_difference": _dollars(view.difference),
    }


def _status(view: OrderView) -> str:
    if view.status is m.OrderStatus.DELIVERED and view.exchange is not None:
        return EXCHANGED
    if view.status is m.OrderStatus.DELIVERED and view.returns:
        return RETURNED
    if view.status is m.OrderStatus.PAID and view.items_changed:
        return MODIFIED
    return PLAIN[view.status]
