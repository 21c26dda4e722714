"""``recsys eval``, also installed as ``recsys-eval``: decide from logs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from recsys.cli.explain import EPILOG, explain
from recsys.cli.options import TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError

if TYPE_CHECKING:
    from recsys.evaluation.parts import Decision
    from recsys.operations.applying import Applied

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


@evaluation.command("plan", epilog="Example: recsys-eval plan --rate 0.1 --change 0.1 --units-per-day 2000")
def plan(
    rate: Annotated[float, typer.Option(help="The share of control's units that do it: 0.1 is a tenth.")],
    change: Annotated[float, typer.Option(help="The smallest relative change that matters: 0.1 is a tenth more.")],
    alpha: Annotated[float, typer.Option(help="How often to find a change where there is none.")] = 0.05,
    power: Annotated[float, typer.Option(help="How often to find a change of this size.")] = 0.8,
    units_per_day: Annotated[
        float | None, typer.Option(help="New units of both arms a day: then days are said.", min=1)
    ] = None,
) -> None:
    """Say how many units an experiment on a share needs, before it begins."""
    from recsys.evaluation.planning import plan as make

    found = make(rate, change, alpha=alpha, power=power, units_per_day=units_per_day)

    def people() -> None:
        terminal.say(f"from {found.control:g} to {found.candidate:g}, alpha {alpha:g}, power {power:g}, two equal arms")
        for kind, units, days, looks in (
            ("fixed", found.fixed, found.days_fixed, "one look, planned"),
            ("sequential", found.sequential, found.days_sequential, "a look whenever you like"),
        ):
            needs = "more than there are people" if units is None else f"{units:,} units an arm"
            pace = "" if days is None else f", {days:,.0f} days"
            terminal.say(f"  {kind:<10} {needs}{pace} ({looks})")

    terminal.finish(found, people)


@evaluation.command(
    "run",
    epilog="Example: recsys-eval run --mode offline --dataset dataset.yaml --config config.yaml --output report.json. "
    "Nightly, on a candidate: add --apply. Exit: 0 ship or pass, 1 error, 2 hold, 3 rollback or abort, 4 an offline "
    "gate failed.",
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
    experiment_id: Annotated[
        str | None, typer.Option(help="The experiment to judge, in place of the config's; home-7 is a candidate's.")
    ] = None,
    do_apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Pull the lever: promote or abort a candidate; else hold, or roll back where the config says how far.",
        ),
    ] = False,
    tenant: TenantOption = None,
    surface: Annotated[
        str | None, typer.Option("--surface", help="With --apply: where, if not where the experiment ran.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --apply: say what would be done.")] = False,
) -> None:
    """Evaluate and decide; with --apply, do it. The report is the evidence of what is done."""
    from recsys.evaluation import evaluate
    from recsys.evaluation.config import read_config

    _check_output(output, {"dataset": dataset, "config": config, "baseline": baseline})
    settings = read_config(config, experiment_id=experiment_id)
    if mode is not None and mode != settings.mode:
        raise UsageError(f"--mode {mode}, and the config says {settings.mode}", next_step="make them agree")
    releases = open_tenant(tenant).releases if do_apply else None  # a wrong tenant is told before the work, not after
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
    applied = None
    if releases is not None:
        from recsys.operations.applying import apply

        applied = apply(report, releases, surface=surface, dry_run=dry_run)
    if output is not None:
        document = report if applied is None else {"report": report, "applied": _applied(applied)}
        terminal.finish(document, lambda: _say(report.decision, output, applied))
    elif applied is not None:
        terminal.warn(f"{applied.action}: {applied.why}")
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _applied(applied: "Applied") -> dict[str, object]:
    return {"action": applied.action, "why": applied.why, "changes": [each.document() for each in applied.changes]}


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


def _say(decision: "Decision", output: Path, applied: "Applied | None") -> None:
    terminal.say(f"[bold]{decision.outcome}[/bold] ({decision.rule}): {escape(decision.what_happened)}")
    for line in (decision.how_sure, decision.what_to_do):
        if line:
            terminal.say(escape(line))
    terminal.say(f"[dim]report: {output}[/dim]")
    if applied is not None and not applied.changes:
        terminal.say(f"nothing applied: {escape(applied.why)}")
    if applied is not None and applied.changes:
        from recsys.cli.changes import say_change

        for change in applied.changes:
            say_change(change)


evaluation.command("explain", epilog=EPILOG)(explain)
