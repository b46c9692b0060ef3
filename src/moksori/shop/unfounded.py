"""Claims where nothing can have been done: a conversation without tools knows no order and changes none. Pure."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from moksori.shop.claims import claims
from moksori.shop.guard.text import fold
from moksori.shop.guard.texts import text


@cache
def _business() -> re.Pattern[str]:
    """What a caller has with a shop; of anything else ("the tower was completed in 1889") a model may tell."""
    data = tomllib.loads(files("moksori.shop").joinpath("claims.toml").read_text(encoding="utf-8"))[
        "business"
    ]
    return re.compile("|".join([*data["ko"], rf"\b(?:{'|'.join(data['en'])})\b"]))


def unfounded(said: str) -> str | None:
    """What to say instead of a text that claims something was done for the caller, in its language; None of others."""
    for claim in claims(said):
        if (claim.ours and claim.kinds) or _business().search(fold(claim.text)):
            return text("correction", "unable", "ko" if re.search("[가-힣]", claim.text) else "en")
    return None
