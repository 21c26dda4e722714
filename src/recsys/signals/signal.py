"""What a signal is: one definition, run by any engine that speaks SQL where it says what SQL can, and one format."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import msgspec
import numpy.typing as npt

from recsys.signals.artifact import Heading, Scope

__all__ = ["Near", "Rows", "Signal", "SmallTable", "reads", "settings", "steps_of"]

Rows = Mapping[str, npt.NDArray[Any]]
"""What an engine returns: one array per column of the statement's result."""


Near = Literal["scaled", "sum", "mean", "recent"]
"""How ranking brings the weights that an item has for a visitor's anchors to 0..1 (contract §4). ``scaled``: their sum
over the artifact's scale, as s / (s + 1). ``sum``: their sum, at most 1. ``mean``: their mean over the anchors.
``recent``: a mean in which the newer anchors count more."""


class SmallTable(msgspec.Struct, frozen=True):
    """A table the definition brings along: a decay per day, say. ``columns``: name and SQL type."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[int | str | bool, ...], ...]


def settings(event_types: Sequence[str], **numbers: int) -> dict[str, SmallTable]:
    """Lay parameters out as two tables: ``settings``, one row of whole numbers, in which ``all_types`` says whether
    every event counts; and ``taken_types``, those that do otherwise.
    """
    row = {**numbers, "all_types": int(not event_types)}
    return {
        "settings": SmallTable(tuple((name, "BIGINT") for name in row), (tuple(row.values()),)),
        "taken_types": SmallTable((("event_type", "VARCHAR"),), tuple((t,) for t in sorted(set(event_types)))),
    }


_STEP = re.compile(r"^-- step: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One computed source of evidence.

    Attributes
    ----------
    name
        What configs, manifests and answers call it.
    Params
        Its parameters with their defaults: a strict struct.
    near
        Of a signal that knows an item's neighbours: how ranking takes their weights together.
    reason
        What an answer's reasons call it, before the anchor's id.
    scopes
        For which scopes it is computed where the events allow.
    reads
        ``events``: its SQL reads the canonical events. ``catalog``: it has no SQL, and there is none without a
        catalogue.
    daily
        The step of its SQL whose rows, with ``item`` and ``day``, depend on one day's events each: what it made of a
        day can be kept.
    tables
        ``tables(params, last_day=…, days=…)``: the small tables its SQL reads; days count from 1970-01-01.
    compute
        ``compute(given, params)``: what SQL cannot say, or nothing. ``given`` are the statement's rows, or the opened
        catalogue for a signal that reads that; it returns the rows ``finish`` takes.
    finish
        ``finish(rows, heading)``: the artifact's bytes from those rows, whatever order they are in. Rows name items by
        number; the column ``items`` has the id of each number, and ids ascend by their bytes.
    open
        ``open(columns, tenant=…)``: the artifact ready to read; ``Unfit`` for another kind or tenant.
    check
        ``check(columns, tenant=…)``: every promise of the format, value by value; raises ``Unfit``.
    """

    name: str
    Params: type[msgspec.Struct]
    near: Near | None = None
    reason: str = ""
    scopes: tuple[Scope, ...]
    reads: Literal["events", "catalog"] = "events"
    daily: str | None = None
    tables: Callable[..., Mapping[str, SmallTable]] = lambda _, **__: {}
    compute: Callable[[Any, Any], Rows] | None = None
    finish: Callable[[Rows, Heading], bytes]
    open: Callable[..., Any]
    check: Callable[..., object]

    def sql(self) -> str:
        """Return the definition: the file beside the signal's module."""
        return files("recsys.signals").joinpath(f"{self.name}.sql").read_text(encoding="utf-8")

    def steps(self) -> dict[str, str]:
        """Return the definition as named queries, in the order an engine makes them; the last is ``result``.

        Each may read the ones before it, the events, and the small tables.
        """
        return steps_of(self.sql())


def reads(select: str, table: str) -> bool:
    """Say whether a query names a table."""
    return re.search(rf"\b{table}\b", select) is not None


def steps_of(sql: str) -> dict[str, str]:
    """Take a definition apart at its ``-- step: name`` lines."""
    parts = _STEP.split(sql)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
