"""``recsys candidate``: try something on a share of people beside what a surface serves."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from recsys.cli.changes import finish_change
from recsys.cli.documents import read_document
from recsys.cli.options import (
    AttemptOption,
    DryRunOption,
    EvidenceOption,
    ReasonOption,
    SurfaceOption,
    TenantOption,
    open_tenant,
    read_reports,
)
from recsys.cli.terminal import escape, terminal

__all__ = ["add_to"]

candidates = typer.Typer(no_args_is_help=True, help="Try other content on a share of people; promote it, or abort.")

CandidateOption = Annotated[
    str | None,
    typer.Option("--candidate", help="The one that is meant, as `show` names it. Default: the one that runs."),
]


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(candidates, name="candidate")


@candidates.command(
    "start",
    epilog="Examples: recsys candidate start --surface home --share 0.1 --manifest sha256:… · "
    "recsys candidate start --surface home --share 0.5",
)
def start(
    surface: SurfaceOption,
    share: Annotated[float, typer.Option(help="Who gets it: 0.1 is a tenth. Alone, the new share of what runs.")],
    tenant: TenantOption = None,
    manifest: Annotated[str | None, typer.Option(help="Digest of a published manifest to try.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="The config in force, with another part for this surface; - reads stdin.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="The rules in force, with other rules for this surface; - reads stdin.")
    ] = None,
    unit: Annotated[
        Literal["anonymous_id", "user_id", "session_id"] | None,
        typer.Option(help="The id by which people keep their arm. Default: anonymous_id."),
    ] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Begin a candidate beside what the surface serves, or change the share of the one that runs."""
    change = open_tenant(tenant).releases.candidates.start(
        surface,
        share=share,
        manifest=manifest,
        config=None if config is None else read_document(config),
        rules=None if rules is None else read_document(rules),
        unit=unit,
        reason=reason,
        dry_run=dry_run,
        attempt=attempt,
    )
    finish_change(change)


@candidates.command("promote", epilog="Example: recsys candidate promote --surface home --evidence report.json")
def promote(
    surface: SurfaceOption,
    tenant: TenantOption = None,
    candidate: CandidateOption = None,
    evidence: EvidenceOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Make what the candidate serves live for everybody, and end it."""
    reports = read_reports(evidence)
    finish_change(
        open_tenant(tenant).releases.candidates.promote(
            surface, candidate=candidate, evidence=reports, reason=reason, dry_run=dry_run, attempt=attempt
        )
    )


@candidates.command("abort", epilog="Example: recsys candidate abort --surface home --hold --reason 'clicks fell'")
def abort(
    surface: SurfaceOption,
    tenant: TenantOption = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold what it carried, so that nothing begins it again.")
    ] = False,
    candidate: CandidateOption = None,
    evidence: EvidenceOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """End the candidate; everybody gets what the surface serves. Passes under a hold."""
    reports = read_reports(evidence)
    finish_change(
        open_tenant(tenant).releases.candidates.abort(
            surface,
            candidate=candidate,
            hold=hold,
            evidence=reports,
            reason=reason,
            dry_run=dry_run,
            attempt=attempt,
        )
    )


@candidates.command("show")
def show(
    tenant: TenantOption = None,
    surface: Annotated[str | None, typer.Option("--surface", help="One surface only.")] = None,
) -> None:
    """Show the candidates that run, and who began them."""
    of = open_tenant(tenant)
    running = of.releases.candidates.running(surface)

    def people() -> None:
        if not running:
            terminal.say("no candidate runs")
            return
        table = Table("candidate", "share", "by", "carries", "begun", "who", "why", box=None, pad_edge=False)
        for one in running:
            table.add_row(
                escape(one.name),
                f"{one.candidate.share:g}",
                one.candidate.unit,
                ", ".join(one.carries),
                one.at[:19] + "Z",
                escape(one.actor),
                escape(one.reason),
            )
        terminal.people.print(table)

    terminal.finish({"tenant": of.tenant, "candidates": running}, people)
