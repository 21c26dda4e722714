"""``recsys tenants``, ``keys`` and ``users``: who may do what, and the pseudonyms."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.table import Table

from recsys.access import DeletedTenant, create_key, load_directory, revoke_key
from recsys.cli.changes import finish_change
from recsys.cli.options import AttemptOption, DryRunOption, ReasonOption, TenantOption, open_suite, open_tenant
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError

__all__ = ["add_to"]

tenants = typer.Typer(no_args_is_help=True, help="Make, list, export and delete tenants.")
keys = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
users = typer.Typer(no_args_is_help=True, help="What the suite knows a user as, and users never to be used.")

_LONGEST_LABEL = 80


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


@tenants.command("export", epilog="Example: recsys tenants export demo --out demo-2026-11-22")
def export(
    name: str,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A directory that is new or empty.")],
    no_events: Annotated[bool, typer.Option("--no-events", help="Leave the events out.")] = False,
    with_secret: Annotated[
        bool, typer.Option("--with-secret", help="Take the pseudonym key along: who holds it can link users.")
    ] = False,
    reason: ReasonOption = "",
) -> None:
    """Write one tenant into a directory that is itself a store, and verify it. Changes nothing here."""
    suite = open_suite()
    done = suite.export_tenant(
        name, out, reason=reason, events=not no_events, with_secret=with_secret, progress=terminal.progress
    )
    see = f"recsys releases verify --store {shlex.quote(done.out)}"

    def people() -> None:
        terminal.say(
            f"{done.tenant} is in {escape(done.out)}: {done.generations} releases, {done.blobs} blobs, "
            f"{done.event_files} event files; verified"
        )
        terminal.say(
            "the pseudonym key is among it: keep it as you keep secrets"
            if done.with_secret
            else "without the pseudonym key: its users cannot be linked from it"
        )
        terminal.say(f"[dim]see:[/dim] {escape(see)}")

    terminal.finish({**msgspec.to_builtins(done), "see": see}, people)


@tenants.command("delete", epilog="Example: recsys tenants delete demo --reason 'contract ended' --dry-run")
def delete(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the tenant's name.")] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Delete a tenant with its releases, artifacts, events, keys and pseudonym key. This cannot be undone.

    From the first moment nothing is published or served for it. A deletion that was cut short is finished by the same
    command.
    """
    suite = open_suite()
    planned = suite.delete_tenant(name, dry_run=True)
    before = terminal.command(f"recsys tenants export {name} --out DIR")
    if dry_run or not planned.changed:
        _say_deleted(planned, before=before)
        return
    if not yes:
        _say_what_goes(planned, before=before)
        if terminal.typed(f"type the tenant's name to delete it, [bold]{name}[/bold]:") != name:
            raise UsageError(
                f"tenant {name} was not deleted: its name was not typed",
                next_step="type it when asked, or say --yes",
            )
    with terminal.progress(f"deleting {name}", total=planned.removed.total) as advance:
        done = suite.delete_tenant(name, reason=reason, advance=advance)
    _say_deleted(done, before=before)


def _say_what_goes(planned: DeletedTenant, *, before: str) -> None:
    terminal.errors.print(f"{escape(planned.tenant)}: {_counted(planned)}. This cannot be undone.", soft_wrap=True)
    terminal.errors.print(f"[dim]to keep a copy, first:[/dim] {escape(before)}", soft_wrap=True)


def _say_deleted(done: DeletedTenant, *, before: str) -> None:
    def people() -> None:
        if not done.changed:
            terminal.say(f"nothing changed: tenant {done.tenant} was deleted before, and nothing of it is left")
        elif done.dry_run:
            terminal.say(f"would delete tenant {done.tenant}: {_counted(done)}")
            terminal.say(f"[dim]it could not be undone; to keep a copy, first:[/dim] {escape(before)}")
        else:
            terminal.say(f"deleted tenant {done.tenant}: {_counted(done)}")
            terminal.say("services that follow this store stop answering for it within a second or two")
            terminal.say("[dim]this cannot be undone[/dim]")

    terminal.finish({**msgspec.to_builtins(done), "undo": ""}, people)
    if done.key_in_log is not None:
        terminal.warn(
            f"the pseudonym key of {done.tenant} stands in access record {done.key_in_log}, which version 0.1.0 "
            "wrote and which cannot be rewritten: who can read access/ of this store or of a copy can still test "
            "guesses of user ids against events kept elsewhere"
        )


def _counted(done: DeletedTenant) -> str:
    found = done.removed
    return (
        f"{done.keys} active keys, {found.releases} releases, {found.blobs} blobs, {found.events} event files, "
        f"{found.runs + found.past_runs} reports of runs, {found.pins + found.guards} notes of pins and guards, "
        f"{found.secrets} pseudonym keys"
    )


def _short(label: str) -> str:
    if len(label) > _LONGEST_LABEL:
        raise UsageError(f"a label of {len(label)} characters", next_step=f"at most {_LONGEST_LABEL} fit beside an id")
    return label


@keys.command("create", epilog="Example: recsys keys create --tenant demo --role operator --label 'night shift'")
def create_one(
    tenant: TenantOption = None,
    role: Annotated[
        Literal["client", "viewer", "operator", "admin"], typer.Option(help="What the key may do.")
    ] = "client",
    label: Annotated[
        str, typer.Option(callback=_short, help="Who has it, or what it is for: pages say it beside the key's id.")
    ] = "",
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
    key, secret = create_key(of.store, of.tenant, role, label=label, actor=of.actor, reason=reason)
    undo = terminal.command(f"recsys keys revoke {key.id} --tenant {of.tenant}")

    def people() -> None:
        terminal.say(f"key {key.id} for {of.tenant}, role {role}. Its secret, shown this once:")
        terminal.say(f"[bold]{secret}[/bold]")
        terminal.say(f"[dim]undo:[/dim] {escape(undo)}")

    terminal.finish({"tenant": of.tenant, "id": key.id, "role": role, "secret": secret, "undo": undo}, people)


@keys.command("list")
def list_keys(tenant: TenantOption = None) -> None:
    """List a tenant's keys; secrets are not kept and cannot be shown."""
    of = open_tenant(tenant)
    found = load_directory(of.store, keys=False).keys_of(of.tenant)

    def people() -> None:
        table = Table("id", "role", "label", "made", "by", "state", box=None, pad_edge=False)
        for key in found:
            state = f"revoked {key.revoked_at}" if key.revoked else "active"
            table.add_row(key.id, key.role, escape(key.label), key.created_at, escape(key.created_by), state)
        terminal.people.print(table)

    terminal.finish({"keys": found}, people)


@keys.command("revoke", epilog="Example: recsys keys revoke 3f9c2a --tenant demo --reason 'seen in a log'")
def revoke(key_id: str, tenant: TenantOption = None, reason: ReasonOption = "", dry_run: DryRunOption = False) -> None:
    """Revoke a key. This cannot be undone: make a new one instead."""
    of = open_tenant(tenant)
    before = load_directory(of.store, keys=False).key(of.tenant, key_id)
    if not dry_run:
        revoke_key(of.store, of.tenant, key_id, actor=of.actor, reason=reason)
    done = "would revoke" if dry_run else "revoked"
    instead = terminal.command(f"recsys keys create --tenant {of.tenant}")

    def people() -> None:
        if before.revoked:
            terminal.say(f"nothing changed: key {key_id} of {of.tenant} is revoked since {before.revoked_at}")
            return
        terminal.say(
            f"{done} key {key_id} of {of.tenant}; a service that follows this store refuses it within a second"
        )
        terminal.say(f"[dim]cannot be undone; instead:[/dim] {escape(instead)}")

    terminal.finish({"tenant": of.tenant, "id": key_id, "revoked": not dry_run, "instead": instead}, people)


@users.command("id", epilog="Example: recsys users id u-1001")
def pseudonym(raw: str, tenant: TenantOption = None) -> None:
    """Print the pseudonym that stored events and artifacts know a user by."""
    of = open_tenant(tenant)
    hashed = load_directory(of.store).tenants[of.tenant].pseudonyms
    document = {"tenant": of.tenant, "key_id": hashed.key_id, "user_id": hashed.of(raw)}
    terminal.finish(document, lambda: terminal.say(str(document["user_id"])))


@users.command(
    "erase",
    epilog="Examples: recsys users erase u-1001 --reason 'request 88' · recsys users erase --from ids.txt",
)
def erase(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Every id the user had: as user, browser, session.")
    ] = None,
    tenant: TenantOption = None,
    listed: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="A file with an id a line; - reads standard input.")
    ] = None,
    pseudonymous: Annotated[
        bool, typer.Option("--pseudonym", help="The ids are pseudonyms already, as stored events have them.")
    ] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Never use a user again, on any rung, whatever is rolled back later. This cannot be undone.

    Passes under a hold. Only pseudonyms are stored; the reason is kept for good, so write no id there.
    """
    of = open_tenant(tenant)
    named = [*(ids or []), *(_listed(listed) if listed is not None else [])]
    change = of.erase_users(named, pseudonymous=pseudonymous, reason=reason, dry_run=dry_run, attempt=attempt)
    finish_change(change)
    if change.committed:
        terminal.warn(
            "this cannot be undone; what stored events and live artifacts still hold: docs/how-to/erase-a-user.md"
        )


def _listed(source: str) -> list[str]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"cannot read {source}: {said}", next_step="give a text file with an id a line") from None
    return [line for line in text.splitlines() if line]
