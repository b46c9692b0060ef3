"""What each tool takes, as types. The JSON Schemas models see are made from these."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Word = Annotated[str, Meta(min_length=1, max_length=200)]
Sentence = Annotated[str, Meta(min_length=1, max_length=2000)]
Line = Annotated[int, Meta(ge=1, le=1000)]
Quantity = Annotated[int, Meta(ge=1, le=999)]
Status = Literal["paid", "preparing", "shipped", "delivered", "cancelled"]
Lang = Literal["ko", "en"]


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all arguments: unknown names are refused, so that a misspelt one is not silently dropped."""


class VerifyCustomer(Arguments, frozen=True, kw_only=True):
    name: Word | None = None
    phone: Word | None = None
    email: Word | None = None
    order_number: Word | None = None
    postcode: Word | None = None


class FindOrders(Arguments, frozen=True, kw_only=True):
    number: Word | None = None
    when: Word | None = None
    product: Word | None = None
    status: Status | None = None
    limit: Annotated[int, Meta(ge=1, le=20)] = 5


class OneOrder(Arguments, frozen=True, kw_only=True):
    order_id: Word


class SearchProducts(Arguments, frozen=True, kw_only=True):
    query: Word | None = None
    category: Word | None = None
    limit: Annotated[int, Meta(ge=1, le=20)] = 5


class OneProduct(Arguments, frozen=True, kw_only=True):
    product_id: Word


class RefundStatus(Arguments, frozen=True, kw_only=True):
    order_id: Word | None = None


class Nothing(Arguments, frozen=True, kw_only=True):
    pass


class SearchPolicy(Arguments, frozen=True, kw_only=True):
    query: Sentence
    language: Lang | None = None
    limit: Annotated[int, Meta(ge=1, le=5)] = 2


class CancelOrder(Arguments, frozen=True, kw_only=True):
    order_id: Word
    reason: Word


class AddressArguments(Arguments, frozen=True, kw_only=True):
    line1: Word
    line2: Annotated[str, Meta(max_length=200)] = ""
    city: Word
    region: Word
    postcode: Word
    country: Word | None = None
    recipient: Word | None = None
    contact: Word | None = None


class ChangeOrderAddress(AddressArguments, frozen=True, kw_only=True):
    order_id: Word


class ChangeCustomerAddress(AddressArguments, frozen=True, kw_only=True):
    pass


class ChangeOrderPayment(Arguments, frozen=True, kw_only=True):
    order_id: Word
    method_id: Word


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    line: Line
    variant_id: Word


class ChangeOrderItems(Arguments, frozen=True, kw_only=True):
    order_id: Word
    changes: Annotated[list[Change], Meta(min_length=1, max_length=50)]
    method_id: Word | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    line: Line
    quantity: Quantity | None = None


class ReturnItems(Arguments, frozen=True, kw_only=True):
    order_id: Word
    lines: Annotated[list[Part], Meta(min_length=1, max_length=50)]
    reason: Word
    method_id: Word | None = None


class Swap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    line: Line
    variant_id: Word
    quantity: Quantity | None = None


class ExchangeItems(Arguments, frozen=True, kw_only=True):
    order_id: Word
    changes: Annotated[list[Swap], Meta(min_length=1, max_length=50)]
    reason: Word
    method_id: Word | None = None


class SetCartItem(Arguments, frozen=True, kw_only=True):
    variant_id: Word
    quantity: Annotated[int, Meta(ge=0, le=99)]


class HandOver(Arguments, frozen=True, kw_only=True):
    topic: Word
    summary: Sentence
