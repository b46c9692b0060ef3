"""The shop's tables, split by subject."""

from moksori.shop.model.after_sales import Exchange, ExchangeLine, Refund, Return, ReturnLine
from moksori.shop.model.base import ShopBase
from moksori.shop.model.books import Account, AccountKind, StockMovement, Transfer
from moksori.shop.model.catalogue import Product, Variant
from moksori.shop.model.customers import Address, CartLine, Customer, MethodKind, PaymentMethod, Tier
from moksori.shop.model.orders import (
    Order,
    OrderLine,
    OrderStatus,
    Payment,
    PaymentKind,
    Shipment,
    ShipmentEvent,
    ShipmentLine,
)
from moksori.shop.model.profile import Profile, ShopKind
from moksori.shop.model.service import Attempt, Call, ConfirmedWrite, OutboxEntry, Ticket, ToolCallRecord

__all__ = [
    "Account",
    "AccountKind",
    "Address",
    "Attempt",
    "Call",
    "CartLine",
    "ConfirmedWrite",
    "Customer",
    "Exchange",
    "ExchangeLine",
    "MethodKind",
    "Order",
    "OrderLine",
    "OrderStatus",
    "OutboxEntry",
    "Payment",
    "PaymentKind",
    "PaymentMethod",
    "Product",
    "Profile",
    "Refund",
    "Return",
    "ReturnLine",
    "Shipment",
    "ShipmentEvent",
    "ShipmentLine",
    "ShopBase",
    "ShopKind",
    "StockMovement",
    "Ticket",
    "Tier",
    "ToolCallRecord",
    "Transfer",
    "Variant",
]
