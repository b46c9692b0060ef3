"""What the rules look at: rows as frozen values, loaded together from one snapshot. No SQL here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from moksori.shop.model.after_sales import ExchangeStatus, RefundStatus, ReturnStatus
from moksori.shop.model.customers import STORED_VALUE, MethodKind, Tier
from moksori.shop.model.orders import OrderStatus, PaymentKind


@dataclass(frozen=True, slots=True)
class AddressView:
    recipient: str
    phone: str
    line1: str
    line2: str
    city: str
    region: str
    country: str
    postcode: str


@dataclass(frozen=True, slots=True)
class MethodView:
    id: str
    kind: MethodKind
    brand: str
    last_four: str
    balance: int | None
    """Minor units; None where the money is outside the shop."""

    @property
    def stored(self) -> bool:
        return self.kind in STORED_VALUE


@dataclass(frozen=True, slots=True)
class CustomerView:
    id: str
    family_name: str
    given_name: str
    email: str
    phone: str
    language: str
    tier: Tier
    joined_at: datetime
    version: int
    address: AddressView | None
    methods: Mapping[str, MethodView]
    """By id, in the customer's order."""


@dataclass(frozen=True, slots=True)
class VariantView:
    id: str
    product_id: str
    options: Mapping[str, str]
    price: int
    on_sale: bool
    stock: int

    def has(self, quantity: int) -> bool:
        return self.on_sale and self.stock >= quantity


@dataclass(frozen=True, slots=True)
class ProductView:
    id: str
    name_ko: str
    name_en: str
    category: str
    description_ko: str
    description_en: str
    returnable: bool
    variants: Mapping[str, VariantView]

    @property
    def name(self) -> dict[str, str]:
        return {"ko": self.name_ko, "en": self.name_en}


@dataclass(frozen=True, slots=True)
class LineView:
    id: int
    position: int
    product_id: str
    name_ko: str
    name_en: str
    returnable: bool
    variant_id: str
    options: Mapping[str, str]
    unit_price: int
    quantity: int
    returned: int
    """How many of them are already in a return."""
    exchanged: int
    """How many of them are already in the exchange."""

    @property
    def name(self) -> dict[str, str]:
        return {"ko": self.name_ko, "en": self.name_en}

    @property
    def left(self) -> int:
        return self.quantity - self.returned - self.exchanged


@dataclass(frozen=True, slots=True)
class PaymentView:
    kind: PaymentKind
    amount: int
    method_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventView:
    at: datetime
    code: str
    place: str


@dataclass(frozen=True, slots=True)
class ShipmentView:
    courier: str
    tracking_numbers: tuple[str, ...]
    expected_at: datetime | None
    line_ids: tuple[int, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class ReturnView:
    id: int
    status: ReturnStatus
    reason: str
    method_id: str
    amount: int
    fee: int
    requested_at: datetime
    refunded_at: datetime | None
    lines: tuple[tuple[int, int], ...]
    """(line id, quantity)"""


@dataclass(frozen=True, slots=True)
class ExchangeLineView:
    line_id: int
    new_variant_id: str
    new_unit_price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ExchangeView:
    id: int
    status: ExchangeStatus
    reason: str
    method_id: str
    difference: int
    settled: int
    requested_at: datetime
    completed_at: datetime | None
    lines: tuple[ExchangeLineView, ...]


@dataclass(frozen=True, slots=True)
class RefundView:
    id: int
    order_id: str
    cause: str
    method_id: str
    amount: int
    status: RefundStatus
    requested_at: datetime
    expected_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderView:
    id: str
    customer_id: str
    placed_at: datetime
    status: OrderStatus
    discount_percent: int
    shipping_fee: int
    items_changed: bool
    note: str
    cancel_reason: str | None
    cancelled_at: datetime | None
    delivered_at: datetime | None
    version: int
    address: AddressView
    lines: tuple[LineView, ...]
    payments: tuple[PaymentView, ...]
    shipments: tuple[ShipmentView, ...]
    returns: tuple[ReturnView, ...]
    exchange: ExchangeView | None
    refunds: tuple[RefundView, ...]

    @property
    def total(self) -> int:
        """What the lines and the shipping cost now, in minor units; refunds are not taken off."""
        return sum(line.unit_price * line.quantity for line in self.lines) + self.shipping_fee

    def line(self, position: int) -> LineView | None:
        return next((line for line in self.lines if line.position == position), None)

    def paid_by(self) -> dict[str, int]:
        """Net amount by method, in the order of first use; methods that got everything back are left out."""
        net: dict[str, int] = {}
        for payment in self.payments:
            sign = 1 if payment.kind is PaymentKind.PAYMENT else -1
            net[payment.method_id] = net.get(payment.method_id, 0) + sign * payment.amount
        return {method: amount for method, amount in net.items() if amount != 0}


@dataclass(frozen=True, slots=True)
class CartItemView:
    variant: VariantView
    name_ko: str
    name_en: str
    quantity: int
