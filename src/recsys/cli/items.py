"""``recsys items``: take items out of every answer, and lay news of them over the catalogue."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from recsys.cli.changes import finish_change
from recsys.cli.options import AttemptOption, DryRunOption, ReasonOption, TenantOption, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.errors import RecsysError
from recsys.library import Tenant

__all__ = ["add_to"]

items = typer.Typer(no_args_is_help=True, help="Withdraw items from every answer; update their price, stock or tags.")

ItemIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Item ids.")]


_NAMED = 5
"""Unknown ids named in a note; ``--json`` has all."""


def _unknown(of: Tenant, ids: list[str]) -> list[str]:
    try:
        return of.unknown_items(ids)
    except (RecsysError, OSError):
        return []  # the withdrawal stands; that the release cannot be opened is another command's news


def _waiting(of: Tenant) -> list[str]:
    """Return the overlaid items that nothing in force knows; as :func:`_unknown`, none where that cannot be told."""
    try:
        return of.unknown_items(row.item_id for row in of.overlay())
    except (RecsysError, OSError):
        return []


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(items, name="items")


@items.command("withdraw", epilog="Example: recsys items withdraw mug-17 --tenant demo --reason 'recalled'")
def withdraw(
    ids: ItemIds,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Never serve these items again, on any rung; passes under a hold; no rollback brings them back."""
    of = open_tenant(tenant)
    change = of.releases.withdraw(ids, reason=reason, dry_run=dry_run, attempt=attempt)
    unknown = _unknown(of, ids)
    finish_change(change, unknown=unknown)
    if unknown:
        terminal.warn(f"nothing that is served knows {', '.join(unknown)}; spelt right?")


@items.command("restore", epilog="Example: recsys items restore mug-17 --tenant demo")
def restore(
    ids: ItemIds,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Let withdrawn items be served again."""
    finish_change(open_tenant(tenant).releases.restore_items(ids, reason=reason, dry_run=dry_run, attempt=attempt))


@items.command("update", epilog="Example: recsys items update prices.csv --tenant demo --reason 'sale begins'")
def update(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Rows of what changed: CSV, JSONL, Parquet, or a JSON list.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget all that is overlaid so far; FILE, where given, takes its place.")
    ] = False,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Lay news of items over the catalogue, between two runs: availability, price, tags, brand, category, countries,
    locales. It stays over every later catalogue, until it is replaced, removed or cleared.
    """
    of = open_tenant(tenant)
    change = of.update_items(file or (), clear=clear, reason=reason, dry_run=dry_run, attempt=attempt)
    unknown = _waiting(of) if change.committed else []
    finish_change(change, unknown=unknown)
    if unknown:
        some = ", ".join(unknown[:_NAMED]) + (f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else "")
        terminal.warn(f"nothing that is served knows {some}; such a row waits until something does")


@items.command("overlay", epilog="Example: recsys items overlay --tenant demo --json")
def overlay(
    tenant: TenantOption = None,
    at: Annotated[int | None, typer.Option("--at", help="The generation; the newest by default.", min=1)] = None,
) -> None:
    """Show what is laid over the catalogue."""
    of = open_tenant(tenant)
    rows = of.overlay(at=at)

    def people() -> None:
        for row in rows:
            said = ", ".join(f"{name} {_shown(value)}" for name, value in row.said().items())
            terminal.say(f"[bold]{escape(row.item_id)}[/bold]: {escape(said)}")
        if not rows:
            terminal.say("nothing is laid over the catalogue")

    terminal.finish({"tenant": of.tenant, "items": rows}, people)


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()
