"""How rows look in a tool's result. Amounts carry minor units and both languages' text, codes their words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from moksori.agent.money import Money
from moksori.shop.rules.change import say_address
from moksori.shop.rules.decision import say_list, say_method, say_options, say_thing
from moksori.shop.texts import say_money, term
from moksori.shop.views import (
    AddressView,
    CartItemView,
    MethodView,
    OrderView,
    ProductView,
    RefundView,
    ShipmentView,
    VariantView,
)

FEW_LEFT = 5
"""Stock above this is not told exactly."""


def money(amount: int, currency: str) -> dict[str, Any]:
    return {"minor": amount, "currency": currency, **say_money(Money(amount, currency))}


def moment(at: datetime | None, zone: ZoneInfo) -> str | None:
    """To the minute, with the shop's offset."""
    return at.astimezone(zone).isoformat(timespec="minutes") if at is not None else None


def code(kind: str, value: str) -> dict[str, str]:
    return {"code": value, **term(kind, value)}


def address(view: AddressView) -> dict[str, str]:
    return {
        "recipient": view.recipient,
        "phone": view.phone,
        "line1": view.line1,
        "line2": view.line2,
        "city": view.city,
        "region": view.region,
        "country": view.country,
        "postcode": view.postcode,
        "text": say_address(view),
    }


def method(view: MethodView, currency: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "method_id": view.id,
        "kind": code("method", view.kind.value),
        **say_method(view),
    }
    if view.balance is not None:
        shown["balance"] = money(view.balance, currency)
    return shown


def variant(view: VariantView, currency: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "variant_id": view.id,
        "options": dict(view.options),
        "options_text": say_options(view.options),
        "price": money(view.price, currency),
        "available": view.has(1),
    }
    if view.has(1) and view.stock <= FEW_LEFT:
        shown["left"] = view.stock
    return shown


def product(view: ProductView, currency: str) -> dict[str, Any]:
    return {
        "product_id": view.id,
        "name": view.name,
        "category": code("category", view.category),
        "description": {"ko": view.description_ko, "en": view.description_en},
        "returnable": view.returnable,
        "variants": [variant(each, currency) for each in view.variants.values()],
    }


def product_hit(view: ProductView, currency: str) -> dict[str, Any]:
    prices = [each.price for each in view.variants.values()]
    return {
        "product_id": view.id,
        "name": view.name,
        "category": code("category", view.category),
        "price_from": money(min(prices), currency) if prices else None,
        "options": sorted({value for each in view.variants.values() for value in each.options.values()}),
        "available": any(each.has(1) for each in view.variants.values()),
    }


def order_hit(view: OrderView, currency: str, zone: ZoneInfo) -> dict[str, Any]:
    things = [say_thing(line.name, line.options, line.quantity) for line in view.lines]
    return {
        "order_id": view.id,
        "placed_at": moment(view.placed_at, zone),
        "status": code("status", view.status.value),
        "items": say_list(things),
        "total": money(view.total, currency),
    }


def order(
    view: OrderView, methods: Mapping[str, MethodView], currency: str, zone: ZoneInfo
) -> dict[str, Any]:
    by_id = {line.id: line for line in view.lines}
    shown: dict[str, Any] = {
        "order_id": view.id,
        "placed_at": moment(view.placed_at, zone),
        "status": code("status", view.status.value),
        "items": [
            {
                "line": line.position,
                "product_id": line.product_id,
                "variant_id": line.variant_id,
                "name": line.name,
                "options": dict(line.options),
                "options_text": say_options(line.options),
                "unit_price": money(line.unit_price, currency),
                "quantity": line.quantity,
                "returned": line.returned,
                "exchanged": line.exchanged,
            }
            for line in view.lines
        ],
        "shipping_fee": money(view.shipping_fee, currency),
        "total": money(view.total, currency),
        "payments": [
            {
                "kind": payment.kind.value,
                "amount": money(payment.amount, currency),
                "method": method(methods[payment.method_id], currency),
                "at": moment(payment.at, zone),
            }
            for payment in view.payments
        ],
        "address": address(view.address),
        "items_changed": view.items_changed,
        "note": view.note,
    }
    if view.delivered_at is not None:
        shown["delivered_at"] = moment(view.delivered_at, zone)
    if view.cancel_reason is not None:
        shown["cancelled"] = {
            "reason": code("reason", view.cancel_reason),
            "at": moment(view.cancelled_at, zone),
        }
    if view.returns:
        shown["returns"] = [
            {
                "status": code("return_status", each.status.value),
                "reason": code("reason", each.reason),
                "refund": money(each.amount, currency),
                "fee": money(each.fee, currency),
                "requested_at": moment(each.requested_at, zone),
                "items": [
                    {"line": by_id[line].position, "quantity": quantity} for line, quantity in each.lines
                ],
            }
            for each in view.returns
        ]
    if view.exchange is not None:
        shown["exchange"] = {
            "status": code("exchange_status", view.exchange.status.value),
            "difference": money(view.exchange.difference, currency),
            "requested_at": moment(view.exchange.requested_at, zone),
            "items": [
                {
                    "line": by_id[each.line_id].position,
                    "new_variant_id": each.new_variant_id,
                    "quantity": each.quantity,
                }
                for each in view.exchange.lines
            ],
        }
    return shown


def shipment(view: ShipmentView, order_view: OrderView, zone: ZoneInfo) -> dict[str, Any]:
    by_id = {line.id: line for line in order_view.lines}
    return {
        "courier": code("courier", view.courier),
        "tracking_numbers": list(view.tracking_numbers),
        "expected_at": moment(view.expected_at, zone),
        "items": [by_id[line].position for line in view.line_ids],
        "events": [
            {"at": moment(event.at, zone), "event": code("event", event.code), "place": event.place}
            for event in view.events
        ],
    }


def refund(
    view: RefundView, methods: Mapping[str, MethodView], currency: str, zone: ZoneInfo
) -> dict[str, Any]:
    return {
        "order_id": view.order_id,
        "cause": view.cause,
        "amount": money(view.amount, currency),
        "method": say_method(methods[view.method_id]),
        "status": code("refund_status", view.status.value),
        "requested_at": moment(view.requested_at, zone),
        "expected_at": moment(view.expected_at, zone),
        "done_at": moment(view.done_at, zone),
    }


def cart_item(view: CartItemView, currency: str) -> dict[str, Any]:
    return {
        "variant_id": view.variant.id,
        "name": {"ko": view.name_ko, "en": view.name_en},
        "options_text": say_options(view.variant.options),
        "quantity": view.quantity,
        "unit_price": money(view.variant.price, currency),
        "available": view.variant.has(view.quantity),
    }
