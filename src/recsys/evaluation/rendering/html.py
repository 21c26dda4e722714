"""A report as one HTML page: the decision first, plots, every table. It fetches nothing and runs nothing."""

import re
from html import escape
from importlib.resources import files

from recsys.evaluation.rendering.markdown import headline
from recsys.evaluation.rendering.sections import TITLES, drawn, sections
from recsys.evaluation.rendering.tables import Column, Section, Table
from recsys.evaluation.results import Results

__all__ = ["body", "render"]

LONG = 40
"""A table of more rows scrolls inside its own box, so that what follows it can be found."""

_QUOTED = re.compile(r"`([^`]+)`")


def render(results: Results) -> str:
    """Write the whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(headline(results))}</title></head>\n"
        f'<body class="recsys-page">{body(results)}</body></html>\n'
    )


def body(results: Results) -> str:
    """Write what stands in the page, with its style, so that a notebook can show it too."""
    style = files("recsys.evaluation").joinpath("rendering", "report.css").read_text(encoding="utf-8")
    plots = drawn(results)
    parts = [f"<style>{style}</style>", f'<main class="recsys-report">{_decision(results)}']
    parts += [_section(section, plots.get(section.title, "")) for section in sections(results)]
    return "\n".join([*parts, "</main>"])


def _decision(results: Results) -> str:
    decision = results.decision
    said = (
        ("What happened", decision.what_happened),
        ("How sure", decision.how_sure),
        ("What to do", decision.what_to_do),
        ("Lever", decision.lever),
    )
    told = "".join(f"<dt>{title}</dt><dd>{_prose(text)}</dd>" for title, text in said)
    return (
        f'<header class="{decision.outcome}"><p>{TITLES[results.mode]}</p>'
        f"<h1>{escape(headline(results))}</h1><dl>{told}</dl></header>"
    )


def _section(section: Section, plot: str) -> str:
    note = f"<p>{_prose(section.note)}</p>" if section.note else ""
    said = "".join(f"<li>{_prose(text)}</li>" for text in section.said)
    listed = f"<ul>{said}</ul>" if said else ""
    drawn = f'<div class="box">{plot}</div>' if plot else ""
    rows = len(section.table.rows)
    table = f'<div class="box">{_table(section.table)}</div>'
    if rows > LONG:
        table = f'<p class="count">{rows:,} rows</p><div class="box long">{_table(section.table)}</div>'
    return f"<section><h2>{escape(section.title)}</h2>{note}{listed}{drawn}{table}</section>"


def _table(table: Table) -> str:
    heads = "".join(f'<th class="{column.kind}">{escape(column.title)}</th>' for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(_cell(column, text) for column, text in zip(table.columns, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(column: Column, text: str) -> str:
    state = f" {text.replace(' ', '_')}" if column.kind == "state" else ""
    return f'<td class="{column.kind}{state}">{_prose(text)}</td>'


def _prose(text: str) -> str:
    """Names come from the data: none may open a tag. What stands in backticks is set as code."""
    return _QUOTED.sub(r"<code>\1</code>", escape(text))
