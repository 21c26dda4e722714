"""How every command that changes something ends: what changed, and the command that undoes it."""

from recsys.cli.terminal import escape, terminal
from recsys.releases import Change

__all__ = ["finish_change"]


def finish_change(change: Change, **more: object) -> None:
    """Print a change for people, or as one document with what the command adds to it."""
    undo = "" if change.dry_run else terminal.command(change.undo)  # what was not made has no undo

    def people() -> None:
        release = change.release
        if change.dry_run and change.changed:
            terminal.say(f"would make generation {release.generation} of {release.tenant}: {escape(change.why)}")
        elif change.changed:
            terminal.say(f"[bold]generation {release.generation}[/bold] of {release.tenant}: {escape(change.why)}")
        else:
            terminal.say(f"nothing changed: {escape(change.why)} (generation {release.generation} is in force)")
        if undo:
            terminal.say(f"[dim]undo:[/dim] {escape(undo)}")

    terminal.finish({**change.document(), "undo": undo, **more}, people)
