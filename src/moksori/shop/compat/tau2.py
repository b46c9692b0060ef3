"""tau2-bench's sixteen retail tools, by their names and shapes, decided by our rules and written by our books.

They take no confirmation, as the benchmark has none, so they open only a database flagged as a tau2 import, and only
the command line and stdio reach them; no listening server does. Each write is still one transaction, recorded.
Two things differ from the benchmark's own code on purpose: a changed item takes its own new variant's price and
options, and a cancelled order gives back what is still paid by each method instead of repeating every payment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.agent.tools import JSON, Caller, Done, Refused
from moksori.shop import model as m
from moksori.shop.apply import apply_effects
from moksori.shop.compat.arithmetic import NotASum, work_out
from moksori.shop.effects import OpenTicket
from moksori.shop.formats.tau2 import (
    UNSPECIFIED,
    AddressShape,
    address_of,
    positions_of,
    show_order,
    show_product,
    show_user,
)
from moksori.shop.load import load_customer, load_order, load_products
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
from moksori.shop.tools.record import record_call
from moksori.shop.tools.toolset import ShopTools, ShopUnusable, refused
from moksori.shop.tools.visit import Visit
from moksori.shop.tools.writes import find_swaps
from moksori.shop.views import OrderView

PRINCIPAL = "tau2"


class _Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ByEmail(_Arguments, frozen=True):
    """Find a user by email address."""

    email: str


class ByNameZip(_Arguments, frozen=True):
    """Find a user by first name, last name and zip code."""

    first_name: str
    last_name: str
    zip: str


class ByUser(_Arguments, frozen=True):
    """A user's details: address, payment methods, orders."""

    user_id: str


class ByOrder(_Arguments, frozen=True):
    """The status and details of an order; its id begins with "#"."""

    order_id: str


class ByProduct(_Arguments, frozen=True):
    """A product and all its variants."""

    product_id: str


class ByItem(_Arguments, frozen=True):
    """One variant of a product."""

    item_id: str


class NoArguments(_Arguments, frozen=True):
    """Names and ids of all product types."""


class Calculate(_Arguments, frozen=True):
    """Work out an arithmetic expression."""

    expression: str


class Transfer(_Arguments, frozen=True):
    """Hand the user over to a human agent, with a summary."""

    summary: str


class Cancel(_Arguments, frozen=True):
    """Cancel a pending order; what was paid is refunded."""

    order_id: str
    reason: str


class OrderAddress(_Arguments, frozen=True):
    """Change the shipping address of a pending order."""

    order_id: str
    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str


class UserAddress(_Arguments, frozen=True):
    """Change the default address of a user."""

    user_id: str
    address1: str
    address2: str
    city: str
    state: str
    country: str
    zip: str


class OrderPayment(_Arguments, frozen=True):
    """Change the payment method of a pending order."""

    order_id: str
    payment_method_id: str


Items = Annotated[list[str], Meta(min_length=1)]


class SwapItems(_Arguments, frozen=True):
    """Swap items of an order for other variants of the same products; each new item id takes the place of the old."""

    order_id: str
    item_ids: Items
    new_item_ids: Items
    payment_method_id: str


class ReturnItems(_Arguments, frozen=True):
    """Return items of a delivered order."""

    order_id: str
    item_ids: Items
    payment_method_id: str


Made = tuple[Decision | Refusal, str | None, str | None]
"""What a rule says, and the order and the customer it is about."""


class Tau2Tools:
    """The tools over one shop. Raises `ShopUnusable` for a shop that is not a tau2 import."""

    def __init__(self, shop: ShopTools) -> None:
        if shop.profile.kind is not m.ShopKind.TAU2:
            raise ShopUnusable(
                "Tools without confirmation work only on a database made by `moksori shop import --format tau2`."
            )
        self._shop = shop

    def specs(self) -> list[dict[str, Any]]:
        """Name, description and JSON Schema of every tool, and whether it writes."""
        return [
            {
                "name": name,
                "description": (takes.__doc__ or "").strip(),
                "parameters": _schema(takes),
                "writes": name in WRITES,
            }
            for name, takes in TAKES.items()
        ]

    async def call(self, name: str, arguments: Mapping[str, JSON], now: datetime) -> Done | Refused:
        """Run one tool; a write is done when this returns."""
        takes = TAKES.get(name)
        if takes is None:
            return refused(Refusal("unknown_tool", {"tool": name}))
        try:
            args = msgspec.convert(dict(arguments), takes)
        except msgspec.ValidationError as error:
            return refused(Refusal("bad_arguments", {"problem": str(error)}))

        async def run(session: AsyncSession) -> Done | Refused:
            visit = await self._shop.visit(session, None, "", now)
            if name in WRITES:
                answer = await self._write(visit, name, args)
            else:
                found = await READS[name](visit, args)
                answer = refused(found) if isinstance(found, Refusal) else Done(found)
            await record_call(session, name, arguments, Caller(), answer, now, key_id=PRINCIPAL)
            return answer

        return await self._shop.database.writing(run)

    async def _write(self, visit: Visit, name: str, args: Any) -> Done | Refused:
        made, order_id, customer_id = await WRITES[name](visit, args)
        if isinstance(made, Refusal):
            return refused(made)
        await apply_effects(
            visit.session, made.effects, order_id=order_id, customer_id=customer_id, now=visit.now
        )
        # What was loaded before the effects is stale.
        visit.session.expire_all()
        if order_id is not None:
            order = await load_order(visit.session, order_id)
            assert order is not None
            return Done(show_order(order))
        assert customer_id is not None
        return Done(await _user(visit, customer_id))


async def _by_email(visit: Visit, args: ByEmail) -> Any:
    found = await visit.session.scalar(
        select(m.Customer.id).where(m.Customer.email_key == args.email.casefold())
    )
    return found or _nobody()


async def _by_name(visit: Visit, args: ByNameZip) -> Any:
    found = await visit.session.scalar(
        select(m.Customer.id)
        .join(m.Address, (m.Address.customer_id == m.Customer.id) & m.Address.is_default)
        .where(
            func.lower(m.Customer.given_name) == args.first_name.lower(),
            func.lower(m.Customer.family_name) == args.last_name.lower(),
            m.Address.postcode == args.zip,
        )
        .order_by(m.Customer.position)
    )
    return found or _nobody()


def _nobody() -> Refusal:
    return Refusal("verification_failed")


async def _user_details(visit: Visit, args: ByUser) -> Any:
    if await visit.session.get(m.Customer, args.user_id) is None:
        return _nobody()
    return await _user(visit, args.user_id)


async def _user(visit: Visit, customer_id: str) -> dict[str, Any]:
    customer = await load_customer(visit.session, customer_id)
    assert customer is not None
    orders = await visit.session.scalars(
        select(m.Order.id).where(m.Order.customer_id == customer_id).order_by(m.Order.position)
    )
    return show_user(customer, list(orders))


async def _order(visit: Visit, order_id: str) -> OrderView | Refusal:
    return await load_order(visit.session, order_id) or Refusal("order_not_found", {"order": order_id})


async def _order_details(visit: Visit, args: ByOrder) -> Any:
    order = await _order(visit, args.order_id)
    return order if isinstance(order, Refusal) else show_order(order)


async def _product_details(visit: Visit, args: ByProduct) -> Any:
    found = await load_products(visit.session, [args.product_id])
    if args.product_id not in found:
        return Refusal("product_not_found", {"product": args.product_id})
    return show_product(found[args.product_id])


async def _item_details(visit: Visit, args: ByItem) -> Any:
    variant = await visit.session.get(m.Variant, args.item_id)
    if variant is None:
        return Refusal("variant_not_found", {"variant": args.item_id})
    products = await load_products(visit.session, [variant.product_id])
    return show_product(products[variant.product_id])["variants"][variant.id]


async def _product_types(visit: Visit, _: NoArguments) -> Any:
    rows = await visit.session.execute(select(m.Product.name_en, m.Product.id).order_by(m.Product.name_en))
    return dict(rows.all())


async def _calculate(_: Visit, args: Calculate) -> Any:
    try:
        return work_out(args.expression)
    except NotASum as error:
        return Refusal("bad_arguments", {"problem": str(error).rstrip(".")})


async def _transfer(visit: Visit, args: Transfer) -> Any:
    effects = (OpenTicket("other", args.summary, ""),)
    await apply_effects(visit.session, effects, order_id=None, customer_id=None, now=visit.now)
    return "Transfer successful"


async def _owned(visit: Visit, order_id: str) -> tuple[OrderView, Visit] | Refusal:
    """The order, and the visit made in the name of the customer it belongs to."""
    order = await _order(visit, order_id)
    if isinstance(order, Refusal):
        return order
    return order, await _as(visit, order.customer_id)


async def _as(visit: Visit, customer_id: str) -> Visit:
    customer = await load_customer(visit.session, customer_id)
    assert customer is not None
    return Visit(
        visit.session,
        visit.policy,
        visit.index,
        visit.currency,
        visit.zone,
        visit.now,
        customer,
        visit.call_id,
    )


def _positions(order: OrderView, items: list[str]) -> list[int] | Refusal:
    try:
        return positions_of([line.variant_id for line in order.lines], items)
    except KeyError as error:
        return Refusal("line_not_found", {"order": order.id, "line": error.args[0]})


async def _cancel(visit: Visit, args: Cancel) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    return cancel_order(mine.desk(), order, args.reason), order.id, order.customer_id


async def _order_address(visit: Visit, args: OrderAddress) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    return change_order_address(mine.desk(), order, _address(args)), order.id, order.customer_id


async def _user_address(visit: Visit, args: UserAddress) -> Made:
    if await visit.session.get(m.Customer, args.user_id) is None:
        return _nobody(), None, None
    mine = await _as(visit, args.user_id)
    return change_customer_address(mine.desk(), _address(args)), None, args.user_id


def _address(args: OrderAddress | UserAddress) -> Any:
    return address_of(
        AddressShape(
            address1=args.address1,
            address2=args.address2,
            city=args.city,
            country=args.country,
            state=args.state,
            zip=args.zip,
        )
    )


async def _payment(visit: Visit, args: OrderPayment) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    made = change_order_payment(mine.desk(), order, args.payment_method_id)
    return made, order.id, order.customer_id


async def _swaps(visit: Visit, order: OrderView, args: SwapItems) -> list[Swap] | Refusal:
    if len(args.item_ids) != len(args.new_item_ids):
        return Refusal("bad_arguments", {"problem": "item_ids and new_item_ids must be as many"})
    positions = _positions(order, args.item_ids)
    if isinstance(positions, Refusal):
        return positions
    pairs = zip(positions, args.new_item_ids, strict=True)
    return await find_swaps(visit, order, [(position, new, 1) for position, new in pairs])


async def _modify_items(visit: Visit, args: SwapItems) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    swaps = await _swaps(mine, order, args)
    if isinstance(swaps, Refusal):
        return swaps, None, None
    made = change_order_items(mine.desk(), order, swaps, args.payment_method_id)
    return made, order.id, order.customer_id


async def _exchange(visit: Visit, args: SwapItems) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    swaps = await _swaps(mine, order, args)
    if isinstance(swaps, Refusal):
        return swaps, None, None
    made = exchange_items(mine.desk(), order, swaps, UNSPECIFIED, args.payment_method_id)
    return made, order.id, order.customer_id


async def _return(visit: Visit, args: ReturnItems) -> Made:
    found = await _owned(visit, args.order_id)
    if isinstance(found, Refusal):
        return found, None, None
    order, mine = found
    positions = _positions(order, args.item_ids)
    if isinstance(positions, Refusal):
        return positions, None, None
    parts = [(line, 1) for position in positions if (line := order.line(position)) is not None]
    made = return_items(mine.desk(), order, parts, UNSPECIFIED, args.payment_method_id)
    return made, order.id, order.customer_id


READS: dict[str, Callable[[Visit, Any], Awaitable[Any]]] = {
    "find_user_id_by_email": _by_email,
    "find_user_id_by_name_zip": _by_name,
    "get_user_details": _user_details,
    "get_order_details": _order_details,
    "get_product_details": _product_details,
    "get_item_details": _item_details,
    "list_all_product_types": _product_types,
    "calculate": _calculate,
    "transfer_to_human_agents": _transfer,
}
WRITES: dict[str, Callable[[Visit, Any], Awaitable[Made]]] = {
    "cancel_pending_order": _cancel,
    "modify_pending_order_address": _order_address,
    "modify_pending_order_items": _modify_items,
    "modify_pending_order_payment": _payment,
    "modify_user_address": _user_address,
    "exchange_delivered_order_items": _exchange,
    "return_delivered_order_items": _return,
}
TAKES: dict[str, type[_Arguments]] = {
    "find_user_id_by_email": ByEmail,
    "find_user_id_by_name_zip": ByNameZip,
    "get_user_details": ByUser,
    "get_order_details": ByOrder,
    "get_product_details": ByProduct,
    "get_item_details": ByItem,
    "list_all_product_types": NoArguments,
    "calculate": Calculate,
    "transfer_to_human_agents": Transfer,
    "cancel_pending_order": Cancel,
    "modify_pending_order_address": OrderAddress,
    "modify_pending_order_items": SwapItems,
    "modify_pending_order_payment": OrderPayment,
    "modify_user_address": UserAddress,
    "exchange_delivered_order_items": SwapItems,
    "return_delivered_order_items": ReturnItems,
}


def _schema(takes: type[_Arguments]) -> dict[str, Any]:
    (_, parts) = msgspec.json.schema_components([takes], ref_template="{name}")
    schema = dict(parts[takes.__name__])
    schema.pop("title", None)
    schema.pop("description", None)
    return schema
