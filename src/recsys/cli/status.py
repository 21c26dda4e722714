"""``recsys status``: the health of every tenant and surface, at a glance."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from recsys.cli.options import TenantOption, open_suite
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.operations.health import Health, State, health, health_here
from recsys.operations.here import look_here
from recsys.operations.store_away import StoreAway, noticed
from recsys.operations.thresholds import MOST_HOURS

__all__ = ["HostOption", "HoursOption", "add_to"]

HostOption = Annotated[
    Path,
    typer.Option(
        "--host-dir",
        envvar="RECSYS_HOST_DIR",
        help="This host's serving directory, to see its last seconds too, and it alone when the store is away.",
    ),
]
HoursOption = Annotated[
    float, typer.Option("--hours", help="How far back the logs are read.", min=0.01, max=MOST_HOURS)
]

_LOOKS: dict[State, tuple[str, str]] = {
    "healthy": ("✓", "green"),
    "unknown": ("?", "dim"),
    "degraded": ("!", "yellow"),
    "failing": ("✗", "bold red"),
}
"""A sign for each state, and a colour for whoever sees it."""
_LAYERS = ("serving", "pipelines", "evaluation", "releases")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command("status", epilog="Examples: recsys status --json · recsys status --watch 5. Exits 1 when failing.")(
        status
    )


def status(
    tenant: TenantOption = None,
    host_dir: HostOption = Path("var/host"),
    hours: HoursOption = 24.0,
    watch: Annotated[
        float | None, typer.Option("--watch", help="Look again every so many seconds, until Ctrl-C.", min=0.5)
    ] = None,
) -> None:
    """Show the health of every tenant and surface, over serving, pipelines, evaluation and releases.

    With the store away it shows what this host answers, and from what. Exits 1 when anything is failing.
    """
    if watch is not None and terminal.json:
        raise UsageError("--watch is for people", next_step="leave --json out, or run it from your own loop")
    found = _look(tenant, host_dir, hours)
    while watch is not None:
        terminal.people.clear()
        _table(found)
        time.sleep(watch)
        found = _look(tenant, host_dir, hours)
    terminal.finish(found, lambda: _table(found))
    if found.worst() == "failing":
        raise typer.Exit(1)


def _look(tenant: str | None, host_dir: Path, hours: float) -> Health:
    here = look_here(host_dir)
    try:
        with noticed(opening=True):
            suite = open_suite()
        with noticed():
            names = [suite.tenant(tenant).tenant] if tenant else suite.tenants()  # one not there is not healthy
            return health(suite.store, names, window_s=hours * 3600, spool=here.spool)
    except StoreAway as away:
        if not here.known:
            raise away.error from None
        return health_here(here, problem=away.problem, tenant=tenant, window_s=hours * 3600)


def _table(found: Health) -> None:
    table = Table("tenant", "surface", *_LAYERS, box=None, pad_edge=False)
    reasons = [f"{tenant}: no surface is served" for tenant, found_of in found.tenants.items() if not found_of.surfaces]
    for tenant, surfaces in found.tenants.items():
        for surface, layers in surfaces.surfaces.items():
            cells = []
            for name in _LAYERS:
                layer = getattr(layers, name)
                sign, colour = _LOOKS[layer.state]
                cells.append(f"[{colour}]{sign} {layer.state}[/]")
                reasons += [f"{tenant}/{surface} {name}: {reason}" for reason in layer.reasons]
            table.add_row(tenant, surface, *cells)
    terminal.people.print(table)
    for reason in reasons:
        terminal.say(f"  {escape(reason)}")
