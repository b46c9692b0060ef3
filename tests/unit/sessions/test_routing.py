"""Names, aliases and weights become an order of routes."""

from __future__ import annotations

import random
from collections import Counter

from moksori.sessions.routing import plan


def never() -> float:
    raise AssertionError("nothing to draw")


def test_order_is_failover_and_aliases_are_followed() -> None:
    models = {"shop-voice": ("openai", "local"), "tutorial": ("shop-voice", "azure")}
    assert plan("tutorial", models, never) == ("openai", "local", "azure")
    assert plan("unknown", models, never) == ("unknown",)


def test_each_route_is_tried_once() -> None:
    assert plan("a", {"a": ("b", "x"), "b": ("x", "y")}, never) == ("x", "y")


def test_weights_draw_who_is_first_and_the_others_follow() -> None:
    dice = random.Random(1).random
    models = {"voice": ("openai*3", "azure*1", "local")}
    drawn = Counter(plan("voice", models, dice) for _ in range(4000))
    assert set(drawn) == {("openai", "azure", "local"), ("azure", "openai", "local")}
    assert 0.72 < drawn["openai", "azure", "local"] / 4000 < 0.78


def test_a_weighted_entry_may_be_an_alias() -> None:
    models = {"voice": ("big*1",), "big": ("openai", "azure")}
    assert plan("voice", models, random.Random(1).random) == ("openai", "azure")
