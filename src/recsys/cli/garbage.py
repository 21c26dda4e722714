"""How ``recsys releases gc`` speaks: a table of what goes and stays."""

from rich.table import Table

from recsys.cli.spans import span_of
from recsys.cli.terminal import escape, terminal
from recsys.releases import Collection

__all__ = ["finish_collection"]


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
    young = f", and what is younger than {span_of(made.grace_s)}" if made.grace_s else ""
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
