"""Dialogue as a terminal shows it."""

from __future__ import annotations

from rich.markup import escape

from moksori.client.measure import Latency
from moksori.client.texts import Language, say
from moksori.client.transcript import Line, Who


def rendered(texts: Language, line: Line) -> str:
    """A line of dialogue as rich markup; what was said is never read as markup."""
    match line.who:
        case Who.CALLER:
            name, style = say(texts, "you"), "bold cyan"
        case Who.AGENT:
            name, style = say(texts, "agent"), "bold green"
        case Who.TOOL:
            name, style = say(texts, "tool"), "dim"
    words = line.text or (say(texts, "not_understood") if line.final else "…")
    cut = f" [dim]{say(texts, 'cut')}[/]" if line.cut else ""
    return f"[{style}]{name}:[/] {escape(words)}{cut}"


def told(texts: Language, latency: Latency) -> str:
    """A turn's latency in words."""
    key = "latency_typed" if latency.typed else "latency"
    return say(texts, key, ms=latency.ms, first=latency.first_byte_ms)
