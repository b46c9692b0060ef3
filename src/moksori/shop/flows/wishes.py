"""The wishes in what a caller says: by clause, from expressions and the model of intents together. Pure.

An expression that fits stands unless the model is sure of something else; where none fits the model decides, and
where it cannot tell two wishes apart, the caller is asked which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from moksori.shop.flows.data import common_words, data
from moksori.shop.flows.details import address_in
from moksori.shop.flows.digits import said_digits
from moksori.shop.flows.intents import FAULT, NONE, intents
from moksori.shop.flows.matching.options import said_values, value_said
from moksori.shop.flows.matching.orders import SHORTEST_NUMBER
from moksori.shop.flows.matching.phrases import has
from moksori.shop.flows.refused import refused_in, without_refused
from moksori.shop.flows.state import Goal
from moksori.shop.guard.sounds import by_sound
from moksori.shop.guard.text import asks, fold, words

GREETING = "greeting"
LEAVE = "leave"
"""What was wished in a turn was taken back in the same, and nothing else wished."""
SMALL_TALK = (GREETING, "thanks", "goodbye", LEAVE)
BETWEEN = "between"
"""Two wishes that were equally likely; the caller is asked which."""
SURE = 0.85
"""From here on the model alone is believed, whatever else was asked."""
LIKELY = 0.5
PLAUSIBLE = 0.2
"""Below this the model holds an expression's flow for wrong, if it is sure of another."""
OVERRULES = 0.7
MISHEARD = 0.75
"""Below this a wish that no expression names may be another one, by the sound of a word."""
CLEARER = 1.8
"""How much likelier a wider expression's flow must be than a narrower one's."""
TELLING = 0.12
"""How far the likeliest wish of a whole turn must be from the next."""
ABOUT_THINGS = ("cancel", "return", "exchange")
"""Wishes of which one thing can have only one."""
HANDED_OVER = ("complaint", "lost", "human")
"""Wishes that end with a colleague: of one turn there is one ticket, for what was said first."""
ASIDES = ("orders", "product", "delivery")
"""Beside a wish for a change, what sounds like these mostly tells of it."""
OF_A_LOSS = frozenset({"lost", "delivery", "orders", "human", "refund_status", "policy"})
"""What the clauses may sound like in which somebody tells of a parcel that is lost."""
DARES = 0.55
"""How sure the model must be of a change that no expression names; else the caller is asked which of two is meant."""
CHANGES = ("change_payment", "change_address", "account_address", "cart_set")
"""Wishes that are called a change or a switch as well."""
PRESSES = 8
"""Words up to which a clause with a pronoun may only press for what was wished before it."""
DETAIL = 3
"""Words up to which a clause with an option in it only goes on with the wish before ("In black.")."""
_PRESSED = re.compile(
    r"\b(can|could|would|will|is|are)\b.{0,24}\b((fix|sort|chang|correct|arrang)\w*|put right|done)\b|\bpossible\W*$"
    r"|(고칠|바꿀|바로잡을) 수 (있|없)|고쳐 (주|줘|질)"
)
"""How callers ask once more for what they have told ("Can that be fixed?")."""
_ARRIVED = re.compile(
    r"^(?!.*\b(?:where|when|why|how|hasnt|havent|not|never|didnt)\b)(?!\W*(?:has|have|did|is|are)\b).*"
    r"\b(?:i|we|it|they|that|which|parcel|\w+s?) "
    r"(?:have |has |just |only )*(?:got|received|arrived|came)\b"
    r"|^(?!.*(?:언제|어디|왜|안 ?[왔오와]|못 ?받|아직)).*(?:받은|받았|왔는데|왔어|왔거든|온 )"
)
"""A parcel that has come is told of and not asked after."""
_BARE_CHANGE = re.compile(r"(?:그냥 |좀 |빨리 )*(?:바꿔|바꾸|변경|고쳐|수정)\S*(?: \S+){0,2}$")
"""A change that is asked for without a word of what ("바꿔 주세요")."""
_SAME_THING = re.compile(r"\b(it|that|them|this|these|those)\b|그거|그걸|이거|이걸|그건|이건|그냥")

_FRONTED = re.compile(
    r"(?:for |with |as for )?(?:the|my|that|those|these) (?!ones?\b)[^,]{3,60}, ", re.IGNORECASE
)
"""A clause that begins with the thing it is about ("the jacket, change that to L")."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`flow` is None where a sentence says no wish. `sure`: how likely it is."""

    flow: str | None
    sure: float
    shares: Mapping[str, float]
    ruled: bool
    """Whether an expression says so."""


def hits(text: str) -> tuple[str, ...]:
    """The flows of which an expression fits, in their order."""
    folded = fold(text)
    return tuple(f.name for f in data().flows if any(p.search(folded) for p in f.patterns))


def read(text: str) -> Reading:
    """What one clause wishes."""
    found = hits(text)
    shares = intents().read(text, found)
    best = next(iter(shares))
    if found:
        rule = max(found, key=lambda flow: shares.get(flow, 0.0))
        if set(found) == {GREETING} and best not in (GREETING, NONE, FAULT) and shares[best] >= LIKELY:
            return Reading(best, shares[best], shares, ruled=False)  # "Hello" is said before anything
        if found[0] in SMALL_TALK or shares.get(rule, 0.0) < max(LIKELY, CLEARER * shares.get(found[0], 0.0)):
            rule = found[0]  # the narrower, unless the model clearly holds for another
        most = (
            SURE if best == "policy" else OVERRULES
        )  # "can I change it?" asks for it, unless it clearly does not
        polite = best in SMALL_TALK and rule in SMALL_TALK
        if best == rule or polite or shares[best] < most or shares.get(rule, 0.0) >= PLAUSIBLE:
            return Reading(rule, max(shares.get(rule, 0.0), LIKELY), shares, ruled=True)
    elif shares[best] < LIKELY:
        return Reading(None, 0.0, shares, ruled=False)
    flow = None if best in (NONE, FAULT) else best
    return Reading(flow, shares[best] if flow else 0.0, shares, ruled=False)


def flow_of(clause: str) -> str | None:
    return read(clause).flow


def wishes(text: str, sure: float = 0.0) -> list[Goal]:
    """The wishes in a turn, in order; what names none belongs to the one before it.

    `sure`: how likely a wish must be that no expression names, where something else is being talked about.
    """
    clauses = _ifs_whole(
        [clause for part in data().split.split(text) if (clause := (part or "").strip(" ,."))]
    )
    found, taken_back = _by_clause(clauses, sure)
    if not found and taken_back:
        return [Goal(LEAVE, text)]
    if not found and sure == 0.0:
        return _of_the_whole(without_refused(text))
    if len(found) == 1 and not found[0].reading.ruled and found[0].reading.sure < MISHEARD:
        likely = by_sound(text, data().sounded, common_words())
        if likely is not None and hits(likely):
            return wishes(likely, SURE)
    return _settled(found, text, len(clauses))


def _by_clause(said: list[str], sure: float) -> tuple[list[_Wish], list[_Wish]]:
    """What each clause wishes, and what of it another one takes back."""
    found: list[_Wish] = []
    taken_back: list[_Wish] = []
    lead = ""
    clauses = [without_refused(clause).strip(" ,.") for clause in said]
    readings = _told_of([read(clause) for clause in clauses], clauses)
    told = max(sure, OVERRULES if any(each.ruled or each.sure >= SURE for each in readings) else 0.0)
    for whole, clause, reading in zip(said, clauses, readings, strict=True):
        refused = refused_in(whole, found[-1].flow if found else None)
        for wish in [each for each in found if each.flow in refused]:
            found.remove(wish)
            taken_back.append(wish)
            lead = f"{lead} {wish.text}".strip()
        if not clause:
            continue
        # Beside a clear wish, what else is said ("I'm calling about order 1003") is hardly another.
        flow = reading.flow if reading.ruled or reading.sure >= max(told, _daring(reading)) else None
        if flow is not None and not reading.ruled and _beside(flow, clause, reading, readings):
            flow = None
        if flow == "account_address" and not reading.ruled and any(w.flow == "change_address" for w in found):
            flow = None  # where the order shall go, not where the caller lives
        parting = flow == "goodbye" and bool(found) and found[-1].flow in SMALL_TALK
        if flow is None or (flow in SMALL_TALK and found and not parting):
            if found:
                found[-1] = found[-1].and_said(clause)
            else:
                lead = f"{lead} {clause}".strip()
        elif found and not reading.ruled and _detail(clause):
            found[-1] = found[-1].and_said(clause)
        elif found and found[-1].flow in SMALL_TALK:
            found[-1] = _Wish(flow, f"{lead} {clause}".strip(), reading)
        elif found and _same_thing(found[-1], flow, clause, reading):
            found[-1] = found[-1].and_wished(flow, clause, reading)
        elif (at := _spoken_of(found, flow, clause)) is not None:
            found[at] = found[at].and_said(clause)
        else:
            found.append(_Wish(flow, f"{lead} {clause}".strip(), reading))
            lead = ""
    return found, taken_back


def _beside(flow: str, clause: str, reading: Reading, all_of_it: list[Reading]) -> bool:
    """Whether what no expression names is said beside a wish: a ticket is written at once, and "it hasn't gone out,
    has it?" is asked for the sake of something else."""
    if len(all_of_it) == 1:
        return False
    if flow in HANDED_OVER:
        return reading.sure < SURE and any(each.ruled for each in all_of_it)
    return has("unsent", clause) and flow != "delivery"


def _settled(found: list[_Wish], text: str, clauses: int) -> list[Goal]:
    """The wishes of a turn in the light of all of it: what only tells of another is none."""
    flows, in_all = {each.flow for each in found}, hits(text)
    if "lost" in in_all and flows <= OF_A_LOSS and any(w.flow in ("lost", "delivery") for w in found):
        return [Goal("lost", text)]
    if (
        "cart" in flows
        and "cart_set" in in_all
        and all(w.flow == "cart" or not w.reading.ruled for w in found)
    ):
        return [Goal("cart_set", text)]
    if "cart" in flows and "cart_set" in in_all and not any(writes(each.flow) for each in found):
        found = [replace(each, flow="cart_set") if each.flow == "cart" else each for each in found]
    if any(writes(each.flow) or each.flow in HANDED_OVER for each in found):
        found = [w for w in found if w.flow not in ASIDES or (w.asked() and not has("unsent", w.text))]
    if any(each.flow == "human" for each in found):  # what a colleague is asked for is no wish of its own
        for_that = any(w.flow == "human" and _ABOUT_THAT.search(fold(w.text)) for w in found)
        about = [
            w
            for w in found
            if w.flow != "human"
            and ((has("about", w.text) and w.reading.sure < SURE) or (for_that and not writes(w.flow)))
        ]
        found = [
            w.and_said(" ".join(each.text for each in about)) if w.flow == "human" and about else w
            for w in found
            if w not in about
        ]
    handed = [each for each in found if each.flow in HANDED_OVER]
    found = [each for each in found if each.flow not in HANDED_OVER or each is handed[0]]
    if len(found) == 1 and found[0].flow == "account" and address_in(text) is not None:
        return [Goal("account_address", text)]
    if len(found) == 1 and _sent_elsewhere(found[0], text):
        return [Goal("change_address", text)]
    if len(found) == 1:
        flow = _in_all(found[0], without_refused(text)) if clauses > 1 else found[0].flow
        return [Goal(flow, text)]
    return [Goal(each.flow, each.text) for each in found]


_ABOUT_THAT = re.compile(
    r"\babout (?:that|this|it)\b|(?:그|이) ?(?:거|것|일|문제|건)(?:로|에 대해|때문에| 때문에)"
)
"""What a colleague is asked for was said before."""


def _told_of(readings: list[Reading], clauses: list[str]) -> list[Reading]:
    """The readings; beside a question about a refund, a return that was asked for before is no new wish."""
    if not any(reading.flow == "refund_status" for reading in readings):
        return readings
    return [
        replace(reading, flow=None, ruled=False, sure=0.0)
        if reading.flow in ABOUT_THINGS and has("asked_before", clause)
        else reading
        for reading, clause in zip(readings, clauses, strict=True)
    ]


_IF = re.compile(r"\b(?:if|suppose)\b[^.;?!,]*$", re.IGNORECASE)
_BARE = re.compile(r"(?:cancel|return|exchange|change|send|ship|switch|swap|add|put)\b", re.IGNORECASE)


def _ifs_whole(clauses: list[str]) -> list[str]:
    """The clauses, what goes on under an "if" joined again ("if I don't like it and send it back")."""
    found: list[str] = []
    for clause in clauses:
        if found and _IF.search(found[-1]) and _BARE.match(clause):
            found[-1] = f"{found[-1]} and {clause}"
        else:
            found.append(clause)
    return found


def _detail(clause: str) -> bool:
    """Whether a clause is no more than an option: a colour, a size."""
    return len(words(clause)) <= DETAIL and any(
        value_said(clause, code) for code in (*said_values(), *data().sizes)
    )


def _in_all(wish: _Wish, text: str) -> str:
    """What a turn of several clauses wishes, one of which seemed to: the whole may be clearer than its part."""
    whole, flow = read(text), wish.flow
    shares = whole.shares
    best = next(iter(shares))
    if whole.ruled and whole.flow == best and writes(best) and not writes(flow):
        return best  # "there are two in my cart. I only want one."
    if wish.reading.ruled and wish.reading.sure >= SURE:
        return flow
    other = best not in (flow, NONE, FAULT, *SMALL_TALK)
    return best if other and shares[best] >= SURE and shares.get(flow, 0.0) < PLAUSIBLE else flow


def _daring(reading: Reading) -> float:
    return DARES if reading.flow is not None and writes(reading.flow) else 0.0


@dataclass(frozen=True, slots=True)
class _Wish:
    flow: str
    text: str
    reading: Reading

    def asked(self) -> bool:
        """Whether it is a question of its own; "I ordered it twice, cancel one" does not ask for the orders."""
        if self.flow == "orders":
            return asks(self.text)
        if self.flow == "delivery" and not asks(self.text) and _ARRIVED.search(fold(self.text)):
            return False
        return self.reading.sure >= SURE or (asks(self.text) and next(iter(self.reading.shares)) == self.flow)

    def and_said(self, clause: str) -> _Wish:
        return replace(self, text=f"{self.text} {clause}")

    def and_wished(self, flow: str, clause: str, reading: Reading) -> _Wish:
        """The same wish said again, perhaps by another verb: the clearer one counts, else the later."""
        later = (reading.ruled, reading.sure) >= (self.reading.ruled, self.reading.sure)
        return _Wish(
            flow if later else self.flow, f"{self.text} {clause}", reading if later else self.reading
        )


def _sent_elsewhere(wish: _Wish, text: str) -> bool:
    """Whether a wish that no expression names is where an order shall go: a whole address is said with it."""
    other = wish.flow not in (*HANDED_OVER, "account_address") and not wish.reading.ruled
    return other and address_in(text) is not None


def _of_the_whole(text: str) -> list[Goal]:
    """The wish of a turn none of whose clauses says one."""
    reading = read(text)
    if reading.flow is not None and (reading.ruled or not writes(reading.flow) or reading.sure >= DARES):
        return [Goal(reading.flow, text)]
    if (likely := by_sound(text, data().sounded, common_words())) is not None and hits(likely):
        return wishes(likely, SURE)
    wanted = [flow for flow in reading.shares if flow != NONE][:2]
    first, second = (reading.shares[flow] for flow in wanted)
    if first < reading.shares[NONE] or first < PLAUSIBLE:
        return []
    if wanted[0] == FAULT or (first - second >= TELLING and not writes(wanted[0])):
        return [Goal(wanted[0], text)]
    if FAULT in wanted or any(flow in SMALL_TALK for flow in wanted):
        return [Goal(FAULT, text)] if FAULT in wanted else []
    if second < min(PLAUSIBLE, reading.shares[NONE]):
        return []  # one that is doubtful, and no other
    return [Goal(BETWEEN, text, choices=(wanted[0], wanted[1]))]


def _same_thing(before: _Wish, flow: str, clause: str, reading: Reading) -> bool:
    """Whether a clause goes on with the wish before it, perhaps by another verb ("Can I return it?")."""
    if _another(before.text, clause):
        return False
    if before.flow == flow:
        return True
    guessed = before.reading.ruled != reading.ruled
    both = flow in ABOUT_THINGS and before.flow in ABOUT_THINGS and not _FRONTED.match(clause)
    return both and (guessed or _SAME_THING.search(fold(clause)) is not None)


def _spoken_of(found: list[_Wish], flow: str, clause: str) -> int | None:
    """Which wish before it a clause only presses for ("Can you switch that?" of a card, "could you swap it over?")."""
    pointed = _SAME_THING.search(fold(clause)) or _BARE_CHANGE.match(fold(clause))
    if pointed is None or len(words(clause)) > PRESSES:
        return None
    if found and writes(found[-1].flow) and not writes(flow) and _PRESSED.search(fold(clause)):
        return len(found) - 1
    alike = (flow, *CHANGES) if flow == "exchange" else (flow,)
    return next(
        (at for at, wish in enumerate(found) if wish.flow in alike and not _another(wish.text, clause)), None
    )


_OTHER_ORDER = re.compile(r"\b(?:another|a different|the other|my other) order\b|(?:다른|딴) 주문")


def _another(before: str, clause: str) -> bool:
    """Whether two clauses of one kind of wish speak of two orders."""
    if _OTHER_ORDER.search(fold(clause)):
        return True
    numbers = [{d for d in said_digits(t) if len(d) >= SHORTEST_NUMBER} for t in (before, clause)]
    return bool(numbers[0] and numbers[1] and numbers[0] != numbers[1])


def general(text: str) -> bool:
    """Whether a question may be one about the shop's rules and not about the caller's own things."""
    return intents().read(text, hits(text))["policy"] >= PLAUSIBLE / 2


def writes(flow: str) -> bool:
    return next((f.writes for f in data().flows if f.name == flow), False)


def short(text: str) -> bool:
    return len(words(text)) <= 4
