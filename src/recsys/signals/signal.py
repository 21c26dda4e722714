"""What a signal is: one definition, run by any engine that speaks SQL, and one artifact format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec
import numpy.typing as npt

from recsys.signals.artifact import Heading, Scope

__all__ = ["Rows", "Signal", "SmallTable"]

Rows = Mapping[str, npt.NDArray[Any]]
"""What an engine returns: one array per column of the statement's result."""


class SmallTable(msgspec.Struct, frozen=True):
    """A table the definition brings along: a decay per day, say. ``columns``: name and SQL type."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[int | str | bool, ...], ...]


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
    scopes
        For which scopes it is computed where the events allow.
    tables
        ``tables(params, last_day=…, days=…)``: the small tables its SQL reads; days count from 1970-01-01.
    finish
        ``finish(rows, heading)``: the artifact's bytes from the statement's result, whatever order its rows
        are in.
    open
        ``open(columns, tenant=…)``: the artifact ready to read; ``Unfit`` for another kind or tenant.
    check
        ``check(columns, tenant=…)``: every promise of the format, value by value; raises ``Unfit``.
    """

    name: str
    Params: type[msgspec.Struct]
    scopes: tuple[Scope, ...]
    tables: Callable[..., Mapping[str, SmallTable]]
    finish: Callable[[Rows, Heading], bytes]
    open: Callable[..., Any]
    check: Callable[..., None]

    def sql(self) -> str:
        """Return the definition: the file beside the signal's module."""
        return files("recsys.signals").joinpath(f"{self.name}.sql").read_text(encoding="utf-8")

    def steps(self) -> dict[str, str]:
        """Return the definition as named queries, in the order an engine makes them; the last is ``result``.

        Each may read the ones before it, the events, and the small tables.
        """
        parts = _STEP.split(self.sql())
        return dict(zip(parts[1::2], parts[2::2], strict=True))
