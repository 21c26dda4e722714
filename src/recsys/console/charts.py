"""Charts as a page hands them to ``static/charts.js``: what is drawn, over which moments, how figures are written."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from recsys.encoding import parse_rfc3339

__all__ = ["Chart", "Curve", "Mark", "day_s"]

Unit = Literal["share", "count", "seconds", "p"]


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One line; ``None`` where there is no value leaves a gap."""

    label: str
    values: tuple[float | None, ...]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is drawn all along: a limit."""

    label: str
    value: float


class Chart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lines over time.

    ``label`` says what it shows to who cannot see it. ``x``: seconds since 1970, rising; every curve has as many
    values. ``days``: moments are days. ``log``: the axis is logarithmic, up to 1. ``min``, ``max``: where the axis
    ends, where the values should not say it.
    """

    label: str
    x: tuple[float, ...]
    series: tuple[Curve, ...]
    unit: Unit = "count"
    lines: tuple[Mark, ...] = ()
    days: bool = False
    log: bool = False
    min: float | None = None
    max: float | None = None

    @property
    def worth_drawing(self) -> bool:
        """Tell whether there are two values of one curve: a single point is better told in words."""
        return any(sum(value is not None for value in curve.values) > 1 for curve in self.series)

    @staticmethod
    def curves(rows: Sequence[Mapping[str, float]], *, order: Sequence[str] = ()) -> tuple[Curve, ...]:
        """Make a curve of every name in rows of values by name; those of ``order`` come first."""
        named = [*order, *sorted({name for row in rows for name in row} - set(order))]
        return tuple(
            Curve(label=name, values=tuple(row.get(name) for row in rows))
            for name in named
            if any(name in row for row in rows)
        )


def day_s(day: str) -> float:
    """Return when a UTC day begins, in seconds since 1970."""
    return parse_rfc3339(f"{day}T00:00:00Z", what="day")
