"""Why a thing goes back. Pure."""

from __future__ import annotations

from moksori.shop.flows.data import data
from moksori.shop.flows.matching.phrases import has
from moksori.shop.guard.text import fold


def reason_meant(text: str) -> str | None:
    """Why a thing goes back, by expression; None where none says it. A wrong choice of one's own is no fault."""
    folded = data().words["denied"].sub(" ", fold(text))
    reasons = data().reasons
    if has("own_mistake", text) and not reasons["defective"].search(folded):
        return "wrong_size" if reasons["wrong_size"].search(folded) else "changed_mind"
    return next((code for code, pattern in reasons.items() if pattern.search(folded)), None)
