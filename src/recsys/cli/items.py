"""``recsys items``: take items out of every answer, and back."""

from typing import Annotated

import typer

from recsys.cli.changes import finish_change
from recsys.cli.options import AttemptOption, DryRunOption, ReasonOption, TenantOption, open_tenant
from recsys.cli.terminal import terminal
from recsys.errors import RecsysError
from recsys.library import Tenant

__all__ = ["add_to"]

items = typer.Typer(no_args_is_help=True, help="Withdraw items from every answer, whatever is rolled back later.")

ItemIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Item ids.")]


def _unknown(of: Tenant, ids: list[str]) -> list[str]:
    try:
        return of.unknown_items(ids)
    except RecsysError:
        return []  # the withdrawal stands; that the release cannot be opened is another command's news


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
