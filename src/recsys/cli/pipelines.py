"""``recsys pipelines``: events in, artifacts out; whole, or step by step over one folder."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from recsys.cli.event_sources import EventsOption, SourceOption, events_from, source
from recsys.cli.options import (
    ReasonOption,
    SegmentOption,
    SurfaceOption,
    TenantOption,
    ends_on_sigterm,
    open_tenant,
    open_tenants,
)
from recsys.cli.terminal import escape, terminal
from recsys.encoding import convert, parse_rfc3339
from recsys.errors import UsageError
from recsys.pipelines import Finding, Incremental, RunReport
from recsys.pipelines.engine import MEMORY_LIMIT
from recsys.pipelines.engines import LOCAL, EngineName

if TYPE_CHECKING:
    from recsys.operations.freshness import Freshness
    from recsys.pipelines import LastRun

__all__ = ["add_to"]

pipelines = typer.Typer(
    no_args_is_help=True,
    help="Turn events into artifacts and ship them; whole or step by step.",
    callback=ends_on_sigterm,
)
pipelines.add_typer(source, name="source")

CatalogOption = Annotated[list[str] | None, typer.Option("--catalog", help="The catalogue's file; may be repeated.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="YAML: columns, filters and constants of foreign data.")
]
StartOption = Annotated[str, typer.Option("--start", help="The first UTC day: 2026-10-24.")]
FirstOption = Annotated[
    str | None, typer.Option("--start", help="The first UTC day: 2026-10-24. Not with --incremental.")
]
IncrementalOption = Annotated[
    bool,
    typer.Option(
        "--incremental", help="Go on from the days that the run before kept (in --work), and read only what is new."
    ),
]
DaysOption = Annotated[int, typer.Option("--days", help="Incremental: days in the window, up to --end.", min=1)]
BackfillOption = Annotated[
    int,
    typer.Option(
        "--backfill-days", help="Incremental: days read before that are read again, for what came late.", min=0
    ),
]
RebuildOption = Annotated[
    bool, typer.Option("--rebuild", help="Incremental: keep nothing of the runs before, read the whole window.")
]
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
ForceOption = Annotated[
    bool, typer.Option("--force", help="Go on whatever the checks say of events and artifacts; takes --reason.")
]
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Ship, record and keep nothing. Blobs are written, which nothing names until they are shipped.",
    ),
]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="What computes the signals; spark needs Java 17.")]
MasterOption = Annotated[
    str,
    typer.Option("--master", envvar="RECSYS_SPARK_MASTER", help="Spark's master URL; local[*]: this machine's cores."),
]
MemoryOption = Annotated[
    str,
    typer.Option("--memory", help="What DuckDB, or Spark on this machine, may hold before it spills to disk: 4GB."),
]
FolderOption = Annotated[Path, typer.Option("--work", help="The folder that carries a run from step to step.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(pipelines, name="pipelines")


@pipelines.command(
    "run",
    epilog="Example: recsys pipelines run --surface home --events 'shop/*.jsonl' --catalog shop/catalog.jsonl "
    "--start 2026-10-24 --end 2026-11-22 ; every night: … --incremental --end 2026-11-23",
)
def run(
    surface: SurfaceOption,
    end: EndOption,
    events: EventsOption = None,
    origin: SourceOption = None,
    start: FirstOption = None,
    incremental: IncrementalOption = False,
    days: DaysOption = Incremental.__struct_defaults__[0],
    backfill_days: BackfillOption = Incremental.__struct_defaults__[1],
    rebuild: RebuildOption = False,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    catalog: CatalogOption = None,
    mapping: MappingOption = None,
    signals: SignalsOption = None,
    ids: IdsOption = "raw",
    max_bad_rate: BadOption = 0.0,
    no_ship: Annotated[bool, typer.Option("--no-ship", help="Publish the manifest, and do not make it live.")] = False,
    work: Annotated[Path | None, typer.Option("--work", help="Keep what the steps make in this folder.")] = None,
    engine: EngineOption = "duckdb",
    master: MasterOption = LOCAL,
    memory: MemoryOption = MEMORY_LIMIT,
    reason: ReasonOption = "",
    allow_less: LessOption = False,
    force: ForceOption = False,
    dry_run: DryOption = False,
) -> None:
    """Ingest, validate, compute and publish; refuses bad input with file, line and reason, and ships nothing then."""
    from recsys.pipelines import run as run_all

    of = open_tenant(tenant)
    report = run_all(
        of,
        surface=surface,
        segment=segment,
        events=events_from(of, events, origin),
        catalog=catalog,
        mapping=mapping,
        start=start,
        end=end,
        incremental=_incremental(incremental, days=days, backfill_days=backfill_days, rebuild=rebuild),
        signals=_names(signals),
        ids=ids,
        max_bad_rate=max_bad_rate,
        ship=not no_ship,
        work=work,
        engine=engine,
        master=master,
        memory=memory,
        reason=reason,
        allow_less=allow_less,
        force=force,
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
    start: StartOption,
    end: EndOption,
    events: EventsOption = None,
    origin: SourceOption = None,
    tenant: TenantOption = None,
    segment: SegmentOption = None,
    catalog: CatalogOption = None,
    mapping: MappingOption = None,
    ids: IdsOption = "raw",
    max_bad_rate: BadOption = 0.0,
    memory: MemoryOption = MEMORY_LIMIT,
) -> None:
    """Read events into canonical daily partitions, with pseudonyms for users."""
    from recsys.pipelines import ingest as step

    of = open_tenant(tenant)
    made = step(
        of,
        surface=surface,
        segment=segment,
        events=events_from(of, events, origin),
        catalog=catalog,
        mapping=mapping,
        start=start,
        end=end,
        ids=ids,
        max_bad_rate=max_bad_rate,
        folder=work,
        memory=memory,
        progress=terminal.progress,
    )
    terminal.finish(made, lambda: _counts(made.counts))


@pipelines.command("validate", epilog="Example: recsys pipelines validate --work run")
def validate(work: FolderOption, force: ForceOption = False) -> None:
    """Check what was ingested: volumes, repeats, hours, users, items, day by day."""
    from recsys.pipelines import validate as step

    found = step(work, force=force, progress=terminal.progress)
    terminal.finish(found, lambda: _checks(found.findings))


@pipelines.command("compute", epilog="Example: recsys pipelines compute --work run --surface home")
def compute(
    work: FolderOption,
    surface: SurfaceOption,
    tenant: TenantOption = None,
    signals: SignalsOption = None,
    engine: EngineOption = "duckdb",
    master: MasterOption = LOCAL,
    memory: MemoryOption = MEMORY_LIMIT,
) -> None:
    """Compute the signals' artifacts with the parameters of the tenant's config."""
    from recsys.pipelines import compute as step
    from recsys.pipelines import tenant_params

    params = tenant_params(open_tenant(tenant), surface=surface)
    made = step(
        work,
        signals=_names(signals),
        params=params,
        engine=engine,
        master=master,
        memory=memory,
        progress=terminal.progress,
    )
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
    force: ForceOption = False,
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
        force=force,
        dry_run=dry_run,
        progress=terminal.progress,
    )
    terminal.finish(report, lambda: _say(report))


@pipelines.command("status", epilog="Example: recsys pipelines status --json")
def status(
    tenant: Annotated[
        str | None, typer.Option("--tenant", envvar="RECSYS_TENANT", help="Of this tenant alone; default all.")
    ] = None,
) -> None:
    """Show the last run of every surface: where it is or ended, what it took and made, how old its data is."""
    from recsys.documents import read_config
    from recsys.operations.freshness import freshness
    from recsys.pipelines import last_runs

    now_s = time.time()
    found: dict[str, dict[str, tuple[LastRun | None, Freshness, bool]]] = {}
    for of in open_tenants(tenant):
        release, runs = of.releases.current(), last_runs(of.store, of.tenant)
        config = read_config(of.store.blobs.read(of.tenant, release.config))
        found[of.tenant] = {
            surface: (runs.get(surface), freshness(of.store, release, surface, config, now_s=now_s), surface in runs)
            for surface in sorted(runs.keys() | release.surfaces.keys())
        }

    def people() -> None:
        for name, surfaces in found.items():
            if len(found) > 1:
                terminal.say(f"[dim]tenant[/dim] [bold]{name}[/bold]")
            for surface, (run, fresh, recorded) in surfaces.items():
                _say_run(surface, run, fresh, unread=recorded, now_s=now_s)
            if not surfaces:
                terminal.say("no run was made yet: recsys pipelines run --help")

    told = {
        name: {surface: {"run": run, "freshness": fresh} for surface, (run, fresh, _) in surfaces.items()}
        for name, surfaces in found.items()
    }
    terminal.finish({"tenants": told}, people)


def _say_run(surface: str, run: "LastRun | None", fresh: "Freshness", *, unread: bool, now_s: float) -> None:
    from recsys.operations.thresholds import THRESHOLDS
    from recsys.pipelines.report import STAGES

    if run is None:
        said = "[red]the record of its last run cannot be read[/red]" if unread else "no run is recorded"
        terminal.say(f"[bold]{surface}[/bold]: {said}")
    else:
        shipped = f", generation {run.generation} is live" if run.shipped else ""
        ended = "[red]failed[/red] at " if run.error else "[yellow]is at[/yellow] " if run.finished is None else ""
        took = f", took {sum(run.took_s.values()):.1f} s" if run.took_s else ""
        took += "" if run.engine == "duckdb" else f" with {run.engine}"
        terminal.say(f"[bold]{surface}[/bold]: {ended}{run.stage}{shipped}; started {run.started}{took}")
        if run.error:
            terminal.say(f"  {escape(run.error)}")
        elif run.finished is None and now_s - parse_rfc3339(run.started, what="run") > THRESHOLDS.run_silent_s:
            terminal.say("  [red]it has not ended: was it killed?[/red] run the same command again, that is safe")
        terminal.say(f"  window {run.start} to {run.end}")
        for what, values, form in (
            ("counts", run.counts, "{:,}"),
            ("items made", run.made, "{:,}"),
            ("seconds", {stage: run.took_s.get(stage, 0.0) for stage in STAGES}, "{:.1f}"),
        ):
            listed = ", ".join(
                f"{name.replace('_', ' ')} {form.format(value)}" for name, value in values.items() if value
            )
            if listed:
                terminal.say(f"  {what}: {escape(listed)}")
        for said in run.checks:
            terminal.say(f"  [yellow]check:[/yellow] {escape(said)}")
    if fresh.data_until is not None:
        colour = "red" if fresh.stale else "green"
        terminal.say(f"  served: [{colour}]{fresh.sentence()}[/{colour}]")


def _incremental(asked: bool, **how: int) -> Incremental | None:
    defaults = dict(zip(Incremental.__struct_fields__, Incremental.__struct_defaults__, strict=True))
    if not asked and how != defaults:
        named = next(name for name, value in how.items() if value != defaults[name])
        raise UsageError(
            f"--{named.replace('_', '-')} says how an incremental run goes on", next_step="add --incremental"
        )
    return convert(how, Incremental, what="incremental") if asked else None


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _say(report: RunReport) -> None:
    _counts(report.counts)
    for name, signal in report.signals.items():
        terminal.say(f"{signal.rows:>12,}  rows of {name}")
    for note in report.notes:
        terminal.say(f"[yellow]note:[/yellow] {escape(note)}")
    if report.checks:
        _checks(report.checks)
    state = f"[bold]generation {report.generation}[/bold] is live" if report.shipped else "nothing was shipped"
    terminal.say(f"{state}: {escape(report.why)}")
    terminal.say(f"[dim]manifest {report.manifest}[/dim]")
    if report.undo:
        terminal.say(f"[dim]undo:[/dim] {escape(terminal.command(report.undo))}")


def _checks(findings: Sequence[Finding]) -> None:
    """Say what is not as it must be; or that all is."""
    wrong = [found for found in findings if not found.ok]
    for found in wrong:
        colour = "red" if found.severity == "error" else "yellow"
        terminal.say(f"[{colour}]{found.severity}:[/{colour}] {escape(found.said)}")
    if not wrong:
        terminal.say(f"{len(findings)} checks passed")


def _counts(counts: Any) -> None:
    for name, count in counts.items():
        if count:
            terminal.say(f"{count:>12,}  {escape(name.replace('_', ' '))}")
