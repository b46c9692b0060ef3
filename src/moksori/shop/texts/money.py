"""Amounts as they are written in a sentence."""

from __future__ import annotations

from moksori.agent.money import Money
from moksori.shop.texts.catalogue import LANGUAGES, entries


def say_money(money: Money) -> dict[str, str]:
    """{"ko": "12,300원", "en": "12,300 won"}; the sign is dropped: the sentence says who pays."""
    whole, _, minor = Money(abs(money.amount), money.currency).decimal().partition(".")
    digits = f"{int(whole):,}" + (f".{minor}" if minor else "")
    shown = entries("words")["currency"][money.currency]
    return {language: shown[language].replace("{digits}", digits) for language in LANGUAGES}
