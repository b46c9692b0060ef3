"""The result as a picture: CPU a message of each stack, a group of bars a load. SVG, so that docs need no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, ROW, GROUP_GAP, TOP = 760, 16, 14, 56
LABELS, VALUES = 210, 70
"""Room left of the bars for what they are, right of them for their figures, in pixels."""
COLOURS = {"moksori": "#0b7285", "nginx": "#868e96", "litellm": "#e8590c"}


def svg(rows: Sequence[Mapping[str, Any]], machine: str) -> str:
    """Bars of `cpu_us_per_msg`; `rows` as in `moksori.bench.relay/1`. Rows without a figure are left out."""
    rows = [row for row in rows if row.get("cpu_us_per_msg")]
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row.get("mode", ""), row["tls"], row["sessions"], row["frame_ms"])
        groups.setdefault(key, []).append(row)
    most = max((float(row["cpu_us_per_msg"]) for row in rows), default=1.0)
    height = TOP + sum(len(group) * ROW + GROUP_GAP for group in groups.values()) + 8
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="8" y="20" font-size="15" fill="#212529">'
        "CPU of the relay a message, microseconds (less is better)</text>",
        f'<text x="8" y="38" fill="#495057">{escape(machine)}</text>',
    ]
    y = TOP
    for (mode, tls, sessions, frame_ms), group in groups.items():
        said = f"{mode}{', TLS' if tls else ''}: {sessions} × {frame_ms} ms".lstrip(": ")
        out.append(f'<text x="8" y="{y + 12}" fill="#212529">{escape(said)}</text>')
        for row in group:
            cost = float(row["cpu_us_per_msg"])
            width = max(1.0, cost / most * (WIDTH - LABELS - VALUES - 8))
            out.append(
                f'<rect x="{LABELS}" y="{y + 2}" width="{width:.1f}" height="{ROW - 4}" '
                f'fill="{COLOURS.get(row["stack"], "#5c7cfa")}"/>'
                f'<text x="{LABELS + width + 6:.1f}" y="{y + 12}" fill="#212529">'
                f"{cost:.1f} {escape(str(row['stack']))}</text>"
            )
            y += ROW
        y += GROUP_GAP
    return "\n".join([*out, "</svg>", ""])
