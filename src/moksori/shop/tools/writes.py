"""The tools that change something: from arguments to what is there, to the rule that decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from moksori.shop.load import load_cart, load_products, load_variants
from moksori.shop.rules import Decision, Refusal
from moksori.shop.rules.after_delivery import exchange_items, return_items
from moksori.shop.rules.cancel import cancel_order
from moksori.shop.rules.change import (
    Swap,
    change_customer_address,
    change_order_address,
    change_order_items,
    change_order_payment,
)
from moksori.shop.rules.decision import first_method
from moksori.shop.rules.small import hand_over, set_cart_item
from moksori.shop.tools import arguments as a
from moksori.shop.tools.visit import Visit
from moksori.shop.views import AddressView, LineView, OrderView


@dataclass(frozen=True, slots=True)
class Decided:
    """A rule's yes, with the arguments normalised: deciding again from them gives the same decision."""

    decision: Decision
    arguments: dict[str, Any]
    order_id: str | None


async def _cancel(visit: Visit, args: a.CancelOrder) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    made = cancel_order(visit.desk(), order, args.reason)
    return _decided(made, {"order_id": order.id, "reason": args.reason}, order)


async def _order_address(visit: Visit, args: a.ChangeOrderAddress) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    address = _address(args, order.address)
    made = change_order_address(visit.desk(), order, address)
    return _decided(made, {"order_id": order.id, **_address_arguments(address)}, order)


async def _customer_address(visit: Visit, args: a.ChangeCustomerAddress) -> Decided | Refusal:
    me = visit.me
    before = me.address or AddressView("", me.phone, "", "", "", "", "", "")
    address = _address(args, before)
    if not address.country:
        return Refusal("no_address")
    return _decided(change_customer_address(visit.desk(), address), _address_arguments(address), None)


async def _payment(visit: Visit, args: a.ChangeOrderPayment) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    made = change_order_payment(visit.desk(), order, args.method_id)
    return _decided(made, {"order_id": order.id, "method_id": args.method_id}, order)


async def _items(visit: Visit, args: a.ChangeOrderItems) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    asked = [(change.line, change.variant_id, None) for change in args.changes]
    swaps = await find_swaps(visit, order, asked)
    if isinstance(swaps, Refusal):
        return swaps
    method = args.method_id or first_method(order)
    made = change_order_items(visit.desk(), order, swaps, method)
    changes = [{"line": swap.line.position, "variant_id": swap.variant.id} for swap in swaps]
    return _decided(made, {"order_id": order.id, "changes": changes, "method_id": method}, order)


async def _return(visit: Visit, args: a.ReturnItems) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    if wrong := _twice(part.line for part in args.lines):
        return wrong
    parts: list[tuple[LineView, int]] = []
    for part in sorted(args.lines, key=lambda part: part.line):
        line = order.line(part.line)
        if line is None:
            return Refusal("line_not_found", {"order": order.id, "line": part.line}, ("get_order",))
        parts.append((line, part.quantity or line.left or line.quantity))
    method = args.method_id or first_method(order)
    made = return_items(visit.desk(), order, parts, args.reason, method)
    lines = [{"line": line.position, "quantity": quantity} for line, quantity in parts]
    arguments = {"order_id": order.id, "lines": lines, "reason": args.reason, "method_id": method}
    return _decided(made, arguments, order)


async def _exchange(visit: Visit, args: a.ExchangeItems) -> Decided | Refusal:
    order = await visit.order(args.order_id)
    if isinstance(order, Refusal):
        return order
    swaps = await find_swaps(
        visit, order, [(each.line, each.variant_id, each.quantity) for each in args.changes]
    )
    if isinstance(swaps, Refusal):
        return swaps
    method = args.method_id or first_method(order)
    made = exchange_items(visit.desk(), order, swaps, args.reason, method)
    changes = [
        {"line": swap.line.position, "variant_id": swap.variant.id, "quantity": swap.quantity}
        for swap in swaps
    ]
    arguments = {"order_id": order.id, "changes": changes, "reason": args.reason, "method_id": method}
    return _decided(made, arguments, order)


async def _cart(visit: Visit, args: a.SetCartItem) -> Decided | Refusal:
    variants = await load_variants(visit.session, [args.variant_id])
    if args.variant_id not in variants:
        return Refusal("variant_not_found", {"variant": args.variant_id}, ("search_products",))
    variant = variants[args.variant_id]
    products = await load_products(visit.session, [variant.product_id])
    cart = await load_cart(visit.session, visit.me.id)
    already = sum(item.quantity for item in cart if item.variant.id == variant.id)
    made = set_cart_item(visit.desk(), products[variant.product_id], variant, args.quantity, already)
    return _decided(made, {"variant_id": variant.id, "quantity": args.quantity}, None)


async def _hand_over(visit: Visit, args: a.HandOver) -> Decided | Refusal:
    customer_id = visit.customer.id if visit.customer is not None else None
    made = hand_over(args.topic, args.summary, visit.call_id, customer_id)
    return _decided(made, {"topic": args.topic, "summary": args.summary}, None)


WRITES: dict[str, Callable[[Visit, Any], Awaitable[Decided | Refusal]]] = {
    "cancel_order": _cancel,
    "change_order_address": _order_address,
    "change_order_payment": _payment,
    "change_order_items": _items,
    "change_customer_address": _customer_address,
    "return_items": _return,
    "exchange_items": _exchange,
    "set_cart_item": _cart,
    "hand_over": _hand_over,
}


def _decided(
    made: Decision | Refusal, arguments: dict[str, Any], order: OrderView | None
) -> Decided | Refusal:
    if isinstance(made, Refusal):
        return made
    given = {name: value for name, value in arguments.items() if value is not None}
    return Decided(made, msgspec.to_builtins(given), order.id if order is not None else None)


async def find_swaps(
    visit: Visit, order: OrderView, asked: Sequence[tuple[int, str, int | None]]
) -> list[Swap] | Refusal:
    """Lines and variants by what was asked for (line, variant id, quantity or all that is left), in line order."""
    if wrong := _twice(line for line, _, _ in asked):
        return wrong
    variants = await load_variants(visit.session, {variant_id for _, variant_id, _ in asked})
    products = await load_products(visit.session, list({each.product_id for each in variants.values()}))
    swaps: list[Swap] = []
    for position, variant_id, quantity in sorted(asked, key=lambda each: each[0]):
        line = order.line(position)
        if line is None:
            return Refusal("line_not_found", {"order": order.id, "line": position}, ("get_order",))
        variant = variants.get(variant_id)
        if variant is None:
            return Refusal("variant_not_found", {"variant": variant_id}, ("get_product",))
        swaps.append(
            Swap(line, products[variant.product_id], variant, quantity or line.left or line.quantity)
        )
    return swaps


def _twice(lines: Iterable[int]) -> Refusal | None:
    seen: set[int] = set()
    for line in lines:
        if line in seen:
            return Refusal("line_twice", {"line": line}, ("get_order",))
        seen.add(line)
    return None


def _address(args: a.AddressArguments, before: AddressView) -> AddressView:
    return AddressView(
        recipient=args.recipient if args.recipient is not None else before.recipient,
        phone=args.contact if args.contact is not None else before.phone,
        line1=args.line1,
        line2=args.line2,
        city=args.city,
        region=args.region,
        country=args.country if args.country is not None else before.country,
        postcode=args.postcode,
    )


def _address_arguments(address: AddressView) -> dict[str, Any]:
    return {
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "postcode": address.postcode,
        "country": address.country or None,
        "recipient": address.recipient or None,
        "contact": address.phone or None,
    }
