"""Two lists side by side, as people see them: ranks beside each other, what changed in a word, ids whole."""

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from recsys.cli.terminal import escape, terminal

if TYPE_CHECKING:
    from recsys.operations.side_by_side import Row, Side, SideBySide

__all__ = ["print_side_by_side"]

_WIDTH = 100
"""Columns. A title is cut to fit; an id never is, because it is what the next command is given."""
_LEAST_TITLE = 6
_COLOURS = {"stayed": "", "moved": "yellow", "came": "green", "went": "red"}
_EFFECTS = {
    "all": "makes the whole difference",
    "some": "has a part in it",
    "none": "changes nothing in this list",
    "unknown": "cannot be told apart: the two do not go together",
}


def print_side_by_side(found: "SideBySide") -> None:
    """Print who answered, what makes the difference, and the two lists."""
    where = "/".join(part for part in (found.surface, found.segment) if part)
    asked = f"answer {found.request_id} to {where}" if found.request_id else where
    terminal.say(escape(f"{asked} of {found.tenant}, asked {found.at or 'at a time that is not on record'}"))
    for side in (found.a, found.b):
        _side(side)
    colour = "green" if found.same else "bold"
    terminal.say(f"[{colour}]{escape(found.because)}[/]")
    for part in found.parts:
        terminal.say(escape(f"  {part.part}: {_EFFECTS[part.effect]}"))
        for line in part.changes:
            terminal.say(f"    [dim]{escape(line)}[/dim]")
    _rows(found)
    for step in dict.fromkeys(side.next_step for side in (found.a, found.b) if side.next_step):
        terminal.say(f"[dim]→[/dim] {escape(terminal.next_step(step))}")


def _side(side: "Side") -> None:
    made = side.release
    by = f", {made.action} by {made.actor}" + (f": {made.reason}" if made.reason else "") if made else ""
    told = {"recorded": "as it was served", "ranked": "ranked now", "none": "no list"}[side.source]
    of = f", arm {side.arm}" if side.arm else ""
    terminal.say(escape(f"  generation {side.generation}{by} ({told}{of}, {side.count} items)"))
    for note in side.notes:
        terminal.say(f"    [yellow]{escape(note)}[/yellow]")
    for warning in side.warnings:
        terminal.say(f"    [yellow]{escape(warning.code)}[/yellow] {escape(warning.detail)}")


def _rows(found: "SideBySide") -> None:
    if not found.rows:
        return
    ids = max(4, *(cell_len(row.item_id) for row in found.rows))
    heads = [f"gen {side.generation}" for side in (found.a, found.b)]
    room = _WIDTH - sum(len(head) + 2 for head in heads) - 8 - 2 - ids - 2
    terminal.say(f"[bold]{heads[0]}  {heads[1]}  {'':8}  {'item':{ids}}  {'title' if room >= _LEAST_TITLE else ''}[/]")
    for row in found.rows:
        ranks = "  ".join(
            f"{'-' if rank is None else rank:>{len(head)}}" for rank, head in zip((row.a, row.b), heads, strict=True)
        )
        word, colour = f"{_word(row):8}", _COLOURS[row.change]
        word = f"[{colour}]{word}[/]" if colour else word
        pad = " " * (ids - cell_len(row.item_id))
        title = escape(_cut(row.title or "", room)) if room >= _LEAST_TITLE else ""
        terminal.say(f"{ranks}  {word}  {escape(row.item_id)}{pad}  {title}".rstrip())


def _word(row: "Row") -> str:
    if row.change in ("came", "went"):
        return {"came": "in", "went": "out"}[row.change]
    if row.change == "stayed" or row.a is None or row.b is None:
        return ""
    return f"up {row.a - row.b}" if row.b < row.a else f"down {row.b - row.a}" if row.b > row.a else "overtook"


def _cut(title: str, columns: int) -> str:
    return title if cell_len(title) <= columns else set_cell_size(title, columns - 1) + "…"
