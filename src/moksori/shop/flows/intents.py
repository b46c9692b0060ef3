"""What kind of wish a sentence is, by a small linear model: softmax over hashed words, letters and sounds. Pure.

The weights are made by `python -m moksori.shop.flows.train` from the utterances beside this file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moksori.shop.guard.sounds import jamo
from moksori.shop.guard.text import fold

BUCKETS = 1 << 15
NONE = "none"
"""What is no wish: an answer, a description, a remark."""
FAULT = "fault"
"""Something is wrong with a thing, and it is not said what shall be done."""
_NUMBER = re.compile(r"\d{6}\s?[-–]?\s?\d{4}|\d{4,}")
_TOKEN = re.compile(r"#|[a-z]+|[가-힣]+|\d+[a-z가-힣]*|\?")


def features(text: str, hits: tuple[str, ...] = ()) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Buckets, each once, and their weights. `hits`: the flows of which an expression fits."""
    groups: dict[str, set[str]] = {}
    tokens = _TOKEN.findall(_NUMBER.sub(" # ", fold(text)))
    tokens = ["0" if token.isdigit() else token for token in tokens]
    around = ["<", *tokens, ">"]
    groups["w"] = set(around)
    groups["b"] = {f"{a} {b}" for a, b in pairwise(around)}
    groups["t"] = {" ".join(around[i : i + 3]) for i in range(len(around) - 2)}
    groups["c"] = {gram for token in tokens for gram in _grams(token)}
    groups["r"] = set(hits)
    groups["f"] = set(hits[:1])
    index: dict[int, float] = {}
    for name, found in groups.items():
        weight = _WEIGHT[name] / max(1.0, len(found)) ** 0.5
        for each in sorted(found):  # the same order every time: training leaves some out at random
            bucket = zlib.crc32(f"{name}:{each}".encode()) % BUCKETS
            index[bucket] = index.get(bucket, 0.0) + weight
    return np.fromiter(index, np.int64, len(index)), np.fromiter(index.values(), np.float32, len(index))


_WEIGHT = {"w": 1.0, "b": 1.0, "t": 0.7, "c": 1.0, "r": 0.8, "f": 0.6}


def _grams(token: str) -> Iterator[str]:
    """Pieces of a word: letters of an English one, syllables and sounds of a Korean one."""
    if "가" <= token[0] <= "힣":
        bound = f"<{token}>"
        for size in (2, 3):
            yield from (bound[i : i + size] for i in range(len(bound) - size + 1))
        sounds, sizes = f"<{jamo(token)}>", (4, 5, 6)
    elif len(token) > 2:
        sounds, sizes = f"<{token}>", (3, 4, 5)
    else:
        return
    for size in sizes:
        yield from (sounds[i : i + size] for i in range(len(sounds) - size + 1))


class Intents:
    """The model: `flows` by column, weights of every bucket."""

    def __init__(
        self, flows: tuple[str, ...], weights: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        self.flows, self._weights, self._bias = flows, weights, bias

    def read(self, text: str, hits: tuple[str, ...] = ()) -> Mapping[str, float]:
        """How likely each flow is, the likeliest first; they sum to 1."""
        index, values = features(text, hits)
        scores = self._bias + values @ self._weights[index]
        scores = np.exp(scores - scores.max())
        shares = scores / scores.sum()
        return {self.flows[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable")}

    def as_bytes(self) -> bytes:
        """The model in a file: weights as bytes, scaled by column."""
        scale = np.abs(self._weights).max(axis=0) / 127 + 1e-9
        out = BytesIO()
        np.savez_compressed(
            out,
            flows=np.array(self.flows),
            weights=np.round(self._weights / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            bias=self._bias.astype(np.float32),
        )
        return out.getvalue()

    @staticmethod
    def of_bytes(content: bytes) -> Intents:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            weights = file["weights"].astype(np.float32) * file["scale"]
            return Intents(tuple(str(each) for each in file["flows"]), weights, file["bias"])


@cache
def intents() -> Intents:
    """The model of the package."""
    return Intents.of_bytes(files("moksori.shop.flows").joinpath("intents.npz").read_bytes())
