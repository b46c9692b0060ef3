"""The report as one HTML page without anything from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence

from moksori.bench.eval.report import Report, Turn, Verdict
from moksori.bench.eval.scenario import LANGUAGES
from moksori.bench.voice.score import spread

_STYLE = (
    ":root{color-scheme:light dark;--good:#2a7d46;--bad:#b3261e;--soft:color-mix(in srgb,currentColor 62%,transparent)}"
    "body{font:15px/1.55 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem;margin:2rem 0 .3rem}table{border-collapse:collapse;margin:.6rem 0 1rem}"
    "th,td{padding:.15rem .9rem .15rem 0;text-align:left;font-weight:400}th{color:var(--soft)}"
    "td.n{font-variant-numeric:tabular-nums}"
    "details{border-left:4px solid var(--good);padding:.25rem .8rem;margin:.4rem 0}"
    "details.bad{border-color:var(--bad)}summary{cursor:pointer}.wrong{color:var(--bad);margin:.2rem 0}"
    "dl{margin:.4rem 0}dt{margin-top:.5rem}dt::before{content:'“'}dt::after{content:'”'}"
    "dd{margin:0 0 0 1rem}small,.about{color:var(--soft)}"
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
    facts = "; ".join(f"{k}: {v}" for k, v in report.facts.items())
    return f"<h1>{html.escape(report.name)}</h1><small>{html.escape(facts)}</small>{_table(report)}{rows}"


def _table(report: Report) -> str:
    lines = []
    for language in (None, *LANGUAGES):
        good, of = report.rate(language)
        if not of:
            continue
        waits = spread(report.waits(language))
        cells = f"<td class=n>{good} of {of} ({good / of:.0%})<td class=n>{waits['p50']}<td class=n>{waits['p95']}"
        lines.append(f"<tr><th>{language or 'all'}{cells}")
    heads = f"<th><th>as expected<th>{'voice to voice' if report.spoken else 'answer'} ms P50<th>P95"
    return f"<table><tr>{heads}{''.join(lines)}</table><p>Wrong writes: {report.wrong_writes}.</p>"


def _row(verdict: Verdict) -> str:
    scenario = verdict.scenario
    wrong = "".join(f'<p class="wrong">{html.escape(w)}</p>' for w in verdict.wrong)
    state = "" if verdict.good else ' class="bad" open'
    about = f' <span class="about">{html.escape(scenario.about)}</span>' if scenario.about else ""
    talk = "".join(_turn(t) for t in verdict.turns)
    return (
        f"<details{state}><summary>{html.escape(scenario.id)} ({scenario.language}){about}</summary>"
        f"{wrong}<dl>{talk}</dl></details>"
    )


def _turn(turn: Turn) -> str:
    notes = [f"heard: {turn.heard or '–'}"] if turn.heard is not None else []
    notes += [*turn.tools, *([turn.manner] if turn.manner else []), f"{turn.ms:.0f} ms" if turn.ms else ""]
    shown = html.escape(" · ".join(n for n in notes if n))
    return f"<dt>{html.escape(turn.said) or '…'}<dd>{html.escape(turn.answered) or '–'}<br><small>{shown}</small>"
