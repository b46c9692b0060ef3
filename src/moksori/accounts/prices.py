"""What usage costs: a dated table with sources, another laid over it, and exact arithmetic.

Prices are Decimal US dollars, amounts integer millionths (micro). A token at 4 dollars a million costs 4 micro.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from moksori.protocol.response import Usage

MICRO: Final = 1_000_000
TOKEN_UNITS: Final = ("text_in", "cached_text_in", "text_out", "audio_in", "cached_audio_in", "audio_out")
SECONDS: Final = "seconds"

USER_AUDIO_TOKENS_PER_S: Final = 10
"""OpenAI's guide to realtime costs: a token for 100 ms of what the caller says."""
ANSWER_AUDIO_TOKENS_PER_S: Final = 20
"""The same: a token for 50 ms of what is answered."""


LONGEST_ANSWER: Final = 4096
"""Tokens of an answer whose session sets no bound: the most that OpenAI's models give."""
SAID_BETWEEN: Final = 60 * USER_AUDIO_TOKENS_PER_S
"""Tokens a caller plausibly adds between two answers: a minute of speech."""
LONGEST_STRETCH_S: Final = 6
"""Seconds on the line between two bookings where time is billed."""


class PricesUnusable(Exception):
    """A price table cannot be read; the message says which and why."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some models of a provider cost."""

    provider: str
    models: tuple[str, ...]
    per_million: Mapping[str, Decimal] = {}
    per_minute: Decimal | None = None
    source: str


class PriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    currency: str
    prices: tuple[Price, ...]

    def find(self, provider: str, model: str) -> Price | None:
        """The last entry for a model: what is laid over comes last. `*` stands for every model of a provider."""
        for price in reversed(self.prices):
            if price.provider == provider and (model in price.models or "*" in price.models):
                return price
        return None


@functools.cache
def shipped() -> PriceTable:
    """The table that comes with the program."""
    return _read(
        files("moksori.accounts").joinpath("prices.toml").read_text("utf-8"), "the shipped price table"
    )


def load(override: Path | None) -> PriceTable:
    """The shipped table with the user's laid over it. Raises `PricesUnusable`."""
    if override is None:
        return shipped()
    try:
        over = _read(override.read_text("utf-8"), f"the price table {override}")
    except (OSError, UnicodeDecodeError) as error:
        raise PricesUnusable(f"The price table {override} cannot be read: {error}.") from error
    if over.currency != shipped().currency:
        raise PricesUnusable(
            f"The price table {override} must be in {shipped().currency}, not {over.currency}."
        )
    return PriceTable(f"{shipped().version}+{over.version}", over.currency, (*shipped().prices, *over.prices))


def _read(text: str, what: str) -> PriceTable:
    try:
        table = msgspec.convert(tomllib.loads(text), PriceTable)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PricesUnusable(f"{what} is not valid: {error}.") from error
    for price in table.prices:
        if unknown := set(price.per_million) - set(TOKEN_UNITS):
            raise PricesUnusable(
                f"{what} prices '{sorted(unknown)[0]}', which is no unit; {', '.join(TOKEN_UNITS)} are."
            )
    return table


def units_of(usage: Usage) -> dict[str, int]:
    """Token counts by priced unit, those that are not 0. Cached tokens are taken out of the input they are part of."""
    given, taken = usage.input_token_details, usage.output_token_details
    cached = given.cached_tokens_details
    cached_text, cached_audio = cached.text_tokens, cached.audio_tokens
    if not cached_text and not cached_audio:
        # Some services say only how many: text is cached first, being the stable beginning of every prompt.
        cached_text = min(given.cached_tokens, given.text_tokens)
        cached_audio = given.cached_tokens - cached_text
    # Where the details do not add up to the total, the rest counts as the dearest kind: never too little.
    unsaid_in = max(0, usage.input_tokens - given.text_tokens - given.audio_tokens)
    unsaid_out = max(0, usage.output_tokens - taken.text_tokens - taken.audio_tokens)
    units = {
        "text_in": max(0, given.text_tokens - cached_text),
        "cached_text_in": cached_text,
        "audio_in": max(0, given.audio_tokens - cached_audio) + unsaid_in,
        "cached_audio_in": cached_audio,
        "text_out": taken.text_tokens,
        "audio_out": taken.audio_tokens + unsaid_out,
    }
    return {unit: count for unit, count in units.items() if count}


def estimated_units(input_audio_ms: int, output_audio_ms: int) -> dict[str, int]:
    """What a response must have used at least, from the audio that passed: for services that do not say."""
    units = {
        "audio_in": -(-input_audio_ms * USER_AUDIO_TOKENS_PER_S // 1000),
        "audio_out": -(-output_audio_ms * ANSWER_AUDIO_TOKENS_PER_S // 1000),
    }
    return {unit: count for unit, count in units.items() if count}


def cost(price: Price, units: Mapping[str, int]) -> int:
    """Micro-dollars of these units, rounded half up once."""
    total = Decimal(0)
    for unit, count in units.items():
        if unit == SECONDS:
            total += (price.per_minute or Decimal(0)) * MICRO * count / 60
        else:
            total += price.per_million.get(unit, Decimal(0)) * count
    return int(total.to_integral_value(ROUND_HALF_UP))


def dearest(price: Price, context: int, max_output: int | None) -> int:
    """Micro-dollars that the next answer of a conversation of so many tokens plausibly costs at most."""
    if price.per_minute is not None:
        return cost(price, {SECONDS: LONGEST_STRETCH_S})

    def highest(*units: str) -> Decimal:
        return max(price.per_million.get(unit, Decimal(0)) for unit in units)

    taken = (context + SAID_BETWEEN) * highest("text_in", "audio_in")
    given = (max_output or LONGEST_ANSWER) * highest("text_out", "audio_out")
    return int((taken + given).to_integral_value(ROUND_HALF_UP))


def micro_of(dollars: str) -> int:
    """Micro-dollars of a decimal such as "0.50"."""
    return int((Decimal(dollars) * MICRO).to_integral_value(ROUND_HALF_UP))


def shown(micro: int) -> str:
    """Dollars as exact decimal text: "0.0123", "-1.5", "0"."""
    text = format(Decimal(micro) / MICRO, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
