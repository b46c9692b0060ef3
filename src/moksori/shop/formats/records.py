"""A whole shop as plain records: what every loader makes and one writer stores. Amounts are minor units."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.model.customers import MethodKind, Tier
from moksori.shop.model.orders import OrderStatus, PaymentKind
from moksori.shop.model.profile import ShopKind
from moksori.shop.views import AddressView


@dataclass(slots=True)
class VariantRecord:
    id: str
    options: dict[str, str]
    price: int
    stock: int
    """As it is now, after all orders in the file."""
    on_sale: bool = True


@dataclass(slots=True)
class ProductRecord:
    id: str
    name_ko: str
    name_en: str
    category: str = ""
    description_ko: str = ""
    description_en: str = ""
    returnable: bool = True
    variants: list[VariantRecord] = field(default_factory=list)


@dataclass(slots=True)
class MethodRecord:
    id: str
    kind: MethodKind
    brand: str = ""
    last_four: str = ""
    balance: int = 0
    """As it is now; only for gift cards and points."""


@dataclass(slots=True)
class CustomerRecord:
    id: str
    family_name: str
    given_name: str
    email: str
    joined_at: datetime
    phone: str = ""
    language: str = "ko"
    tier: Tier = Tier.BASIC
    address: AddressView | None = None
    methods: list[MethodRecord] = field(default_factory=list)
    cart: list[tuple[str, int]] = field(default_factory=list)
    """(variant id, quantity)"""


@dataclass(slots=True)
class LineRecord:
    variant_id: str
    unit_price: int
    quantity: int = 1


@dataclass(slots=True)
class PaymentRecord:
    kind: PaymentKind
    amount: int
    method_id: str
    at: datetime
    cause: str = "order"
    expected_at: datetime | None = None
    """Of a refund: when the customer should have it; None when it is with them."""


@dataclass(slots=True)
class EventRecord:
    at: datetime
    code: str
    place: str


@dataclass(slots=True)
class ShipmentRecord:
    courier: str
    tracking_numbers: list[str]
    lines: list[int]
    """Positions in the order, from 1."""
    expected_at: datetime | None = None
    events: list[EventRecord] = field(default_factory=list)


@dataclass(slots=True)
class ReturnRecord:
    status: ReturnStatus
    reason: str
    method_id: str
    amount: int
    fee: int
    requested_at: datetime
    lines: list[tuple[int, int]]
    """(position, quantity)"""
    refunded_at: datetime | None = None
    expected_at: datetime | None = None
    """When the money should be with the customer, after it was refunded."""


@dataclass(slots=True)
class ExchangeRecord:
    status: ExchangeStatus
    reason: str
    method_id: str
    difference: int
    settled: int
    requested_at: datetime
    lines: list[tuple[int, str, int, int]]
    """(position, new variant id, new unit price, quantity)"""
    completed_at: datetime | None = None


@dataclass(slots=True)
class OrderRecord:
    id: str
    customer_id: str
    placed_at: datetime
    status: OrderStatus
    address: AddressView
    lines: list[LineRecord]
    payments: list[PaymentRecord]
    """Whole history: what returns and exchanges moved is in it too."""
    shipping_fee: int = 0
    discount_percent: int = 0
    note: str = ""
    items_changed: bool = False
    cancel_reason: str | None = None
    cancelled_at: datetime | None = None
    delivered_at: datetime | None = None
    shipments: list[ShipmentRecord] = field(default_factory=list)
    returns: list[ReturnRecord] = field(default_factory=list)
    exchange: ExchangeRecord | None = None


@dataclass(slots=True)
class ShopRecord:
    kind: ShopKind
    name_ko: str
    name_en: str
    currency: str
    zone: str
    products: list[ProductRecord] = field(default_factory=list)
    customers: list[CustomerRecord] = field(default_factory=list)
    orders: list[OrderRecord] = field(default_factory=list)
