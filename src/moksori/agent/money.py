"""An amount of money: whole minor units of an ISO 4217 currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

MINOR_DIGITS = {"KRW": 0, "JPY": 0, "USD": 2, "EUR": 2, "GBP": 2}
"""Decimal places of the currencies a shop of ours may use (ISO 4217)."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` is in minor units (won, cents) and may be negative."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError(f"Money counts whole minor units; {self.amount!r} is not an integer.")
        if self.currency not in MINOR_DIGITS:
            known = ", ".join(sorted(MINOR_DIGITS))
            raise ValueError(f"Currency {self.currency!r} is not known; use one of {known}.")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.amount * times, self.currency)

    def decimal(self) -> str:
        """The amount in major units, for example "12.30" or "12300"."""
        digits = MINOR_DIGITS[self.currency]
        if digits == 0:
            return str(self.amount)
        sign, minor = ("-" if self.amount < 0 else ""), abs(self.amount)
        return f"{sign}{minor // 10**digits}.{minor % 10**digits:0{digits}d}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added.")
        return other
