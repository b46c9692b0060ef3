"""The tools that look things up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from moksori.shop import model as m
from moksori.shop.dates import Span, understand
from moksori.shop.load import load_cart, load_orders, load_products
from moksori.shop.passages import tokens
from moksori.shop.rules import Refusal
from moksori.shop.rules.decision import say_options
from moksori.shop.texts import entries, term
from moksori.shop.tools import arguments as a
from moksori.shop.tools import present
from moksori.shop.tools.visit import SHORTEST_TAIL, Visit, number_key, phone_key, same_name
from moksori.shop.views import LineView, OrderView

FAR_BACK = 200
"""How many of a customer's orders are looked through."""
ALIKE = 0.5
"""Share of what was asked for that a name must have to count as meant."""
CANDIDATES = 50
"""At most so many customers are compared: only a phone number can be several people's."""
Result = Any
Identified = tuple[str, dict[str, Any]]


async def verify_customer(visit: Visit, args: a.VerifyCustomer) -> Identified | Refusal:
    """The one customer whom everything that was said fits, and enough of it. Says never what did not fit."""
    failed = Refusal("verification_failed", {}, ("hand_over",))
    said = [args.name, args.phone, args.email, args.order_number, args.postcode]
    if sum(each is not None for each in said) < visit.policy.verify.factors:
        return failed
    by_unique = [each for each in (args.phone, args.email, args.order_number) if each is not None]
    if not by_unique:
        return failed
    wanted = select(m.Customer, m.Address.postcode).outerjoin(
        m.Address, (m.Address.customer_id == m.Customer.id) & m.Address.is_default
    )
    if args.phone is not None:
        key = phone_key(args.phone)
        if not key:
            return failed
        wanted = wanted.where(m.Customer.phone_key == key)
    if args.email is not None:
        wanted = wanted.where(m.Customer.email_key == args.email.strip().casefold())
    if args.order_number is not None:
        wanted = wanted.join(m.Order, m.Order.customer_id == m.Customer.id).where(
            m.Order.number_key == number_key(args.order_number)
        )
    rows = (await visit.session.execute(wanted.limit(CANDIDATES))).all()
    fitting = [
        customer
        for customer, postcode in rows
        if (args.name is None or same_name(args.name, customer.family_name, customer.given_name))
        and (args.postcode is None or args.postcode.strip() == postcode)
    ]
    if len(fitting) != 1:
        return failed
    (customer,) = fitting
    return customer.id, {
        "verified": True,
        "name": {"family": customer.family_name, "given": customer.given_name},
        "tier": present.code("tier", customer.tier.value),
    }


async def find_orders(visit: Visit, args: a.FindOrders) -> Result | Refusal:
    wanted = select(m.Order.id).where(m.Order.customer_id == visit.me.id)
    if args.number is not None:
        key = number_key(args.number)
        if len(key) < SHORTEST_TAIL:
            return Refusal("order_not_found", {"order": args.number}, ("find_orders",))
        wanted = wanted.where(m.Order.number_key.endswith(key, autoescape=True))
    if args.when is not None:
        span = understand(args.when, visit.now.astimezone(visit.zone).date())
        if span is None:
            return Refusal("bad_date", {"when": args.when})
        first, after = _moments(visit, span)
        wanted = wanted.where(m.Order.placed_at >= first, m.Order.placed_at < after)
    if args.status is not None:
        wanted = wanted.where(m.Order.status == m.OrderStatus(args.status))
    ids = list(
        await visit.session.scalars(wanted.order_by(m.Order.placed_at.desc(), m.Order.id).limit(FAR_BACK))
    )
    orders = await load_orders(visit.session, ids)
    if args.product is not None:
        product = args.product
        orders = [order for order in orders if _has(order, product)]
    return {
        "orders": [present.order_hit(order, visit.currency, visit.zone) for order in orders[: args.limit]],
        "found": len(orders),
    }


async def get_order(visit: Visit, args: a.OneOrder) -> Result | Refusal:
    found = await visit.order(args.order_id)
    if isinstance(found, Refusal):
        return found
    return present.order(found, visit.me.methods, visit.currency, visit.zone)


async def track_delivery(visit: Visit, args: a.OneOrder) -> Result | Refusal:
    found = await visit.order(args.order_id)
    if isinstance(found, Refusal):
        return found
    return {
        "order_id": found.id,
        "status": present.code("status", found.status.value),
        "delivered_at": present.moment(found.delivered_at, visit.zone),
        "shipments": [present.shipment(each, found, visit.zone) for each in found.shipments],
    }


async def search_products(visit: Visit, args: a.SearchProducts) -> Result | Refusal:
    names = select(m.Product.id, m.Product.name_ko, m.Product.name_en, m.Product.category).order_by(
        m.Product.position
    )
    if args.category is not None:
        names = names.where(m.Product.category == args.category)
    scored = [
        (
            _alike(args.query, f"{name_ko} {name_en} {' '.join(term('category', category).values())}"),
            product_id,
        )
        for product_id, name_ko, name_en, category in await visit.session.execute(names)
    ]
    fitting = sorted((each for each in scored if each[0] >= ALIKE), key=lambda each: -each[0])
    ids = [product_id for _, product_id in fitting[: args.limit]]
    products = await load_products(visit.session, ids)
    return {
        "products": [present.product_hit(products[each], visit.currency) for each in ids],
        "found": len(fitting),
    }


async def get_product(visit: Visit, args: a.OneProduct) -> Result | Refusal:
    found = await load_products(visit.session, [args.product_id])
    if args.product_id not in found:
        return Refusal("product_not_found", {"product": args.product_id}, ("search_products",))
    return present.product(found[args.product_id], visit.currency)


async def get_refund_status(visit: Visit, args: a.RefundStatus) -> Result | Refusal:
    if args.order_id is not None:
        found = await visit.order(args.order_id)
        if isinstance(found, Refusal):
            return found
        orders = [found]
    else:
        ids = await visit.session.scalars(
            select(m.Order.id)
            .where(m.Order.customer_id == visit.me.id, m.Order.id.in_(select(m.Refund.order_id)))
            .order_by(m.Order.placed_at.desc())
            .limit(FAR_BACK)
        )
        orders = await load_orders(visit.session, list(ids))
    refunds = [refund for order in orders for refund in order.refunds]
    refunds.sort(key=lambda refund: (refund.requested_at, refund.id), reverse=True)
    return {
        "refunds": [present.refund(each, visit.me.methods, visit.currency, visit.zone) for each in refunds]
    }


async def get_cart(visit: Visit, _: a.Nothing) -> Result | Refusal:
    items = await load_cart(visit.session, visit.me.id)
    total = sum(item.variant.price * item.quantity for item in items)
    return {
        "items": [present.cart_item(item, visit.currency) for item in items],
        "total": present.money(total, visit.currency),
    }


async def get_membership(visit: Visit, _: a.Nothing) -> Result | Refusal:
    me = visit.me
    rules = visit.policy.tiers[me.tier]
    points = sum(each.balance or 0 for each in me.methods.values() if each.kind is m.MethodKind.POINTS)
    return {
        "tier": present.code("tier", me.tier.value),
        "discount_percent": rules.discount_percent,
        "points_percent": rules.points_percent,
        "free_returns": me.tier in visit.policy.returns.free_tiers,
        "points": present.money(points, visit.currency),
        "member_since": present.moment(me.joined_at, visit.zone),
    }


async def get_account(visit: Visit, _: a.Nothing) -> Result | Refusal:
    me = visit.me
    return {
        "name": {"family": me.family_name, "given": me.given_name},
        "email": me.email,
        "phone": me.phone,
        "address": present.address(me.address) if me.address is not None else None,
        "payment_methods": [present.method(each, visit.currency) for each in me.methods.values()],
    }


async def search_policy(visit: Visit, args: a.SearchPolicy) -> Result | Refusal:
    hits = visit.index.search(args.query, args.limit)
    return {
        "passages": [
            {
                "id": hit.passage.id,
                "title": hit.passage.title if args.language is None else hit.passage.title[args.language],
                "text": hit.passage.text if args.language is None else hit.passage.text[args.language],
                "score": round(hit.score, 2),
            }
            for hit in hits
        ]
    }


def _moments(visit: Visit, span: Span) -> tuple[datetime, datetime]:
    """From the first midnight to the one after the last day, in the shop's zone."""
    return (
        datetime.combine(span.first, time(), visit.zone),
        datetime.combine(span.last + timedelta(days=1), time(), visit.zone),
    )


def _has(order: OrderView, words: str) -> bool:
    return any(_alike(words, _line_text(line)) >= ALIKE for line in order.lines)


def _line_text(line: LineView) -> str:
    options = say_options(line.options)
    return " ".join([line.name_ko, line.name_en, options["ko"], options["en"], *line.options.values()])


def _alike(words: str | None, text: str) -> float:
    """How much of what was asked for the text has, 0 to 1. Asking for nothing fits everything."""
    if words is None:
        return 1.0
    wanted, there = set(tokens(_plain(words))), set(tokens(text))
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _plain(words: str) -> str:
    """Colours as callers say them ("파란", "blue one") in the words of the catalogue."""
    said = entries("words")["said"]
    return " ".join(said.get(word, word) for word in words.casefold().split())


async def product_categories(visit: Visit) -> list[str]:
    rows = await visit.session.execute(
        select(m.Product.category).group_by(m.Product.category).order_by(func.min(m.Product.position))
    )
    return [category for (category,) in rows if category]


READS: dict[str, Callable[[Visit, Any], Awaitable[Result | Refusal]]] = {
    "find_orders": find_orders,
    "get_order": get_order,
    "track_delivery": track_delivery,
    "search_products": search_products,
    "get_product": get_product,
    "get_refund_status": get_refund_status,
    "get_cart": get_cart,
    "get_membership": get_membership,
    "get_account": get_account,
    "search_policy": search_policy,
}
