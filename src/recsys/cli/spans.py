"""Spans of time, as people write them: 90m, 24h, 7d."""

import re

from recsys.errors import UsageError

__all__ = ["seconds_in", "span_of"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_MOST_S = 3_650 * _UNITS["d"]
"""Nothing that is counted back from now is older."""


def seconds_in(span: str) -> float:
    """Read ``90m``, ``24h`` or ``7d``; raises :class:`~recsys.errors.UsageError`."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", span.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"`{span}` is not a span of time", next_step="like 90m, 24h or 7d")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > _MOST_S:
        raise UsageError(f"`{span}` is too long a span of time", next_step=f"{span_of(_MOST_S)} at most")
    return seconds


def span_of(seconds: float) -> str:
    """Write seconds as a span, in the largest unit that needs no fraction."""
    for unit, least in (("d", 2), ("h", 1), ("m", 1)):
        if seconds >= least * _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"
