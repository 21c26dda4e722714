"""``recsys profile``: where a running worker's time goes."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.options import HostDirOption
from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.serving.host_state import Places
from recsys.serving.profiling import MOST_S, take_profile

__all__ = ["add_to"]


class Format(enum.StrEnum):
    """What a profile can be written as."""

    text = "text"
    html = "html"
    speedscope = "speedscope"


def add_to(app: typer.Typer) -> None:
    """Add the command to the command tree."""
    app.command(
        "profile", epilog="Examples: recsys profile · recsys profile --worker worker-1 --format html --out slow.html"
    )(profile)


def profile(
    worker: Annotated[str, typer.Option(help="Which process that answers.")] = "worker-0",
    seconds: Annotated[float, typer.Option(help="How long it is sampled.", min=0.1, max=MOST_S)] = 10.0,
    format: Annotated[
        Format, typer.Option(help="text for the terminal, html for a page, speedscope for that tool.")
    ] = Format.text,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of the terminal.")] = None,
    host_dir: HostDirOption = Path("var/host"),
) -> None:
    """Show where a running worker of this host spends its time, while it goes on answering.

    It is sampled from inside, a thousand times a second. A profile holds places in the code, nothing of any request.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"{out.parent} is not a directory", next_step="give --out a file in one that is there")
    if out is None and format is not Format.text and not terminal.json:
        raise UsageError(f"{format.value} is not for a terminal", next_step="say where it goes: --out FILE")
    with terminal.progress(f"sampling {worker} for {seconds:g} s"):
        made = take_profile(Places(host_dir), worker, seconds=seconds, format=format.value)
    if out is not None:
        out.write_bytes(made)
        terminal.finish(
            {"worker": worker, "seconds": seconds, "format": format.value, "out": str(out)},
            lambda: terminal.say(escape(f"{len(made):,} bytes in {out}")),
        )
        return
    text = made.decode()
    terminal.finish(
        {"worker": worker, "seconds": seconds, "format": format.value, "profile": text},
        lambda: terminal.say(escape(text)),
    )
