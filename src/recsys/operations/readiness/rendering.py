"""The checklist as a page: Markdown, HTML, or the document itself."""

import html
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from recsys.encoding import Invalid
from recsys.operations.readiness.checklist import Checked, Readiness
from recsys.operations.readiness.item import AREAS

__all__ = ["headline", "rendered"]

_COLUMNS = ("item", "result", "seen", "date", "by", "to do")


def headline(found: Readiness) -> str:
    """Say it in one line."""
    told = ", ".join(f"{count} {result}" for result, count in found.counts.items() if count)
    return f"{'ready' if found.ready else 'not ready'}: {told}"


def rendered(found: Readiness, path: Path) -> str:
    """Return the report in the form that the file's name asks for; raises ``Invalid`` for another."""
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise Invalid("report", f"{path.name} has no form that is known", suggestion=f"known: {', '.join(_FORMS)}")
    return form(found)


def _json(found: Readiness) -> str:
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"


def _markdown(found: Readiness) -> str:
    parts = [
        f"# Readiness: {headline(found)}\n",
        f"{found.store}, {', '.join(found.tenants) or 'no tenant'}; {found.at}, version {found.version}.\n",
    ]
    for area in AREAS:
        parts.append(f"## {area.capitalize()}\n")
        parts.append(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
        parts += [f"| {' | '.join(_cell(text) for text in _row(item))} |" for item in found.items if item.area == area]
        parts.append("")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


def _row(item: Checked) -> tuple[str, ...]:
    seen = item.seen + (f" ({item.note})" if item.note else "")
    return (f"{item.id}: {item.asks}", item.result, seen, (item.at or "")[:10], item.by or "", item.todo or "")


def _html(found: Readiness) -> str:
    tables = []
    for area in AREAS:
        rows = "".join(
            f'<tr class="{item.result.replace(" ", "-")}">'
            + "".join(f"<td>{html.escape(text)}</td>" for text in _row(item))
            + "</tr>"
            for item in found.items
            if item.area == area
        )
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        tables.append(f"<h2>{area.capitalize()}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    about = f"{found.store}, {', '.join(found.tenants) or 'no tenant'}; {found.at}, version {found.version}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{html.escape(headline(found))}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{html.escape(headline(found))}</h1>"
        f"<p>{html.escape(about)}</p>{''.join(tables)}</main></body></html>\n"
    )


_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}.no td:nth-child(2){font-weight:bold;color:light-dark(#a00,#f88)}"
)
_FORMS: Mapping[str, Callable[[Readiness], str]] = {".md": _markdown, ".html": _html, ".json": _json}
