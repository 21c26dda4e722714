"""``recsys tenants``, ``keys`` and ``users``: who may do what, and the pseudonyms."""

from typing import Annotated, Literal

import typer
from rich.table import Table

from recsys.access import create_key, load_directory, revoke_key
from recsys.cli.changes import finish_change
from recsys.cli.options import DryRunOption, ReasonOption, TenantOption, open_suite, open_tenant
from recsys.cli.terminal import escape, terminal

__all__ = ["add_to"]

tenants = typer.Typer(no_args_is_help=True, help="Make and list tenants.")
keys = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
users = typer.Typer(no_args_is_help=True, help="What the suite knows a user as.")


def add_to(app: typer.Typer) -> None:
    """Add the groups to the command tree."""
    app.add_typer(tenants, name="tenants")
    app.add_typer(keys, name="keys")
    app.add_typer(users, name="users")


@tenants.command("create", epilog="Example: recsys tenants create demo")
def create(name: str, reason: ReasonOption = "", dry_run: DryRunOption = False) -> None:
    """Make a tenant: its pseudonym key and generation 1. Makes the store too when there is none."""
    suite = open_suite(create=not dry_run)
    finish_change(suite.create_tenant(name, reason=reason, dry_run=dry_run))


@tenants.command("list")
def list_tenants() -> None:
    """List the tenants of this store."""
    suite = open_suite()
    names = suite.tenants()

    def people() -> None:
        for name in names:
            terminal.say(name)
        if not names:
            terminal.say("no tenant yet; make one: recsys tenants create NAME")

    terminal.finish({"tenants": names}, people)


@keys.command("create", epilog="Example: recsys keys create --tenant demo --role client")
def create_one(
    tenant: TenantOption = None,
    role: Annotated[
        Literal["client", "viewer", "operator", "admin"], typer.Option(help="What the key may do.")
    ] = "client",
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Make an API key and print its secret once; only a hash of it is kept."""
    of = open_tenant(tenant)
    if dry_run:
        terminal.finish(
            {"tenant": of.tenant, "role": role, "dry_run": True},
            lambda: terminal.say(f"would make a {role} key for {of.tenant}"),
        )
        return
    key, secret = create_key(of.store, of.tenant, role, actor=of.actor, reason=reason)
    undo = terminal.command(f"recsys keys revoke {key.id} --tenant {of.tenant}")

    def people() -> None:
        terminal.say(f"key {key.id} for {of.tenant}, role {role}. Its secret, shown this once:")
        terminal.say(f"[bold]{secret}[/bold]")
        terminal.say(f"[dim]undo:[/dim] {undo}")

    terminal.finish({"tenant": of.tenant, "id": key.id, "role": role, "secret": secret, "undo": undo}, people)


@keys.command("list")
def list_keys(tenant: TenantOption = None) -> None:
    """List a tenant's keys; secrets are not kept and cannot be shown."""
    of = open_tenant(tenant)
    found = load_directory(of.store).keys_of(of.tenant)

    def people() -> None:
        table = Table("id", "role", "made", "by", "state", box=None, pad_edge=False)
        for key in found:
            state = f"revoked {key.revoked_at}" if key.revoked else "active"
            table.add_row(key.id, key.role, key.created_at, escape(key.created_by), state)
        terminal.people.print(table)

    terminal.finish({"keys": found}, people)


@keys.command("revoke", epilog="Example: recsys keys revoke 3f9c2a --tenant demo --reason 'seen in a log'")
def revoke(key_id: str, tenant: TenantOption = None, reason: ReasonOption = "", dry_run: DryRunOption = False) -> None:
    """Revoke a key. This cannot be undone: make a new one instead."""
    of = open_tenant(tenant)
    if not dry_run:
        revoke_key(of.store, of.tenant, key_id, actor=of.actor, reason=reason)
    done = "would revoke" if dry_run else "revoked"
    instead = terminal.command(f"recsys keys create --tenant {of.tenant}")

    def people() -> None:
        terminal.say(
            f"{done} key {key_id} of {of.tenant}; a service that follows this store refuses it within a second"
        )
        terminal.say(f"[dim]cannot be undone; instead:[/dim] {instead}")

    terminal.finish({"tenant": of.tenant, "id": key_id, "revoked": not dry_run, "instead": instead}, people)


@users.command("id", epilog="Example: recsys users id u-1001")
def pseudonym(raw: str, tenant: TenantOption = None) -> None:
    """Print the pseudonym that stored events and artifacts know a user by."""
    of = open_tenant(tenant)
    hashed = load_directory(of.store).tenants[of.tenant].pseudonyms
    document = {"tenant": of.tenant, "key_id": hashed.key_id, "user_id": hashed.of(raw)}
    terminal.finish(document, lambda: terminal.say(str(document["user_id"])))
