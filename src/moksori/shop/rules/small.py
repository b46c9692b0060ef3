"""The small writes: the cart, and a ticket for a human."""

from __future__ import annotations

from moksori.shop.effects import OpenTicket, SetCart, Tell
from moksori.shop.rules.decision import Decision, Desk, Refusal, say_thing
from moksori.shop.texts import term
from moksori.shop.views import ProductView, VariantView

TOPICS = ("complaint", "refund", "delivery", "order", "product", "account", "other")


def set_cart_item(
    desk: Desk, product: ProductView, variant: VariantView, quantity: int, already: int
) -> Decision | Refusal:
    """Have exactly `quantity` of a variant in the cart; 0 takes it out. No money moves."""
    if quantity and not variant.has(quantity):
        wanted = say_thing(product.name, variant.options, quantity)
        return Refusal("out_of_stock", {"product": wanted}, ("get_product",))
    if quantity == already:
        return Refusal("cart_as_is", {"product": say_thing(product.name, variant.options)}, ("get_cart",))
    return Decision(
        action="set_cart_item" if quantity else "set_cart_item.out",
        objects=(product.name_ko, product.name_en),
        amount=None,
        facts={
            "item": say_thing(product.name, variant.options, 1 if quantity else already),
            "quantity": quantity,
            "price": desk.say(variant.price),
        },
        effects=(SetCart(variant.id, quantity),),
        basis=(desk.customer.version, variant.price, already),
    )


def hand_over(topic: str, summary: str, call_id: str, customer_id: str | None) -> Decision | Refusal:
    """A ticket for a human. Needs nobody's identity and moves nothing."""
    if topic not in TOPICS:
        return Refusal("bad_topic", {"topics": ", ".join(TOPICS)})
    return Decision(
        action="hand_over",
        objects=(),
        amount=None,
        facts={"topic": term("topic", topic)},
        effects=(
            OpenTicket(topic, summary, call_id),
            Tell(
                "ticket.opened",
                {"topic": topic, "summary": summary, "call_id": call_id, "customer_id": customer_id},
            ),
        ),
        basis=(),
    )
