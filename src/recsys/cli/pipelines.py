"""``recsys pipelines``: events in, artifacts out; whole, or step by step over one folder."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from recsys.cli.options import ReasonOption, SegmentOption, SurfaceOption, TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.pipelines import RunReport

__all__ = ["add_to"]

pipelines = typer.Typer(no_args_is_help=True, help="Turn events into artifacts and ship them; whole or step by step.")

EventsOption = Annotated[
    list[str], typer.Option("--events", help="A file or glob (JSONL, CSV, Parquet; .gz too); may be repeated.")
]
CatalogOption = Annotated[list[str] | None, typer.Option("--catalog", help="The catalogue's file; may be repeated.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="YAML: columns, filters and constants of foreign data.")
]
StartOption = Annotated[str, typer.Option("--start", help="The first UTC day: 2026-10-24.")]
EndOption = Annotated[str, typer.Option("--end", help="The last UTC day, included.")]
SignalsOption = Annotated[str | None, typer.Option("--signals", help="Names with commas; default all.")]
IdsOption = Annotated[
    Literal["raw", "pseudonymous"],
    typer.Option("--ids", help="Raw user ids are hashed on the way in; rows with a key_id are not."),
]
BadOption = Annotated[
    float, typer.Option("--max-bad-rate", help="Share of bad rows to leave out instead of stopping.", min=0, max=1)
]
LessOption = Annotated[
    bool,
    typer.Option(
        "--allow-less",
        help="Ship although the surface serves a catalogue, signal or segment that this run has not; takes --reason.",
    ),
]
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Ship and record nothing. Blobs are written, which nothing names until they are shipped."
    ),
]
FolderOption = Annotated[Path, typer.Option("--work", help="The folder that carries a run from step to step.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(pipelines, name="pipelines")


@pipelines.command(
    "run",
    epilog="Example: recsys pipelines run --surface home --events 'shop/*.jsonl' --catalog shop/catalog.jsonl "
    "--start 2026-10-24 --end 2026-11-22",
)
def run(
    surface: SurfaceOption,
    events: EventsOption,
    start: StartOption,
    end: EndOption,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    catalog: CatalogOption = None,
    mapping: MappingOption = None,
    signals: SignalsOption = None,
    ids: IdsOption = "raw",
    max_bad_rate: BadOption = 0.0,
    no_ship: Annotated[bool, typer.Option("--no-ship", help="Publish the manifest, and do not make it live.")] = False,
    work: Annotated[Path | None, typer.Option("--work", help="Keep what the steps make in this folder.")] = None,
    reason: ReasonOption = "",
    allow_less: LessOption = False,
    dry_run: DryOption = False,
) -> None:
    """Ingest, validate, compute and publish; refuses bad input with file, line and reason, and ships nothing then."""
    from recsys.pipelines import run as run_all

    report = run_all(
        open_tenant(tenant),
        surface=surface,
        segment=segment,
        events=events,
        catalog=catalog,
        mapping=mapping,
        start=start,
        end=end,
        signals=_names(signals),
        ids=ids,
        max_bad_rate=max_bad_rate,
        ship=not no_ship,
        work=work,
        reason=reason,
        allow_less=allow_less,
        dry_run=dry_run,
        progress=terminal.progress,
    )
    terminal.finish(report, lambda: _say(report))


@pipelines.command(
    "ingest",
    epilog="Example: recsys pipelines ingest --work run --surface home --events 'shop/*.jsonl' --start … --end …",
)
def ingest(
    work: FolderOption,
    surface: SurfaceOption,
    events: EventsOption,
    start: StartOption,
    end: EndOption,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    catalog: CatalogOption = None,
    mapping: MappingOption = None,
    ids: IdsOption = "raw",
    max_bad_rate: BadOption = 0.0,
) -> None:
    """Read events into canonical daily partitions, with pseudonyms for users."""
    from recsys.pipelines import ingest as step

    made = step(
        open_tenant(tenant),
        surface=surface,
        segment=segment,
        events=events,
        catalog=catalog,
        mapping=mapping,
        start=start,
        end=end,
        ids=ids,
        max_bad_rate=max_bad_rate,
        folder=work,
        progress=terminal.progress,
    )
    terminal.finish(made, lambda: _counts(made.counts))


@pipelines.command("validate", epilog="Example: recsys pipelines validate --work run")
def validate(work: FolderOption) -> None:
    """Check what was ingested against limits and the catalogue."""
    from recsys.pipelines import validate as step

    found = step(work, progress=terminal.progress)
    terminal.finish(found, lambda: terminal.say("the events keep to the limits and the catalogue"))


@pipelines.command("compute", epilog="Example: recsys pipelines compute --work run --surface home")
def compute(
    work: FolderOption, surface: SurfaceOption, tenant: TenantOption = None, signals: SignalsOption = None
) -> None:
    """Compute the signals' artifacts with the parameters of the tenant's config."""
    from recsys.pipelines import compute as step
    from recsys.pipelines import tenant_params

    params = tenant_params(open_tenant(tenant), surface=surface)
    made = step(work, signals=_names(signals), params=params, progress=terminal.progress)
    terminal.finish(
        made, lambda: terminal.say(f"computed in {work}; publish it: recsys pipelines publish --work {work}")
    )


@pipelines.command("publish", epilog="Example: recsys pipelines publish --work run --reason 'nightly'")
def publish(
    work: FolderOption,
    tenant: TenantOption = None,
    no_ship: Annotated[bool, typer.Option("--no-ship", help="Publish the manifest, and do not make it live.")] = False,
    reason: ReasonOption = "",
    allow_less: LessOption = False,
    dry_run: DryOption = False,
) -> None:
    """Write artifacts and manifest to the store, and ship."""
    from recsys.pipelines import publish as step

    report = step(
        open_tenant(tenant),
        work,
        ship=not no_ship,
        reason=reason,
        allow_less=allow_less,
        dry_run=dry_run,
        progress=terminal.progress,
    )
    terminal.finish(report, lambda: _say(report))


@pipelines.command("status")
def status(tenant: TenantOption = None) -> None:
    """Show the last run of every surface."""
    from recsys.pipelines import last_run

    of = open_tenant(tenant)
    found = {surface: last_run(of.store, of.tenant, surface) for surface in sorted(of.releases.current().surfaces)}

    def people() -> None:
        for surface, record in found.items():
            if record is None:
                terminal.say(f"{surface}: no run is recorded")
            else:
                ended = f"failed at {record.stage}: {record.error}" if record.error else record.stage
                terminal.say(f"{surface}: {escape(ended)}, {record.start} to {record.end}, started {record.started}")

    terminal.finish({"surfaces": found}, people)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _say(report: RunReport) -> None:
    _counts(report.counts)
    for name, signal in report.signals.items():
        terminal.say(f"{signal.rows:>12,}  rows of {name}")
    for note in report.notes:
        terminal.say(f"[yellow]note:[/yellow] {escape(note)}")
    state = f"[bold]generation {report.generation}[/bold] is live" if report.shipped else "nothing was shipped"
    terminal.say(f"{state}: {escape(report.why)}")
    terminal.say(f"[dim]manifest {report.manifest}[/dim]")
    if report.undo:
        terminal.say(f"[dim]undo:[/dim] {escape(terminal.command(report.undo))}")


def _counts(counts: Any) -> None:
    for name, count in counts.items():
        if count:
            terminal.say(f"{count:>12,}  {escape(name.replace('_', ' '))}")
