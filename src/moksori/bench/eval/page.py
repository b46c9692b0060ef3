"""The report as one HTML page without anything from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from moksori.bench.eval.report import Report, Turn, Verdict
from moksori.bench.eval.scenario import LANGUAGES
from moksori.bench.voice.score import spread

_STYLE = (
    ":root{color-scheme:light dark;--good:light-dark(#2a7d46,#6cc48a);--bad:light-dark(#b3261e,#ff8a80);"
    "--soft:color-mix(in srgb,currentColor 64%,transparent);--line:color-mix(in srgb,currentColor 16%,transparent)}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:58rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem;margin:2.4rem 0 .3rem}table{border-collapse:collapse;margin:1rem 0}"
    "th,td{padding:.2rem 1.1rem .2rem 0;text-align:left;font-weight:400;vertical-align:top}"
    "tr+tr>*{border-top:1px solid var(--line)}th,.soft{color:var(--soft)}small{color:var(--soft);font-size:.82rem}"
    "td{font-variant-numeric:tabular-nums}"
    "details{border-left:4px solid var(--good);padding:.3rem .9rem;margin:.5rem 0}"
    "details.bad{border-color:var(--bad)}summary{cursor:pointer}.wrong{color:var(--bad);margin:.3rem 0}"
    "ol{list-style:none;margin:.4rem 0;padding:0}li{margin:.7rem 0}"
    ".turn{display:grid;grid-template-columns:4.6rem 1fr;gap:.1rem .6rem}.turn>span{color:var(--soft)}"
    ".misheard{text-decoration:underline wavy var(--bad);text-underline-offset:.2em}.turn>small{grid-column:2}"
)


def page(reports: Sequence[Report]) -> str:
    title = html.escape(", ".join(each.name for each in reports))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style>{''.join(_section(each) for each in reports)}</html>"
    )


def _section(report: Report) -> str:
    rows = "".join(_row(v) for v in sorted(report.verdicts, key=lambda v: (v.good, v.scenario.key)))
    facts = " · ".join(f"{k.replace('_', '-')}: {v}" for k, v in report.facts.items() if v != "")
    return f"<h1>{html.escape(report.name)}</h1><small>{html.escape(facts)}</small>{_table(report)}{rows}"


def _table(report: Report) -> str:
    lines = []
    for language in (None, *LANGUAGES):
        good, of = report.rate(language)
        if not of:
            continue
        waits = spread(report.waits(language))
        cells = f"<td>{good} of {of} ({good / of:.0%})<td>{waits['p50']} ms<td>{waits['p95']} ms"
        lines.append(f"<tr><th>{_NAMES.get(language, language)}{cells}")
    wait = "voice to voice" if report.spoken else "answered after"
    heads = f"<th><th>as expected<th>{wait}, median<th>95 % within"
    writes = f"<p{' class=wrong' if report.wrong_writes else ''}>Wrong writes: {report.wrong_writes}</p>"
    return f"<table><tr>{heads}{''.join(lines)}</table>{writes}"


_NAMES = {None: "all", "ko": "Korean", "en": "English"}


def _row(verdict: Verdict) -> str:
    scenario = verdict.scenario
    wrong = "".join(f'<p class="wrong">{html.escape(w)}</p>' for w in verdict.wrong)
    state = "" if verdict.good else ' class="bad" open'
    about = f' <span class="soft">{html.escape(scenario.about)}</span>' if scenario.about else ""
    changed = ", ".join(f"{k} → {v or 'nothing'}" for k, v in verdict.changed.items())
    left = f'<p class="soft">Changed: {html.escape(changed)}</p>' if changed else ""
    talk = "".join(f"<li class=turn>{_turn(t)}" for t in verdict.turns)
    title = (
        f"{html.escape(scenario.id)}{about} <small>{_NAMES.get(scenario.language, scenario.language)}</small>"
    )
    return f"<details{state}><summary>{title}</summary>{wrong}<ol>{talk}</ol>{left}</details>"


def _turn(turn: Turn) -> str:
    lines = [("caller", html.escape(turn.said) or '<span class="soft">(silence)</span>')]
    if turn.heard is not None and words(turn.heard) != words(turn.said):
        lines.append(("heard", f"<span class=misheard>{html.escape(turn.heard) or 'nothing'}</span>"))
    lines.append(("answer", html.escape(turn.answered) or '<span class="soft">(none)</span>'))
    notes = [*turn.tools, *([turn.manner] if turn.manner else []), f"{turn.ms:.0f} ms" if turn.ms > 0 else ""]
    shown = html.escape(" · ".join(n for n in notes if n))
    return (
        "".join(f"<span>{name}</span><div>{text}</div>" for name, text in lines) + f"<small>{shown}</small>"
    )


def words(text: str) -> list[str]:
    """What is left of a sentence when case and punctuation do not count."""
    return re.findall(r"\w+", text.casefold())
