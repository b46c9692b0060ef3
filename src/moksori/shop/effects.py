"""What a decision does to the shop, as data. Rules return these; `apply` turns them into rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moksori.shop.model.after_sales import ExchangeStatus, RefundStatus, ReturnStatus
from moksori.shop.model.orders import OrderStatus
from moksori.shop.views import AddressView, ExchangeLineView


@dataclass(frozen=True, slots=True)
class Pay:
    """The customer pays; 0 records that a difference was nothing."""

    method_id: str
    amount: int
    cause: str


@dataclass(frozen=True, slots=True)
class PayBack:
    """Money goes back through the books now, with a refund the customer can ask about."""

    method_id: str
    amount: int
    cause: str
    expected_at: datetime
    at_once: bool
    """Stored value arrives with the transfer; a bank takes until `expected_at`."""


@dataclass(frozen=True, slots=True)
class RecordNoDifference:
    """A row of 0 in the payment history."""

    method_id: str


@dataclass(frozen=True, slots=True)
class MoveStock:
    variant_id: str
    quantity: int
    cause: str


@dataclass(frozen=True, slots=True)
class CancelOrder:
    reason: str


@dataclass(frozen=True, slots=True)
class AdvanceOrder:
    """Packing and delivery go on (back office)."""

    status: OrderStatus


@dataclass(frozen=True, slots=True)
class SendTo:
    """The order goes to another address."""

    address: AddressView


@dataclass(frozen=True, slots=True)
class ChangeLine:
    line_id: int
    variant_id: str
    options: dict[str, str]
    unit_price: int


@dataclass(frozen=True, slots=True)
class MarkItemsChanged:
    pass


@dataclass(frozen=True, slots=True)
class OpenReturn:
    lines: tuple[tuple[int, int], ...]
    reason: str
    method_id: str
    amount: int
    fee: int


@dataclass(frozen=True, slots=True)
class SettleReturn:
    return_id: int
    status: ReturnStatus
    method_id: str
    amount: int
    refund_status: RefundStatus
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class OpenExchange:
    lines: tuple[ExchangeLineView, ...]
    reason: str
    method_id: str
    difference: int
    settled: int


@dataclass(frozen=True, slots=True)
class SettleExchange:
    exchange_id: int
    status: ExchangeStatus
    settled: int


@dataclass(frozen=True, slots=True)
class MoveHouse:
    """The customer's own address changes."""

    address: AddressView


@dataclass(frozen=True, slots=True)
class SetCart:
    variant_id: str
    quantity: int
    """0 takes it out."""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    topic: str
    summary: str
    call_id: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Something outside must hear of it: goes to the outbox."""

    kind: str
    payload: dict[str, Any] = field(default_factory=dict)


Effect = (
    Pay
    | PayBack
    | RecordNoDifference
    | MoveStock
    | CancelOrder
    | AdvanceOrder
    | SendTo
    | ChangeLine
    | MarkItemsChanged
    | OpenReturn
    | SettleReturn
    | OpenExchange
    | SettleExchange
    | MoveHouse
    | SetCart
    | OpenTicket
    | Tell
)
