"""``recsys releases verify``, ``checkpoint``, ``restore``, ``signing-key``: whether a log can be trusted, and how it
goes on after its store was put back from a backup.
"""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.options import (
    AttemptOption,
    DryRunOption,
    ReasonOption,
    TenantOption,
    open_suite,
    open_tenant,
)
from recsys.cli.releases import releases
from recsys.cli.terminal import escape, terminal
from recsys.errors import Refused, UsageError
from recsys.releases import Verification
from recsys.releases.checkpoint import Checkpoint, read_checkpoint, take_checkpoint
from recsys.releases.checkpoint import lost_since as lost_since_checkpoint
from recsys.releases.finding import spanned
from recsys.releases.restore import HERE, Restoration
from recsys.releases.restore import restore as restore_log
from recsys.releases.signing import PublicKeys, make_key

__all__ = ["add_to"]

CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="A checkpoint that was kept elsewhere; see releases checkpoint.")
]


def add_to(app: typer.Typer) -> None:
    """Add nothing more: importing this file has put its commands into the group ``releases``."""


@releases.command(
    "verify",
    epilog="Examples: recsys releases verify · "
    "recsys releases verify --checkpoint shop.checkpoint --public-key signing.pem.pub",
)
def verify(
    tenant: TenantOption = None,
    checkpoint: CheckpointOption = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(help="Require that releases are signed with one of these keys; may be repeated."),
    ] = None,
) -> None:
    """Check the chain, every digest and the pointer; exits 1 when something is wrong."""
    of = open_tenant(tenant)
    kept = None if checkpoint is None else _read(checkpoint)
    found = of.releases.verify(checkpoint=kept, keys=PublicKeys.load(public_key) if public_key else None)

    def people() -> None:
        for finding in found.findings:
            terminal.say(f"[red]✗[/red] {escape(str(finding))}")
        if found.sound:
            read = f"{found.generations} generations, {found.blobs} blobs"
            read += f" ({found.collected} more were collected)" if found.collected else ""
            terminal.say(f"[green]✓[/green] {read}: chain, digests and pointer are right")
        if kept is not None:
            terminal.say(_proven(found, kept))

    terminal.finish(found.document(), people)
    if not found.sound:
        raise typer.Exit(1)


def _proven(found: Verification, kept: Checkpoint) -> str:
    if found.proven is None:
        return f"[red]✗[/red] the checkpoint of {kept.at} does not prove this log"
    after = found.generations - found.proven
    rest = f"what came after it ({after}) is chained, but its end could be cut off unseen" if after else "that is all"
    return f"[green]✓[/green] proven up to generation {found.proven} by the checkpoint of {kept.at}; {rest}"


@releases.command("checkpoint", epilog="Example: recsys releases checkpoint --out /mnt/elsewhere/shop.checkpoint")
def checkpoint(
    tenant: Annotated[
        str | None, typer.Option("--tenant", envvar="RECSYS_TENANT", help="One tenant only; default all of the store.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write it here; an older one there is replaced once the logs are proven to go on from it."),
    ] = None,
) -> None:
    """Note where the logs end. Keep it where those who can write the store cannot."""
    suite = open_suite()
    tenants = [suite.tenant(tenant).tenant] if tenant else suite.store.releases.streams()
    made = take_checkpoint(suite.store, tenants, signer=suite.signer)
    if out is not None:
        if out.exists():
            lost = lost_since_checkpoint(_read(out), suite.store)
            if lost:
                raise Refused(
                    f"{out} stays as it is: {lost[0]}",
                    next_step=f"look into it: recsys releases verify --checkpoint {shlex.quote(str(out))}",
                )
        _write(out, made.encode())

    def people() -> None:
        if out is None:
            terminal.say(escape(made.encode().decode()))
            return
        ends = ", ".join(f"{name} at generation {mark.generation}" for name, mark in made.tenants.items())
        signed = f", signed by key {made.signature.key}" if made.signature else ""
        terminal.say(f"checkpoint of {ends or 'no tenant'}{signed}: {escape(str(out))}")
        proof = terminal.command(f"recsys releases verify --checkpoint {shlex.quote(str(out))}")
        terminal.say(f"[dim]prove it later:[/dim] {escape(proof)}")

    terminal.finish(made, people)


@releases.command(
    "restore",
    epilog="Examples: recsys releases restore --reason 'disk lost' · "
    "recsys releases restore --checkpoint shop.checkpoint --above 57",
)
def restore(
    tenant: TenantOption = None,
    to: Annotated[int | None, typer.Option(help="Put the content of this older generation in force.")] = None,
    above: Annotated[
        int, typer.Option(help="A generation that somebody has seen; the restored log stands above it.", min=0)
    ] = 0,
    checkpoint: CheckpointOption = None,
    no_hold: Annotated[bool, typer.Option("--no-hold", help="Do not hold everything with it.")] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    attempt: AttemptOption = None,
) -> None:
    """After the store was put back from a backup: make a new log that readers of the lost one go over to."""
    done = restore_log(
        open_tenant(tenant).releases,
        to=to,
        above=above,
        checkpoint=None if checkpoint is None else _read(checkpoint),
        hold=not no_hold,
        reason=reason,
        dry_run=dry_run,
        attempt=attempt,
    )
    document = {
        **done.change.document(),
        "base": done.base,
        "content": done.content,
        "seen": done.seen,
        "gone": None if done.gone is None else {"from": done.gone[0], "to": done.gone[1]},
    }
    terminal.finish(document, lambda: _say(done))


def _say(done: Restoration) -> None:
    change = done.change
    name = change.release.tenant
    if not change.changed:
        terminal.say(f"nothing changed: {escape(change.why)}")
        return
    would = "would make" if change.dry_run else "[bold]generation"
    number = f"generation {change.release.generation}" if change.dry_run else f"{change.release.generation}[/bold]"
    terminal.say(f"{would} {number} of {name}: {escape(change.why)}")
    for one in done.seen:
        if one.who != HERE:
            differs = " and knows this log for another one" if one.forked else ""
            terminal.say(f"  {escape(one.who)} saw generation {one.generation}{differs}")
    if done.gone:
        terminal.say(f"  {spanned(*done.gone)} gone, as far as is known: do again what was withdrawn or erased there")
    if change.held:
        resume = terminal.command(f"recsys releases resume --tenant {name}")
        terminal.say(f"  everything is held; when it may change again: {escape(resume)}")
    if not change.dry_run:
        instead = terminal.command(f"recsys releases rollback --tenant {name} --lever all --to N")
        terminal.say(f"[dim]cannot be undone; other content:[/dim] {escape(instead)}")


@releases.command("signing-key", epilog="Example: recsys releases signing-key --out ~/.config/recsys/signing.pem")
def signing_key(
    out: Annotated[Path, typer.Option(help="Where the private key goes; the public one goes beside it, as .pub.")],
) -> None:
    """Make a pair of keys to sign releases and checkpoints with. The private one is never shown."""
    key = make_key(out)
    beside = f"{out}.pub"

    def people() -> None:
        terminal.say(f"key {key}: {escape(str(out))} signs, and only its owner can read it; {escape(beside)} proves")
        terminal.say(f"sign with it: export RECSYS_SIGNING_KEY={escape(shlex.quote(str(out.absolute())))}")
        terminal.say(f"prove by it, from elsewhere: recsys releases verify --public-key {escape(shlex.quote(beside))}")

    terminal.finish({"key": key, "private": str(out), "public": beside}, people)


def _read(path: Path) -> Checkpoint:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", next_step="give the file that was kept") from None
    return read_checkpoint(data, what=str(path))


def _write(path: Path, data: bytes) -> None:
    """Replace a file whole: the older checkpoint is there until the new one is on the disk."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
