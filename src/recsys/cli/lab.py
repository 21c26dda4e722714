"""``recsys simulate``, ``demo`` and ``quickstart``: the first minute."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from recsys.cli.options import day, ends_on_sigterm
from recsys.cli.terminal import terminal
from recsys.lab.simulate import DEFAULTS

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command tree."""
    app.command("simulate", epilog="Example: recsys simulate --users 2000 --items 500 --days 30 --out var/shop")(
        simulate
    )
    app.command("demo", epilog="Example: recsys demo --keep")(demo)
    app.command("quickstart", epilog="Example: recsys quickstart orders.csv")(quickstart)


def simulate(
    out: Annotated[Path, typer.Option(help="The directory to write.")],
    users: Annotated[int, typer.Option(help="How many users.")] = DEFAULTS.users,
    items: Annotated[int, typer.Option(help="How many items.")] = DEFAULTS.items,
    days: Annotated[int, typer.Option(help="How many days of history.")] = DEFAULTS.days,
    seed: Annotated[int, typer.Option(help="Same seed and end, same bytes.")] = DEFAULTS.seed,
    format: Annotated[Literal["jsonl", "parquet"], typer.Option(help="How the files are written.")] = "jsonl",
    end: Annotated[str | None, typer.Option(help="The last day; default today, UTC.")] = None,
) -> None:
    """Make a shop with known truth: its events, its catalogue, and what users really like."""
    from recsys.lab.simulate import simulate as run

    report = run(
        users=users,
        items=items,
        days=days,
        seed=seed,
        format=format,
        out=out,
        end=day(end),
        progress=terminal.progress,
    )

    def people() -> None:
        for name, path in report.files.items():
            terminal.say(f"{report.rows[name]:>10,}  {path}")
        terminal.say(f"[dim]{report.seconds:.1f} s; the same arguments give the same bytes[/dim]")

    terminal.finish(report, people)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running at the end.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo lives; made anew each time.")] = Path("var/demo"),
    port: Annotated[int, typer.Option(help="The service's port; 0 takes a free one.")] = 0,
) -> None:
    """Run the whole promise once: build, ship, serve, click, decide, break, find, roll back."""
    from recsys.lab.demo import run

    ends_on_sigterm()
    run(folder=folder, port=port, keep=keep, terminal=terminal)


def quickstart(
    orders: Annotated[Path, typer.Argument(help="Your orders: CSV, JSONL or Parquet, a line an item bought.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the guessed columns without asking.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the store and the service's files go.")] = Path("var"),
    tenant: Annotated[str, typer.Option(help="The tenant to make.")] = "shop",
    port: Annotated[int, typer.Option(help="The service's port; 0 takes a free one.")] = 8000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running at the end.")] = False,
) -> None:
    """Go from a file of orders to recommendations with your own titles."""
    from recsys.lab.quickstart import run

    ends_on_sigterm()
    run(orders=orders, yes=yes, folder=folder, tenant=tenant, port=port, keep=keep, terminal=terminal)
