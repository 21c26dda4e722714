"""What the artifacts of all signals have in common: their heading and their scale."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from recsys.store.soundness import require

__all__ = ["FORMAT", "Heading", "Scope", "check_scale", "check_scaled", "positive_scale", "those_named"]

FORMAT = 1
"""Raised when a reader of the previous version could no longer read an artifact rightly."""

Scope = Literal["tenant", "surface", "segment"]


class Heading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an artifact says about itself, beside its arrays. Holds no time of building: same input, same
    bytes.

    ``start`` and ``end`` are UTC days, both included. ``surface`` and ``segment`` are set exactly when the
    scope says so, so that surfaces whose evidence is the tenant's share one blob.
    """

    tenant: str
    start: str
    end: str
    scope: Scope = "tenant"
    surface: str | None = None
    segment: str | None = None
    params: Mapping[str, Any] = {}
    counts: Mapping[str, int] = {}

    def meta(self, kind: str, **more: Any) -> dict[str, Any]:
        """Write the meta of a blob of this kind."""
        own: dict[str, Any] = msgspec.to_builtins(self)
        return {"format": FORMAT, "kind": kind, **own, **more}


def positive_scale(values: npt.NDArray[np.float64]) -> float:
    """Return the 90th percentile of the positive values, by nearest rank; 1 when there is none."""
    positive = values[values > 0]
    if not len(positive):
        return 1.0
    rank = -(-9 * len(positive) // 10) - 1
    return float(np.partition(positive, rank)[rank])


def those_named(
    items: npt.NDArray[np.object_], *numbers: npt.NDArray[np.integer[Any]]
) -> tuple[list[str], list[npt.NDArray[np.int32]]]:
    """Return the ids of the items that some of ``numbers`` name, in the order of ``items``; and the numbers anew, as
    indices into those.
    """
    named = np.zeros(len(items), dtype=np.bool_)
    for each in numbers:
        named[each] = True
    index = np.cumsum(named, dtype=np.int32) - 1
    return items[named].tolist(), [index[each] for each in numbers]


def check_scale(scale: object, kind: str) -> None:
    """Refuse a scale no score can be divided by."""
    good = isinstance(scale, int | float) and np.isfinite(scale) and scale > 0
    require(bool(good), kind, f"scale {scale} is not a positive number")


def check_scaled(values: npt.NDArray[np.float64], scale: float, kind: str) -> None:
    """Refuse values that are each a number and overflow when they are divided by their scale."""
    largest = float(values.max(initial=0.0))
    require(math.isfinite(largest / scale), kind, f"a value of {largest:g} overflows at scale {scale:g}")
