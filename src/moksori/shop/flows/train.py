"""`python -m moksori.shop.flows.train [--check]`: makes `intents.npz` of the utterances, the same of the same.

`--check` writes nothing: it tells how often the model is right about utterances that it was not trained with.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moksori.shop.flows.intents import BUCKETS, FAULT, NONE, Intents, features
from moksori.shop.flows.wishes import SMALL_TALK, hits
from moksori.shop.texts.catalogue import fill

FILLINGS = 5
"""Sentences made of one utterance with holes."""
EPOCHS = 8
RATE = 2.0
DROPPED = 0.3
"""Share of a sentence's features that are left out in training, so that no single word decides."""
REMARKED = 3
"""One wish in so many is also learnt with a remark beside it."""
FIRST = 0.7
"""Share of remarks that come before the wish."""
FOLDS = 5
_HERE = files("moksori.shop.flows")
_FILL = tomllib.loads(_HERE.joinpath("utterances.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Sample:
    flow: str
    text: str
    family: int
    """The utterance it was made of."""
    language: str


def samples() -> list[Sample]:
    """Every utterance, its holes filled in some ways."""
    found: list[Sample] = []
    family = 0
    catalogue = tomllib.loads(files("moksori.shop.demo").joinpath("data.toml").read_text("utf-8"))
    for at, language in enumerate(("ko", "en")):
        things = [each["name"][at] for each in catalogue["product"]]
        fillers = {**_FILL[language], "p": [*_FILL[language]["p"], *(_said(t, language) for t in things)]}
        fillers["pp"], fillers["c2"], fillers["s2"] = fillers["p"], fillers["c"], fillers["s"]
        random = np.random.default_rng(7)
        for line in _HERE.joinpath(f"utterances-{language}.tsv").read_text("utf-8").splitlines():
            flow, _, utterance = line.partition("\t")
            family += 1
            ways = set()
            for _ in range(FILLINGS if "{" in utterance else 1):
                facts = {k: v[int(random.integers(len(v)))] for k, v in fillers.items()}
                ways.add(fill(utterance, language, facts))
            found += [Sample(flow, way, family, language) for way in sorted(ways)]
    return found + _with_remarks(found)


def _with_remarks(given: Sequence[Sample]) -> list[Sample]:
    """Wishes with something beside them that is none, as people say them in one breath."""
    random = np.random.default_rng(5)
    found: list[Sample] = []
    for language in ("ko", "en"):
        remarks = [s.text for s in given if s.flow in (NONE, FAULT) and s.language == language]
        wishes = [s for s in given if s.flow not in (NONE, *SMALL_TALK) and s.language == language]
        for wish in [wishes[i] for i in random.permutation(len(wishes))[: len(wishes) // REMARKED]]:
            remark = remarks[int(random.integers(len(remarks)))]
            if wish.flow == FAULT and remark == wish.text:
                continue
            pair = (remark, wish.text) if random.random() < FIRST else (wish.text, remark)
            found.append(Sample(wish.flow, ". ".join(pair), wish.family, language))
    return found


def _said(name: str, language: str) -> str:
    return name.lower() if language == "en" else name


@cache
def _features(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return features(text, hits(text))


def train(given: Sequence[Sample]) -> Intents:
    """Stochastic gradient descent (AdaGrad) on the softmax, features dropped at random; the mean of the steps."""
    flows = tuple(sorted({s.flow for s in given}))
    wanted = [flows.index(s.flow) for s in given]
    made = [_features(s.text) for s in given]
    each = Counter(s.family for s in given)
    share = [1 / each[s.family] ** 0.5 for s in given]
    weights = np.zeros((BUCKETS, len(flows)), np.float32)
    bias = np.zeros(len(flows), np.float32)
    squares = np.full((BUCKETS, len(flows)), 1e-2, np.float32)
    total, counted = np.zeros_like(weights), 0
    random = np.random.default_rng(11)
    for epoch in range(EPOCHS):
        for at in random.permutation(len(given)):
            index, values = made[at]
            kept = random.random(len(index)) >= DROPPED
            index, values = index[kept], values[kept] / (1 - DROPPED)
            slope = _softmax(bias + values @ weights[index])
            slope[wanted[at]] -= 1
            slope *= share[at]
            steps = values[:, None] * slope
            squares[index] += steps**2
            weights[index] -= RATE * 0.2 * steps / np.sqrt(squares[index])
            bias -= 0.01 * slope
        if epoch >= EPOCHS // 2:
            total += weights
            counted += 1
    return Intents(flows, (total / counted).astype(np.float32), bias)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    shares: NDArray[np.float32] = np.exp(scores - scores.max())
    whole: NDArray[np.float32] = shares / shares.sum()
    return whole


def check(given: Sequence[Sample]) -> None:
    """Cross-validation by utterance: what is made of one is never in both parts."""
    families = sorted({s.family for s in given})
    fold_of = dict(zip(families, np.random.default_rng(3).permutation(len(families)) % FOLDS, strict=True))
    right: Counter[str] = Counter()
    of: Counter[str] = Counter()
    ruled: Counter[str] = Counter()
    mixed: Counter[tuple[str, str]] = Counter()
    for part in range(int(sys.argv[sys.argv.index("--check") + 1 :][0]) if sys.argv[-1].isdigit() else FOLDS):
        model = train([s for s in given if fold_of[s.family] != part])
        first: set[int] = set()
        for s in given:
            if fold_of[s.family] != part or s.family in first:
                continue
            first.add(s.family)
            shares = model.read(s.text, hits(s.text))
            best = next(iter(shares))
            of[s.language] += 1
            right[s.language] += best == s.flow
            ruled[s.language] += (*hits(s.text), "none")[0] == s.flow
            if best != s.flow:
                mixed[(s.flow, best)] += 1
                if "-v" in sys.argv:
                    print(f"{s.flow} -> {best} {shares[best]:.2f} ({shares.get(s.flow, 0):.2f}) {s.text}")
    for language, count in of.items():
        print(
            f"{language}: {right[language]} of {count} ({right[language] / count:.1%}); "
            f"expressions alone {ruled[language]} ({ruled[language] / count:.1%})"
        )
    print(mixed.most_common(25))


if __name__ == "__main__":
    if "--check" in sys.argv:
        check(samples())
    else:
        target = Path(str(_HERE)) / "intents.npz"
        target.write_bytes(train(samples()).as_bytes())
        print(f"{target.name}: {target.stat().st_size} bytes")
