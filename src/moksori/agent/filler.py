"""Words that only bridge a wait: said while a tool runs, no answer and no claim."""

from __future__ import annotations

FILLER = "moksori_filler"
"""Key of a response's metadata; its value is all that the response says. Clients may tell by it that no answer came."""
