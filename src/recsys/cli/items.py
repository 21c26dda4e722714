"""``recsys items``: take items out of every answer, and back."""

from typing import Annotated

import typer

from recsys.cli.changes import finish_change
from recsys.cli.options import AttemptOption, DryRunOption, ReasonOption, TenantOption, open_tenant

__all__ = ["add_to"]

items = typer.Typer(no_args_is_help=True, help="Withdraw items from every answer, whatever is rolled back later.")

ItemIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Item ids.")]


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
    finish_change(open_tenant(tenant).releases.withdraw(ids, reason=reason, dry_run=dry_run, attempt=attempt))


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
