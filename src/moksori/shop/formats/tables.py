"""A shop as flat tables: the schema of our own files. One CSV file a table, or one JSON object of arrays.

docs/reference/shop.md describes the columns. Amounts are whole minor units, times are ISO 8601 (the shop's zone where
none is given), an empty cell is a column left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from moksori.shop.formats.faults import ImportRefused
from moksori.shop.model.after_sales import ExchangeStatus, ReturnStatus
from moksori.shop.model.customers import MethodKind, Tier
from moksori.shop.model.orders import OrderStatus, PaymentKind

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=400)]
Name = Annotated[str, Meta(min_length=1, max_length=400)]
LongText = Annotated[str, Meta(max_length=8000)]
Amount = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
MOST_FAULTS = 200
"""Sentences that are given; a file with more is wrong as a whole."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all rows: an unknown column is refused, so that a misspelt one is not silently dropped."""


class ShopRow(Row, frozen=True, kw_only=True):
    name_ko: Name
    name_en: Name
    currency: Literal["KRW", "USD", "JPY", "EUR", "GBP"] = "KRW"
    zone: Name = "Asia/Seoul"


class ProductRow(Row, frozen=True, kw_only=True):
    id: Id
    name_ko: Name
    name_en: Name
    category: Text = ""
    description_ko: LongText = ""
    description_en: LongText = ""
    returnable: bool = True


class VariantRow(Row, frozen=True, kw_only=True):
    id: Id
    product_id: Id
    price: Amount
    stock: Amount
    options: str | dict[str, str] = ""
    """ "color=blue; size=M", or an object."""
    on_sale: bool = True


class AddressRow(Row, frozen=True, kw_only=True):
    """An address is there when `line1` is."""

    recipient: Text = ""
    line1: Text = ""
    line2: Text = ""
    city: Text = ""
    region: Text = ""
    country: Text = "KR"
    postcode: Text = ""


class CustomerRow(AddressRow, frozen=True, kw_only=True):
    id: Id
    family_name: Name
    given_name: Name
    email: Name
    joined_at: str
    phone: Text = ""
    language: Literal["ko", "en"] = "ko"
    tier: Tier = Tier.BASIC


class MethodRow(Row, frozen=True, kw_only=True):
    id: Id
    customer_id: Id
    kind: MethodKind
    brand: Text = ""
    last_four: Annotated[str, Meta(max_length=4)] = ""
    balance: Amount = 0


class CartRow(Row, frozen=True, kw_only=True):
    customer_id: Id
    variant_id: Id
    quantity: Count = 1


class OrderRow(AddressRow, frozen=True, kw_only=True):
    id: Id
    customer_id: Id
    placed_at: str
    status: OrderStatus
    phone: Text = ""
    shipping_fee: Amount = 0
    discount_percent: Percent = 0
    note: LongText = ""
    items_changed: bool = False
    cancel_reason: Text | None = None
    cancelled_at: str | None = None
    delivered_at: str | None = None


class LineRow(Row, frozen=True, kw_only=True):
    order_id: Id
    variant_id: Id
    unit_price: Amount
    quantity: Count = 1


class PaymentRow(Row, frozen=True, kw_only=True):
    order_id: Id
    method_id: Id
    amount: Amount
    kind: PaymentKind = PaymentKind.PAYMENT
    at: str | None = None
    cause: Literal["order", "cancel", "return", "exchange", "change_items", "change_payment"] | None = None
    expected_at: str | None = None


class ShipmentRow(Row, frozen=True, kw_only=True):
    order_id: Id
    courier: Text
    tracking_numbers: str | list[str] = ""
    lines: str | list[int] = ""
    """Positions of the order's lines, from 1: "1 2"; all where left out."""
    number: Count = 1
    expected_at: str | None = None


class EventRow(Row, frozen=True, kw_only=True):
    order_id: Id
    at: str
    code: Literal["picked_up", "at_hub", "out_for_delivery", "delivered", "failed"]
    place: Text = ""
    number: Count = 1


class ReturnRow(Row, frozen=True, kw_only=True):
    order_id: Id
    reason: Text
    method_id: Id
    amount: Amount
    requested_at: str
    number: Count = 1
    fee: Amount = 0
    status: ReturnStatus = ReturnStatus.REQUESTED
    refunded_at: str | None = None
    expected_at: str | None = None


class ReturnLineRow(Row, frozen=True, kw_only=True):
    order_id: Id
    line: Count
    quantity: Count = 1
    number: Count = 1


class ExchangeRow(Row, frozen=True, kw_only=True):
    order_id: Id
    reason: Text
    method_id: Id
    difference: int
    requested_at: str
    settled: int = 0
    status: ExchangeStatus = ExchangeStatus.REQUESTED
    completed_at: str | None = None


class ExchangeLineRow(Row, frozen=True, kw_only=True):
    order_id: Id
    line: Count
    new_variant_id: Id
    new_unit_price: Amount
    quantity: Count = 1


TABLES: Mapping[str, type[Row]] = {
    "shop": ShopRow,
    "products": ProductRow,
    "variants": VariantRow,
    "customers": CustomerRow,
    "payment_methods": MethodRow,
    "carts": CartRow,
    "orders": OrderRow,
    "order_lines": LineRow,
    "payments": PaymentRow,
    "shipments": ShipmentRow,
    "shipment_events": EventRow,
    "returns": ReturnRow,
    "return_lines": ReturnLineRow,
    "exchanges": ExchangeRow,
    "exchange_lines": ExchangeLineRow,
}
NEEDED = ("shop", "products", "variants", "customers")

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Placed(Generic[R]):
    """A row and where it stands, for the sentence that says what is wrong with it."""

    place: str
    row: R


class Tables:
    """The rows of every table that could be read, and a sentence for each that could not."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._rows: dict[type[Row], list[Any]] = {kind: [] for kind in TABLES.values()}

    def add(self, table: str, place: str, cells: Mapping[str, Any]) -> None:
        given = {name: value for name, value in cells.items() if value not in ("", None)}
        try:
            self._rows[TABLES[table]].append(
                Placed(place, msgspec.convert(given, TABLES[table], strict=False))
            )
        except msgspec.ValidationError as error:
            self.faults.append(f"{place}: {_sentence(str(error), given)}")

    def of(self, kind: type[R]) -> list[Placed[R]]:
        return self._rows[kind]


def read_folder(folder: Path) -> Tables:
    """One CSV file a table, with a header line, in UTF-8. Raises `ImportRefused` where there is nothing to read."""
    tables = Tables()
    if not folder.is_dir():
        raise ImportRefused(
            [f"{folder} is not a folder; a shop in CSV is a folder with {', '.join(_files())}."]
        )
    for name in TABLES:
        file = folder / f"{name}.csv"
        if not file.is_file():
            if name in NEEDED:
                tables.faults.append(f"{file.name} is missing.")
            continue
        try:
            text = file.read_text("utf-8-sig")
        except UnicodeDecodeError:
            tables.faults.append(f"{file.name} is not UTF-8 text; save it as UTF-8.")
            continue
        for line, cells in _lines(text):
            tables.add(name, f"{file.name} line {line}", cells)
    strangers = sorted({file.name for file in folder.glob("*.csv")} - {f"{name}.csv" for name in TABLES})
    tables.faults += [f"{name} is none of the known files: {', '.join(_files())}." for name in strangers]
    return tables


def read_document(raw: bytes) -> Tables:
    """One JSON object whose members are the tables; `shop` is an object, the others are arrays of objects."""
    try:
        document = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ImportRefused([f"This is not JSON: {error}."]) from error
    if not isinstance(document, dict):
        raise ImportRefused(["A shop in JSON is one object with the tables as its members."])
    tables = Tables()
    for name in NEEDED:
        if name not in document:
            tables.faults.append(f"{name} is missing.")
    for name, rows in document.items():
        if name not in TABLES:
            tables.faults.append(f"{name} is none of the known tables: {', '.join(TABLES)}.")
        elif name == "shop":
            _object(tables, name, "shop", rows)
        elif not isinstance(rows, list):
            tables.faults.append(f"{name} must be an array of objects.")
        else:
            for index, cells in enumerate(rows):
                _object(tables, name, f"{name}[{index}]", cells)
    return tables


def _object(tables: Tables, name: str, place: str, cells: object) -> None:
    if isinstance(cells, dict):
        tables.add(name, place, cells)
    else:
        tables.faults.append(f"{place}: must be an object.")


def _files() -> list[str]:
    return [f"{name}.csv" for name in TABLES]


def _lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows by the line they begin on; cells without a column are kept, to be refused."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="(beyond the last column)")
    began = 2
    for cells in reader:
        line, began = began, reader.line_num + 1
        if any(cells.values()):
            yield line, {str(name).strip(): _cell(value) for name, value in cells.items()}


def _cell(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


_PATH = re.compile(r" - at `\$\.?(?:\.\.\.)?([^`]*)`$")
_SAYINGS = (
    (re.compile(r"^Object missing required field `(\w+)`"), r"\1 is missing"),
    (re.compile(r"^Object contains unknown field `(.+)`"), r"there is no column \1"),
    (re.compile(r"^Expected `int`.*"), "a whole number is expected (amounts are in minor units: won, cents)"),
    (re.compile(r"^Expected `int` >= (\d+)"), r"it must be \1 or more"),
    (re.compile(r"^Expected `int` <= (\d+)"), r"it must be \1 or less"),
    (re.compile(r"^Expected `bool`.*"), "true or false is expected"),
    (re.compile(r"^Expected `str` of length <= (\d+)"), r"at most \1 characters are expected"),
    (re.compile(r"^Invalid enum value .*"), "it is none of the words this column takes"),
)


def _sentence(problem: str, cells: Mapping[str, Any]) -> str:
    """What the decoder says, as a sentence with the column and what stands in it."""
    found = _PATH.search(problem)
    column = found[1].split("[")[0] if found else ""
    said = _PATH.sub("", problem)
    bounded = re.match(r"^Expected `int` [<>]= -?\d+", said)
    for pattern, words in _SAYINGS:
        if bounded and ".*" in pattern.pattern:
            continue
        if pattern.match(said):
            said = pattern.sub(words, said)
            break
    return f"{column} is {cells.get(column)!r}: {said}." if column else f"{said}."
