"""Finds the passage of the policy that answers a question: BM25 over words and character bigrams.

Bigrams let Korean match without a dictionary: "반품하려면" and "반품" share "반품".
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from moksori.agent.money import Money
from moksori.shop.policy import Policy
from moksori.shop.texts import LANGUAGES, fill, passages, say_money

# Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), usual values.
K1 = 1.2
B = 0.6
TITLE_WEIGHT = 3
WORDS_WEIGHT = 2
TOKEN = re.compile(r"[a-z0-9]+|[가-힣]+")
STOP = frozenset(
    (
        "a", "an", "the", "is", "are", "do", "does", "can", "could", "i", "me", "my", "you", "your", "to", "of", "for",
        "in", "on", "it", "if", "what", "how", "please", "and", "or", "be", "will",
    )
)  # fmt: skip
SUFFIXES = ("ing", "ed", "es", "s")
SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class Passage:
    id: str
    title: dict[str, str]
    text: dict[str, str]


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float


class PolicyIndex:
    """The passages of one shop, filled with its policy's numbers and ready to be searched."""

    def __init__(self, policy: Policy, currency: str) -> None:
        facts = _facts(policy, currency)
        self._passages: list[Passage] = []
        self._terms: list[Counter[str]] = []
        for raw in passages():
            text = {language: fill(raw["text"][language], language, facts) for language in LANGUAGES}
            self._passages.append(Passage(raw["id"], dict(raw["title"]), text))
            terms: Counter[str] = Counter()
            for language in LANGUAGES:
                for weight, part in (
                    (TITLE_WEIGHT, raw["title"][language]),
                    (WORDS_WEIGHT, raw["words"][language]),
                    (1, text[language]),
                ):
                    for term in tokens(part):
                        terms[term] += weight
            self._terms.append(terms)
        self._lengths = [sum(terms.values()) for terms in self._terms]
        self._mean = sum(self._lengths) / len(self._lengths)
        self._documents = Counter(term for terms in self._terms for term in terms)

    def search(self, query: str, limit: int) -> list[Hit]:
        """The best passages, best first; none when nothing fits at all."""
        wanted = set(tokens(query))
        hits = [
            Hit(passage, self._score(wanted, terms, length))
            for passage, terms, length in zip(self._passages, self._terms, self._lengths, strict=True)
        ]
        return sorted((hit for hit in hits if hit.score > 0), key=lambda hit: -hit.score)[:limit]

    def texts(self, language: str) -> list[str]:
        """Every passage's text, in the order of the catalogue."""
        return [passage.text[language] for passage in self._passages]

    def _score(self, wanted: set[str], terms: Counter[str], length: int) -> float:
        score = 0.0
        for term in wanted:
            count = terms[term]
            if count:
                seen = self._documents[term]
                rarity = math.log(1 + (len(self._terms) - seen + 0.5) / (seen + 0.5))
                score += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * length / self._mean))
        return score


def tokens(text: str) -> list[str]:
    """English words cut to a rough stem, Korean as bigrams of syllables."""
    found: list[str] = []
    for word in TOKEN.findall(text.casefold()):
        if word[0] >= "가":
            found += [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]
        elif word not in STOP:
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= SHORTEST_STEM:
            cut = word[: -len(suffix)]
            return cut[:-1] if len(cut) > SHORTEST_STEM and cut[-1] == cut[-2] else cut
    return word


def _facts(policy: Policy, currency: str) -> dict[str, object]:
    def money(amount: int) -> dict[str, str]:
        return say_money(Money(amount, currency))

    unlimited = {"ko": "제한 없이 며칠", "en": "any number of"}
    return {
        "return_days": policy.returns.window_days or unlimited,
        "fault_days": policy.returns.fault_window_days or unlimited,
        "exchange_days": policy.exchange.window_days or unlimited,
        "return_fee": money(policy.returns.fee),
        "shipping_fee": money(policy.shipping.fee),
        "free_from": money(policy.shipping.free_from),
        **{f"{kind.value}_days": days for kind, days in policy.refund.business_days.items()},
        **{f"{tier.value}_percent": rules.discount_percent for tier, rules in policy.tiers.items()},
        **{f"{tier.value}_points": rules.points_percent for tier, rules in policy.tiers.items()},
    }
