"""``recsys store``: what the store itself is worth."""

import typer
from rich.table import Table

from recsys.cli.options import open_suite
from recsys.cli.terminal import escape, terminal
from recsys.store.probe import probe

__all__ = ["add_to"]

store = typer.Typer(no_args_is_help=True, help="The store itself: does it keep what releases rely on?")


@store.callback()
def _group() -> None:
    """Keep the group a group while it has one command."""


def add_to(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    app.add_typer(store, name="store")


@store.command("check", epilog="Example: recsys store check --store s3://my-bucket/recsys")
def check() -> None:
    """Try every promise that publishing relies on; exits 1 when one is broken. Leaves nothing behind."""
    opened = open_suite().store
    probed = probe(opened.objects, opened.releases)

    def people() -> None:
        table = Table("", "promise", "", box=None, pad_edge=False)
        for promise in probed.promises:
            mark = "[red]✗[/red]" if promise.broken else "[green]✓[/green]"
            table.add_row(mark, escape(promise.says), escape(promise.broken))
        terminal.people.print(table)
        done = "nothing is published to it, and what is there is served" if probed.broken else "fit to be published to"
        terminal.say(f"store {escape(probed.where)}: {done}")

    terminal.finish({"store": probed.where, "sound": not probed.broken, "promises": probed.promises}, people)
    if probed.broken:
        raise typer.Exit(1)
