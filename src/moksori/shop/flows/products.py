"""Wishes about a product: its price and options, into the cart. Pure."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Any

from moksori.shop.flows.data import FILLERS, PARTICLES, common_words, data, enumerate_, say
from moksori.shop.flows.matching.counts import count_said
from moksori.shop.flows.matching.items import without_what_stays
from moksori.shop.flows.matching.names import mentions, partly
from moksori.shop.flows.matching.options import option_said, said_values, value_said, variant_meant
from moksori.shop.flows.matching.phrases import has
from moksori.shop.flows.outcome import CERTAIN, OFFERED, Ask, Done, Need, Outcome, Propose, Served
from moksori.shop.flows.reads import topic_beside
from moksori.shop.flows.state import Goal, State
from moksori.shop.flows.which import thing
from moksori.shop.guard.text import fold, words


def _product_of(state: State, goal: Goal) -> tuple[Goal, dict[str, Any] | Outcome]:
    """The product a sentence names, searched for by its words, longest first."""
    text = goal.slots["answer"] if goal.asked == "product" and "answer" in goal.slots else goal.text
    products: list[dict[str, Any]] = []
    for query in _queries(text) or [text[:200]]:
        found = state.known.get(f"search:{query}")
        if found is None:
            return goal, Need(f"search:{query}", "search_products", {"query": query, "limit": 5})
        products += found["products"]
        if any(_named(text, each) for each in products):
            break
    named = sorted((p for p in products if _named(text, p)), key=lambda p: -_named(text, p))
    if not named and any(value_said(text, code) for code in said_values()):
        spoken_of = [v for k, v in state.known.items() if k.startswith("product:")]
        if spoken_of:  # "and is the grey one there?"
            return goal, spoken_of[-1]
    if not named:
        asked = goal.asked == "product"
        return goal, Ask(say("no_product" if asked else "ask_product", state.language), "product")
    key = f"product:{named[0]['product_id']}"
    product = state.known.get(key)
    if product is None:
        return goal, Need(key, "get_product", {"product_id": named[0]["product_id"]})
    return goal, product


def _named(text: str, product: dict[str, Any]) -> int:
    """How many words of its name a sentence has; 0 where it does not say what it is."""
    if not any(mentions(text, name) or partly(text, _kind(name)) for name in product["name"].values()):
        return 0
    return 1 + max(
        sum(partly(text, word) for word in product["name"][language].split()) for language in ("ko", "en")
    )


def _kind(name: str) -> str:
    """The word of a name that says what the thing is: "dumbbell" of a "Dumbbell Set"."""
    return next((w for w in reversed(name.split()) if fold(w) not in ("set", "세트")), name)


MOST_OPTIONS = 4
"""Options of a product that are named in one sentence."""
ABOUT_IT = CERTAIN * 2 / 3
"""Score of the policy's search from which on a question that names no product is one of policy."""
QUERIES = 6
"""Searches for the product that one sentence names; an answer has room for a few more tools beside them."""


def _nouns(text: str) -> list[str]:
    """The words that can name a product; option values and particles left out."""
    kept: list[str] = []
    for word in re.findall(r"[a-z0-9-]+|[가-힣]+", text.casefold()):
        bare = word
        for particle in PARTICLES:
            if len(word) > len(particle) + 1 and word.endswith(particle) and "가" <= word[0] <= "힣":
                bare = word[: -len(particle)]
                break
        if bare not in FILLERS and not any(value_said(bare, c) for c in said_values()):
            kept.append(bare)
    return kept


def _queries(text: str) -> list[str]:
    """What can name a product: all such words, then each, the last first."""
    kept = _nouns(text)
    things = [word for word in kept if word not in common_words()] or kept
    pairs = [" ".join(pair) for pair in pairwise(things)]
    alike = [group for group in data().same if any({each, each.rstrip("s")} & _bare(group) for each in kept)]
    other = [group[0] for group in alike]
    further = [word for group in alike for word in group[1:] if word not in data().vague]
    found = (
        [*other, " ".join(things), *reversed(pairs), *reversed(things)]
        if len(things) < QUERIES
        else [*other, *reversed(things)]
    )
    return list(dict.fromkeys([*found, *further]))[:QUERIES]


def _bare(group: tuple[str, ...]) -> set[str]:
    return {*group, group[0].rstrip("s")}


def cart_add(state: State, goal: Goal, today: date) -> Served:
    goal, product = _product_of(state, goal)
    if not isinstance(product, dict):
        return goal, product
    text = goal.slots["answer"] if goal.asked == "option" and "answer" in goal.slots else goal.text
    variant = variant_meant(text, {"options": {}}, product["variants"])
    if variant is None and len(product["variants"]) == 1:
        variant = product["variants"][0]
    if variant is None:
        names = [v["options_text"][state.language] for v in product["variants"] if v["available"]][:OFFERED]
        return goal, Ask(
            say("ask_option", state.language, choices=enumerate_(names, state.language)), "option"
        )
    count = goal.slots.get("count") or count_said(goal.text) or 1
    if has("more", goal.text) and "count" not in goal.slots:
        cart = state.known.get("cart")
        if cart is None:
            return goal, Need("cart", "get_cart", {})
        count += sum(i["quantity"] for i in cart["items"] if i["variant_id"] == variant["variant_id"])
    return goal, Propose("set_cart_item", {"variant_id": variant["variant_id"], "quantity": count})


def cart_set(state: State, goal: Goal, today: date) -> Served:
    """Another quantity of what lies in the cart, or none of it."""
    cart = state.known.get("cart")
    if cart is None:
        return goal, Need("cart", "get_cart", {})
    items: list[dict[str, Any]] = cart["items"]
    if not items:
        return goal, Done(say("cart_empty", state.language))
    meant = _in_the_cart(goal.text, items)
    if len(meant) != 1:
        names = [thing(item, state.language) for item in (meant or items)[:OFFERED]]
        return goal, Ask(say("ask_item", state.language, choices=enumerate_(names, state.language)), "item")
    item = meant[0]
    count = goal.slots.get("count", count_said(goal.text))
    if has("out", goal.text) and "count" not in goal.slots:
        count = item["quantity"] - 1 if has("one", goal.text) and item["quantity"] > 1 else 0
    if count is None:
        return goal, Ask(say("ask_quantity", state.language), "quantity")
    return goal, Propose("set_cart_item", {"variant_id": item["variant_id"], "quantity": count})


def _in_the_cart(text: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of a cart is meant: by its name, then by its options; where nothing is named it may be all there is."""
    text, _ = without_what_stays(text, items)
    named = [i for i in items if any(mentions(text, i["name"][k]) for k in ("ko", "en"))]
    if not named and any(word not in common_words() for word in _nouns(text)):
        return []
    named = named or items
    said = [
        i
        for i in named
        if any(option_said(text, o) for k in ("ko", "en") for o in i["options_text"][k].split(", "))
    ]
    return said or named


def product(state: State, goal: Goal, today: date) -> Served:
    goal, product = _product_of(state, goal)
    if isinstance(product, Ask) and goal.asked is None:
        return _of_the_policy(state, goal, product)
    if not isinstance(product, dict):
        return goal, product
    language, name = state.language, product["name"][state.language]
    variants = product["variants"]
    there = [v for v in variants if v["available"]]
    options = enumerate_([v["options_text"][language] for v in there[:MOST_OPTIONS]], language)
    asked = variant_meant(goal.text, {"options": {}}, variants)
    said = {v for each in variants for v in each["options"].values() if _option_named(goal.text, v)}
    if product["description"][language] and _asks_about(goal.text, product, plain=not said):
        price = min(variants, key=lambda v: v["price"]["minor"])["price"][language]
        about = product["description"][language]
        return goal, Done(say("product_about", language, name=name, about=about, price=price))
    strange = [c for c in said_values() if value_said(goal.text, c) and not partly(name, c)]
    known = {value for each in variants for value in each["options"].values()}
    if asked is None and strange and not known.intersection(strange):
        return goal, Done(say("option_none", language, name=name, options=options))
    fitting = [v for v in variants if said <= set(v["options"].values())] or variants
    asked = fitting[0] if asked is None and said and len(fitting) == 1 else asked
    if asked is not None:
        option = asked["options_text"][language]
        if asked["available"]:
            price = asked["price"][language]
            return goal, Done(say("option_there", language, name=name, option=option, price=price))
        return goal, Done(say("option_gone", language, name=name, option=option, options=options))
    options = enumerate_(
        [v["options_text"][language] for v in there if v in fitting][:MOST_OPTIONS] or [options], language
    )
    price = min(fitting, key=lambda v: v["price"]["minor"])["price"][language]
    return goal, Done(say("product", language, name=name, price=price, options=options))


_NO_NOUN = "는은운한든된할로히게쓸"
"""Syllables in which Korean words of a description end that are no nouns."""


def _asks_about(text: str, product: dict[str, Any], *, plain: bool) -> bool:
    """Whether a question is about what a thing is or can. `plain`: no option is named in it."""
    if plain and not any(has(kind, text) for kind in ("price", "stock", "options")):
        return not all(_of_name(word, product) for word in words(text))
    return any(
        partly(text, word)
        for about in product["description"].values()
        for word in _nouns(about)
        if len(word) >= (6 if word.isascii() else 2)
        and word[-1] not in _NO_NOUN
        and not _of_name(word, product)
    )


def _of_name(word: str, product: dict[str, Any]) -> bool:
    return any(
        fold(part) in word or word in fold(part) for n in product["name"].values() for part in n.split()
    )


def _option_named(text: str, value: str) -> bool:
    """Whether an option's value is said, sizes also as "the big one"."""
    sized = {"large": "big", "small": "small"}.get(value)
    return value_said(text, value) or (sized is not None and has(sized, text))


def _of_the_policy(state: State, goal: Goal, otherwise: Ask) -> Served:
    """A question that sounded like one about a product, and names none: the policy may speak of it ("상품권")."""
    topic = topic_beside(goal)
    key = f"policy:{topic or goal.text}"
    found = state.known.get(key)
    if found is None:
        arguments = {"query": topic or goal.text[:2000], "language": state.language, "limit": 1}
        return goal, Need(key, "search_policy", arguments)
    certain = topic is not None or (found["passages"] and found["passages"][0].get("score", 0) >= ABOUT_IT)
    if found["passages"] and certain:
        return goal, Done(str(found["passages"][0]["text"]))
    return goal, otherwise
