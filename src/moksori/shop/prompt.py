"""The instructions of a model that speaks for the shop, made from the same policy the tools obey. Pure.

The rules come first. What a browser sends (`recentOrders`, `membership`, `cartTotal`, …, camel or snake case) follows
as data, and the session's own `instructions` stand last, below the rules.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.agent.tools import JSON, Language
from moksori.shop.guard.quoting import as_data

LONGEST_OWN = 8000
"""Characters of a session's own instructions that are kept."""
LONGEST_VARIABLE = 500
MOST_PRODUCTS = 10
"""Products of a shop up to which their names are told to the recogniser: its prompt is decoded before every turn."""
NOT_TOLD = frozenset({"context", "sessionId", "language"})
"""Variables that are for the server: the signed context, the page's session, the language."""


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(files("moksori.shop").joinpath("prompt.toml").read_text(encoding="utf-8"))


def camel(name: str) -> str:
    """ "recent_orders" and "recentOrders" are the same variable."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def named(variables: Mapping[str, JSON]) -> dict[str, JSON]:
    """The variables by their names in camel case."""
    return {camel(name): value for name, value in variables.items()}


def context_of(variables: Mapping[str, JSON]) -> str | None:
    """The context the shop signed: a compact JWT in the variable `context`."""
    value = named(variables).get("context")
    return value if isinstance(value, str) and value else None


def instructions(
    shop: Mapping[str, str],
    passages: Mapping[str, list[str]],
    variables: Mapping[str, JSON],
    language: Language,
    own: str,
) -> str:
    """All a model is told. `shop` is the shop's name and `passages` its policy, both by language."""
    texts = _texts()
    parts = [
        texts["role"][language].format(name=shop[language]),
        texts["rules"][language].strip(),
        texts["policy"][language].format(passages="\n".join(f"- {p}" for p in passages[language])),
        f"{texts['data'][language]}\n{_data(variables, language)}",
    ]
    if own.strip():
        parts.append(f"{texts['own'][language]}\n{own.strip()[:LONGEST_OWN]}")
    return "\n\n".join(parts)


def hearing(products: Sequence[str], language: Language) -> str:
    """Words that callers of a shop are likely to say, for a recogniser's prompt."""
    names = products if len(products) <= MOST_PRODUCTS else ()
    return ", ".join([_texts()["hearing"][language], *names]) + "."


def _data(variables: Mapping[str, JSON], language: Language) -> str:
    known: dict[str, Any] = _texts()["variable"]
    given = {k: v for k, v in named(variables).items() if k not in NOT_TOLD and v not in (None, "")}
    shown: dict[str, JSON] = {
        texts[language]: given.pop(name, texts["default"][language]) for name, texts in known.items()
    }
    for name, value in given.items():
        shown[name[:64]] = value
    short = {k: v[:LONGEST_VARIABLE] if isinstance(v, str) else v for k, v in shown.items()}
    return json.dumps(as_data(short), ensure_ascii=False)
