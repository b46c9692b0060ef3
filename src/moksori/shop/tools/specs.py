"""The list of tools, and their descriptions out of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from moksori.agent.tools import ToolSpec
from moksori.shop.policy import Policy
from moksori.shop.rules.small import TOPICS
from moksori.shop.texts import entries
from moksori.shop.tools import arguments as a


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    takes: type[a.Arguments]
    writes: bool = False
    needs_customer: bool = True
    verifies: bool = False
    confirm: bool = True
    quotes: tuple[str, ...] = ()


TOOLS: tuple[Entry, ...] = (
    Entry("verify_customer", a.VerifyCustomer, needs_customer=False, verifies=True),
    Entry("find_orders", a.FindOrders, quotes=("note",)),
    Entry("get_order", a.OneOrder, quotes=("note",)),
    Entry("track_delivery", a.OneOrder),
    Entry("search_products", a.SearchProducts, needs_customer=False, quotes=("description",)),
    Entry("get_product", a.OneProduct, needs_customer=False, quotes=("description",)),
    Entry("get_refund_status", a.RefundStatus),
    Entry("get_cart", a.Nothing),
    Entry("get_membership", a.Nothing),
    Entry("get_account", a.Nothing),
    Entry("search_policy", a.SearchPolicy, needs_customer=False),
    Entry("cancel_order", a.CancelOrder, writes=True),
    Entry("change_order_address", a.ChangeOrderAddress, writes=True),
    Entry("change_order_payment", a.ChangeOrderPayment, writes=True),
    Entry("change_order_items", a.ChangeOrderItems, writes=True),
    Entry("change_customer_address", a.ChangeCustomerAddress, writes=True),
    Entry("return_items", a.ReturnItems, writes=True),
    Entry("exchange_items", a.ExchangeItems, writes=True),
    Entry("set_cart_item", a.SetCartItem, writes=True),
    Entry("hand_over", a.HandOver, writes=True, needs_customer=False, confirm=False),
)
BY_NAME = {entry.name: entry for entry in TOOLS}


def tool_specs(policy: Policy, categories: list[str]) -> tuple[ToolSpec, ...]:
    """Every tool, its closed choices (reasons, topics, categories) filled in."""
    choices = {
        ("cancel_order", "reason"): list(policy.cancel.reasons),
        ("return_items", "reason"): list(policy.returns.reasons),
        ("exchange_items", "reason"): list(policy.exchange.reasons),
        ("hand_over", "topic"): list(TOPICS),
        ("search_products", "category"): categories,
    }
    texts = entries("tools")
    return tuple(
        ToolSpec(
            name=entry.name,
            title=dict(texts["tool"][entry.name]["title"]),
            description=dict(texts["tool"][entry.name]["description"]),
            parameters=_schema(
                entry, choices, texts["argument"] | texts["tool"][entry.name].get("argument", {})
            ),
            writes=entry.writes,
            needs_customer=entry.needs_customer,
            verifies=entry.verifies,
            confirm=entry.confirm,
            quotes=entry.quotes,
        )
        for entry in TOOLS
    )


def _schema(entry: Entry, choices: dict[tuple[str, str], list[str]], texts: dict[str, Any]) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([entry.takes], ref_template="{name}")
    whole = _inlined(schema, parts)
    assert isinstance(whole, dict)
    _describe(whole, entry.name, choices, texts)
    return whole


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """References replaced by what they name, titles and nulls dropped: models read short schemas better."""
    if isinstance(schema, list):
        return [_inlined(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"]], parts)
    options = schema.get("anyOf")
    if options is not None:
        real = [each for each in options if each.get("type") != "null"]
        if len(real) == 1:
            return _inlined(real[0], parts)
    return {
        key: {name: _inlined(each, parts) for name, each in value.items()}
        if key == "properties"
        else _inlined(value, parts)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and value is None)
    }


def _describe(
    schema: dict[str, Any], tool: str, choices: dict[tuple[str, str], list[str]], texts: dict[str, Any]
) -> None:
    for name, value in schema.get("properties", {}).items():
        value["description"] = texts[name]["en"]
        if "enum" in value:
            value["enum"] = [each for each in value["enum"] if each is not None]
        if closed := choices.get((tool, name)):
            value["enum"] = closed
            value.pop("minLength", None)
            value.pop("maxLength", None)
        if value.get("type") == "array":
            _describe(value["items"], tool, choices, texts)
