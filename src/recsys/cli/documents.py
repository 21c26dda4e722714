"""``recsys config`` and ``recsys rules``: a tenant's documents."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from recsys.cli.changes import finish_change
from recsys.cli.options import (
    AttemptOption,
    DryRunOption,
    ExpectOption,
    ReasonOption,
    TenantOption,
    open_tenant,
)
from recsys.cli.terminal import terminal
from recsys.documents import read_config, read_rules
from recsys.errors import UsageError

__all__ = ["add_to", "read_document"]

config = typer.Typer(no_args_is_help=True, help="Request defaults, weights and limits, as one document.")
rules = typer.Typer(no_args_is_help=True, help="Pin, boost and block, as one document.")

DocumentFile = Annotated[Path, typer.Argument(help="A JSON file; - reads standard input.")]


def add_to(app: typer.Typer) -> None:
    """Add the groups to the command tree."""
    app.add_typer(config, name="config")
    app.add_typer(rules, name="rules")


def read_document(path: Path) -> bytes:
    """Return what a file holds, or standard input for ``-``."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", next_step="give a JSON file, or - for standard input"
        ) from None


def _show(kind: str, data: bytes, version: str, generation: int) -> None:
    def people() -> None:
        sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")
        terminal.errors.print(f"[dim]in force, for --expect: {generation}:{version}[/dim]", soft_wrap=True)

    terminal.finish(
        {
            "generation": generation,
            "version": version,
            "expect": f"{generation}:{version}",
            kind: msgspec.Raw(data),
        },
        people,
    )


@config.command("show")
def show_config(tenant: TenantOption = None) -> None:
    """Print the config in force."""
    of = open_tenant(tenant)
    head = of.releases.current()
    _show("config", of.store.blobs.read(of.tenant, head.config), head.config, head.generation)


@config.command("put", epilog="Example: recsys config put config.json --tenant demo --reason 'more cooc'")
def put_config(
    file: DocumentFile,
    tenant: TenantOption = None,
    expect: ExpectOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Put a config document in force, as a release."""
    of = open_tenant(tenant)
    finish_change(
        of.releases.put_config(read_document(file), expect=expect, reason=reason, dry_run=dry_run, attempt=attempt)
    )


@config.command("check", epilog="Example: recsys config check config.json")
def check_config(file: DocumentFile) -> None:
    """Check a config document; changes nothing."""
    read_config(read_document(file))
    terminal.finish({"valid": True}, lambda: terminal.say("the config document is valid"))


@rules.command("show")
def show_rules(tenant: TenantOption = None) -> None:
    """Print the rules in force."""
    of = open_tenant(tenant)
    head = of.releases.current()
    _show("rules", of.store.blobs.read(of.tenant, head.rules), head.rules, head.generation)


@rules.command("put", epilog="Example: recsys rules put rules.json --tenant demo --reason 'pin the sale'")
def put_rules(
    file: DocumentFile,
    tenant: TenantOption = None,
    expect: ExpectOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Put a rules document in force, as a release."""
    of = open_tenant(tenant)
    finish_change(
        of.releases.put_rules(read_document(file), expect=expect, reason=reason, dry_run=dry_run, attempt=attempt)
    )


@rules.command("check", epilog="Example: recsys rules check rules.json")
def check_rules(file: DocumentFile) -> None:
    """Check a rules document; changes nothing."""
    found = read_rules(read_document(file))
    terminal.finish(
        {"valid": True, "rules": len(found)},
        lambda: terminal.say(f"the rules document is valid: {len(found)} rules"),
    )


@rules.command("disable", epilog="Example: recsys rules disable block-all --tenant demo --reason 'empties home'")
def disable(
    rule_id: str,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Switch one rule off; passes under a hold. The smallest lever there is."""
    releases = open_tenant(tenant).releases
    finish_change(releases.disable_rule(rule_id, reason=reason, dry_run=dry_run, attempt=attempt))


@rules.command("enable", epilog="Example: recsys rules enable pin-sale --tenant demo")
def enable(
    rule_id: str,
    tenant: TenantOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """Switch one rule on again."""
    releases = open_tenant(tenant).releases
    finish_change(releases.enable_rule(rule_id, reason=reason, dry_run=dry_run, attempt=attempt))
