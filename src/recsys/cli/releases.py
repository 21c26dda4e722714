"""``recsys releases``: see, compare, ship, and pull the levers."""

import enum
import time
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer
from rich.table import Table

from recsys.cli.changes import TimeoutOption, WaitOption, finish_and_wait, finish_change
from recsys.cli.garbage import finish_collection
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
from recsys.cli.spans import seconds_in
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.library import Tenant
from recsys.releases import KEEP, Lever, Release, collect_garbage, gone_from

if TYPE_CHECKING:
    from recsys.snapshot.sampled import SampledDiff

__all__ = ["add_to"]

releases = typer.Typer(no_args_is_help=True, help="The release log: see it, compare, ship, roll back, hold.")

Generation = Annotated[int, typer.Argument(help="A generation.")]
OneSurface = Annotated[str | None, typer.Option("--surface", help="One surface only.")]


class HeldLever(enum.StrEnum):
    """What a hold can cover."""

    config = "config"
    rules = "rules"
    artifacts = "artifacts"


def _levers(chosen: list[HeldLever] | None) -> tuple[Lever, ...] | None:
    return tuple(lever.value for lever in chosen) if chosen else None


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(releases, name="releases")


@releases.command("list")
def list_releases(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 50,
    before: Annotated[int | None, typer.Option(help="Only generations below this.")] = None,
) -> None:
    """List generations, newest first."""
    of = open_tenant(tenant)
    page = of.releases.list(limit=limit, before=before)
    known: dict[str, bool] = {}
    gone = {release.generation: gone_from(release, of.store.blobs, known=known) for release in page.releases}

    def people() -> None:
        table = Table("gen", "at", "action", "who", "what and why", box=None, pad_edge=False)
        for release in page.releases:
            table.add_row(
                str(release.generation),
                release.at[:19] + "Z",
                release.action,
                escape(release.actor),
                escape(_what(release, gone[release.generation])),
            )
        terminal.people.print(table)
        if page.next is not None:
            older = terminal.command(f"recsys releases list --tenant {of.tenant} --before {page.next}")
            terminal.say(f"[dim]older: {escape(older)}[/dim]")

    missing = {generation: parts for generation, parts in gone.items() if parts}
    terminal.finish({"releases": page.releases, "next": page.next, "gone": missing}, people)


def _what(release: Release, gone: tuple[str, ...]) -> str:
    moved = ", ".join(lever for lever, generation in release.changed.items() if generation == release.generation)
    restored = f" (content of {release.restores})" if release.restores else ""
    if release.supersedes is not None:
        moved = f"put back from {release.supersedes.generation}"
    lost = f"gone: {', '.join(gone)}" if gone else ""
    return " · ".join(part for part in (moved + restored, release.reason, lost) if part)


@releases.command("show")
def show(generation: Generation, tenant: TenantOption = None) -> None:
    """Print one release whole."""
    of = open_tenant(tenant)
    release = of.releases.read(generation)
    gone = gone_from(release, of.store.blobs)
    if gone:
        terminal.warn(f"the content of {', '.join(gone)} is not in the store any more; collections delete what is old")
    terminal.finish(release, lambda: terminal.people.print_json(msgspec.json.encode(release).decode()))


@releases.command("diff", epilog="Examples: recsys releases diff 41 42 · recsys releases diff 41 42 --sample 20")
def diff(
    a: Generation,
    b: Generation,
    tenant: TenantOption = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Rank this many recent requests at both, and say how their lists change.", min=1, max=1000),
    ] = None,
    surface: Annotated[str | None, typer.Option("--surface", help="With --sample: requests of one surface.")] = None,
    hours: Annotated[float, typer.Option(help="With --sample: how far back requests are looked for.", min=0.01)] = 24.0,
) -> None:
    """Say what changed from generation A to generation B, and on request how lists would."""
    of = open_tenant(tenant)
    found = of.releases.diff(a, b)
    if sample is None:
        if surface is not None:
            raise UsageError("--surface chooses requests, and none are ranked", next_step="add --sample 20")
        terminal.finish(found, lambda: terminal.say(escape("\n".join(found.lines()))))
        return
    lists = _sampled(of, a, b, sample=sample, surface=surface, hours=hours)
    document = msgspec.structs.asdict(found) | {"sample": lists}
    terminal.finish(document, lambda: terminal.say(escape("\n".join([*found.lines(), "", *lists.lines()]))))


def _sampled(of: Tenant, a: int, b: int, *, sample: int, surface: str | None, hours: float) -> "SampledDiff":
    from recsys.events.observed import Observed
    from recsys.snapshot.sampled import plain_requests, recent_requests, sampled

    before, after = of.snapshot(at=a), of.snapshot(at=b)
    now = time.time()
    with Observed(of.store, of.tenant, since_s=now - hours * 3600) as observed:
        asked = recent_requests(observed, surface=surface, most=sample)
    if not asked:
        terminal.warn(f"no request was recorded in the last {hours:g} h: asking as somebody of whom nothing is known")
        asked = plain_requests((before, after), now=now, surface=surface)
    return sampled(before, after, asked)


@releases.command(
    "ship", epilog="Example: recsys releases ship --surface home --manifest sha256:… --evidence report.json"
)
def ship(
    surface: SurfaceOption,
    manifest: Annotated[str, typer.Option(help="Digest of a published manifest.")],
    tenant: TenantOption = None,
    evidence: EvidenceOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Make a published manifest live on a surface."""
    reports = read_reports(evidence)
    of = open_tenant(tenant)
    finish_change(
        of.releases.ship(surface, manifest, evidence=reports, reason=reason, dry_run=dry_run, attempt=attempt)
    )


@releases.command(
    "rollback",
    epilog="Examples: recsys releases rollback --lever rules · "
    "recsys releases rollback --lever artifacts --surface home --to 41",
)
def rollback(
    lever: Annotated[Literal["config", "rules", "artifacts", "all"], typer.Option(help="What to reverse.")],
    tenant: TenantOption = None,
    surface: OneSurface = None,
    to: Annotated[int | None, typer.Option(help="Bring back the content of this generation.")] = None,
    further: Annotated[bool, typer.Option("--further", help="Go behind what the last rollback restored.")] = False,
    no_hold: Annotated[bool, typer.Option("--no-hold", help="Do not hold the surface's artifacts with it.")] = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = 90.0,
    reason: ReasonOption = "",
    evidence: EvidenceOption = None,
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Pull a lever: a new generation that names old content. Rolling back artifacts also holds them."""
    reports = read_reports(evidence)
    of = open_tenant(tenant)
    change = of.releases.rollback(
        lever,
        surface=surface,
        to=to,
        further=further,
        no_hold=no_hold,
        reason=reason,
        evidence=reports,
        dry_run=dry_run,
        attempt=attempt,
    )
    finish_and_wait(change, of.store.objects, wait=wait, timeout_s=timeout)


@releases.command("undo", epilog="Example: recsys releases undo 42")
def undo(
    generation: Annotated[int | None, typer.Argument(help="The change to undo; default the newest.")] = None,
    tenant: TenantOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 90.0,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Undo a change: bring back what was in force before it."""
    of = open_tenant(tenant)
    change = of.releases.undo(generation, reason=reason, dry_run=dry_run, attempt=attempt)
    finish_and_wait(change, of.store.objects, wait=wait, timeout_s=timeout)


@releases.command("hold", epilog="Example: recsys releases hold --surface home --lever artifacts --reason 'incident'")
def hold(
    tenant: TenantOption = None,
    surface: OneSurface = None,
    lever: Annotated[list[HeldLever] | None, typer.Option(help="What to hold; may be repeated. Default: all.")] = None,
    reason: ReasonOption = "",
    evidence: EvidenceOption = None,
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Stop shipping: refuse changes until resumed. Rollbacks pass."""
    reports = read_reports(evidence)
    finish_change(
        open_tenant(tenant).releases.hold(
            surface=surface, levers=_levers(lever), reason=reason, evidence=reports, dry_run=dry_run, attempt=attempt
        )
    )


@releases.command("resume", epilog="Example: recsys releases resume --surface home")
def resume(
    tenant: TenantOption = None,
    surface: OneSurface = None,
    lever: Annotated[
        list[HeldLever] | None, typer.Option(help="What to let go; may be repeated. Default: all.")
    ] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Let changes through again."""
    finish_change(
        open_tenant(tenant).releases.resume(
            surface=surface, levers=_levers(lever), reason=reason, dry_run=dry_run, attempt=attempt
        )
    )


@releases.command("gc", epilog="Example: recsys releases gc --dry-run, then recsys releases gc --reason 'weekly'")
def gc(
    tenant: TenantOption = None,
    keep: Annotated[int, typer.Option(help="Distinct contents of each lever to keep.", min=1)] = KEEP,
    grace: Annotated[str, typer.Option(help="Leave what is younger, by the store's own time: 90m, 24h, 7d.")] = "24h",
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Collect garbage: delete old blobs that nothing can need. Says what is kept; there is no undo."""
    of = open_tenant(tenant)
    finish_collection(
        collect_garbage(
            of.store,
            of.tenant,
            actor=of.actor,
            keep=keep,
            grace_s=seconds_in(grace),
            reason=reason,
            dry_run=dry_run,
            attempt=attempt,
            progress=terminal.progress,
        )
    )
