"""How every command that changes something ends: what changed, and the command that undoes it."""

from typing import Annotated

import typer

from recsys.cli.terminal import escape, terminal
from recsys.errors import OutcomeUnknown
from recsys.releases import Change
from recsys.releases.waiting import Waited, wait_for_hosts
from recsys.store import Objects

__all__ = ["TimeoutOption", "WaitOption", "finish_and_wait", "finish_change", "say_change"]

WaitOption = Annotated[bool, typer.Option("--wait", help="Return when every live serving host serves it; else exit 1.")]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", help="With --wait: seconds to wait at most. The change stands either way.", min=0.0),
]


def finish_change(change: Change, **more: object) -> None:
    """Print a change for people, or as one document with what the command adds to it.

    Raises :class:`~recsys.errors.OutcomeUnknown` when it is committed and cannot be printed: who asked does not know,
    and it did not plainly fail.
    """
    try:
        terminal.finish({**change.document(), "undo": _undo(change), **more}, lambda: say_change(change))
    except BrokenPipeError:
        raise  # who reads stopped reading; nothing is wrong here
    except OSError as error:
        if not change.committed:
            raise
        release = change.release
        raise OutcomeUnknown(
            f"generation {release.generation} of {release.tenant} ({release.action}) is committed, "
            f"and its answer could not be written: {error.strerror or error}",
            attempt=f"{release.attempt}@{release.generation - 1}",
            next_step="run the same command again; what is made already stays" if release.action == "create" else "",
        ) from error


def say_change(change: Change) -> None:
    """Print a change for people, with the command that takes it back."""
    release, undo = change.release, _undo(change)
    if change.dry_run and change.changed:
        terminal.say(f"would make generation {release.generation} of {release.tenant}: {escape(change.why)}")
    elif change.changed:
        terminal.say(f"[bold]generation {release.generation}[/bold] of {release.tenant}: {escape(change.why)}")
    else:
        terminal.say(f"nothing changed: {escape(change.why)} (generation {release.generation} is in force)")
    if undo:
        terminal.say(f"[dim]undo:[/dim] {escape(undo)}")


def _undo(change: Change) -> str:
    return "" if change.dry_run else terminal.command(change.undo)  # what was not made has no undo


def finish_and_wait(change: Change, objects: Objects, *, wait: bool, timeout_s: float) -> None:
    """Print a change as :func:`finish_change` does, and with ``wait`` stay until the serving hosts serve it.

    The change stands however the waiting ends: exits 1 when a live host does not serve it in time, and 130 when
    interrupted.
    """
    if not wait or change.dry_run:
        finish_change(change)
        return
    generation = change.release.generation
    waited: Waited | None = None
    try:
        if not terminal.json:
            finish_change(change)
        waited = wait_for_hosts(
            objects, change.release.tenant, generation, timeout_s=timeout_s, progress=terminal.progress
        )
    except KeyboardInterrupt:
        terminal.warn(f"not waiting any longer; generation {generation} stands, and hosts go on to take it over")
    if terminal.json:
        finish_change(change, waited=waited)
    elif waited is not None:
        terminal.say(escape(waited.told()))
    if waited is None:
        raise typer.Exit(130)
    if not waited.everywhere:
        raise typer.Exit(1)
