"""A report as Markdown: the decision first, then everything it rests on."""

from recsys.evaluation.rendering.sections import sections
from recsys.evaluation.rendering.tables import Table
from recsys.evaluation.results import Results

__all__ = ["headline", "render"]


def render(results: Results) -> str:
    """Write the whole report."""
    decision = results.decision
    lines = [
        f"# {headline(results)}",
        "",
        f"**What happened.** {_plain(decision.what_happened)}",
        "",
        f"**How sure.** {_plain(decision.how_sure)}",
        "",
        f"**What to do.** {_plain(decision.what_to_do)}",
        "",
        f"**Lever.** {_plain(decision.lever)}",
        "",
    ]
    for section in sections(results):
        lines += [f"## {section.title}", ""]
        lines += [_plain(section.note), ""] if section.note else []
        lines += [*(f"- {_plain(text)}" for text in section.said), ""] if section.said else []
        lines += [*_rows(section.table), ""]
    return "\n".join(lines)


def headline(results: Results) -> str:
    """Return the decision in a line: the outcome, its exit code, and the rule that decided."""
    outcome = results.decision.outcome.replace("_", " ").capitalize()
    return f"{outcome}: decided by rule {results.decision.rule} (exit code {results.exit_code})"


def _rows(table: Table) -> list[str]:
    return [
        _row(tuple(column.title for column in table.columns)),
        "|" + "".join(" ---: |" if column.kind == "number" else " --- |" for column in table.columns),
        *(_row(row) for row in table.rows),
    ]


def _row(texts: tuple[str, ...]) -> str:
    return "| " + " | ".join(_cell(text) for text in texts) + " |"


def _cell(text: str) -> str:
    """Names come from the data: none may open a tag or break the table."""
    return _plain(text).replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", " ")
