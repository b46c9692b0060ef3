"""Our own CSV and JSON to a shop's records: references, times and states are checked, a sentence for each bad row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moksori.shop.formats import records as r
from moksori.shop.formats import tables as t
from moksori.shop.formats.faults import ImportRefused
from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.model.customers import STORED_VALUE
from moksori.shop.model.orders import OrderStatus, PaymentKind
from moksori.shop.model.profile import ShopKind
from moksori.shop.views import AddressView

OPTION = re.compile(r"\s*([^=;]+?)\s*=\s*([^;]*?)\s*(?:;|$)")
CAUSES = {OrderStatus.CANCELLED: "cancel"}
T = TypeVar("T")
R = TypeVar("R", bound=t.Row)


def read_json_file(path: Path, now: datetime) -> r.ShopRecord:
    """Raises `ImportRefused` with a sentence a bad row, or OSError where the file cannot be read."""
    return _Reading(t.read_document(path.read_bytes()), now).shop()


def read_csv_folder(path: Path, now: datetime) -> r.ShopRecord:
    """Raises `ImportRefused` with a sentence a bad row, or OSError where a file cannot be read."""
    return _Reading(t.read_folder(path), now).shop()


class _Bad(Exception):
    """This row is wrong; the message says how."""


class _Reading:
    """One file on its way to records. A row that is wrong is named and left out."""

    def __init__(self, tables: t.Tables, now: datetime) -> None:
        self.tables = tables
        self.faults = tables.faults
        self.now = now
        self.zone = ZoneInfo("UTC")
        self.products: dict[str, r.ProductRecord] = {}
        self.variants: dict[str, r.VariantRecord] = {}
        self.customers: dict[str, r.CustomerRecord] = {}
        self.methods: dict[str, tuple[str, r.MethodRecord]] = {}
        self.orders: dict[str, r.OrderRecord] = {}
        self.shipments: dict[tuple[str, int], r.ShipmentRecord] = {}
        self.returns: dict[tuple[str, int], r.ReturnRecord] = {}
        self.emails: set[str] = set()

    def shop(self) -> r.ShopRecord:
        rows = self.tables.of(t.ShopRow)
        if len(rows) > 1:
            self.faults.append(f"{rows[1].place}: there is one shop a file.")
        about = rows[0].row if rows else t.ShopRow(name_ko="-", name_en="-")
        try:
            self.zone = ZoneInfo(about.zone)
        except (ZoneInfoNotFoundError, ValueError):
            self.faults.append(f"{rows[0].place}: zone is {about.zone!r}, which is no time zone known here.")
        # In this order: what is named must have been read before what names it.
        steps: tuple[tuple[type[t.Row], Callable[..., None]], ...] = (
            (t.ProductRow, self._product),
            (t.VariantRow, self._variant),
            (t.CustomerRow, self._customer),
            (t.MethodRow, self._method),
            (t.CartRow, self._cart),
            (t.OrderRow, self._order),
            (t.LineRow, self._line),
            (t.PaymentRow, self._payment),
            (t.ShipmentRow, self._shipment),
            (t.EventRow, self._event),
            (t.ReturnRow, self._return),
            (t.ReturnLineRow, self._return_line),
            (t.ExchangeRow, self._exchange),
            (t.ExchangeLineRow, self._exchange_line),
        )
        for kind, take in steps:
            self._each(kind, take)
        if not self.faults:
            self._whole()
        if self.faults:
            more = len(self.faults) - t.MOST_FAULTS
            shown = self.faults[: t.MOST_FAULTS]
            raise ImportRefused([*shown, f"And {more} more."] if more > 0 else shown)
        return r.ShopRecord(
            kind=ShopKind.LIVE,
            name_ko=about.name_ko,
            name_en=about.name_en,
            currency=about.currency,
            zone=about.zone,
            products=list(self.products.values()),
            customers=list(self.customers.values()),
            orders=list(self.orders.values()),
        )

    def _each(self, kind: type[R], take: Callable[[R], None]) -> None:
        for placed in self.tables.of(kind):
            try:
                take(placed.row)
            except _Bad as bad:
                self.faults.append(f"{placed.place}: {bad}")

    def _product(self, row: t.ProductRow) -> None:
        _new(self.products, row.id, "product")
        self.products[row.id] = r.ProductRecord(
            id=row.id,
            name_ko=row.name_ko,
            name_en=row.name_en,
            category=row.category,
            description_ko=row.description_ko,
            description_en=row.description_en,
            returnable=row.returnable,
        )

    def _variant(self, row: t.VariantRow) -> None:
        product = _known(self.products, row.product_id, "product")
        _new(self.variants, row.id, "variant")
        variant = r.VariantRecord(row.id, _options(row.options), row.price, row.stock, row.on_sale)
        self.variants[row.id] = variant
        product.variants.append(variant)

    def _customer(self, row: t.CustomerRow) -> None:
        _new(self.customers, row.id, "customer")
        if row.email.casefold() in self.emails:
            raise _Bad(f"another customer has the email {row.email}.")
        joined = self._time(row.joined_at, "joined_at")
        self.emails.add(row.email.casefold())
        self.customers[row.id] = r.CustomerRecord(
            id=row.id,
            family_name=row.family_name,
            given_name=row.given_name,
            email=row.email,
            joined_at=joined,
            phone=row.phone,
            language=row.language,
            tier=row.tier,
            address=_address(row, row.phone, row.family_name + row.given_name),
        )

    def _method(self, row: t.MethodRow) -> None:
        customer = _known(self.customers, row.customer_id, "customer")
        _new(self.methods, row.id, "payment method")
        if row.balance and row.kind not in STORED_VALUE:
            raise _Bad(f"balance is {row.balance}: only gift cards and points have one.")
        method = r.MethodRecord(row.id, row.kind, row.brand, row.last_four, row.balance)
        self.methods[row.id] = (row.customer_id, method)
        customer.methods.append(method)

    def _cart(self, row: t.CartRow) -> None:
        customer = _known(self.customers, row.customer_id, "customer")
        _known(self.variants, row.variant_id, "variant")
        if any(variant == row.variant_id for variant, _ in customer.cart):
            raise _Bad(f"{row.variant_id} is already in the cart of {row.customer_id}.")
        customer.cart.append((row.variant_id, row.quantity))

    def _order(self, row: t.OrderRow) -> None:
        customer = _known(self.customers, row.customer_id, "customer")
        _new(self.orders, row.id, "order")
        placed = self._time(row.placed_at, "placed_at")
        cancelled = self._maybe(row.cancelled_at, "cancelled_at")
        delivered = self._maybe(row.delivered_at, "delivered_at")
        _fits(row.status is OrderStatus.CANCELLED, cancelled, "cancelled_at", row.status)
        _fits(row.status is OrderStatus.CANCELLED, row.cancel_reason, "cancel_reason", row.status)
        _fits(row.status is OrderStatus.DELIVERED, delivered, "delivered_at", row.status)
        address = _address(row, row.phone or customer.phone, customer.family_name + customer.given_name)
        address = address or customer.address
        if address is None:
            raise _Bad(f"it has no address (line1 …), and neither has the customer {row.customer_id}.")
        self.orders[row.id] = r.OrderRecord(
            id=row.id,
            customer_id=row.customer_id,
            placed_at=placed,
            status=row.status,
            address=address,
            lines=[],
            payments=[],
            shipping_fee=row.shipping_fee,
            discount_percent=row.discount_percent,
            note=row.note,
            items_changed=row.items_changed,
            cancel_reason=row.cancel_reason,
            cancelled_at=cancelled,
            delivered_at=delivered,
        )

    def _line(self, row: t.LineRow) -> None:
        order = self._order_of(row.order_id)
        _known(self.variants, row.variant_id, "variant")
        order.lines.append(r.LineRecord(row.variant_id, row.unit_price, row.quantity))

    def _payment(self, row: t.PaymentRow) -> None:
        order = self._order_of(row.order_id)
        self._own_method(order, row.method_id)
        paid = row.kind is PaymentKind.PAYMENT
        cause = row.cause or ("order" if paid else CAUSES.get(order.status, "change_items"))
        at = self._maybe(row.at, "at") or (None if paid else order.cancelled_at) or order.placed_at
        expected = self._maybe(row.expected_at, "expected_at")
        order.payments.append(r.PaymentRecord(row.kind, row.amount, row.method_id, at, cause, expected))

    def _shipment(self, row: t.ShipmentRow) -> None:
        order = self._order_of(row.order_id)
        key = (row.order_id, row.number)
        if key in self.shipments:
            raise _Bad(f"order {row.order_id} already has a shipment {row.number}.")
        lines = _numbers(row.lines) or list(range(1, len(order.lines) + 1))
        for line in lines:
            _line_of(order, line)
        tracking = row.tracking_numbers
        shipment = r.ShipmentRecord(
            courier=row.courier,
            tracking_numbers=tracking.split() if isinstance(tracking, str) else tracking,
            lines=lines,
            expected_at=self._maybe(row.expected_at, "expected_at"),
        )
        self.shipments[key] = shipment
        order.shipments.append(shipment)

    def _event(self, row: t.EventRow) -> None:
        shipment = self.shipments.get((row.order_id, row.number))
        if shipment is None:
            raise _Bad(f"order {row.order_id} has no shipment {row.number}.")
        shipment.events.append(r.EventRecord(self._time(row.at, "at"), row.code, row.place))

    def _return(self, row: t.ReturnRow) -> None:
        order = self._order_of(row.order_id)
        self._own_method(order, row.method_id)
        key = (row.order_id, row.number)
        if key in self.returns:
            raise _Bad(f"order {row.order_id} already has a return {row.number}.")
        refunded = self._maybe(row.refunded_at, "refunded_at")
        _fits(row.status is ReturnStatus.REFUNDED, refunded, "refunded_at", row.status)
        found = r.ReturnRecord(
            status=row.status,
            reason=row.reason,
            method_id=row.method_id,
            amount=row.amount,
            fee=row.fee,
            requested_at=self._time(row.requested_at, "requested_at"),
            lines=[],
            refunded_at=refunded,
            expected_at=self._maybe(row.expected_at, "expected_at"),
        )
        self.returns[key] = found
        order.returns.append(found)

    def _return_line(self, row: t.ReturnLineRow) -> None:
        found = self.returns.get((row.order_id, row.number))
        if found is None:
            raise _Bad(f"order {row.order_id} has no return {row.number}.")
        _enough(_line_of(self._order_of(row.order_id), row.line), row.quantity)
        if any(line == row.line for line, _ in found.lines):
            raise _Bad(f"line {row.line} is already in that return.")
        found.lines.append((row.line, row.quantity))

    def _exchange(self, row: t.ExchangeRow) -> None:
        order = self._order_of(row.order_id)
        self._own_method(order, row.method_id)
        if order.exchange is not None:
            raise _Bad(f"order {row.order_id} already has an exchange; there is one an order.")
        completed = self._maybe(row.completed_at, "completed_at")
        _fits(row.status is ExchangeStatus.COMPLETED, completed, "completed_at", row.status)
        order.exchange = r.ExchangeRecord(
            status=row.status,
            reason=row.reason,
            method_id=row.method_id,
            difference=row.difference,
            settled=row.settled,
            requested_at=self._time(row.requested_at, "requested_at"),
            lines=[],
            completed_at=completed,
        )

    def _exchange_line(self, row: t.ExchangeLineRow) -> None:
        order = self._order_of(row.order_id)
        if order.exchange is None:
            raise _Bad(f"order {row.order_id} has no exchange.")
        _known(self.variants, row.new_variant_id, "variant")
        _enough(_line_of(order, row.line), row.quantity)
        order.exchange.lines.append((row.line, row.new_variant_id, row.new_unit_price, row.quantity))

    def _whole(self) -> None:
        """What only shows when every row has been read."""
        for order in self.orders.values():
            if not order.lines:
                self.faults.append(f"Order {order.id} has no lines in order_lines.")
            if any(not back.lines for back in order.returns):
                self.faults.append(f"Order {order.id} has a return without return_lines.")
            if order.exchange is not None and not order.exchange.lines:
                self.faults.append(f"Order {order.id} has an exchange without exchange_lines.")
            if order.status is OrderStatus.CANCELLED:
                expected = 0
            else:
                given_back = sum(b.amount for b in order.returns if b.status is ReturnStatus.REFUNDED)
                goods = sum(line.unit_price * line.quantity for line in order.lines) + order.shipping_fee
                expected = goods - given_back + (order.exchange.settled if order.exchange else 0)
            held = sum(p.amount if p.kind is PaymentKind.PAYMENT else -p.amount for p in order.payments)
            if held != expected:
                self.faults.append(
                    f"Order {order.id} comes to {expected} (lines and shipping, less what was given back), "
                    f"its payments come to {held}."
                )

    def _order_of(self, order_id: str) -> r.OrderRecord:
        return _known(self.orders, order_id, "order")

    def _own_method(self, order: r.OrderRecord, method_id: str) -> None:
        owner, _ = _known(self.methods, method_id, "payment method")
        if owner != order.customer_id:
            raise _Bad(f"the payment method {method_id} is not one of customer {order.customer_id}.")

    def _time(self, text: str, column: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _Bad(f"{column} is {text!r}, which is no time; write it like 2026-11-22T09:00.") from None
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone)
        if moment > self.now and column not in ("expected_at",):
            raise _Bad(f"{column} is {text!r}, which is yet to come (--as-of says what counts as now).")
        return moment

    def _maybe(self, text: str | None, column: str) -> datetime | None:
        return self._time(text, column) if text else None


def _known(there: dict[str, T], key: str, what: str) -> T:
    if key not in there:
        raise _Bad(f"there is no {what} {key}.")
    return there[key]


def _new(there: dict[str, T], key: str, what: str) -> None:
    if key in there:
        raise _Bad(f"the {what} {key} was there before.")


def _fits(expected: bool, value: object, column: str, status: str) -> None:
    if expected and not value:
        raise _Bad(f"{column} is missing, though status is {str(status)!r}.")
    if value and not expected:
        raise _Bad(f"{column} is given, though status is {str(status)!r}.")


def _line_of(order: r.OrderRecord, position: int) -> r.LineRecord:
    if not 1 <= position <= len(order.lines):
        raise _Bad(f"order {order.id} has no line {position}.")
    return order.lines[position - 1]


def _enough(line: r.LineRecord, quantity: int) -> None:
    if quantity > line.quantity:
        raise _Bad(f"quantity is {quantity}, and only {line.quantity} were ordered.")


def _options(given: str | dict[str, str]) -> dict[str, str]:
    if isinstance(given, dict):
        return given
    found = dict(OPTION.findall(given))
    if given.strip() and len(found) != len([part for part in given.split(";") if part.strip()]):
        raise _Bad(f'options is {given!r}; write it like "color=blue; size=M".')
    return found


def _numbers(given: str | Iterable[int]) -> list[int]:
    if not isinstance(given, str):
        return list(given)
    parts = given.replace(",", " ").split()
    if not all(part.isdecimal() for part in parts):
        raise _Bad(f'lines is {given!r}; write it like "1 2".')
    return [int(part) for part in parts]


def _address(row: t.CustomerRow | t.OrderRow, phone: str, name: str) -> AddressView | None:
    if not row.line1:
        return None
    return AddressView(
        recipient=row.recipient or name,
        phone=phone,
        line1=row.line1,
        line2=row.line2,
        city=row.city,
        region=row.region,
        country=row.country,
        postcode=row.postcode,
    )
