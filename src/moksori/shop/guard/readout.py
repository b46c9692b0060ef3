"""Whether the caller has heard what a proposal is about: action, objects and amount. Pure.

A backend that speaks for itself may put the sentence in its own words, so what was heard counts when it is
the sentence, or says the same: its numbers and objects, the same action, no other number, no other negation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from moksori.agent.money import MINOR_DIGITS, Money
from moksori.agent.tools import Plan
from moksori.shop.guard.lexicon import actions_in, lexicon, stem
from moksori.shop.guard.text import (
    asks,
    digit_string,
    fold,
    identifiers,
    is_hangul,
    joined,
    numbers,
    sentences,
    words,
)

_ENOUGH = 0.8
"""Share of the sentence's other words that a sentence in the model's own words must have."""


_GROUP = 3
"""Digits from which on a number may be a group of an order number read out in groups."""
_REMEMBERED = 40
"""Sentences looked back on; a read-out further back than that is not what the caller answers."""


@dataclass(frozen=True, slots=True)
class ReadOut:
    """A sentence that asks for a yes. `required` is all but a last question that merely asks for it."""

    sentence: str
    required: str
    objects: tuple[str, ...]

    @classmethod
    def of(cls, sentence: str, plan: Plan) -> ReadOut:
        parts = sentences(sentence)
        bare = len(parts) > 1 and joined(parts[-1]) in lexicon().closings
        return cls(sentence, " ".join(parts[:-1]) if bare else sentence, plan.objects)


@dataclass(frozen=True, slots=True)
class Hearing:
    """How far a read-out has come. `whole` is set when the question at its end was heard as well."""

    required: bool = False
    whole: bool = False
    heard: str = ""
    """From where the read-out began to the last word heard."""


def unfit(sentence: str, plan: Plan) -> str | None:
    """Why a sentence may not be read out for this plan, or None: it must name amount and objects."""
    if plan.amount is not None and plan.amount.amount != 0 and _major(plan.amount) not in numbers(sentence):
        return f"does not say the amount {plan.amount.decimal()} {plan.amount.currency}"
    if plan.objects and not any(_mentions(sentence, o) for o in plan.objects):
        return "does not name what is acted on"
    if any(_digits(o) and not _mentions(sentence, o) for o in plan.objects):
        return "leaves out a number of what is acted on"
    return None


def hearing(readout: ReadOut, heard: tuple[str, ...]) -> Hearing:
    """What of the read-out was heard in the texts of the items since the proposal, oldest first.

    The latest reading counts. After it only the same sentence, a question that merely asks for the yes, and
    statements without other numbers may follow; anything else asked needs the sentence to be read out again.
    """
    parts = [p for text in heard for p in sentences(text)][-_REMEMBERED:]
    for begin in range(len(parts) - 1, -1, -1):
        for end in range(begin + 1, len(parts) + 1):
            if covers(readout, " ".join(parts[begin:end])):
                text = " ".join(parts[begin:])
                if any(_diverts(part, readout) for part in parts[end:]):
                    return Hearing(heard=text)
                return Hearing(True, _whole(readout, parts[begin:], parts[end:]), text)
    return Hearing(heard=" ".join(parts))


def covers(readout: ReadOut, heard: str) -> bool:
    """Whether `heard` says all of `readout.required`, in its words or in others."""
    return joined(readout.required) in joined(heard) or _says_the_same(readout, heard)


def _whole(readout: ReadOut, heard: list[str], after: list[str]) -> bool:
    if joined(readout.sentence) in joined(" ".join(heard)):
        return True
    return any(joined(part) in lexicon().closings for part in after) or bool(heard and asks(heard[-1]))


def _diverts(part: str, readout: ReadOut) -> bool:
    if joined(part) in joined(readout.sentence) or joined(part) in lexicon().closings:
        return False
    new = _new_numbers(part, readout.sentence)
    return asks(part) or new or not identifiers(part) <= identifiers(readout.sentence)


def _says_the_same(readout: ReadOut, heard: str) -> bool:
    required, sentence = readout.required, readout.sentence
    if not numbers(required) <= numbers(heard) or _new_numbers(heard, sentence):
        return False
    if not identifiers(heard) <= identifiers(sentence) or not _has_all_digits(required, heard):
        return False
    if actions_in(required) - actions_in(heard) or actions_in(heard) - actions_in(sentence):
        return False
    if any(_count(n, heard) != _count(n, required) for n in lexicon().negation):
        return False
    if any(_mentions(required, o) and not _mentions(heard, o) for o in readout.objects):
        return False
    wanted = {stem(w) for w in words(required) if len(w) > 1 and not any(c.isdigit() for c in w)}
    got = {stem(w) for w in words(heard)}
    return not wanted or len(wanted & got) >= _ENOUGH * len(wanted)


def _new_numbers(text: str, sentence: str) -> bool:
    """Whether the text has a number the sentence has not; a group of an order number's digits is not one."""
    named = ["".join(c for c in i if c.isdigit()) for i in identifiers(sentence)]
    return any(
        len(digits := f"{n:f}") < _GROUP or not any(digits in i for i in named)
        for n in numbers(text) - numbers(sentence)
    )


def _mentions(sentence: str, thing: str) -> bool:
    """Whether the sentence names the thing: its digits where it has any, else its words."""
    digits = _digits(thing)
    if digits:
        return digits in _digits(sentence)
    if joined(thing) in joined(sentence):
        return True
    spoken = {stem(w) for w in words(sentence)}
    return all(stem(w) in spoken or (is_hangul(w) and w in joined(sentence)) for w in words(thing))


def _has_all_digits(required: str, heard: str) -> bool:
    got = digit_string(heard).replace(" ", "")
    return all("".join(c for c in i if c.isdigit()) in got for i in identifiers(required))


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _count(needle: str, text: str) -> int:
    """How often a negation stands in a text: English ones as words, Korean ones anywhere in a word."""
    if needle.isascii():
        return f" {' '.join(words(text))} ".count(f" {needle} ")
    return fold(text).count(needle)


def _major(amount: Money) -> Decimal:
    return Decimal(abs(amount.amount)).scaleb(-MINOR_DIGITS[amount.currency]).normalize()
