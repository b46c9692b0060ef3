"""A living demo shop: Korean, won, around today, the same for the same seed."""

from moksori.shop.demo.generate import make_demo

__all__ = ["make_demo"]
