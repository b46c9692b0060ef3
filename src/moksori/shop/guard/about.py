"""What one read-out says: all that an answer may say back without saying anything new. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from moksori.shop.guard.lexicon import Kind, actions, actions_in, lexicon, stem
from moksori.shop.guard.restated import Names
from moksori.shop.guard.text import digit_string, fold, is_hangul, joined, numbers, words

LONG_IDENTIFIER = re.compile(r"\d{3,}(?:[-–]\d{3,})+|\d{8,}")
_OF_ORDERS = ("cancel_order", "change_order_address", "change_order_payment")


@dataclass(frozen=True, slots=True)
class About:
    """What may be said back without being new: the words, numbers and objects of one read-out."""

    words: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[Decimal]
    digits: str
    goods: tuple[str, ...]
    """Objects named by words, not numbers, as they stand in the sentence; without spaces."""
    cancels: bool
    """Whether the thing read out is a cancellation; otherwise "cancel" means the proposal itself."""
    again: frozenset[str]
    """What callers say when they ask for this very action once more ("바꿔주세요", "switch it"), without spaces."""
    nouns: frozenset[str]
    """Words that name what any such action is about ("address"), and none of what this one is about."""
    count: int | None
    """How many of the one good that is named; None where several kinds are named, or none."""
    named: frozenset[str]
    """The words of that good."""
    several: tuple[frozenset[str], ...]
    """Where several kinds of goods are named, the words that tell each from the others."""
    pieces: int | None
    """How many things are named in all; None where some are left out, or none."""
    plural: bool
    """Whether more than one thing is named: then "all of it" says nothing new."""
    changes: bool
    """Whether something becomes another: then "change it", with a word said back, may mean another change."""
    wanted: frozenset[str]
    """Of a change, words that only what is new has."""
    instead: frozenset[str]
    """Of a change, words that only what it replaces has."""
    either: frozenset[str]
    """Of a change, words that both have."""
    replaced: tuple[tuple[frozenset[str], frozenset[str]], ...]
    """Of a change, every option that is replaced and what it becomes."""
    pays: bool
    """Whether it is the way of paying that is changed."""
    orders: int
    """How many orders or other long numbers are named."""
    whole_order: bool
    """Whether it is done to an order as a whole: then "only that order" says nothing new."""
    verbs: Mapping[str, Kind]
    """Verbs with which callers tell us to do such a thing, and what each is in an answer."""
    names: Names
    """What can be known again of it in other words or by its sound."""

    @classmethod
    def of(cls, sentence: str, objects: tuple[str, ...] = (), action: str = "", unsaid: str = "") -> About:
        """`unsaid`: what the caller named and is not read out, such as a postcode; saying it again is nothing new."""
        restated = (again for said, again in lexicon().restated if said in fold(sentence))
        spoken = [*words(sentence), *(word for again in restated for word in sorted(again))]
        stems = {w[:n] for w in spoken if hangul_part(w) for n in range(2, len(w) + 1)}
        stems |= {stem(w) for w in spoken if len(w) > 1}
        stems |= {  # "보조 배터리" written together
            (a + b)[:n]
            for a, b in pairwise(spoken)
            if is_hangul(a + b)
            for n in range(len(a) + 1, len(a + b) + 1)
        }
        whole = joined(sentence)
        goods = tuple(joined(o) for o in objects if joined(o) in whole and not any(c.isdigit() for c in o))
        kept, count = _counted_in(sentence)
        there = sum(good in joined(kept) for good in goods)
        if there > 1 or (goods and not there):
            count, kept = None, ""
        named_by = actions_in(action.replace("_", " "))
        kinds = [each for name, each in actions().items() if name in named_by] or [
            each for each in actions().values() if set(each.tools) & set(action.split("_"))
        ]
        if _TAKEN_OUT.search(sentence):
            kinds = [actions()["uncart"]]
        found = _goods_in(sentence)
        new, old = _change_in(sentence)
        changes = bool(new) or "address" in action
        again = Kind.AGAIN if changes else Kind.NEUTRAL
        return cls(
            words=frozenset(spoken),
            stems=frozenset(stems),
            numbers=numbers(sentence) | numbers(unsaid),
            digits=digit_string(f"{sentence} | {unsaid}"),
            goods=goods,
            cancels="cancel" in actions_in(action.replace("_", " ")),
            again=frozenset(joined(way) for kind in kinds for way in kind.again),
            nouns=frozenset(joined(noun) for kind in kinds for noun in kind.nouns),
            count=count,
            named=frozenset(words(kept)) if count is not None else frozenset(),
            several=_distinct(found) if len(found) > 1 else (),
            pieces=count if len(found) < 2 else len(found) if not _MORE.search(sentence) else None,
            plural=len(found) > 1 or (count or 1) > 1 or bool(_MORE.search(sentence)),
            changes=changes,
            wanted=new - old,
            instead=old - new,
            either=new & old,
            replaced=_replaced_in(sentence),
            pays="payment" in action,
            orders=len(set(LONG_IDENTIFIER.findall(fold(sentence)))),
            whole_order=any(tool in action for tool in _OF_ORDERS),
            verbs={verb: again for kind in kinds for verb in kind.verbs},
            names=Names.of(
                (_BEFORE.sub("", thing["name"]) for thing in _THING.finditer(sentence)),
                (thing["options"] for thing in _THING.finditer(sentence)),
                (verb for kind in kinds for verb in kind.en if verb.isalpha()),
            ),
        )


_TAKEN_OUT = re.compile(r"out of your cart|장바구니에서")
"""A sentence about the cart that takes something out of it."""
_GOOD = re.compile(
    r"(?:(?P<before>\d+) × )?[^\W\d_][^,()×]*\([^()]*\)[을를]?(?: (?P<after>\d+)개)?(?P<more> (?:외 \d|and \d+ more))?"
)


_INSTEAD = re.compile(r"(?: → | for )[^,()]*\([^()]*\)")
"""The good that one is exchanged for."""


def _counted_in(sentence: str) -> tuple[str, int | None]:
    """The one good that is named, and how many of it; None of several."""
    found = list(_GOOD.finditer(_INSTEAD.sub("", sentence)))
    if len(found) != 1 or found[0]["more"]:
        return _INSTEAD.sub("", sentence), None
    return found[0].group(), int(found[0]["before"] or found[0]["after"] or 1)


_MORE = re.compile(r" 외 \d|and \d+ more|\d+ × |\)[을를]? \d+개")
_THING = re.compile(r"(?P<name>[^,()×→:]*)\((?P<options>[^()]*)\)")
_BEFORE = re.compile(r"^.*(?:\bof |\border \S+ |\bcancel |\bput |\band |\bfor |의 |[과와] )")
"""What of a sentence may stand before the name of a good."""
_CHANGES = (
    re.compile(r"(?P<old>[^,()→]*\([^()]*\))(?: \d+개)? → (?P<new>[^,()→]*\([^()]*\))"),
    re.compile(r"(?P<old>[^,()]*\([^()]*\)) for (?P<new>[^,()]*\([^()]*\))"),
    re.compile(r"the payment of order \S+ to (?P<new>.+?), charge .* back to (?P<old>.+?)\. "),
    re.compile(r"결제 수단을 (?P<new>.+?)(?:으로|로) 변경해 .* 결제하고, (?P<old>.+?) 결제는"),
)
"""What is changed for what, as the sentences of `texts/read_out.toml` say it."""


def _goods_in(sentence: str) -> list[frozenset[str]]:
    """The words of every good that is named, those it is exchanged for left out."""
    kept = re.sub(r"(?: → | for )[^,()]*\([^()]*\)", "", sentence)
    return [
        frozenset(words(f"{_BEFORE.sub('', m['name'])} {m['options']}")) - frozenset(_STOP)
        for m in _THING.finditer(kept)
    ]


_STOP = ("your", "the", "of", "and")


def _distinct(goods: list[frozenset[str]]) -> tuple[frozenset[str], ...]:
    return tuple(
        good.difference(*(other for at, other in enumerate(goods) if at != here))
        for here, good in enumerate(goods)
    )


def _change_in(sentence: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of what is new and of what it replaces; none where nothing is replaced."""
    new: set[str] = set()
    old: set[str] = set()
    for pattern in _CHANGES:
        for found in pattern.finditer(sentence):
            new |= set(words(_BEFORE.sub("", found["new"])))
            old |= set(words(_BEFORE.sub("", found["old"])))
    return frozenset(new) - frozenset(_STOP), frozenset(old) - frozenset(_STOP)


def _replaced_in(sentence: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """The options that a change replaces, each with the one in its place."""
    pairs: list[tuple[frozenset[str], frozenset[str]]] = []
    for pattern in _CHANGES:
        for found in pattern.finditer(sentence):
            old, new = (_options_in(found[side]) for side in ("old", "new"))
            if len(old) == len(new):
                pairs += [(a - b, b - a) for a, b in zip(old, new, strict=True)]
    return tuple(pair for pair in pairs if all(pair))


def _options_in(good: str) -> list[frozenset[str]]:
    found = _THING.search(good)
    return [frozenset(words(each)) for each in found["options"].split(",")] if found else []


def hangul_part(word: str) -> bool:
    return any("가" <= c <= "힣" for c in word)
