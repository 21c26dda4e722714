"""A report as one HTML page: the decision first, plots, every table. It fetches nothing and runs nothing."""

from html import escape
from importlib.resources import files

from recsys.evaluation.rendering.markdown import headline
from recsys.evaluation.rendering.plots import intervals_plot, joins_plot
from recsys.evaluation.rendering.tables import Section, sections
from recsys.evaluation.report import Report

__all__ = ["body", "render"]


def render(report: Report) -> str:
    """Write the whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(headline(report))}</title></head>\n<body>{body(report)}</body></html>\n"
    )


def body(report: Report) -> str:
    """Write what stands in the page, with its style, so that a notebook can show it too."""
    style = files("recsys.evaluation").joinpath("rendering", "report.css").read_text(encoding="utf-8")
    plots = {
        "Metrics": intervals_plot(report.offline.metrics),
        "Joins by day": joins_plot(report.days, least=report.config.integrity.min_join_rate),
    }
    parts = [f"<style>{style}</style>", f'<main class="recsys-report">{_decision(report)}']
    parts += [_section(section, plots.get(section[0], "")) for section in sections(report)]
    return "\n".join([*parts, "</main>"])


def _decision(report: Report) -> str:
    decision = report.decision
    said = (
        ("What happened", decision.what_happened),
        ("How sure", decision.how_sure),
        ("What to do", decision.what_to_do),
        ("Lever", decision.lever),
    )
    told = "".join(f"<dt>{title}</dt><dd>{escape(text)}</dd>" for title, text in said)
    return (
        f'<header class="{decision.outcome}"><p>Offline evaluation</p>'
        f"<h1>{escape(headline(report))}</h1><dl>{told}</dl></header>"
    )


def _section(section: Section, plot: str) -> str:
    title, note, (head, *rows) = section
    said = f"<p>{escape(note)}</p>" if note else ""
    heads = "".join(f"<th>{escape(text)}</th>" for text in head)
    cells = "".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"
    if len(rows) > 40:
        table = f"<details><summary>{len(rows)} rows</summary>{table}</details>"
    return f'<section><h2>{escape(title)}</h2>{said}{plot}<div class="wide">{table}</div></section>'


def _cell(text: str) -> str:
    shown = {"hold", "fail", "decided", "ok", "pass", "unclear"}
    mark = f' class="{text}"' if text in shown else ""
    return f"<td{mark}>{escape(text)}</td>"
