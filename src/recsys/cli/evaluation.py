"""``recsys eval``, also installed as ``recsys-eval``: decide from logs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
    from recsys.evaluation.config import read_config

    _check_output(output, {"dataset": dataset, "config": config, "baseline": baseline})
    settings = read_config(config)
    if mode is not None and mode != settings.mode:
        raise UsageError(f"--mode {mode}, and the config says {settings.mode}", next_step="make them agree")
    report = evaluate(
        dataset=dataset,
        config=settings,
        baseline=baseline,
        allow_no_baseline=allow_no_baseline,
        progress=terminal.progress,
    )
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


def _check_output(output: Path | None, inputs: Mapping[str, Path | None]) -> None:
    """Look before a long run whether its report can be written, and over nothing that was read.

    Raises
    ------
    UsageError
        Saying which path, and why not.
    """
    if output is None:
        return
    for name, path in inputs.items():
        if path is not None and output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"--output {output} is the {name} itself", next_step="write the report to another file")
    problem = ""
    if output.is_dir():
        problem = "is a folder"
    elif not output.parent.is_dir():
        problem = f"cannot be written: there is no folder {output.parent}"
    elif not os.access(output if output.exists() else output.parent, os.W_OK):
        problem = "cannot be written: permission denied"
    if problem:
        raise UsageError(f"--output {output} {problem}", next_step="name a file in a folder that can be written to")


def _say(decision: "Decision", output: Path) -> None:
    terminal.say(f"[bold]{decision.outcome}[/bold] ({decision.rule}): {escape(decision.what_happened)}")
    for line in (decision.how_sure, decision.what_to_do):
        if line:
            terminal.say(escape(line))
    terminal.say(f"[dim]report: {output}[/dim]")
