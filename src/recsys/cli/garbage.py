"""How ``recsys releases gc`` speaks: a span of time in, a table of what goes and stays out."""

import re

from rich.table import Table

from recsys.cli.terminal import escape, terminal
from recsys.errors import UsageError
from recsys.releases import Collection

__all__ = ["finish_collection", "seconds_in"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def seconds_in(span: str) -> float:
    """Read ``90m``, ``24h`` or ``7d``; raises :class:`~recsys.errors.UsageError`."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", span.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"`{span}` is not a span of time", next_step="like 90m, 24h or 7d")
    return float(found[1]) * _UNITS[found[2]]


def finish_collection(made: Collection) -> None:
    """Print a collection for people, or as one document."""

    def people() -> None:
        does = "would delete" if made.dry_run else "deleted"
        if made.unfinished:
            terminal.say(f"an earlier collection was cut short and will be ended first: {escape(made.unfinished)}")
        if made.finished:
            terminal.say(f"generation {made.finished} ended an earlier collection that had been cut short")
        if made.blobs:
            terminal.say(f"{does} {made.blobs:,} blobs ({_size(made.size_bytes)}) of {made.tenant}")
        else:
            terminal.say(f"there is no garbage to collect in {made.tenant}")
        if made.personal:
            terminal.say(f"of them {made.personal} personal, past their last day")
        _table(made)
        if made.begun and made.done:
            terminal.say(f"[dim]condemned by generation {made.begun}, done in generation {made.done}; no undo[/dim]")

    terminal.finish(made.document(), people)


def _table(made: Collection) -> None:
    table = Table("kind", "go", "stay", box=None, pad_edge=False)
    for amount in made.kinds:
        if amount.go or amount.stay:
            going, staying = _amount(amount.go, amount.go_bytes), _amount(amount.stay, amount.stay_bytes)
            table.add_row(amount.kind, going, staying)
    terminal.people.print(table)
    young = f", and what is younger than {_span(made.grace_s)}" if made.grace_s else ""
    terminal.say(f"kept: all that is live, the last {made.keep} contents of each lever{young}")
    reach = Table("lever", "can go back to everything since", box=None, pad_edge=False)
    for lever, generation in made.oldest.items():
        reach.add_row(escape(lever), f"generation {generation}")
    terminal.people.print(reach)


def _amount(blobs: int, size_bytes: int) -> str:
    return f"{blobs:,} ({_size(size_bytes)})" if blobs else "0"


def _size(size_bytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 1_000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1_000
    return f"{size_bytes:,.3g} TB"


def _span(seconds: float) -> str:
    for unit, least in (("d", 2), ("h", 1), ("m", 1)):
        if seconds >= least * _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"
