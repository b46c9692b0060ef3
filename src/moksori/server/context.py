"""What the body of a session request says beyond the protocol, bound to the secret that is made for it.

`bind` is the one place where such fields get a meaning. What it returns is what the secret stands for: who will be on
the line, and the session they begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moksori.agent.principal import Principal
from moksori.settings import Shop
from moksori.shop.prompt import camel

USER_CONTEXT = frozenset({"recentOrders", "membership", "cartTotal", "sessionId", "language", "context"})
"""Fields of the shop's user context, camel or snake case, in the body itself or in its `userContext`."""


def bind(
    holder: Principal, session: dict[str, Any], extras: dict[str, Any], shop: Shop | None = None
) -> tuple[Principal, dict[str, Any]]:
    """The principal and the GA session a secret is bound to, given the request's fields that the protocol lacks.

    Where there is a shop, its user context becomes the variables of the shop's prompt: data for the model. Identity
    comes only from the signed `context` among them, which the call's guard verifies.
    """
    variables = user_context(extras)
    if shop is None or shop.database is None or not variables or session.get("prompt") is not None:
        return holder, session
    return holder, {**session, "prompt": {"id": shop.prompt, "variables": variables}}


def user_context(extras: Mapping[str, Any]) -> dict[str, str]:
    """The user context of a body as texts, by their names in camel case; lists are joined, empty fields left out."""
    nested = extras.get("userContext", extras.get("user_context"))
    given = {camel(k): v for k, v in extras.items() if camel(k) in USER_CONTEXT}
    if isinstance(nested, Mapping):
        given |= {camel(str(k)): v for k, v in nested.items()}
    return {k: text for k, v in given.items() if (text := _text(v))}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if isinstance(value, Mapping):
        return " ".join(filter(None, map(_text, value.values())))
    return "" if value is None else str(value)
