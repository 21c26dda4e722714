"""``recsys status`` and ``doctor``: see it, find it, reverse it."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from recsys.cli.options import TenantOption, open_suite
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.operations.doctor import SYMPTOMS, Diagnosis, Finding, diagnose
from recsys.operations.health import Health, State, health

__all__ = ["add_to"]

HostOption = Annotated[
    Path,
    typer.Option(
        "--host-dir",
        envvar="RECSYS_HOST_DIR",
        help="This host's serving directory, to see its last seconds too.",
    ),
]
HoursOption = Annotated[float, typer.Option("--hours", help="How far back the logs are read.", min=0.01)]

_COLOURS: dict[State, str] = {"healthy": "green", "degraded": "yellow", "failing": "red", "unknown": "dim"}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command("status", epilog="Example: recsys status --json")(status)
    app.command("doctor", epilog=f"Symptoms: {', '.join(SYMPTOMS)}. Example: recsys doctor empty-recs --fix")(doctor)


def status(tenant: TenantOption = None, host_dir: HostOption = Path("var/host"), hours: HoursOption = 24.0) -> None:
    """Show the health of every tenant and surface, over serving, pipelines, evaluation and releases."""
    suite = open_suite()
    names = [suite.tenant(tenant).tenant] if tenant else suite.tenants()  # a tenant that is not there is not healthy
    found = health(suite.store, names, window_s=hours * 3600, spool=_spool(host_dir))
    terminal.finish(found, lambda: _table(found))
    if found.worst() == "failing":
        raise typer.Exit(1)


def _table(found: Health) -> None:
    table = Table("tenant", "surface", "serving", "pipelines", "evaluation", "releases", box=None, pad_edge=False)
    reasons = [f"{tenant}: no surface is served" for tenant, found_of in found.tenants.items() if not found_of.surfaces]
    for tenant, surfaces in found.tenants.items():
        for surface, layers in surfaces.surfaces.items():
            cells = []
            for name in ("serving", "pipelines", "evaluation", "releases"):
                layer = getattr(layers, name)
                cells.append(f"[{_COLOURS[layer.state]}]{layer.state}[/]")
                reasons += [f"{tenant}/{surface} {name}: {reason}" for reason in layer.reasons]
            table.add_row(tenant, surface, *cells)
    terminal.people.print(table)
    for reason in reasons:
        terminal.say(f"  {escape(reason)}")


def doctor(
    symptom: Annotated[str | None, typer.Argument(help="One symptom; none walks the whole checklist.")] = None,
    tenant: TenantOption = None,
    host_dir: HostOption = Path("var/host"),
    hours: HoursOption = 24.0,
    fix: Annotated[bool, typer.Option("--fix", help="Ask, then pull the lever of the first finding.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --fix: do not ask.")] = False,
) -> None:
    """Walk the first-incident checklist: evidence, cause, the smallest lever and its command. Exits 1 with findings."""
    if symptom is not None and symptom not in SYMPTOMS:
        raise UsageError(f"`{symptom}` is not a symptom the doctor knows", next_step="one of: " + ", ".join(SYMPTOMS))
    suite = open_suite()
    wanted = tuple(name for name in SYMPTOMS if symptom in (None, name))
    found = diagnose(
        suite.store,
        [suite.tenant(tenant).tenant] if tenant else suite.tenants(),
        symptoms=wanted,
        window_s=hours * 3600,
        spool=_spool(host_dir),
        cache=suite.cache,
    )
    terminal.finish(found, lambda: _print(found))
    if fix:
        _fix(found, yes=yes)
    elif not found.healthy:
        raise typer.Exit(1)


def _print(found: Diagnosis) -> None:
    for finding in found.findings:
        where = "/".join(part for part in (finding.tenant, finding.surface) if part)
        terminal.say(f"[bold red]✗ {finding.symptom}[/bold red] on {where}: {escape(finding.cause)}")
        for name, value in finding.evidence.items():
            terminal.say(f"    {escape(name)}: {escape(str(value))}")
        for reason in finding.ruled_out:
            terminal.say(f"    [dim]not {escape(reason)}[/dim]")
        if finding.command:
            terminal.say(f"  lever [bold]{finding.lever}[/bold]: {escape(terminal.command(finding.command))}")
        if finding.runbook:
            terminal.say(f"  [dim]runbook: {finding.runbook}[/dim]")
    for unseen in found.unseen:
        terminal.say(f"[dim]not seen: {escape(unseen)}[/dim]")
    if found.healthy:
        terminal.say("[green]✓[/green] nothing found")


def _fix(found: Diagnosis, *, yes: bool) -> None:
    finding: Finding | None = next((finding for finding in found.findings if finding.command), None)
    if finding is None or finding.command is None:
        return
    if not (yes or terminal.confirm(f"run: {finding.command}?")):
        raise UsageError("nothing was changed", next_step="run the command yourself, or answer y (or give --yes)")
    words = shlex.split(finding.command)[1:]
    done = subprocess.run([sys.executable, "-m", "recsys", *words], env=terminal.environment(), check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _spool(host_dir: Path) -> Path | None:
    spool = host_dir / "spool"
    return spool if spool.is_dir() else None
