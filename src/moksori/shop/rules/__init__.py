"""The rules of the shop: pure functions from what is there and what is asked to a decision or a refusal."""

from moksori.shop.rules.decision import Decision, Desk, Refusal

__all__ = ["Decision", "Desk", "Refusal"]
