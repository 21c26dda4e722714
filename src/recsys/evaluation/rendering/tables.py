"""What reports are made of, the same in Markdown and HTML: sections with a table each."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from recsys.evaluation.parts import Interval
from recsys.evaluation.words import figure, span

__all__ = ["NAMED", "Column", "Row", "Section", "Table", "flat", "listed", "table", "without_empty_columns"]

Row = tuple[str, ...]


class Column(msgspec.Struct, frozen=True):
    """A column and how it is set: a ``word`` or ``number`` is never broken, ``prose`` wraps at its spaces,
    ``value`` (which may be a digest) anywhere.
    """

    title: str
    kind: Literal["word", "state", "number", "prose", "value"] = "word"


class Table(msgspec.Struct, frozen=True):
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Section(msgspec.Struct, frozen=True):
    """A title, what to know to read the table, the table, and ``said``: sentences on what it shows."""

    title: str
    note: str
    table: Table
    said: Row = ()


def table(columns: tuple[Column, ...], rows: Iterable[Row]) -> Table:
    """Return a table of these columns."""
    return Table(columns, tuple(rows))


def without_empty_columns(whole: Table) -> Table:
    """Leave out the columns in which no row has anything."""
    kept = [n for n in range(len(whole.columns)) if any(row[n] != "–" for row in whole.rows)]
    return table(tuple(whole.columns[n] for n in kept), (tuple(row[n] for n in kept) for row in whole.rows))


NAMED = (Column("name"), Column("value", "value"))


def listed(values: Mapping[str, Any], *, write: Any = figure) -> Table:
    """Write nested settings as dotted names with their values."""
    return table(NAMED, (row for name, value in sorted(values.items()) for row in flat(name, value, write)))


def flat(name: str, value: Any, write: Any) -> list[Row]:
    if isinstance(value, dict) and set(value) == {"low", "high"}:
        return [(name, span(msgspec.convert(value, Interval)))]
    if isinstance(value, dict):
        return [row for inner, each in sorted(value.items()) for row in flat(f"{name}.{inner}", each, write)]
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return [(f"{name}.{number}", _given(each, write)) for number, each in enumerate(value, start=1)]
    return [(name, _plain(value, write))]


def _given(values: Mapping[str, Any], write: Any) -> str:
    """Write what is given of a small record: ``name ndcg, k 20``."""
    return ", ".join(f"{name} {_plain(value, write)}" for name, value in values.items() if value is not None)


def _plain(value: Any, write: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each, write) for each in value) or "none"
    return value if isinstance(value, str) else write(value)
