"""``recsys releases``: see, compare, ship, and pull the levers."""

import enum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from recsys.cli.changes import finish_change
from recsys.cli.options import (
    AttemptOption,
    DryRunOption,
    ReasonOption,
    SurfaceOption,
    TenantOption,
    open_tenant,
)
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.releases import Lever, Release

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

    def people() -> None:
        table = Table("gen", "at", "action", "who", "what and why", box=None, pad_edge=False)
        for release in page.releases:
            table.add_row(
                str(release.generation),
                release.at[:19] + "Z",
                release.action,
                escape(release.actor),
                escape(_what(release)),
            )
        terminal.people.print(table)
        if page.next is not None:
            older = terminal.command(f"recsys releases list --tenant {of.tenant} --before {page.next}")
            terminal.say(f"[dim]older: {escape(older)}[/dim]")

    terminal.finish({"releases": page.releases, "next": page.next}, people)


def _what(release: Release) -> str:
    moved = ", ".join(lever for lever, generation in release.changed.items() if generation == release.generation)
    restored = f" (content of {release.restores})" if release.restores else ""
    return " · ".join(part for part in (moved + restored, release.reason) if part)


@releases.command("show")
def show(generation: Generation, tenant: TenantOption = None) -> None:
    """Print one release whole."""
    import msgspec

    release = open_tenant(tenant).releases.read(generation)
    terminal.finish(release, lambda: terminal.people.print_json(msgspec.json.encode(release).decode()))


@releases.command("diff", epilog="Example: recsys releases diff 41 42")
def diff(a: Generation, b: Generation, tenant: TenantOption = None) -> None:
    """Say what changed from generation A to generation B."""
    found = open_tenant(tenant).releases.diff(a, b)
    terminal.finish(found, lambda: terminal.say(escape("\n".join(found.lines()))))


@releases.command(
    "ship", epilog="Example: recsys releases ship --surface home --manifest sha256:… --evidence report.json"
)
def ship(
    surface: SurfaceOption,
    manifest: Annotated[str, typer.Option(help="Digest of a published manifest.")],
    tenant: TenantOption = None,
    evidence: Annotated[
        list[Path] | None, typer.Option(help="A report that justifies it; kept with the release.")
    ] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Make a published manifest live on a surface."""
    of = open_tenant(tenant)
    reports = []
    for path in evidence or []:
        try:
            reports.append(path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"cannot read {path}: {error.strerror}", next_step="give the JSON report of recsys eval run"
            ) from None
    finish_change(of.releases.ship(surface, manifest, reports=reports, reason=reason, dry_run=dry_run, attempt=attempt))


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
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Pull a lever: a new generation that names old content. Rolling back artifacts also holds them."""
    change = open_tenant(tenant).releases.rollback(
        lever,
        surface=surface,
        to=to,
        further=further,
        no_hold=no_hold,
        reason=reason,
        dry_run=dry_run,
        attempt=attempt,
    )
    finish_change(change)


@releases.command("undo", epilog="Example: recsys releases undo 42")
def undo(
    generation: Annotated[int | None, typer.Argument(help="The change to undo; default the newest.")] = None,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Undo a change: bring back what was in force before it."""
    finish_change(open_tenant(tenant).releases.undo(generation, reason=reason, dry_run=dry_run, attempt=attempt))


@releases.command("hold", epilog="Example: recsys releases hold --surface home --lever artifacts --reason 'incident'")
def hold(
    tenant: TenantOption = None,
    surface: OneSurface = None,
    lever: Annotated[list[HeldLever] | None, typer.Option(help="What to hold; may be repeated. Default: all.")] = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Stop shipping: refuse changes until resumed. Rollbacks pass."""
    finish_change(
        open_tenant(tenant).releases.hold(
            surface=surface, levers=_levers(lever), reason=reason, dry_run=dry_run, attempt=attempt
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


@releases.command("verify")
def verify(tenant: TenantOption = None) -> None:
    """Check the chain, every digest and the pointer; exits 1 when something is wrong."""
    found = open_tenant(tenant).releases.verify()

    def people() -> None:
        for finding in found.findings:
            terminal.say(f"[red]✗[/red] {escape(str(finding))}")
        if found.sound:
            read = f"{found.generations} generations, {found.blobs} blobs"
            terminal.say(f"[green]✓[/green] {read}: chain, digests and pointer are right")

    terminal.finish(found.document(), people)
    if not found.sound:
        raise typer.Exit(1)
