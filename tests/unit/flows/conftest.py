"""The little shop's file, as the shop's own tests use it."""

from tests.unit.shop.conftest import fresh, little_file

__all__ = ["fresh", "little_file"]
