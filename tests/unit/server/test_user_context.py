"""A shop's user context in the body of a session request."""

from __future__ import annotations

from typing import Any

import pytest

from moksori.agent.principal import Principal
from moksori.server.context import bind
from moksori.settings import Shop

HOLDER = Principal("k", "test")
SHOP = Shop(database="sqlite:///shop.db")


@pytest.mark.parametrize(
    "body",
    [
        {"recentOrders": "261118-1001", "membership": "골드", "cartTotal": "40,000원", "sessionId": "s1"},
        {
            "recent_orders": ["261118-1001"],
            "membership": "골드",
            "cart_total": "40,000원",
            "session_id": "s1",
        },
        {
            "userContext": {"recentOrders": "261118-1001", "membership": "골드", "cartTotal": "40,000원"},
            "sessionId": "s1",
        },
        {
            "user_context": {"recent_orders": "261118-1001", "membership": "골드", "cart_total": "40,000원"},
            "session_id": "s1",
        },
    ],
)
def test_camel_and_snake_case_become_the_prompts_variables(body: dict[str, Any]) -> None:
    holder, session = bind(HOLDER, {"type": "realtime", "instructions": "Sing."}, body, SHOP)
    assert holder is HOLDER, "a browser's variables identify nobody"
    assert session["instructions"] == "Sing."
    assert session["prompt"] == {
        "id": "shop",
        "variables": {
            "recentOrders": "261118-1001",
            "membership": "골드",
            "cartTotal": "40,000원",
            "sessionId": "s1",
        },
    }


def test_without_a_shop_or_a_context_nothing_is_added() -> None:
    assert bind(HOLDER, {"type": "realtime"}, {"recentOrders": "1"}, Shop())[1] == {"type": "realtime"}
    assert bind(HOLDER, {"type": "realtime"}, {"model": "m"}, SHOP)[1] == {"type": "realtime"}
