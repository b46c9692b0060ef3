"""The catalogue: every text of the shop that a person or a model reads, in Korean and English.

Texts lie in the TOML files beside this module. A template names facts in braces; `{items|을}` adds the Korean
particle that fits the sound the fact ends in.
"""

from moksori.shop.texts.catalogue import LANGUAGES, both, entries, fill, passages, sentence, term
from moksori.shop.texts.money import say_money

__all__ = ["LANGUAGES", "both", "entries", "fill", "passages", "say_money", "sentence", "term"]
