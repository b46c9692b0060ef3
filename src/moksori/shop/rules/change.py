"""Changing an order that is not packed yet: where it goes, how it is paid, what is in it. And moving house."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moksori.shop.effects import (
    ChangeLine,
    Effect,
    MarkItemsChanged,
    MoveHouse,
    MoveStock,
    Pay,
    RecordNoDifference,
    SendTo,
    Tell,
)
from moksori.shop.model.orders import PaymentKind
from moksori.shop.rules.decision import (
    Decision,
    Desk,
    Refusal,
    cannot,
    covers,
    first_method,
    pay_back,
    say_list,
    say_method,
    say_thing,
    too_little_on,
)
from moksori.shop.views import AddressView, LineView, MethodView, OrderView, ProductView, VariantView

KOREA = frozenset({"kr", "korea", "south korea", "republic of korea", "대한민국", "한국"})
KOREAN_POSTCODE = re.compile(r"\d{5}")


@dataclass(frozen=True, slots=True)
class Swap:
    """One line of an order and the variant asked for in its place."""

    line: LineView
    product: ProductView
    variant: VariantView
    quantity: int

    def price(self, desk_percent: int) -> int:
        """What one of the new variant costs under the order's discount, minor units, rounded down."""
        return self.variant.price * (100 - desk_percent) // 100


def say_address(address: AddressView) -> str:
    korean = address.country.casefold() in KOREA
    parts = (
        [address.region, address.city, address.line1, address.line2]
        if korean
        else [address.line1, address.line2, address.city, address.region, address.postcode]
    )
    return (" " if korean else ", ").join(part for part in parts if part)


def check_address(address: AddressView) -> Refusal | None:
    if address.country.casefold() in KOREA and not KOREAN_POSTCODE.fullmatch(address.postcode):
        return Refusal("bad_postcode", {"postcode": address.postcode})
    return None


def change_order_address(desk: Desk, order: OrderView, address: AddressView) -> Decision | Refusal:
    if order.status not in desk.policy.change.statuses:
        return cannot(order, "cannot_change", ("track_delivery", "hand_over"))
    if wrong := check_address(address):
        return wrong
    where = say_address(address)
    return Decision(
        action="change_order_address",
        objects=(order.id, where),
        amount=None,
        facts={"order": order.id, "address": where},
        effects=(SendTo(address), Tell("order.address_changed", {"order_id": order.id})),
        basis=(order.version,),
    )


def change_customer_address(desk: Desk, address: AddressView) -> Decision | Refusal:
    if wrong := check_address(address):
        return wrong
    where = say_address(address)
    return Decision(
        action="change_customer_address",
        objects=(where,),
        amount=None,
        facts={"address": where},
        effects=(MoveHouse(address),),
        basis=(desk.customer.version,),
    )


def change_order_payment(desk: Desk, order: OrderView, method_id: str) -> Decision | Refusal:
    """The whole order on another method: the new one pays all, the old one gets all back."""
    if order.status not in desk.policy.change.statuses:
        return cannot(order, "cannot_change", ("hand_over",))
    method = desk.method(method_id)
    if method is None:
        return Refusal("no_such_method", {}, ("get_account",))
    if len(order.payments) != 1 or order.payments[0].kind is not PaymentKind.PAYMENT:
        return cannot(order, "paid_in_parts", ("hand_over",))
    (payment,) = order.payments
    if payment.method_id == method.id:
        return Refusal("same_method", {"method": say_method(method)}, ("get_account",))
    if short := too_little_on(desk, method, payment.amount):
        return short
    old = desk.customer.methods[payment.method_id]
    return Decision(
        action="change_order_payment",
        objects=(order.id, method.last_four),
        amount=payment.amount,
        facts={
            "order": order.id,
            "amount": desk.say(payment.amount),
            "method": say_method(method),
            "old": say_method(old),
        },
        effects=(
            Pay(method.id, payment.amount, "change_payment"),
            pay_back(desk, old, payment.amount, "change_payment"),
            Tell("order.payment_changed", {"order_id": order.id, "method_id": method.id}),
        ),
        basis=(order.version, method.id, old.id, payment.amount, covers(method, payment.amount)),
    )


def check_swap(swap: Swap, *, same_allowed: bool) -> Refusal | None:
    name = swap.line.name
    if swap.variant.product_id != swap.line.product_id:
        return Refusal("other_product", {"product": name}, ("get_product",))
    if swap.variant.id == swap.line.variant_id and not same_allowed:
        return Refusal("same_variant", {"product": name}, ("get_product",))
    if not swap.variant.has(swap.quantity):
        wanted = say_thing(name, swap.variant.options, swap.quantity)
        return Refusal("out_of_stock", {"product": wanted}, ("get_product",))
    return None


def shortage(swaps: list[Swap]) -> Refusal | None:
    """Two lines may ask for the same variant: together they must be there."""
    wanted: dict[str, int] = {}
    for swap in swaps:
        wanted[swap.variant.id] = wanted.get(swap.variant.id, 0) + swap.quantity
        if not swap.variant.has(wanted[swap.variant.id]):
            return Refusal(
                "out_of_stock", {"product": say_thing(swap.line.name, swap.variant.options)}, ("get_product",)
            )
    return None


def change_order_items(
    desk: Desk, order: OrderView, swaps: list[Swap], method_id: str | None
) -> Decision | Refusal:
    """Other variants of the same products; the difference is paid or paid back at once."""
    if order.status not in desk.policy.change.statuses:
        return cannot(
            order, "cannot_change", ("exchange_items",) if order.delivered_at else ("track_delivery",)
        )
    if order.items_changed and desk.policy.change.items_once:
        return cannot(order, "items_changed_before", ("cancel_order", "hand_over"))
    for swap in swaps:
        if wrong := check_swap(swap, same_allowed=False):
            return wrong
    if wrong := shortage(swaps):
        return wrong
    method = desk.method(method_id or first_method(order) or "")
    if method is None:
        return Refusal("no_such_method", {}, ("get_account",))
    difference = sum(
        (swap.price(order.discount_percent) - swap.line.unit_price) * swap.quantity for swap in swaps
    )
    if difference > 0 and (short := too_little_on(desk, method, difference)):
        return short
    effects: list[Effect] = _settle(desk, method, difference)
    for swap in swaps:
        effects += [
            MoveStock(swap.variant.id, -swap.quantity, "change_items"),
            MoveStock(swap.line.variant_id, swap.quantity, "change_items"),
            ChangeLine(
                swap.line.id,
                swap.variant.id,
                dict(swap.variant.options),
                swap.price(order.discount_percent),
            ),
        ]
    effects += [MarkItemsChanged(), Tell("order.items_changed", {"order_id": order.id})]
    return Decision(
        action=f"change_order_items.{which_way(difference)}",
        objects=(order.id, *swap_names(swaps)),
        amount=difference or None,
        facts={
            "order": order.id,
            "changes": say_swaps(swaps),
            "amount": desk.say(difference),
            "method": say_method(method),
        },
        effects=tuple(effects),
        basis=(
            order.version,
            method.id,
            difference,
            covers(method, difference),
            [[swap.line.id, swap.variant.id, swap.variant.price, swap.quantity] for swap in swaps],
        ),
    )


def _settle(desk: Desk, method: MethodView, difference: int) -> list[Effect]:
    if difference > 0:
        return [Pay(method.id, difference, "change_items")]
    if difference < 0:
        return [pay_back(desk, method, -difference, "change_items")]
    return [RecordNoDifference(method.id)] if desk.policy.change.record_zero_difference else []


def which_way(difference: int) -> str:
    return "pay" if difference > 0 else "back" if difference < 0 else "even"


def say_swaps(swaps: list[Swap]) -> dict[str, str]:
    """ "텀블러(파랑)에서 빨강으로", several joined; without the old options where only one is meant."""
    said = []
    for swap in swaps:
        old = say_thing(swap.line.name, swap.line.options, swap.quantity)
        new = say_thing(swap.line.name, swap.variant.options)
        said.append({"ko": f"{old['ko']} → {new['ko']}", "en": f"{old['en']} for {new['en']}"})
    return say_list(said)


def swap_names(swaps: list[Swap]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for swap in swaps[:2] for n in (swap.line.name_ko, swap.line.name_en)))
