"""``recsys eval``, also installed as ``recsys-eval``: decide from logs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from recsys.cli.explain import EPILOG, explain
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError

if TYPE_CHECKING:
    from recsys.evaluation.parts import Decision

__all__ = ["add_to"]

_FORMS: dict[str, Literal["json", "markdown", "html"]] = {".md": "markdown", ".html": "html"}

evaluation = typer.Typer(no_args_is_help=True, help="Turn logs into ship / hold / rollback decisions.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(evaluation, name="eval")


@evaluation.command("validate", epilog="Example: recsys-eval validate --schema exposure.v1 --input exposures.jsonl")
def validate(
    schema: Annotated[str, typer.Option(help="exposure.v1, outcome.v1, assignment.v1, ranklist.v1 or interaction.v1.")],
    files: Annotated[list[str], typer.Option("--input", help="A JSONL file or glob; may be repeated.")],
) -> None:
    """Check files line by line against a schema; exits 1 when a line is bad."""
    from recsys.evaluation import validate as run

    found = run(schema=schema, inputs=tuple(files))
    terminal.finish(found, lambda: terminal.say(escape(str(found))))
    if not found.ok:
        raise typer.Exit(1)


@evaluation.command(
    "run",
    epilog="Example: recsys-eval run --mode offline --dataset dataset.yaml --config config.yaml --output report.json. "
    "Exit: 0 ship or pass, 1 error, 2 hold, 3 rollback, 4 an offline gate failed.",
)
def run(
    dataset: Annotated[Path, typer.Option(help="YAML: where exposures, outcomes and lists are.")],
    config: Annotated[Path, typer.Option(help="YAML: metrics, integrity limits and gates.")],
    output: Annotated[Path | None, typer.Option(help="Where the report goes; default standard output.")] = None,
    mode: Annotated[
        Literal["offline", "experiment", "interleaving", "ope", "aa-check"] | None,
        typer.Option(help="Must agree with the config's mode."),
    ] = None,
    output_format: Annotated[
        Literal["json", "markdown", "html"] | None, typer.Option(help="Default: by the file's ending.")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="The JSON report to compare with.")] = None,
    allow_no_baseline: Annotated[bool, typer.Option("--allow-no-baseline", help="Report without comparing.")] = False,
) -> None:
    """Evaluate and decide."""
    from recsys.evaluation import evaluate

    report = evaluate(
        dataset=dataset,
        config=config,
        baseline=baseline,
        allow_no_baseline=allow_no_baseline,
        progress=terminal.progress,
    )
    if mode is not None and mode != report.mode:
        raise UsageError(f"--mode {mode}, and the config says {report.mode}", next_step="make them agree")
    form = output_format or _FORMS.get(output.suffix if output else "", "json")
    if form == "json":
        data = report.to_json()
    else:
        data = (report.to_html() if form == "html" else report.to_markdown()).encode()
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        output.write_bytes(data)
        terminal.finish(report, lambda: _say(report.decision, output))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _say(decision: "Decision", output: Path) -> None:
    terminal.say(f"[bold]{decision.outcome}[/bold] ({decision.rule}): {escape(decision.what_happened)}")
    for line in (decision.how_sure, decision.what_to_do):
        if line:
            terminal.say(escape(line))
    terminal.say(f"[dim]report: {output}[/dim]")


evaluation.command("explain", epilog=EPILOG)(explain)
