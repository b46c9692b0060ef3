"""Gives each demo order a life that fits its age: paid this morning, on its way since yesterday, returned last week."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from moksori.shop.formats import records as r
from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.model.customers import MethodKind
from moksori.shop.model.orders import OrderStatus, PaymentKind
from moksori.shop.policy import Policy

OLDEST_DAYS = 120
RECENT_SHARE, RECENT_HOURS = 0.12, 14
"""So many orders are so fresh that they can still be cancelled or changed."""
UNPACKED_HOURS = 16
CANCELLED, RETURNED, EXCHANGED = 0.05, 0.07, 0.04
HAS_NOTE = 0.35
BY_METHOD = 0.25
"""How often something else than the first card pays, where it can."""
RETURN_TAKES = timedelta(days=3)
EXCHANGE_TAKES = timedelta(days=4)


class History:
    def __init__(
        self, shop: r.ShopRecord, data: dict[str, Any], random: Random, now: datetime, policy: Policy
    ) -> None:
        self.data = data
        self.random = random
        self.now = now
        self.policy = policy
        self.variants = [(product, each) for product in shop.products for each in product.variants]
        self.numbers: dict[str, set[int]] = {}

    def orders(self, buyers: Iterable[r.CustomerRecord]) -> Iterator[r.OrderRecord]:
        for customer in buyers:
            yield self._order(customer)

    def _order(self, customer: r.CustomerRecord) -> r.OrderRecord:
        random = self.random
        if random.random() < RECENT_SHARE:
            placed = self.now - timedelta(minutes=random.randint(1, RECENT_HOURS * 60))
        else:
            placed = self.now - timedelta(minutes=random.randint(RECENT_HOURS * 60, OLDEST_DAYS * 24 * 60))
        percent = self.policy.tiers[customer.tier].discount_percent
        lines = [
            r.LineRecord(
                each.id, each.price * (100 - percent) // 100, random.choices((1, 2, 3), (88, 9, 3))[0]
            )
            for _, each in random.sample(self.variants, random.choices((1, 2, 3, 4), (55, 28, 12, 5))[0])
        ]
        goods = sum(line.unit_price * line.quantity for line in lines)
        fee = 0 if goods >= self.policy.shipping.free_from else self.policy.shipping.fee
        assert customer.address is not None
        method = self._method(customer, goods + fee)
        order = r.OrderRecord(
            id=self._number(placed),
            customer_id=customer.id,
            placed_at=placed,
            status=OrderStatus.PAID,
            address=customer.address,
            lines=lines,
            payments=[r.PaymentRecord(PaymentKind.PAYMENT, goods + fee, method.id, placed)],
            shipping_fee=fee,
            discount_percent=percent,
            note=random.choice(self.data["ways"]["notes"]) if random.random() < HAS_NOTE else "",
        )
        if random.random() < CANCELLED:
            self._cancel(order, method)
        else:
            self._travel(order)
        if order.delivered_at is not None:
            chance = random.random()
            if chance < RETURNED:
                self._return(order, method)
            elif chance < RETURNED + EXCHANGED:
                self._exchange(order, method)
        return order

    def _number(self, placed: datetime) -> str:
        """Date and four digits: what a caller can read out in two groups."""
        day = placed.strftime("%y%m%d")
        taken = self.numbers.setdefault(day, set())
        number = self.random.randint(1000, 9999)
        while number in taken:
            number = self.random.randint(1000, 9999)
        taken.add(number)
        return f"{day}-{number}"

    def _method(self, customer: r.CustomerRecord, total: int) -> r.MethodRecord:
        others = [
            each
            for each in customer.methods[1:]
            if each.kind is MethodKind.ACCOUNT or (each.kind is MethodKind.GIFT_CARD and total < 100_000)
        ]
        if others and self.random.random() < BY_METHOD:
            return self.random.choice(others)
        return customer.methods[0]

    def _cancel(self, order: r.OrderRecord, method: r.MethodRecord) -> None:
        at = min(self.now, order.placed_at + timedelta(minutes=self.random.randint(5, 300)))
        order.status = OrderStatus.CANCELLED
        order.cancelled_at = at
        order.cancel_reason = self.random.choice(self.policy.cancel.reasons)
        order.payments.append(
            r.PaymentRecord(
                PaymentKind.REFUND,
                order.payments[0].amount,
                method.id,
                at,
                "cancel",
                self._paid_back(at, method),
            )
        )

    def _paid_back(self, at: datetime, method: r.MethodRecord) -> datetime:
        return at + timedelta(days=self.policy.refund.business_days[method.kind])

    def _travel(self, order: r.OrderRecord) -> None:
        random = self.random
        packed = order.placed_at + timedelta(hours=random.randint(UNPACKED_HOURS, UNPACKED_HOURS + 8))
        if packed > self.now:
            return
        shipped = packed + timedelta(hours=random.randint(2, 10))
        order.status = OrderStatus.PREPARING
        if shipped > self.now:
            return
        expected = (shipped + timedelta(days=1)).replace(hour=18, minute=0)
        shipment = r.ShipmentRecord(
            courier=random.choice(self.data["ways"]["couriers"]),
            tracking_numbers=[str(random.randint(10**11, 10**12 - 1))],
            lines=list(range(1, len(order.lines) + 1)),
            expected_at=expected,
        )
        hub = random.choice(self.data["ways"]["hubs"])
        out = expected.replace(hour=random.randint(7, 9))
        delivered = out + timedelta(hours=random.randint(2, 9))
        if random.random() < 0.06:
            out, delivered = out + timedelta(days=1), delivered + timedelta(days=1)
        for at, code, place in (
            (shipped, "picked_up", "모아마켓 물류센터"),
            (shipped + timedelta(hours=5), "at_hub", hub),
            (out, "out_for_delivery", order.address.city),
            (delivered, "delivered", order.address.city),
        ):
            if at <= self.now:
                shipment.events.append(r.EventRecord(at, code, place))
        order.shipments.append(shipment)
        order.status = OrderStatus.SHIPPED
        if delivered <= self.now:
            order.status = OrderStatus.DELIVERED
            order.delivered_at = delivered

    def _after_delivery(self, order: r.OrderRecord) -> datetime | None:
        assert order.delivered_at is not None
        asked = order.delivered_at + timedelta(hours=self.random.randint(3, 6 * 24))
        return asked if asked <= self.now else None

    def _return(self, order: r.OrderRecord, method: r.MethodRecord) -> None:
        asked = self._after_delivery(order)
        reason = self.random.choice(self.policy.returns.reasons)
        position = self.random.randint(1, len(order.lines))
        line = order.lines[position - 1]
        product = next(product for product, each in self.variants if each.id == line.variant_id)
        fault = reason in self.policy.returns.fault_reasons
        if asked is None or (not product.returnable and not fault):
            return
        goods = line.unit_price * line.quantity
        fee = 0 if fault else min(goods, self.policy.returns.fee)
        done = asked + RETURN_TAKES
        refunded = done <= self.now
        order.returns.append(
            r.ReturnRecord(
                status=ReturnStatus.REFUNDED if refunded else ReturnStatus.REQUESTED,
                reason=reason,
                method_id=method.id,
                amount=goods - fee,
                fee=fee,
                requested_at=asked,
                lines=[(position, line.quantity)],
                refunded_at=done if refunded else None,
                expected_at=self._paid_back(done, method) if refunded else None,
            )
        )
        if refunded:
            order.payments.append(r.PaymentRecord(PaymentKind.REFUND, goods - fee, method.id, done, "return"))

    def _exchange(self, order: r.OrderRecord, method: r.MethodRecord) -> None:
        asked = self._after_delivery(order)
        position = self.random.randint(1, len(order.lines))
        line = order.lines[position - 1]
        same = [
            each
            for product, each in self.variants
            if each.id != line.variant_id
            and each.price * (100 - order.discount_percent) // 100 == line.unit_price
            and any(mine.id == line.variant_id for mine in product.variants)
        ]
        if asked is None or not same:
            return
        new = self.random.choice(same)
        done = asked + EXCHANGE_TAKES
        completed = done <= self.now
        order.exchange = r.ExchangeRecord(
            status=ExchangeStatus.COMPLETED if completed else ExchangeStatus.REQUESTED,
            reason=self.random.choice(("wrong_size", "changed_mind", "defective")),
            method_id=method.id,
            difference=0,
            settled=0,
            requested_at=asked,
            lines=[(position, new.id, line.unit_price, line.quantity)],
            completed_at=done if completed else None,
        )
