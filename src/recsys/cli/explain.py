"""``recsys eval explain``: the evaluation looks wrong."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.cli.terminal import escape, terminal

if TYPE_CHECKING:
    from recsys.evaluation import Explanation
    from recsys.evaluation.explaining.finding import Finding

__all__ = ["EPILOG", "explain"]

_WIDTH = 100
EPILOG = (
    "Examples: recsys-eval explain report.json · recsys-eval explain report.json --dataset dataset.yaml --json. "
    "Exits 1 with findings."
)


def explain(
    report: Annotated[Path, typer.Argument(help="The JSON report of eval run, of any mode.")],
    dataset: Annotated[
        Path | None,
        typer.Option(help="YAML: the data it was made of, to count it again by day and arm and name request ids."),
    ] = None,
) -> None:
    """Say why an evaluation looks wrong: each symptom with its evidence, first bad day, slice and next step."""
    from recsys.evaluation import explain as run

    found = run(report, dataset=dataset, progress=terminal.progress)
    terminal.finish(found, lambda: _print(found))
    if not found.healthy:
        raise typer.Exit(1)


def _print(found: "Explanation") -> None:
    first, last = (moment[:10] for moment in found.window)
    _say("", f"{found.mode}, {first} to {last}: {found.outcome} by rule {found.rule}", "[bold]", "[/bold]")
    for finding in found.findings:
        follows = f" (follows from {finding.follows_from})" if finding.follows_from else ""
        _say("", f"✗ {finding.symptom}{follows}: {finding.said}", "[bold red]", "[/bold red]", marked=finding.symptom)
        for line in _lines(finding):
            _say("    ", line)
        _say("  ", f"likely: {finding.cause}")
        _say("  ", f"next: {finding.next_step}")
        if finding.unseen:
            _say("  ", f"not seen: {finding.unseen}", "[dim]", "[/dim]")
    for finding in (*found.ruled_out, *found.not_seen):
        verdict = "not" if finding.verdict == "ruled_out" else "not seen:"
        unseen = f" (not seen: {finding.unseen})" if finding.unseen else ""
        _say("", f"{verdict} {finding.symptom}: {finding.said}{unseen}", "[dim]", "[/dim]")
    if found.healthy:
        terminal.say("[green]✓[/green] nothing found")
    _say("", f"most likely: {found.most_likely}", "[bold]", "[/bold]")


def _lines(finding: "Finding") -> Iterator[str]:
    for name, value in finding.evidence.items():
        yield f"{name}: {_written(value)}"
    if finding.first_bad_day:
        to = "" if finding.last_bad_day in (None, finding.first_bad_day) else f", until {finding.last_bad_day}"
        yield f"first bad day: {finding.first_bad_day}{to}"
    if finding.stands_out:
        yield f"stands out: {finding.stands_out}"
    if finding.requests:
        yield f"requests: {', '.join(finding.requests)}"


def _written(value: Any) -> str:
    """Write a value of the evidence as people read it; the JSON has it whole."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_written(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value))
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _say(indent: str, text: str, before: str = "", after: str = "", *, marked: str = "") -> None:
    """Print a paragraph within the width; ``before`` and ``after`` are markup around it, or around its first words up
    to ``marked``.
    """
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    )
    for number, line in enumerate(lines):
        if marked:
            head, found, rest = line.partition(marked) if number == 0 else ("", "", line)
            terminal.say(f"{before}{escape(head + found)}{after}{escape(rest)}" if found else escape(rest))
        else:
            terminal.say(f"{before}{escape(line)}{after}")
