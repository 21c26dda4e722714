"""``recsys audit``: who changed what, when, why, and on which evidence."""

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import msgspec
import typer
from rich.table import Table

from recsys.cli.options import TenantOption, open_tenant
from recsys.cli.spans import seconds_in
from recsys.cli.terminal import escape, terminal
from recsys.errors import Failed, UsageError

if TYPE_CHECKING:
    from recsys.releases.audit import AuditEntry

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "audit",
        epilog="Examples: recsys audit --since 7d · recsys audit --action rollback --part artifacts:home · "
        "recsys audit --export audit.jsonl. Was the log tampered with? recsys releases verify",
    )(audit)


def audit(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(help="How many, newest first; --export takes all.", min=1, max=1000)] = 50,
    before: Annotated[int | None, typer.Option(help="Only generations below this.", min=1)] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this actor did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action: ship, rollback, hold, config, rules…")] = None,
    part: Annotated[
        str | None, typer.Option(help="Only changes of this: config, rules, holds, artifacts, artifacts:home…")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only what is younger, by the records' labels: 24h, 7d.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write every entry that is meant as JSON lines here, the oldest first.")
    ] = None,
) -> None:
    """Show who changed what, when, why and on which evidence; with the state before and after in JSON."""
    from recsys.releases.audit import Asked
    from recsys.releases.audit import audit as entries
    from recsys.releases.record import Action

    if action is not None and action not in get_args(Action):
        raise UsageError(f"there is no action {action}", next_step="actions: " + ", ".join(get_args(Action)))
    since_s = None if since is None else time.time() - seconds_in(since)
    asked = Asked(actor=actor, action=action, part=part, since_s=since_s)
    of = open_tenant(tenant)
    found = entries(of.releases, before=before, asked=asked)
    if export is not None:
        _export(list(found), to=export)
        return
    page = tuple(itertools.islice(found, limit + 1))
    more = len(page) > limit
    page = page[:limit]
    document = {"tenant": of.tenant, "entries": page, "next": page[-1].generation if more else None}
    terminal.finish(document, lambda: _table(page, more=more, tenant=of.tenant))


def _export(entries: "list[AuditEntry]", *, to: Path) -> None:
    try:
        to.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in reversed(entries)))
    except OSError as error:
        raise Failed(f"cannot write {to}: {error.strerror}", next_step="name another file") from None
    said = f"{len(entries)} changes in {to}"
    terminal.finish({"entries": len(entries), "out": str(to)}, lambda: terminal.say(escape(said)))


def _table(page: "tuple[AuditEntry, ...]", *, more: bool, tenant: str) -> None:
    table = Table("gen", "at", "who", "did", "to", "why", box=None, pad_edge=False)
    for entry in page:
        why = entry.reason + (f" [{len(entry.evidence)} reports]" if len(entry.evidence) > 1 else "")
        why += " [1 report]" if len(entry.evidence) == 1 else ""
        did = entry.action + (f" of {entry.restores}" if entry.restores else "")
        table.add_row(
            str(entry.generation),
            entry.at[:19] + "Z",
            escape(entry.actor),
            did,
            escape(", ".join(entry.changed)),
            escape(why.strip()),
        )
    terminal.people.print(table)
    if not page:
        terminal.say("nothing of that kind")
    if more:
        older = terminal.command(f"recsys audit --tenant {tenant} --before {page[-1].generation}")
        terminal.say(f"[dim]older: {escape(older)}[/dim]")
